/* SPDX-License-Identifier: MIT */
/*
 * Tests of the runner: all but one must fail, each for the reason that CMakeLists.txt beside this file expects.
 */
#include "runner/runner.h"

#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TONG_TEST(clean)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
}

TONG_TEST(assertion)
{
    ck_assert_int_eq(1 + 1, 3);
}

TONG_TEST(unexpected_error)
{
    ck_ok(-2);
}

TONG_TEST(unexpected_success)
{
    ck_error(0, -2);
}

TONG_TEST(descriptor)
{
    ck_assert_int_ge(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
}

TONG_TEST(closed_descriptor)
{
    ck_assert_int_eq(close(STDIN_FILENO), 0);
}

static int wait_for_ever(void *context)
{
    (void)context;
    while (pause() < 0)
        continue;
    return 0;
}

TONG_TEST(child)
{
    runner_fork(wait_for_ever, NULL);
}

static int leave_orphan(void *context)
{
    if (fork() == 0) {
        setsid();
        wait_for_ever(context);
    }
    return 0;
}

TONG_TEST(orphan)
{
    runner_join_ok(runner_fork(leave_orphan, NULL), 5000);
}

static int exit_with_7(void *context)
{
    (void)context;
    return 7;
}

TONG_TEST(failing_child)
{
    runner_join_ok(runner_fork(exit_with_7, NULL), 5000);
}

static int assert_wrongly(void *context)
{
    ck_assert_ptr_nonnull(context);
    return 0;
}

TONG_TEST(assertion_in_child)
{
    runner_join_ok(runner_fork(assert_wrongly, NULL), 5000);
}

TONG_TEST(endless_child)
{
    runner_join(runner_fork(wait_for_ever, NULL), 100);
}

static void *thread_main(void *context)
{
    wait_for_ever(context);
    return NULL;
}

TONG_TEST(thread)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, thread_main, NULL), 0);
}

TONG_TEST(socket_file)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "left.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    close(fd);
}

TONG_TEST(fifo)
{
    ck_assert_int_eq(mkfifo("left.fifo", 0600), 0);
}

TONG_TEST(lock_file)
{
    close(open("left.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
}

static pid_t runner_pid;
static char object_name[64];
static key_t queue_key;

__attribute__((constructor)) static void name_objects(void)
{
    runner_pid = getpid();
    snprintf(object_name, sizeof object_name, "/tong-left-%d", (int)runner_pid);
    queue_key = 0x746f0000 + (key_t)runner_pid;
}

/* In the runner, when all tests are over: where there is no private name space, nobody else would remove them. */
__attribute__((destructor)) static void remove_objects(void)
{
    int queue = msgget(queue_key, 0);

    if (getpid() != runner_pid)
        return;
    shm_unlink(object_name);
    mq_unlink(object_name);
    if (queue >= 0)
        msgctl(queue, IPC_RMID, NULL);
}

TONG_TEST(shared_object)
{
    close(shm_open(object_name, O_CREAT | O_RDWR, 0600));
}

TONG_TEST(posix_queue)
{
    mq_close(mq_open(object_name, O_CREAT | O_RDWR, 0600, NULL));
    if (access("/dev/mqueue", F_OK) != 0 && access("/dev/shm/.mqueue", F_OK) != 0)
        ck_abort_msg("no directory shows the queues");
}

TONG_TEST(system_v_queue)
{
    ck_assert_int_ge(msgget(queue_key, IPC_CREAT | 0600), 0);
}

static void *volatile kept;

/* What a sanitizer reports fails the test; only the builds with that sanitizer expect it. */
TONG_TEST(memory)
{
    /* Several, since the last one's address may still be in a register. */
    for (int i = 0; i < 8; i++)
        kept = malloc(64);
}

TONG_TEST(overflow)
{
    int n = INT_MAX - (int)(getpid() == 0);

    ck_assert_int_ne(n + 1, 0);
}

static int shared_count;

static void *count_up(void *context)
{
    shared_count++;
    return context;
}

TONG_TEST(race)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, count_up, NULL), 0);
    count_up(NULL);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

TONG_TEST(crash)
{
    abort();
}

TONG_TEST_TIMEOUT(hang, 1)
{
    wait_for_ever(NULL);
}

TONG_TEST_LOOP(third_of_five, 0, 5)
{
    ck_assert_int_ne(_i, 2);
}

TONG_TEST(seed)
{
    ck_abort_msg("seed %llu", (unsigned long long)runner_seed());
}
