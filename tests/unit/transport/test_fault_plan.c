/* SPDX-License-Identifier: MIT */
#include "transport/fault_plan.h"

#include <errno.h>
#include <string.h>

#include "runner/runner.h"
#include "support/faulty.h" /* fault: is there with the seams only */
#include "tong/error.h"

enum { MESSAGES = 100000, FEW = 5000 };

static struct tongi_fault_settings settings;

static void refuses(const char *rest, int error, const char *part)
{
    struct tongi_fault_settings untouched = {.seed = 77};

    ck_error(tongi_fault_parse("fault:...", rest, &untouched), error);
    ck_assert_msg(strncmp(tong_error_detail(), "fault:...: ", 11) == 0, "%s", tong_error_detail());
    ck_assert_msg(strstr(tong_error_detail(), part) != NULL, "'%s' does not say '%s'", tong_error_detail(), part);
    ck_assert_uint_eq(untouched.seed, 77);
}

static struct tongi_fault_lane lane_of(const char *rest, uint64_t number, bool sends)
{
    struct tongi_fault_lane lane;

    ck_ok(tongi_fault_parse("fault:...", rest, &settings));
    tongi_fault_lane_init(&lane, &settings, number, sends);
    return lane;
}

/* What the next message drew; it has gone its way then. */
static enum tongi_fault next_of(struct tongi_fault_lane *lane)
{
    enum tongi_fault drawn = tongi_fault_look(lane, 1) ? FAULT_NONE : lane->next;

    tongi_fault_pass(lane, 1);
    return drawn;
}

TONG_TEST(every_setting)
{
    ck_ok(tongi_fault_parse("fault:...", "seed=18446744073709551615,drop=5,delay=10,truncate=3,split=20,cut=62:unix:x",
                            &settings));
    ck_assert_uint_eq(settings.seed, UINT64_MAX);
    ck_assert_uint_eq(settings.percent[FAULT_NONE], 0);
    ck_assert_uint_eq(settings.percent[FAULT_DROP], 5);
    ck_assert_uint_eq(settings.percent[FAULT_DELAY], 10);
    ck_assert_uint_eq(settings.percent[FAULT_TRUNCATE], 3);
    ck_assert_uint_eq(settings.percent[FAULT_SPLIT], 20);
    ck_assert_uint_eq(settings.percent[FAULT_CUT], 62);
    ck_ok(tongi_fault_parse("fault:...", ":unix:x", &settings));
    ck_assert_uint_eq(settings.seed, 0);
    ck_assert_uint_eq(settings.percent[FAULT_DROP], 0);
}

TONG_TEST(bad_settings)
{
    refuses("drop=5", TONG_E_ADDRESS, "fault:settings:address");
    refuses("", TONG_E_ADDRESS, "fault:settings:address");
    refuses("lose=5:unix:x", TONG_E_ADDRESS, "no setting 'lose'; there are: seed, drop, delay, truncate, split, cut");
    refuses("drops=5:unix:x", TONG_E_ADDRESS, "no setting 'drops'");
    refuses("=5:unix:x", TONG_E_ADDRESS, "no setting ''");
    refuses("drop=5,,cut=1:unix:x", TONG_E_ADDRESS, "no setting ''");
    refuses("unix:x=5", TONG_E_ADDRESS, "no setting 'unix'");
    refuses("drop:unix:x=5", TONG_E_ADDRESS, "'drop' takes a number");
    refuses("drop=:unix:x", TONG_E_ADDRESS, "'drop' takes a number");
    refuses("drop=5%:unix:x", TONG_E_ADDRESS, "'drop' takes a number");
    refuses("seed=18446744073709551616:unix:x", TONG_E_ADDRESS, "'seed' takes a number");
    refuses("drop=1,drop=1:unix:x", TONG_E_ADDRESS, "'drop' is given twice");
    refuses("seed=0,seed=0:unix:x", TONG_E_ADDRESS, "'seed' is given twice");
    refuses("drop=101:unix:x", -ERANGE, "'drop' takes 0 to 100 per cent");
    refuses("drop=50,cut=51:unix:x", -ERANGE, "101 per cent together");
}

TONG_TEST(each_comes_as_often_as_was_said)
{
    struct tongi_fault_lane lane = lane_of("seed=7,drop=5,delay=10,truncate=3,split=20,cut=1:x:", 0, true);
    uint32_t counts[FAULT_KINDS] = {0};

    for (int i = 0; i < MESSAGES; i++)
        counts[next_of(&lane)]++;
    settings.percent[FAULT_NONE] = 61;
    for (uint32_t kind = 0; kind < FAULT_KINDS; kind++) {
        uint32_t expected = settings.percent[kind] * (MESSAGES / 100);
        ck_assert_uint_ge(counts[kind], expected - expected / 5);
        ck_assert_uint_le(counts[kind], expected + expected / 5);
    }
}

TONG_TEST(receiving_loses_nothing)
{
    struct tongi_fault_lane lane = lane_of("seed=7,drop=30,truncate=30,split=40:x:", 0, false);

    for (int i = 0; i < FEW; i++) {
        enum tongi_fault drawn = next_of(&lane);
        ck_assert(drawn == FAULT_NONE || drawn == FAULT_SPLIT);
    }
}

TONG_TEST(always_and_never)
{
    struct tongi_fault_lane always = lane_of("drop=100:x:", 0, true), never = lane_of("drop=0:x:", 0, true);

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(next_of(&always), FAULT_DROP);
        ck_assert_int_eq(next_of(&never), FAULT_NONE);
    }
    ck_assert_uint_eq(tongi_fault_look(&never, UINT32_MAX / 1024), UINT32_MAX / 1024);
}

TONG_TEST(same_seed_same_faults_whatever_the_batches)
{
    static const char rest[] = "seed=9,drop=10,split=10:x:";
    struct tongi_fault_lane single = lane_of(rest, 0, true), batched = lane_of(rest, 0, true);
    uint64_t dice = runner_seed();

    for (int i = 0; i < FEW;) {
        uint32_t n = 1 + (uint32_t)(runner_random(&dice) % 17);
        uint32_t clean = tongi_fault_look(&batched, n);
        /* Some of them go, as a full socket would have it, and the others are looked at again. */
        uint32_t gone = clean ? 1 + (uint32_t)(runner_random(&dice) % clean) : 1;
        ck_assert_uint_le(clean, n);
        for (uint32_t j = 0; j < gone; j++, i++)
            ck_assert_int_eq(next_of(&single), clean ? FAULT_NONE : batched.next);
        tongi_fault_pass(&batched, gone);
    }
}

TONG_TEST(looking_changes_nothing)
{
    struct tongi_fault_lane lane = lane_of("seed=3,drop=50:x:", 0, true);

    for (int i = 0; i < 1000; i++) {
        uint32_t clean = tongi_fault_look(&lane, 3);
        ck_assert_uint_eq(tongi_fault_look(&lane, 3), clean);
        tongi_fault_pass(&lane, 1);
    }
}

TONG_TEST(sequences_are_apart)
{
    const struct tongi_fault_lane first = lane_of("seed=1,drop=50:x:", 0, true);
    const struct tongi_fault_lane others[] = {
        lane_of("seed=1,drop=50:x:", 0, false),
        lane_of("seed=1,drop=50:x:", 1, true),
        lane_of("seed=2,drop=50:x:", 0, true),
        lane_of("seed=0,drop=50:x:", 0, true),
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_uint_ne(first.dice, others[i].dice);
}

TONG_TEST(truncation_is_shorter)
{
    struct tongi_fault_lane lane = lane_of("seed=5,truncate=100:x:", 0, true);
    bool longer_than_half = false, shorter_than_half = false;

    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(tongi_fault_look(&lane, 1), 0);
        size_t len = tongi_fault_truncate(&lane, 1000);
        ck_assert_uint_lt(len, 1000);
        ck_assert_uint_eq(tongi_fault_truncate(&lane, 1000), len);
        ck_assert_uint_eq(tongi_fault_truncate(&lane, 1), 0);
        ck_assert_uint_eq(tongi_fault_truncate(&lane, 0), 0);
        longer_than_half |= len > 500;
        shorter_than_half |= len < 500;
        tongi_fault_pass(&lane, 1);
    }
    ck_assert(longer_than_half && shorter_than_half);
}
