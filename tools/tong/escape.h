/* SPDX-License-Identifier: MIT */
/* Bytes made fit for a terminal or for JSON. */
#ifndef TONG_TOOL_ESCAPE_H
#define TONG_TOOL_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Writes text so that a terminal shows it and obeys nothing in it: newline, tab and the printable characters of the
 * locale stay, every other byte becomes \xHH.
 */
void text_escape(FILE *to, const char *text, size_t len);

/* text_escape would change nothing. */
bool text_is_plain(const char *text, size_t len);

/* The bytes in base64, the caller's to free; NULL without memory. */
char *base64_dup(const void *data, size_t len);

#endif
