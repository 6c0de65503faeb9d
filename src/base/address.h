/* SPDX-License-Identifier: MIT */
/* Addresses: "scheme:rest?option=value&...". */
#ifndef TONGI_BASE_ADDRESS_H
#define TONGI_BASE_ADDRESS_H

#include <stddef.h>

#include "base/limits.h"

struct tongi_address {
    char scheme[TONGI_SCHEME_MAX + 1];
    char rest[TONGI_REST_MAX + 1]; /* decoded, without the one leading "//" */
    size_t rest_len;
    const char *query; /* inside the parsed text, not decoded; "" if there is none */
    size_t query_len;
};

/*
 * Takes an address apart. %HH decodes to one byte, never to 0; a literal '%' or '?' in the rest must be encoded. The
 * result points into text. Errors: TONG_E_ADDRESS, -EINVAL (NULL); *ret_address is then undefined.
 */
int tongi_address_parse(const char *text, struct tongi_address *ret_address);

/*
 * Writes "scheme:rest" with what must be encoded encoded and a closing 0 into room bytes; returns the length without
 * the 0, which may be room or more if it did not fit.
 */
size_t tongi_address_format(const char *scheme, const char *rest, char *ret_text, size_t room);

#endif
