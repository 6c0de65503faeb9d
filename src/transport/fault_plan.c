/* SPDX-License-Identifier: MIT */
#include "transport/fault_plan.h"

#if TONG_SEAMS

#include <string.h>

#include "base/error.h"
#include "base/number.h"

/* The seed takes the place of the fault that never happens. */
static const char *const words[FAULT_KINDS] = {"seed", "drop", "delay", "truncate", "split", "cut"};
#define SEED FAULT_NONE

static uint32_t word_find(const char *text, size_t len)
{
    uint32_t word = 0;

    while (word < FAULT_KINDS && (strlen(words[word]) != len || memcmp(words[word], text, len) != 0))
        word++;
    return word;
}

static int setting_take(const char *address, const char *text, size_t len, uint32_t *seen,
                        struct tongi_fault_settings *settings)
{
    const char *equals = memchr(text, '=', len);
    size_t word_len = equals ? (size_t)(equals - text) : len;
    uint32_t word = word_find(text, word_len);
    uint64_t value;

    if (word == FAULT_KINDS)
        return TONG_FAIL(TONG_E_ADDRESS,
                         "%s: there is no setting '%.*s'; there are: seed, drop, delay, truncate, split, cut", address,
                         (int)word_len, text);
    if (*seen & (1u << word))
        return TONG_FAIL(TONG_E_ADDRESS, "%s: setting '%s' is given twice", address, words[word]);
    if (!equals || tongi_parse_count(equals + 1, len - word_len - 1, &value) < 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: setting '%s' takes a number", address, words[word]);
    if (word != SEED && value > 100)
        return TONG_FAIL(-ERANGE, "%s: setting '%s' takes 0 to 100 per cent", address, words[word]);
    *seen |= 1u << word;
    if (word == SEED)
        settings->seed = value;
    else
        settings->percent[word] = (uint32_t)value;
    return 0;
}

int tongi_fault_parse(const char *address, const char *rest, struct tongi_fault_settings *ret_settings)
{
    struct tongi_fault_settings settings = {0};
    size_t len = strcspn(rest, ":");
    uint32_t seen = 0, sum = 0;

    if (rest[len] == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: the address is fault:settings:address", address);
    while (len) {
        size_t one = strcspn(rest, ",:");
        int r = setting_take(address, rest, one, &seen, &settings);
        if (r < 0)
            return r;
        one += rest[one] == ',';
        rest += one;
        len -= one;
    }
    for (uint32_t kind = 0; kind < FAULT_KINDS; kind++)
        sum += settings.percent[kind];
    if (sum > 100)
        return TONG_FAIL(-ERANGE, "%s: the settings make %u per cent together; they may make 100", address, sum);
    *ret_settings = settings;
    return 0;
}

/* splitmix64: every state is a good one, so that seeds may be small numbers. */
static uint64_t roll(uint64_t *dice)
{
    uint64_t mixed = *dice += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

void tongi_fault_lane_init(struct tongi_fault_lane *lane, const struct tongi_fault_settings *settings, uint64_t number,
                           bool sends)
{
    uint64_t seed = settings->seed;
    uint64_t end = roll(&seed) + 2 * number + sends;

    *lane = (struct tongi_fault_lane){.dice = roll(&end)};
    memcpy(lane->percent, settings->percent, sizeof lane->percent);
    if (!sends)
        lane->percent[FAULT_DROP] = lane->percent[FAULT_TRUNCATE] = 0;
}

static void draw(struct tongi_fault_lane *lane)
{
    uint64_t number = roll(&lane->dice);
    uint64_t percent = number % 100;

    lane->amount = number / 100;
    for (uint32_t kind = FAULT_DROP; kind < FAULT_KINDS; kind++) {
        if (percent < lane->percent[kind]) {
            lane->next = (enum tongi_fault)kind;
            return;
        }
        percent -= lane->percent[kind];
    }
    lane->clean++;
}

uint32_t tongi_fault_look(struct tongi_fault_lane *lane, uint32_t n)
{
    while (lane->clean < n && lane->next == FAULT_NONE)
        draw(lane);
    return lane->clean < n ? (uint32_t)lane->clean : n;
}

void tongi_fault_pass(struct tongi_fault_lane *lane, uint32_t n)
{
    if (lane->clean)
        lane->clean -= n;
    else
        lane->next = FAULT_NONE;
}

size_t tongi_fault_truncate(const struct tongi_fault_lane *lane, size_t len)
{
    return len ? (size_t)(lane->amount % len) : 0;
}

#endif
