/* SPDX-License-Identifier: MIT */
/* What every row of sys.def does with results, failures and interruptions, seen through stubs in the table. */
#include <errno.h>
#include <string.h>

#include "runner/runner.h"
#include "support/faulty.h"

/* What the stubs do next, and how often they were called. */
static struct {
    int interruptions;
    int error;
    int64_t result;
    int calls;
} stub;

static int64_t answer(int unused, ...)
{
    (void)unused;
    stub.calls++;
    errno = stub.calls <= stub.interruptions ? EINTR : stub.error;
    return errno ? -1 : stub.result;
}

#define ANSWER(...) answer(0 __VA_OPT__(, ) __VA_ARGS__)
#define TONGI_SYS(type, name, parameters, arguments)                                                                   \
    static type stub_##name parameters                                                                                 \
    {                                                                                                                  \
        return (type)ANSWER arguments;                                                                                 \
    }
#define TONGI_SYS_WAIT TONGI_SYS
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT

static int stub_close(int fd)
{
    return (int)answer(0, fd);
}

static void install_stubs(void)
{
#define TONGI_SYS(type, name, parameters, arguments) tongi_sys_table.name = stub_##name;
#define TONGI_SYS_WAIT TONGI_SYS
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT
    tongi_sys_table.close = stub_close;
}

/* A call of each row. Which arguments does not matter: the stubs look at none. */
#define CALLS(X)                                                                                                       \
    X(socket, (0, 0, 0))                                                                                               \
    X(socketpair, (0, 0, 0, NULL))                                                                                     \
    X(bind, (0, NULL, 0))                                                                                              \
    X(listen, (0, 0))                                                                                                  \
    X(accept4, (0, NULL, NULL, 0))                                                                                     \
    X(connect, (0, NULL, 0))                                                                                           \
    X(shutdown, (0, 0))                                                                                                \
    X(getsockopt, (0, 0, 0, NULL, NULL))                                                                               \
    X(setsockopt, (0, 0, 0, NULL, 0))                                                                                  \
    X(send, (0, NULL, 0, 0))                                                                                           \
    X(sendmsg, (0, NULL, 0))                                                                                           \
    X(sendmmsg, (0, NULL, 0, 0))                                                                                       \
    X(recv, (0, NULL, 0, 0))                                                                                           \
    X(recvmsg, (0, NULL, 0))                                                                                           \
    X(read, (0, NULL, 0))                                                                                              \
    X(write, (0, NULL, 0))                                                                                             \
    X(readv, (0, NULL, 0))                                                                                             \
    X(writev, (0, NULL, 0))                                                                                            \
    X(pwritev2, (0, NULL, 0, 0, 0))                                                                                    \
    X(pipe2, (NULL, 0))                                                                                                \
    X(dup3, (0, 0, 0))                                                                                                 \
    X(spawn, (NULL, NULL, NULL, NULL, NULL, NULL))                                                                     \
    X(thread_sigmask, (0, NULL, NULL))                                                                                 \
    X(sigpending, (NULL))                                                                                              \
    X(sigtimedwait, (NULL, NULL, NULL))                                                                                \
    X(open_at, (0, NULL, 0, 0))                                                                                        \
    X(mkfifoat, (0, NULL, 0))                                                                                          \
    X(unlinkat, (0, NULL, 0))                                                                                          \
    X(fstat, (0, NULL))                                                                                                \
    X(fstatat, (0, NULL, NULL, 0))                                                                                     \
    X(fchmod, (0, 0))                                                                                                  \
    X(fchmodat, (0, NULL, 0, 0))                                                                                       \
    X(current_directory, (NULL, 0))                                                                                    \
    X(fcntl_int, (0, 0, 0))                                                                                            \
    X(fcntl_lock, (0, 0, NULL))                                                                                        \
    X(flock, (0, 0))                                                                                                   \
    X(unread_bytes, (0, NULL))                                                                                         \
    X(readlinkat, (0, NULL, NULL, 0))                                                                                  \
    X(getdents64, (0, NULL, 0))                                                                                        \
    X(eventfd, (0, 0))                                                                                                 \
    X(timerfd_create, (0, 0))                                                                                          \
    X(timerfd_settime, (0, 0, NULL, NULL))                                                                             \
    X(epoll_create1, (0))                                                                                              \
    X(epoll_ctl, (0, 0, 0, NULL))                                                                                      \
    X(clock_gettime, (0, NULL))                                                                                        \
    X(sched_getaffinity, (0, 0, NULL))                                                                                 \
    X(processors_online, ())                                                                                           \
    X(getrandom, (NULL, 0, 0))                                                                                         \
    X(epoll_wait, (0, NULL, 0, 0))                                                                                     \
    X(ppoll, (NULL, 0, NULL, NULL))

#define CALL(name, values)                                                                                             \
    static int64_t call_##name(void)                                                                                   \
    {                                                                                                                  \
        return tongi_sys_##name values;                                                                                \
    }
CALLS(CALL)
#undef CALL

/* A row of sys.def without a line in CALLS is NULL here, and fails its tests. */
static int64_t (*const calls[FAULTY_close])(void) = {
#define CALL(name, values) [FAULTY_##name] = call_##name,
    CALLS(CALL)
#undef CALL
};

static const struct {
    bool waits;
    size_t width;
} rows[FAULTY_close] = {
#define TONGI_SYS(type, name, parameters, arguments) {false, sizeof(type)},
#define TONGI_SYS_WAIT(type, name, parameters, arguments) {true, sizeof(type)},
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT
};

static int64_t run(int call, int interruptions, int error, int64_t result)
{
    ck_assert_msg(calls[call] != NULL, "row %d of sys.def has no line in CALLS", call);
    stub.interruptions = interruptions;
    stub.error = error;
    stub.result = result;
    stub.calls = 0;
    install_stubs();
    int64_t r = calls[call]();
    faulty_remove();
    return r;
}

TONG_TEST_LOOP(result_is_passed_on_whole, 0, FAULTY_close)
{
    ck_assert_int_eq(run(_i, 0, 0, 0), 0);
    ck_assert_int_eq(run(_i, 0, 0, 7), 7);
    ck_assert_int_eq(run(_i, 0, 0, INT32_MAX), INT32_MAX);
    if (rows[_i].width == sizeof(int64_t))
        ck_assert_int_eq(run(_i, 0, 0, INT64_C(1) << 40), INT64_C(1) << 40);
    ck_assert_int_eq(stub.calls, 1);
}

TONG_TEST_LOOP(failure_is_the_negative_errno, 0, FAULTY_close)
{
    const int errors[] = {EPERM, EAGAIN, EIO, ENOMEM, EMFILE, EPIPE, EHWPOISON};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        ck_assert_int_eq(run(_i, 0, errors[i], 0), -errors[i]);
        ck_assert_int_eq(stub.calls, 1);
    }
}

TONG_TEST_LOOP(interrupted_calls_are_repeated_but_for_those_that_wait, 0, FAULTY_close)
{
    int64_t r = run(_i, 1000, 0, 7);

    ck_assert_int_eq(r, rows[_i].waits ? -EINTR : 7);
    ck_assert_int_eq(stub.calls, rows[_i].waits ? 1 : 1001);
    if (rows[_i].waits)
        return;
    ck_assert_int_eq(run(_i, 3, EIO, 0), -EIO);
    ck_assert_int_eq(stub.calls, 4);
}

TONG_TEST(waiting_calls)
{
    for (int i = 0; i < FAULTY_close; i++)
        ck_assert_int_eq(rows[i].waits, i == FAULTY_epoll_wait || i == FAULTY_ppoll);
}

static int close_stubbed(int fd, int interruptions, int error)
{
    stub.interruptions = interruptions;
    stub.error = error;
    stub.calls = 0;
    install_stubs();
    errno = EXDEV;
    int r = tongi_sys_close(fd);
    ck_assert_int_eq(errno, EXDEV);
    faulty_remove();
    return r;
}

TONG_TEST(close_is_never_repeated)
{
    ck_assert_int_eq(close_stubbed(5, 0, 0), -1);
    ck_assert_int_eq(stub.calls, 1);
    ck_assert_int_eq(close_stubbed(5, 1000, 0), -1);
    ck_assert_int_eq(stub.calls, 1);
    ck_assert_int_eq(close_stubbed(5, 0, EIO), -1);
    ck_assert_int_eq(stub.calls, 1);
}

TONG_TEST(what_is_not_open_is_not_closed)
{
    ck_assert_int_eq(close_stubbed(-1, 0, 0), -1);
    ck_assert_int_eq(close_stubbed(INT32_MIN, 0, 0), -1);
    ck_assert_int_eq(stub.calls, 0);
    ck_assert_int_eq(close_stubbed(0, 0, 0), -1);
    ck_assert_int_eq(stub.calls, 1);
}

TONG_TEST(allocation_failure)
{
    faulty_install();
    char *block = tongi_sys_alloc(4);
    ck_assert_ptr_nonnull(block);
    memcpy(block, "abc", 4);

    faulty_fail_from(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_assert_ptr_null(tongi_sys_alloc(1));
    ck_assert_ptr_null(tongi_sys_resize(block, 100));
    ck_assert_str_eq(block, "abc");
    ck_assert_ptr_null(tongi_sys_free(block));
}
