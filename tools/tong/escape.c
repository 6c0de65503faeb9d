/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

/*
 * The length of the character at the beginning of text if it may be shown, otherwise 0. The locale decides, because a
 * terminal that does not read UTF-8 takes bytes from 0x80 to 0x9f for commands.
 */
static size_t showable(const char *text, size_t len)
{
    mbstate_t state = {0};
    wchar_t character;
    size_t n;

    if (*text >= ' ' && *text < 0x7f)
        return 1;
    if (*text == '\n' || *text == '\t')
        return 1;
    n = mbrtowc(&character, text, len, &state);
    return n > 1 && n <= len && iswprint((wint_t)character) ? n : 0;
}

void text_escape(FILE *to, const char *text, size_t len)
{
    while (len) {
        size_t n = showable(text, len);

        if (n) {
            fwrite(text, 1, n, to);
        } else {
            fprintf(to, "\\x%02x", (unsigned char)*text);
            n = 1;
        }
        text += n;
        len -= n;
    }
}

bool text_is_plain(const char *text, size_t len)
{
    size_t n;

    for (; len && (n = showable(text, len)); len -= n)
        text += n;
    return len == 0;
}

char *base64_dup(const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

    if (!text)
        return NULL;
    for (; len; in += 3) {
        size_t n = len < 3 ? len : 3;
        uint32_t word = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? (uint32_t)in[2] : 0);

        *out++ = digits[word >> 18];
        *out++ = digits[word >> 12 & 63];
        *out++ = n > 1 ? digits[word >> 6 & 63] : '=';
        *out++ = n > 2 ? digits[word & 63] : '=';
        len -= n;
    }
    *out = 0;
    return text;
}
