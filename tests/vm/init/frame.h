/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

/*
 * What goes over a serial line is cut into frames, each a line of text:
 *
 *   SEQ KIND DATA CRC
 *
 * SEQ counts from 0, 8 hexadecimal digits; KIND is one letter (C control, O standard output, E standard
 * error); DATA is base64, "-" if there is none; CRC is the CRC-32 (as in zlib) of what stands before the
 * blank in front of it, 8 hexadecimal digits. scripts/lab/frames.py reads it.
 */
#define FRAME_DATA 720 /* bytes in a frame, at most */
#define FRAME_LINE (8 + 1 + 1 + 1 + (FRAME_DATA + 2) / 3 * 4 + 1 + 8 + 1)

/* Write the frame, with its newline and without a NUL; returns its length. */
size_t frame_encode(char line[FRAME_LINE], uint32_t seq, char kind, const void *data, size_t len);

#endif
