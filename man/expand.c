/* SPDX-License-Identifier: MIT */
/*
 * man_expand <PAGE.scd: copies a page's source and writes, in place of a line of its own, what the code knows:
 *
 *     @options@               every option of an address
 *     @options SCHEME@        those that a mechanism has, with what each is when it is not given
 *     @capabilities SCHEME@   the mechanism's capability record
 *     @errors@                tong's own errors
 *
 * @version@ may stand within a line. Comment lines ("; ...") are left out, so that one may stand before the title.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "transport/transport.h"

static const struct tongi_transport_ops *const transports[] = {
#define TONG_TRANSPORT(scheme) &tongi_##scheme##_ops,
#include "transport/transports.def"
#undef TONG_TRANSPORT
};

static _Noreturn void fail(const char *what, const char *which)
{
    fprintf(stderr, "man_expand: %s: %s\n", what, which);
    exit(EXIT_FAILURE);
}

static const struct tongi_transport_ops *transport_find(const char *scheme)
{
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
        if (strcmp(transports[i]->scheme, scheme) == 0)
            return transports[i];
    fail("there is no such scheme", scheme);
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    uint64_t factor;
};

/* In the largest unit that leaves no rest. */
static void number_print(uint64_t value, const struct unit *units)
{
    while (value % units->factor != 0)
        units++;
    printf("%" PRIu64 "%s", value / units->factor, units->name);
}

/* The word that stands for a value, from 1 on, in "a|b|c". */
static void word_print(const char *words, uint64_t value)
{
    while (--value)
        words += strcspn(words, "|") + 1;
    printf("%.*s", (int)strcspn(words, "|"), words);
}

static void value_print(const struct tongi_option_spec *spec, uint64_t value)
{
    static const struct unit bytes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"k", 1 << 10}, {"", 1}};
    static const struct unit times[] = {
        {"m", 60000000000}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    static const struct unit count[] = {{"", 1}};

    switch (spec->kind) {
    case TONGI_KIND_BYTES:
        number_print(value, bytes);
        break;
    case TONGI_KIND_COUNT:
        number_print(value, count);
        break;
    case TONGI_KIND_MODE:
        printf("%04" PRIo64, value);
        break;
    case TONGI_KIND_TIME:
        number_print(value, times);
        break;
    case TONGI_KIND_WORD:
        word_print(spec->words, value);
        break;
    case TONGI_KIND_TEXT:
        printf("%s", spec->words);
        break;
    }
}

static void range_print(const struct tongi_option_spec *spec)
{
    for (uint64_t value = spec->least; spec->kind == TONGI_KIND_WORD && value <= spec->most; value++) {
        printf("%s*", value == spec->least ? "" : ", ");
        value_print(spec, value);
        printf("*");
    }
    if (spec->kind == TONGI_KIND_WORD)
        return;
    value_print(spec, spec->least);
    if (spec->kind == TONGI_KIND_TEXT)
        return;
    printf(" to ");
    value_print(spec, spec->most);
}

/* handshake_ns is "handshake" in an address. */
static void name_print(const struct tongi_option_spec *spec)
{
    size_t len = strlen(spec->name);

    printf("*%.*s*=", (int)(spec->kind == TONGI_KIND_TIME ? len - strlen("_ns") : len), spec->name);
}

static uint64_t preset_of(const struct tongi_transport_ops *ops, const struct tongi_option_spec *spec)
{
    const char *field = (const char *)&ops->presets + spec->offset;
    uint32_t narrow;
    uint64_t wide;

    memcpy(&narrow, field, sizeof narrow);
    if (spec->width == sizeof narrow)
        return narrow;
    memcpy(&wide, field, sizeof wide);
    return wide;
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void options_print(const char *scheme)
{
    const struct tongi_transport_ops *ops = *scheme ? transport_find(scheme) : NULL;

    printf("[[ *Option*\n:[ *%s*\n:< *Meaning*\n", ops ? "If not given" : "Values");
    for (unsigned i = 0; i < TONGI_OPT_COUNT; i++) {
        const struct tongi_option_spec *spec = &tongi_option_specs[i];
        if (ops && !(ops->options & 1u << i))
            continue;
        printf("|  ");
        name_print(spec);
        printf("\n:  ");
        if (!ops)
            range_print(spec);
        else if (preset_of(ops, spec))
            value_print(spec, preset_of(ops, spec));
        else
            printf("none");
        printf("\n:  %s\n", spec->sentence);
    }
}

struct name {
    uint32_t bit;
    const char *text;
};

static void names_print(uint32_t bits, const struct name *names)
{
    const char *between = "";

    for (; names->text; names++) {
        if (!(bits & names->bit))
            continue;
        printf("%s%s", between, names->text);
        between = ", ";
        bits &= ~names->bit;
    }
    if (bits)
        fail("a bit has no name", "add it to man/expand.c");
}

static void capabilities_print(const char *scheme)
{
    static const char *const levels[] = {NULL, "accepted", "kept", "taken", "durable"};
    static const struct name roles[] = {
        {1 << TONG_PUSH, "push"}, {1 << TONG_PULL, "pull"}, {1 << TONG_PUB, "pub"}, {1 << TONG_SUB, "sub"},
        {1 << TONG_PAIR, "pair"}, {1 << TONG_REQ, "req"},   {1 << TONG_REP, "rep"}, {0, NULL}};
#define CAP(name)                                                                                                      \
    {                                                                                                                  \
        TONG_CAP_##name, "TONG_CAP_" #name                                                                             \
    }
    static const struct name caps[] = {
        CAP(ORDERED),     CAP(POLLABLE), CAP(CLAIM),       CAP(PEEK),      CAP(REJECT),  CAP(REDELIVERY),
        CAP(CREDENTIALS), CAP(KINDS),    CAP(DESCRIPTORS), CAP(FAN_IN),    CAP(FAN_OUT), CAP(REPLAY),
        CAP(FLUSH_TAKEN), CAP(OBJECT),   CAP(LOSSY),       CAP(PROCESSES), CAP(PAIR_FD), CAP(ADOPT),
        CAP(SPAWN),       CAP(PEERS),    CAP(LINES),       CAP(BYTES),     {0, NULL}};
#undef CAP
    const struct tongi_transport_ops *ops = transport_find(scheme);

    printf("[[ *Roles*\n:< ");
    names_print(ops->caps.roles, roles);
    printf("\n|  *Level*\n:  %s\n|  *Copies of each byte*\n:  %" PRIu32 "\n", levels[ops->caps.level],
           ops->caps.copies);
    printf("|  *Kind*\n:  %s, between %s\n", ops->caps.bits & TONG_CAP_OBJECT ? "object" : "link",
           ops->caps.bits & TONG_CAP_PROCESSES ? "processes" : "threads of one process");
    printf("|  *Capabilities*\n:  ");
    names_print(ops->caps.bits, caps);
    printf("\n");
}

static void errors_print(const char *none)
{
    (void)none;
    printf("[[ *Error*\n:] *Number*\n:< *Meaning*\n");
#define ROW(name, number, text) printf("|  *TONG_E_%s*\n:  %d\n:  %s\n", #name, TONG_E_##name, text);
    TONG_ERROR_MAP (ROW)
#undef ROW
}

/* ---- the page -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*print)(const char *argument);
} directives[] = {{"options", options_print}, {"capabilities", capabilities_print}, {"errors", errors_print}};

/* "@name argument@\n" */
static void directive_run(char *line)
{
    char *name = line + 1, *argument;

    name[strcspn(name, "@\n")] = 0;
    argument = name + strcspn(name, " ");
    if (*argument)
        *argument++ = 0;
    for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++)
        if (strcmp(directives[i].name, name) == 0) {
            directives[i].print(argument);
            return;
        }
    fail("there is nothing to put for", name);
}

static void line_copy(const char *line)
{
    static const char mark[] = "@version@";
    const char *at = strstr(line, mark);

    if (!at) {
        fputs(line, stdout);
        return;
    }
    printf("%.*s%u.%u.%u%s", (int)(at - line), line, TONG_VERSION >> 16 & 255, TONG_VERSION >> 8 & 255,
           TONG_VERSION & 255, at + strlen(mark));
}

int main(void)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin))
        if (line[0] == '@')
            directive_run(line);
        else if (strncmp(line, "; ", 2) != 0)
            line_copy(line);
    if (ferror(stdin) || fflush(stdout) != 0)
        fail("standard input or output", "it failed");
    return EXIT_SUCCESS;
}
