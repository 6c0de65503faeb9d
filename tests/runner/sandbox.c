/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "inventory.h"
#include "runner.h"

/* How long a thread that was joined may still be seen: the kernel reports it gone a moment before it is. */
#define THREADS_SETTLE_MS 1000

/* Of the sanitizers, in builds that have them. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
const char *__tsan_default_options(void);

static char directory[200];
static pid_t runner_pid;
static struct inventory before;

/* Check ends a test's process by _exit, at which the thread sanitizer would not turn its reports into a failure. */
const char *__tsan_default_options(void)
{
    return "halt_on_error=1:die_after_fork=0";
}

static void give_up(const char *what)
{
    fprintf(stderr, "tests cannot run: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static bool have_own_namespace(void)
{
    const char *queues = "/dev/mqueue";

    if (unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0)
        return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, "mode=1777") != 0)
        return false;
    if (access(queues, F_OK) != 0) {
        queues = "/dev/shm/.mqueue"; /* where they are seen, and the machine keeps no trace */
        mkdir(queues, 0755);
    }
    return mount("none", queues, "mqueue", 0, NULL) == 0;
}

/* Held, and thereby waited for by others, until the process ends. */
static void wait_for_turn(const char *parent)
{
    char path[220];
    int fd;

    snprintf(path, sizeof path, "%s/tong-tests-%u.lock", parent, geteuid());
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        give_up(path);
}

void sandbox_begin(void)
{
    const char *parent = getenv("TMPDIR");

    if (!parent || !*parent)
        parent = "/tmp";
    if (!have_own_namespace())
        wait_for_turn(parent);
    snprintf(directory, sizeof directory, "%s/tong-test.XXXXXX", parent);
    if (!mkdtemp(directory))
        give_up(directory);
    child_tie_to(getppid());
    runner_pid = getpid();
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void sandbox_end(void)
{
    child_kill_all();
    remove_tree(directory);
}

static void go_to_work_directory(void)
{
    char path[240];

    snprintf(path, sizeof path, "%s/%d", directory, (int)getpid());
    if ((mkdir(path, 0700) != 0 && errno != EEXIST) || chdir(path) != 0)
        ck_abort_msg("no working directory %s: %s", path, strerror(errno));
}

static void *no_work(void *context)
{
    return context;
}

/* The thread sanitizer starts a thread of its own when the first other thread begins: that is none of the test's. */
static void start_helpers(void)
{
    pthread_t thread;

    if (__tsan_init && pthread_create(&thread, NULL, no_work, NULL) == 0)
        pthread_join(thread, NULL);
}

void sandbox_enter(void)
{
    if (getpid() != runner_pid)
        child_tie_to(runner_pid);
    go_to_work_directory();
    start_helpers();
    inventory_take(&before);
}

static bool thread_is_left(const char *text)
{
    return strncmp(text, "left behind: thread", 19) == 0;
}

static void compare_until_settled(char *text, size_t len)
{
    for (int ms = 0;; ms++) {
        struct inventory after = INVENTORY_NULL;

        inventory_take(&after);
        inventory_compare(&before, &after, text, len);
        inventory_fini(&after);
        if (!thread_is_left(text) || ms == THREADS_SETTLE_MS)
            return;
        poll(NULL, 0, 1);
    }
}

void sandbox_leave(void)
{
    char text[400];

    if (child_exists()) {
        child_kill_all();
        ck_abort_msg("left behind: a child process");
    }
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        ck_abort_msg("left behind: memory");
    compare_until_settled(text, sizeof text);
    inventory_fini(&before);
    if (text[0])
        ck_abort_msg("%s", text);
}
