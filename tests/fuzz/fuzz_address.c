/* SPDX-License-Identifier: MIT */
/*
 * Addresses that anybody may type: the parser takes or refuses them with a sentence, what it takes survives being
 * written and parsed again, and options mean the same whatever else a transport has. Every input lies in a block of
 * its own length, so that a read beyond it is seen.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/options.h"

#define ALL ((1u << TONGI_OPT_COUNT) - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static char *copy_of(const void *data, size_t len, size_t room)
{
    char *copy = malloc(room ? room : 1);

    must(copy != NULL);
    memcpy(copy, data, len);
    return copy;
}

/* A failure has one of these codes and a sentence that ends in the room for it. */
static void refused(int error, bool may_be_range)
{
    must(error == TONG_E_ADDRESS || (may_be_range && error == -ERANGE));
    must(tong_error_detail()[0] != 0);
    must(strlen(tong_error_detail()) < TONGI_SENTENCE_MAX);
}

/* Any room gets a beginning of the whole, closed with a 0. */
static void format_short(const struct tongi_address *address, const char *whole, size_t len)
{
    const size_t rooms[] = {0, 1, 2, len / 2, len ? len - 1 : 0, len};

    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        size_t room = rooms[i];
        char *text = copy_of("", 0, room);
        must(tongi_address_format(address->scheme, address->rest, text, room) == len);
        must(room == 0 || (strlen(text) == room - 1 && memcmp(text, whole, room - 1) == 0));
        free(text);
    }
}

/* What was parsed, written, is parsed to the same. */
static void round_trip(const struct tongi_address *address)
{
    size_t len = tongi_address_format(address->scheme, address->rest, NULL, 0);
    char *text = malloc(len + 1);
    struct tongi_address again;

    must(text != NULL);
    must(tongi_address_format(address->scheme, address->rest, text, len + 1) == len);
    must(strlen(text) == len);
    must(tongi_address_parse(text, &again) == 0);
    must(strcmp(again.scheme, address->scheme) == 0);
    must(again.rest_len == address->rest_len && memcmp(again.rest, address->rest, again.rest_len + 1) == 0);
    must(again.query_len == 0 && again.query[0] == 0);
    format_short(address, text, len);
    free(text);
}

static bool same(const tong_opts *a, const tong_opts *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A transport that has fewer options gives the same ones the same meaning, and refuses the others. */
static void parse_allowed(const char *query, size_t len, uint32_t allowed, const tong_opts *whole, int whole_result)
{
    tong_opts opts = {.struct_size = sizeof opts}, taken;
    int r = tongi_options_parse(query, len, allowed, "a:", &opts, NULL);

    if (r < 0) {
        refused(r, true);
        return;
    }
    must(whole_result == 0 && same(&opts, whole));
    /* Given once more, each is given twice. */
    if (len)
        must(tongi_options_parse(query, len, allowed, "a:", &opts, NULL) == TONG_E_ADDRESS);
    /* What it says is read already; that it was given is no text to read. */
    opts.allow = NULL;
    must(tongi_options_take(&opts, allowed, "a:", &taken, NULL) == 0);
    must(same(&taken, &opts));
}

static void options(const struct tongi_address *address)
{
    char *query = copy_of(address->query, address->query_len, address->query_len);
    tong_opts whole = {.struct_size = sizeof whole};
    int r = tongi_options_parse(query, address->query_len, ALL, "a:", &whole, NULL);

    if (r < 0)
        refused(r, true);
    parse_allowed(query, address->query_len, ALL, &whole, r);
    parse_allowed(query, address->query_len, 0, &whole, r);
    for (uint32_t i = 0; i < TONGI_OPT_COUNT; i++) {
        parse_allowed(query, address->query_len, 1u << i, &whole, r);
        parse_allowed(query, address->query_len, ALL & ~(1u << i), &whole, r);
    }
    free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = copy_of(data, len, len + 1);
    struct tongi_address address;

    text[len] = 0;
    int r = tongi_address_parse(text, &address);
    if (r < 0) {
        refused(r, false);
    } else {
        must(r == 0);
        must(strlen(address.scheme) >= 1 && strlen(address.scheme) <= TONGI_SCHEME_MAX);
        must(address.rest_len <= TONGI_REST_MAX && strlen(address.rest) == address.rest_len);
        must(address.query >= text && address.query + address.query_len == text + strlen(text));
        round_trip(&address);
        options(&address);
    }
    free(text);
    return 0;
}
