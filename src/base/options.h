/* SPDX-License-Identifier: MIT */
/* Options from an address and from a struct, checked against one table (options.def). */
#ifndef TONGI_BASE_OPTIONS_H
#define TONGI_BASE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <tong/tong.h>

#include "base/allow.h"
#include "base/limits.h"

enum tongi_option_index {
#define TONGI_OPTION(id, field, kind, least, most, words, sentence) TONGI_OPT_INDEX_##id,
#include "base/options.def"
#undef TONGI_OPTION
    TONGI_OPT_COUNT
};

/* Which options a transport has: an or of these. */
enum tongi_option_bit {
#define TONGI_OPTION(id, field, kind, least, most, words, sentence) TONGI_OPT_##id = 1 << TONGI_OPT_INDEX_##id,
#include "base/options.def"
#undef TONGI_OPTION
};

enum tongi_option_kind {
    TONGI_KIND_BYTES,
    TONGI_KIND_COUNT,
    TONGI_KIND_MODE,
    TONGI_KIND_WORD,
    TONGI_KIND_TIME,
    TONGI_KIND_TEXT /* of allow=, the only one: it has a meaning of its own, and not just a range */
};

struct tongi_option_spec {
    const char *name;
    enum tongi_option_kind kind;
    uint32_t offset, width; /* of the field in tong_opts */
    uint64_t least, most;
    const char *words; /* of KIND_WORD: "a|b|c", the values 1, 2, 3; of KIND_TEXT: an example; otherwise NULL */
    const char *sentence;
};

extern const struct tongi_option_spec tongi_option_specs[TONGI_OPT_COUNT];

/*
 * Adds the options of a query ("size=1M&wait=spin", without closing 0) to opts, where a zero field means "not given".
 * What allow= says goes to *ret_allow (NULL: it is only checked); opts->allow then tells only that it was given.
 * address is for the sentences. allowed: bits of the transport's options. Errors: TONG_E_ADDRESS, -ERANGE.
 */
int tongi_options_parse(const char *query, size_t len, uint32_t allowed, const char *address, tong_opts *opts,
                        struct tongi_allow *ret_allow);

/*
 * Copies the caller's struct, of whatever version, into *ret_opts after checking every field against the table.
 * given may be NULL; ret_allow is as above, and empty when the option is not given. Errors: -EINVAL (struct_size),
 * TONG_E_ADDRESS (an option the transport has not, or a text that is not understood), -ERANGE.
 */
int tongi_options_take(const tong_opts *given, uint32_t allowed, const char *address, tong_opts *ret_opts,
                       struct tongi_allow *ret_allow);

/* Which options are given: those that are not zero. */
uint32_t tongi_options_given(const tong_opts *opts);
/* TONG_E_ADDRESS if one of those given is not allowed. */
int tongi_options_check(uint32_t given, uint32_t allowed, const char *address);

#endif
