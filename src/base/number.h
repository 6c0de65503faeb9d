/* SPDX-License-Identifier: MIT */
/* Bounded parsing of the numbers that people write. Each returns 0, -EINVAL (not one) or -ERANGE (over the range). */
#ifndef TONGI_BASE_NUMBER_H
#define TONGI_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Decimal digits, the whole of the text. */
int tongi_parse_count(const char *text, size_t len, uint64_t *ret_value);
/* A count with an optional k, M or G (powers of 1024). */
int tongi_parse_bytes(const char *text, size_t len, uint64_t *ret_value);
/* Permission bits in octal. */
int tongi_parse_mode(const char *text, size_t len, uint64_t *ret_value);
/* A count with a unit: ns, us, ms, s or m. */
int tongi_parse_time(const char *text, size_t len, uint64_t *ret_ns);

#endif
