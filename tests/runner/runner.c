/* SPDX-License-Identifier: MIT */
/* The tests' runner: which tests run, under which seed, and what is said when one fails. */
#include "runner.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "child.h"
#include "sandbox.h"

/* Of the library under test, when it is linked: the runner itself does not need it. */
extern const char *tong_error_detail(void) __attribute__((weak));
extern const char *tong_error_name(int error) __attribute__((weak));

struct known {
    const struct runner_test *test;
    char *path; /* "file/name", what patterns are matched with */
    struct known *next;
};

static struct known *first;
static struct known **last_link = &first;
static uint64_t seed;

void runner_add(const struct runner_test *test)
{
    const char *slash = strrchr(test->check->file, '/');
    const char *file = slash ? slash + 1 : test->check->file;
    struct known *known = malloc(sizeof *known);

    if (!known || asprintf(&known->path, "%.*s/%s", (int)strcspn(file, "."), file, test->check->name) < 0)
        abort();
    known->test = test;
    known->next = NULL;
    *last_link = known;
    last_link = &known->next;
}

uint64_t runner_seed(void)
{
    return seed;
}

uint64_t runner_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const char *name_of(int64_t result)
{
    if (result >= 0)
        return "success";
    return tong_error_name ? tong_error_name((int)result) : strerror((int)-result);
}

static const char *detail(void)
{
    return tong_error_detail ? tong_error_detail() : "";
}

int64_t runner_ok(int64_t result, const char *call, const char *file, int line)
{
    if (result < 0)
        _ck_assert_failed(file, line, "Call failed", "%s: %s: %s", call, name_of(result), detail());
    return result;
}

void runner_error(int64_t result, int64_t error, const char *call, const char *file, int line)
{
    if (result != error)
        _ck_assert_failed(file, line, "Another error was due", "%s: got %s (%" PRId64 "): %s; due was %s", call,
                          name_of(result), result, result < 0 ? detail() : "", name_of(error));
}

static bool is_wanted(const char *path, char *const *patterns)
{
    if (!*patterns)
        return true;
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, path, 0) == 0)
            return true;
    return false;
}

static void choose_seed(void)
{
    const char *given = getenv("TONG_SEED");

    if (given)
        seed = strtoull(given, NULL, 0);
    else if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        abort();
}

/* A test case of Check per test, since it is the test case that has the time limit and the fixtures. */
static SRunner *make_suite(const char *program, char *const *patterns, int *ret_count)
{
    Suite *suite = suite_create(program);
    int count = 0;

    for (const struct known *known = first; known; known = known->next) {
        const struct runner_test *test = known->test;
        TCase *tcase;

        if (!is_wanted(known->path, patterns))
            continue;
        tcase = tcase_create(known->path);
        tcase_set_timeout(tcase, test->timeout_s);
        tcase_add_checked_fixture(tcase, sandbox_enter, sandbox_leave);
        _tcase_add_test(tcase, test->check, 0, 0, test->from, test->to);
        suite_add_tcase(suite, tcase);
        count++;
    }
    *ret_count = count;
    return srunner_create(suite);
}

static void print_repeat(SRunner *runner, const char *program)
{
    int n = srunner_ntests_failed(runner);
    TestResult **failures = srunner_failures(runner);

    printf("To repeat with the same seed: TONG_SEED=0x%" PRIx64 " %s", seed, program);
    for (int i = 0; i < n; i++)
        if (i == 0 || strcmp(tr_tcname(failures[i]), tr_tcname(failures[i - 1])) != 0)
            printf(" '%s'", tr_tcname(failures[i]));
    printf("\n");
    free(failures);
}

static int run(const char *program, char *const *patterns)
{
    int count, failed;
    SRunner *runner = make_suite(program, patterns, &count);

    if (count == 0) {
        /* Without the seams, a file about what they do has nothing left. */
        bool is_well = !first && !TONG_SEAMS;

        printf(is_well ? "Nothing to test in this build.\n"
                       : "No test has such a name; --list tells which there are.\n");
        srunner_free(runner);
        return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    choose_seed();
    sandbox_begin();
    srunner_run_all(runner, CK_ENV);
    sandbox_end();
    failed = srunner_ntests_failed(runner);
    if (failed > 0)
        print_repeat(runner, program);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const struct known *known = first; known; known = known->next)
            printf("%s\n", known->path);
        return EXIT_SUCCESS;
    }
    return run(argv[0], argv + 1);
}
