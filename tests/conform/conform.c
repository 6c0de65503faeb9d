/* SPDX-License-Identifier: MIT */
#include "conform.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "addresses.h"
#include "ends.h"
#include "heirs.h"

#if TONG_SEAMS
#include "support/faulty.h"
#endif

struct row {
    const char *name, *scheme, *before, *behind, *query;
};

static const struct row rows[] = {
#define TONG_TRANSPORT(scheme) {#scheme, #scheme, CONFORM_ADDRESS_##scheme, ""},
#include "transport/transports.def"
#undef TONG_TRANSPORT
#define CONFORM_VARIANT(name, scheme, before, behind, query) {name, scheme, before, behind, query},
    CONFORM_VARIANTS
#undef CONFORM_VARIANT
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0], CONVERSATION_COUNT = 6, STAMP_MAX = 4096, TIMEOUT_S = 60 };

/* One test on one row in one conversation, as the runner knows it. */
struct stamp {
    const struct conform_case *test;
    const struct row *row;
    enum conform_conversation conversation;
    bool short_calls; /* the system moves few bytes at a time and interrupts many calls */
    char name[96];
    TTest check;
    struct runner_test entry;
};

static struct stamp *stamps[STAMP_MAX];
static int n_stamps;

static const struct {
    const char *name;
    uint32_t roles;
} conversations[CONVERSATION_COUNT] = {
    {"pipeline", 1U << TONG_PUSH | 1U << TONG_PULL},
    {"pipeline-turned", 1U << TONG_PUSH | 1U << TONG_PULL},
    {"pair", 1U << TONG_PAIR},
    {"pair-turned", 1U << TONG_PAIR},
    {"publish", 1U << TONG_PUB | 1U << TONG_SUB},
    {"request", 1U << TONG_REQ | 1U << TONG_REP},
};

_Noreturn void conform_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    _ck_assert_failed(file, line, "Failed", "%s", text);
}

void conform_same(const char *file, int line, const char *what, int64_t left, int64_t right)
{
    if (left != right)
        conform_fail(file, line, "%s: %lld is not %lld (%s)", what, (long long)left, (long long)right,
                     tong_error_detail());
}

void conform_says(const char *file, int line, const char *part)
{
    if (!strstr(tong_error_detail(), part))
        conform_fail(file, line, "the sentence \"%s\" does not say \"%s\"", tong_error_detail(), part);
}

void conform_begins(const char *file, int line, const char *address)
{
    size_t len = strlen(address);

    if (strncmp(tong_error_detail(), address, len) != 0 || tong_error_detail()[len] != ':')
        conform_fail(file, line, "the sentence \"%s\" does not begin with \"%s:\"", tong_error_detail(), address);
}

/* A name that no other test, side or row has. */
static void address_make(char *ret_address, size_t len, const struct row *row)
{
    static int count;

    if (!row->behind) {
        snprintf(ret_address, len, "%s", row->before);
        return;
    }
    snprintf(ret_address, len, "%sc%d-%d%s", row->before, (int)getpid(), count++, row->behind);
}

/* What a row can do, told by a channel opened in the first role that it has. */
static tong_caps row_caps(const struct row *row)
{
    tong_caps caps = {.struct_size = sizeof caps};
    struct conform c = {.query = row->query, .inherited = !row->behind};
    tong_channel *ch;

    for (uint32_t role = TONG_PUSH; role <= TONG_REP; role++) {
        address_make(c.address, sizeof c.address, row);
        if (conform_try(&c, &ch, role, NULL, tong_now()) < 0)
            continue;
        ck_ok(tong_get_caps(ch, &caps));
        tong_close(ch);
        heirs_forget();
        return caps;
    }
    conform_fail(__FILE__, __LINE__, "%s: opens in no role at all: %s", row->name, tong_error_detail());
}

/* The last failure's sentence names a row, other than this one, that has these roles and bits, if one has. */
static void says_who_can(const char *row, uint32_t roles, uint32_t bits)
{
    char sentence[1024], colon[32];
    bool somebody = false;

    snprintf(sentence, sizeof sentence, "%s", tong_error_detail());
    CHECK(sentence[0] != '\0');
    for (int i = 0; i < ROW_COUNT; i++) {
        tong_caps caps;

        if (!rows[i].before || strcmp(rows[i].name, row) == 0)
            continue;
        caps = row_caps(&rows[i]);
        if ((caps.roles & roles) != roles || (caps.bits & bits) != bits)
            continue;
        snprintf(colon, sizeof colon, "%s:", rows[i].scheme);
        if (strstr(sentence, colon))
            return;
        somebody = true;
    }
    if (somebody)
        conform_fail(__FILE__, __LINE__, "the sentence \"%s\" names no mechanism that can", sentence);
}

const char *conform_small(const struct conform *c)
{
    static const char *const smalls[][2] = {
#define CONFORM_SMALL(scheme, query) {scheme, query},
        CONFORM_SMALLS
#undef CONFORM_SMALL
    };

    for (size_t i = 0; i < sizeof smalls / sizeof *smalls; i++)
        if (strcmp(smalls[i][0], c->scheme) == 0)
            return smalls[i][1];
    return NULL;
}

void conform_says_who_can(const struct conform *c, enum tong_cap bit)
{
    says_who_can(c->row, 0, (uint32_t)bit);
}

/* In place of a test whose conversation the row has not: every role of it is refused at open. */
static void roles_are_refused(const struct conform *c, uint32_t roles)
{
    for (uint32_t role = TONG_PUSH; role <= TONG_REP; role++) {
        tong_channel *ch = NULL;

        if (!(roles & 1U << role))
            continue;
        ck_error(conform_try(c, &ch, role, NULL, tong_now()), TONG_E_NOCAP);
        CHECK(!ch);
        BEGINS(c->address);
        says_who_can(c->row, roles, 0);
    }
}

/* A link whose receivers cannot be several has its one listen: the pusher that listens is refused, and who connects to
 * it. */
static void turning_is_refused(const struct conform *c)
{
    const uint32_t turned[] = {TONG_PUSH | TONG_LISTEN, TONG_PULL | TONG_CONNECT};

    for (int i = 0; i < 2; i++) {
        tong_channel *ch = NULL;

        ck_error(conform_try(c, &ch, turned[i], NULL, tong_now()), TONG_E_NOCAP);
        CHECK(!ch);
        BEGINS(c->address);
        says_who_can(c->row, 0, TONG_CAP_FAN_OUT);
    }
}

/* Less than a page and no divisor of anything, so that cuts go through headers too. */
static void calls_shorten(void)
{
#if TONG_SEAMS
    faulty_install();
    faulty_shorten(1021);
    faulty_interrupt(7);
#endif
}

/* What the kernel keeps by name goes with the test's own name space, also when the test fails; where that is not
 * allowed, a failed test leaves it behind. */
static void own_name_space(void)
{
    if (unshare(CLONE_NEWIPC) < 0)
        CHECK(errno == EPERM || errno == EINVAL || errno == ENOSYS || errno == ENOSPC);
}

static void run_stamp(int index)
{
    const struct stamp *stamp = stamps[index];

    own_name_space();
    struct conform c = {
        .row = stamp->row->name,
        .scheme = stamp->row->scheme,
        .query = stamp->row->query,
        .inherited = !stamp->row->behind,
        .conversation = stamp->conversation,
        .caps = row_caps(stamp->row),
    };
    uint32_t roles = 0;

    for (int i = 0; i < CONVERSATION_COUNT; i++)
        roles |= stamp->conversation == (enum conform_conversation)(1 << i) ? conversations[i].roles : 0;
    c.dice.state = runner_seed();
    address_make(c.address, sizeof c.address, stamp->row);
    if (stamp->short_calls) {
        /* Between threads no system call moves bytes. */
        if (!conform_has(&c, TONG_CAP_PROCESSES))
            return;
        calls_shorten();
    }
    if ((c.caps.roles & roles) != roles)
        roles_are_refused(&c, roles);
    else if (c.conversation == CONFORM_PIPELINE_TURNED && !conform_is_object(&c) && !conform_has(&c, TONG_CAP_FAN_OUT))
        turning_is_refused(&c);
    else
        stamp->test->body(&c);
    heirs_forget();
}

static void stamp_out(const struct conform_case *test, const struct row *row, int conversation, bool short_calls)
{
    struct stamp *stamp = calloc(1, sizeof *stamp);

    if (!stamp || n_stamps == STAMP_MAX)
        abort();
    stamp->test = test;
    stamp->row = row;
    stamp->conversation = (enum conform_conversation)(1 << conversation);
    stamp->short_calls = short_calls;
    snprintf(stamp->name, sizeof stamp->name, "%s.%s.%s%s", row->name, conversations[conversation].name,
             short_calls ? "short." : "", test->name);
    stamp->check = (TTest){stamp->name, run_stamp, test->file, 1};
    stamp->entry =
        (struct runner_test){.check = &stamp->check, .from = n_stamps, .to = n_stamps + 1, .timeout_s = TIMEOUT_S};
    stamps[n_stamps++] = stamp;
    runner_add(&stamp->entry);
}

void conform_register(const struct conform_case *test)
{
    for (int row = 0; row < ROW_COUNT; row++) {
        for (int i = 0; i < CONVERSATION_COUNT; i++) {
            if (!rows[row].before || !(test->conversations & 1U << i))
                continue;
            /* Where nobody listens, it cannot be the other side that does. */
            if (!rows[row].behind && 1U << i & (CONFORM_PIPELINE_TURNED | CONFORM_PAIR_TURNED))
                continue;
            stamp_out(test, &rows[row], i, false);
            if (TONG_SEAMS && test->conversations & CONFORM_SHORT_TOO)
                stamp_out(test, &rows[row], i, true);
        }
    }
}

int64_t conform_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

uint64_t conform_sleeps(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats.sleeps;
}

void conform_await_sleep(tong_channel *ch, uint64_t sleeps)
{
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);

    while (conform_sleeps(ch) == sleeps) {
        CHECK(conform_clock_ns() < until);
        sched_yield();
    }
}

void *conform_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}
