/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: every test is stamped out for every row of transports.def and every conversation that it
 * names. What a row can do it says in its capability record; where a conversation is not in the record, the test is
 * replaced by the check that opening is refused with a sentence that names a mechanism which has it.
 */
#ifndef TONG_CONFORM_H
#define TONG_CONFORM_H

#include <stdbool.h>
#include <stdint.h>

#include <tong/tong.h>

#include "ledger.h"
#include "runner/runner.h"

/* Who talks to whom, and for links which of the two listens. The names are parts of the tests' names. */
enum conform_conversation {
    CONFORM_PIPELINE = 1 << 0,        /* push -> pull */
    CONFORM_PIPELINE_TURNED = 1 << 1, /* the same, the pusher listens */
    CONFORM_PAIR = 1 << 2,            /* pair -> pair, the receiver listens */
    CONFORM_PAIR_TURNED = 1 << 3,     /* the same, the sender listens */
    CONFORM_PUBLISH = 1 << 4,
    CONFORM_REQUEST = 1 << 5,
    CONFORM_SHORT_TOO = 1 << 6, /* once more on a system that moves few bytes at a time (builds with seams) */

    CONFORM_PIPELINES = CONFORM_PIPELINE | CONFORM_PIPELINE_TURNED,
    CONFORM_PAIRS = CONFORM_PAIR | CONFORM_PAIR_TURNED,
    CONFORM_ONE_WAY = CONFORM_PIPELINES | CONFORM_PAIRS,
};

/* What a test runs on. */
struct conform {
    const char *row; /* the scheme, or what names its variant */
    const char *scheme;
    enum conform_conversation conversation;
    tong_caps caps;
    char address[128]; /* fresh, without options */
    bool inherited;    /* it has no names: both ends are there from the start (heirs.h) */
    const char *query; /* those that every opening needs: "option=value", or "" */
    struct dice dice;
};

struct conform_case {
    const char *file, *name;
    unsigned conversations;
    void (*body)(struct conform *c);
};

void conform_register(const struct conform_case *test);

#define CONFORM_TEST(test, which)                                                                                      \
    static void test(struct conform *c);                                                                               \
    __attribute__((constructor)) static void test##_register(void)                                                     \
    {                                                                                                                  \
        static const struct conform_case it = {__FILE__, #test, which, test};                                          \
        conform_register(&it);                                                                                         \
    }                                                                                                                  \
    static void test(struct conform *c)

/* ---- checks: beside ck_ok and ck_error; legal in every thread and forked side, and free when they hold ------------
 * */

/* Fails the test at a place of its own. */
_Noreturn void conform_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void conform_same(const char *file, int line, const char *what, int64_t left, int64_t right);
void conform_says(const char *file, int line, const char *part);
void conform_begins(const char *file, int line, const char *address);

#define CHECK(condition) ((condition) ? (void)0 : conform_fail(__FILE__, __LINE__, "not so: %s", #condition))
#define SAME(left, right) conform_same(__FILE__, __LINE__, #left " == " #right, (int64_t)(left), (int64_t)(right))
/* The sentence about the last failure has this part. */
#define SAYS(part) conform_says(__FILE__, __LINE__, (part))
/* The sentence begins with the address that it is about. */
#define BEGINS(address) conform_begins(__FILE__, __LINE__, (address))

/* ---- capabilities ---------------------------------------------------------------------------------------------- */

static inline bool conform_has(const struct conform *c, enum tong_cap bit)
{
    return (c->caps.bits & (uint32_t)bit) != 0;
}

static inline bool conform_is_object(const struct conform *c)
{
    return conform_has(c, TONG_CAP_OBJECT);
}

/* One side listens, and others may connect. */
static inline bool conform_is_met(const struct conform *c)
{
    return !conform_is_object(c) && !c->inherited;
}

static inline bool conform_is_pair(const struct conform *c)
{
    return (c->conversation & CONFORM_PAIRS) != 0;
}

/* The receiver has one sender and no other to come, so that its end is the channel's. */
static inline bool conform_has_one_sender(const struct conform *c)
{
    return conform_is_pair(c) || c->inherited;
}

/* Are the ends programs that do not speak tong? Then they tell each other neither who they are nor that they finish:
 * the end of the stream is all, whether its sender closed, finished or died. Messages are lines. */
static inline bool conform_is_foreign(const struct conform *c)
{
    return conform_has(c, TONG_CAP_LINES);
}

/* What a receiver is told when the only sender is gone without a farewell. */
static inline int conform_gone(const struct conform *c)
{
    return conform_is_foreign(c) ? TONG_E_END : TONG_E_GONE;
}

/* At most max bytes, or what the row's largest message has. */
static inline size_t conform_length(const struct conform *c, size_t max)
{
    return c->caps.size_max < max ? (size_t)c->caps.size_max : max;
}

/* The query for a test that opens many at once: with it they are small enough for the system's limits, and still take
 * messages of 1000 bytes. NULL: they are anyway. */
const char *conform_small(const struct conform *c);

/* The last failure was TONG_E_NOCAP; its sentence names a row that has the capability, if there is one. */
void conform_says_who_can(const struct conform *c, enum tong_cap bit);

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* Long enough for what must happen on any loaded machine; only a failure waits for it. */
enum { CONFORM_PATIENCE_MS = 20000 };

static inline tong_deadline conform_patience(void)
{
    return tong_in_ms(CONFORM_PATIENCE_MS);
}

int64_t conform_clock_ns(void);
/* Waits until a call on the channel, in another thread, has gone to sleep: `sleeps` is what tong_stats said before. */
void conform_await_sleep(tong_channel *ch, uint64_t sleeps);
uint64_t conform_sleeps(tong_channel *ch);

/* ---- shared with forked sides ---------------------------------------------------------------------------------- */

/* Zeroed memory that a forked side shares; it lasts until the test ends. */
void *conform_shared(size_t size);

#endif
