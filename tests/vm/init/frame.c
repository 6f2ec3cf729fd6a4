// SPDX-License-Identifier: GPL-2.0
#include "frame.h"

static char *put_hex(char *to, uint32_t n)
{
	int shift;

	for (shift = 28; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[n >> shift & 15];
	return to;
}

static char *put_base64(char *to, const uint8_t *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t three;
	size_t i;

	for (i = 0; i < len; i += 3) {
		three = data[i] << 16;
		three |= i + 1 < len ? data[i + 1] << 8 : 0;
		three |= i + 2 < len ? data[i + 2] : 0;
		*to++ = digits[three >> 18];
		*to++ = digits[three >> 12 & 63];
		*to++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[three & 63] : '=';
	}
	return to;
}

static uint32_t crc32(const char *text, size_t len)
{
	uint32_t crc = ~0u;
	int bit;

	while (len--) {
		crc ^= (uint8_t)*text++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

size_t frame_encode(char line[FRAME_LINE], uint32_t seq, char kind, const void *data, size_t len)
{
	char *at = put_hex(line, seq);

	*at++ = ' ';
	*at++ = kind;
	*at++ = ' ';
	if (len)
		at = put_base64(at, data, len);
	else
		*at++ = '-';
	*at = ' ';
	at = put_hex(at + 1, crc32(line, at - line));
	*at++ = '\n';
	return at - line;
}
