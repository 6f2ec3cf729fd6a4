// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdbool.h>

#include "jsonw.h"

/* Length of the UTF-8 sequence at s, 0 if it is none (RFC 3629: no surrogates, no overlong form). */
static int utf8_length(const unsigned char *s)
{
	int n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	/* a NUL is no continuation byte: this does not run past the end */
	for (int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void quote(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', out);
	while (*s) {
		int n = utf8_length(s);

		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(out, "\\u%04x", *s);
		else if (!n)
			fputs("\\ufffd", out);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
	}
	fputc('"', out);
}

static void begin(struct jsonw *json, const char *name)
{
	if (json->comma)
		fputc(',', json->out);
	json->comma = true;
	if (!name)
		return;
	quote(json->out, name);
	fputc(':', json->out);
}

static void open_bracket(struct jsonw *json, const char *name, char bracket)
{
	begin(json, name);
	fputc(bracket, json->out);
	json->comma = false;
}

static void close_bracket(struct jsonw *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void jsonw_object(struct jsonw *json, const char *name)
{
	open_bracket(json, name, '{');
}

void jsonw_object_end(struct jsonw *json)
{
	close_bracket(json, '}');
}

void jsonw_array(struct jsonw *json, const char *name)
{
	open_bracket(json, name, '[');
}

void jsonw_array_end(struct jsonw *json)
{
	close_bracket(json, ']');
}

void jsonw_string(struct jsonw *json, const char *name, const char *text)
{
	begin(json, name);
	if (text)
		quote(json->out, text);
	else
		fputs("null", json->out);
}

void jsonw_uint(struct jsonw *json, const char *name, uint64_t value)
{
	begin(json, name);
	fprintf(json->out, "%" PRIu64, value);
}

void jsonw_int(struct jsonw *json, const char *name, int64_t value)
{
	begin(json, name);
	fprintf(json->out, "%" PRId64, value);
}

void jsonw_hex(struct jsonw *json, const char *name, uint64_t value)
{
	begin(json, name);
	fprintf(json->out, "\"0x%" PRIx64 "\"", value);
}

void jsonw_double(struct jsonw *json, const char *name, double value)
{
	begin(json, name);
	if (__builtin_isfinite(value))
		fprintf(json->out, "%.6f", value);
	else
		fputs("null", json->out);
}

void jsonw_bool(struct jsonw *json, const char *name, bool value)
{
	begin(json, name);
	fputs(value ? "true" : "false", json->out);
}

void jsonw_line_end(struct jsonw *json)
{
	fputc('\n', json->out);
	json->comma = false;
}
