/* SPDX-License-Identifier: MIT */
#include "side.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heirs.h"

/* Which side the running thread is; NULL in the test itself. */
static _Thread_local struct side *myself;

static void post(int fd)
{
    uint64_t one = 1;
    CHECK(write(fd, &one, sizeof one) == sizeof one);
}

/* Waits for a post; a side that dies instead fails the test at once. */
static void await(struct side *s, int fd, bool or_death)
{
    struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = or_death ? s->exited : -1, .events = POLLIN}};
    uint64_t one;
    int r;

    do
        r = poll(polled, 2, CONFORM_PATIENCE_MS);
    while (r < 0 && errno == EINTR);
    if (r == 0)
        conform_fail(__FILE__, __LINE__, "the other side did not come within %d ms", CONFORM_PATIENCE_MS);
    if (!polled[0].revents) {
        runner_join_ok(s->pid, CONFORM_PATIENCE_MS);
        conform_fail(__FILE__, __LINE__, "the other side ended before it came");
    }
    CHECK(read(fd, &one, sizeof one) == sizeof one);
}

static int process_main(void *context)
{
    struct side *s = context;

    myself = s;
    if (s->c->inherited)
        heirs_leave_home();
    s->body(s, s->c);
    if (s->c->inherited)
        heirs_forget();
    return 0;
}

static void *thread_main(void *context)
{
    struct side *s = context;

    myself = s;
    s->body(s, s->c);
    post(s->exited);
    return NULL;
}

static void side_init(struct side *s, struct conform *c, side_body *body, void *arg)
{
    s->c = c;
    s->body = body;
    s->arg = arg;
    s->dice = c->dice;
    s->pid = 0;
    s->to_side = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    s->to_test = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    CHECK(s->to_side >= 0 && s->to_test >= 0);
}

static void side_fini(struct side *s)
{
    close(s->to_side);
    close(s->to_test);
    close(s->exited);
}

void side_start_thread(struct side *s, struct conform *c, side_body *body, void *arg)
{
    side_init(s, c, body, arg);
    s->exited = eventfd(0, EFD_CLOEXEC);
    CHECK(s->exited >= 0);
    CHECK(pthread_create(&s->thread, NULL, thread_main, s) == 0);
}

void side_start(struct side *s, struct conform *c, side_body *body, void *arg)
{
    if (!conform_has(c, TONG_CAP_PROCESSES)) {
        side_start_thread(s, c, body, arg);
        return;
    }
    side_init(s, c, body, arg);
    if (c->inherited)
        heirs_bear();
    s->pid = runner_fork(process_main, s);
    s->exited = (int)syscall(SYS_pidfd_open, s->pid, 0);
    CHECK(s->exited >= 0);
}

void side_meet(struct side *s)
{
    post(myself == s ? s->to_test : s->to_side);
    await(s, myself == s ? s->to_side : s->to_test, myself != s);
}

void side_join(struct side *s)
{
    if (s->pid) {
        runner_join_ok(s->pid, CONFORM_PATIENCE_MS);
    } else {
        await(s, s->exited, false);
        CHECK(pthread_join(s->thread, NULL) == 0);
    }
    side_fini(s);
}

void side_kill(struct side *s)
{
    int status;

    CHECK(s->pid > 0);
    CHECK(kill(s->pid, SIGKILL) == 0);
    status = runner_join(s->pid, CONFORM_PATIENCE_MS);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    side_fini(s);
}
