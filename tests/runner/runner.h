/* SPDX-License-Identifier: MIT */
/*
 * The tests' runner: Check, with a process, a time limit, an empty working directory and a stock-taking of its own for
 * every test. A test that leaves a descriptor, a process, a thread, a shared object or a socket file behind fails.
 *
 *     TONG_TEST(one_and_one)
 *     {
 *         ck_assert_int_eq(1 + 1, 2);
 *     }
 *
 * main() comes with the library. "PROGRAM [PATTERN...]" runs the tests whose "file/name" matches one of the shell
 * patterns, "PROGRAM --list" names them. CK_FORK=no runs them in one process, for a debugger.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Seconds that a test gets unless it says otherwise; sanitizer builds multiply them (CK_TIMEOUT_MULTIPLIER). */
#define RUNNER_TIMEOUT_S 10

/* Defines a test and makes it known; what follows is its body. */
#define TONG_TEST(name) TONG_TEST_LOOP_TIMEOUT(name, 0, 1, RUNNER_TIMEOUT_S)

/* The same with a time limit of its own. */
#define TONG_TEST_TIMEOUT(name, timeout_s) TONG_TEST_LOOP_TIMEOUT(name, 0, 1, timeout_s)

/* Runs the body once for each _i in [from, to), each in a process of its own. */
#define TONG_TEST_LOOP(name, from, to) TONG_TEST_LOOP_TIMEOUT(name, from, to, RUNNER_TIMEOUT_S)

#define TONG_TEST_LOOP_TIMEOUT(name, from, to, timeout_s)                                                              \
    static void runner_body_##name(int _i);                                                                            \
    static const TTest runner_check_##name = {#name, runner_body_##name, __FILE__, __LINE__};                          \
    static const struct runner_test runner_test_##name = {&runner_check_##name, (from), (to), (timeout_s)};            \
    __attribute__((constructor)) static void runner_know_##name(void)                                                  \
    {                                                                                                                  \
        runner_add(&runner_test_##name);                                                                               \
    }                                                                                                                  \
    static void runner_body_##name(int _i __attribute__((unused)))

struct runner_test {
    const TTest *check;
    int from, to;
    double timeout_s;
};

/* Makes a test known, for the program's whole life; the macros call it before main(). */
void runner_add(const struct runner_test *test);

/* The value of a call that must succeed (0 or more). On failure the test fails with the error's name and sentence. */
#define ck_ok(call) runner_ok((int64_t)(call), #call, __FILE__, __LINE__)
int64_t runner_ok(int64_t result, const char *call, const char *file, int line);

/* A call must fail with just this error. */
#define ck_error(call, error) runner_error((int64_t)(call), (error), #call, __FILE__, __LINE__)
void runner_error(int64_t result, int64_t error, const char *call, const char *file, int line);

/*
 * The seed of this run, the same in every test and process of it: TONG_SEED of the environment, otherwise a new one.
 * When a test fails, the runner prints the command that repeats it with the same seed.
 */
uint64_t runner_seed(void);

/* The next number of a sequence that begins at *state: a small generator for tests, same numbers everywhere. */
uint64_t runner_random(uint64_t *state);

/*
 * Forks; the child runs body(context) and exits with what that returns. Assertions work in it. It is killed when the
 * process that forked it dies.
 */
pid_t runner_fork(int (*body)(void *context), void *context);

/*
 * Waits for a child of runner_fork and returns its wait status. A child that is not gone after timeout_ms is killed,
 * and the test fails.
 */
int runner_join(pid_t child, int timeout_ms);

/* The same, and the child must have exited with 0. */
void runner_join_ok(pid_t child, int timeout_ms);

/* How many descriptors this process has open. */
int runner_count_fds(void);

#endif
