/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <string.h>

#include "base/error.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int decode(const char *address, const char *text, size_t len, struct tongi_address *ret_address)
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (used == TONGI_REST_MAX)
            return TONG_FAIL(TONG_E_ADDRESS, "%.60s...: an address has at most %d bytes", address, TONGI_REST_MAX);
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return TONG_FAIL(TONG_E_ADDRESS,
                                 "%.60s: '%%' begins two hexadecimal digits, not 00; a literal one is '%%25'", address);
            c = (char)(high * 16 + low);
            i += 2;
        }
        ret_address->rest[used++] = c;
    }
    ret_address->rest[used] = 0;
    ret_address->rest_len = used;
    return 0;
}

static int scheme_take(const char *text, size_t len, struct tongi_address *ret_address)
{
    if (len == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "'%.60s': an address begins with a scheme, such as unix%.40s", text, text);
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (i && text[i] >= '0' && text[i] <= '9')))
            return TONG_FAIL(TONG_E_ADDRESS, "%.60s: a scheme has lower-case letters and digits only", text);
    if (len > TONGI_SCHEME_MAX)
        return TONG_FAIL(TONG_E_ADDRESS, "%.60s: a scheme has at most %d letters, such as unix:", text,
                         TONGI_SCHEME_MAX);
    memcpy(ret_address->scheme, text, len);
    ret_address->scheme[len] = 0;
    return 0;
}

int tongi_address_parse(const char *text, struct tongi_address *ret_address)
{
    if (!text)
        return TONG_FAIL(-EINVAL, "the address is NULL");

    size_t scheme_len = strcspn(text, ":");
    if (text[scheme_len] == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "'%.60s': an address is scheme:name, such as unix:%.40s", text,
                         *text ? text : "x.sock");
    int r = scheme_take(text, scheme_len, ret_address);
    if (r < 0)
        return TONG_TRACE(r);

    const char *rest = text + scheme_len + 1;
    if (rest[0] == '/' && rest[1] == '/')
        rest += 2;
    size_t rest_len = strcspn(rest, "?");
    ret_address->query = rest + rest_len + (rest[rest_len] == '?');
    ret_address->query_len = strlen(ret_address->query);
    r = decode(text, rest, rest_len, ret_address);
    return r < 0 ? TONG_TRACE(r) : 0;
}

size_t tongi_address_format(const char *scheme, const char *rest, char *ret_text, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t used = 0;

#define PUT(c)                                                                                                         \
    do {                                                                                                               \
        if (used < room)                                                                                               \
            ret_text[used] = (c);                                                                                      \
        used++;                                                                                                        \
    } while (0)
    for (const char *c = scheme; *c; c++)
        PUT(*c);
    PUT(':');
    /* A rest that itself begins with "//" would lose two slashes when it is parsed again. */
    if (rest[0] == '/' && rest[1] == '/') {
        PUT('/');
        PUT('/');
    }
    for (const char *c = rest; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '%' || byte == '?' || byte == '&' || byte < 0x20 || byte == 0x7f) {
            PUT('%');
            PUT(hex[byte >> 4]);
            PUT(hex[byte & 15]);
        } else {
            PUT(*c);
        }
    }
#undef PUT
    if (room)
        ret_text[used < room ? used : room - 1] = 0;
    return used;
}
