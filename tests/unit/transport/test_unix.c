/* SPDX-License-Identifier: MIT */
/* The slots of unix: that are more than the hub's: who may talk to whom, joining, adopting. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/sys.h"
#include "transport/transport.h"

enum { NOBODY = 65534 };

static const struct tongi_transport_ops *const ops = &tongi_unix_ops;

struct end {
    void *state;
    struct tongi_report report;
    struct tongi_start start;
};

static struct end listener, tx, rx;
static char name[40], room[100];

static void end_init(struct end *end, const char *rest, uint32_t role, uint32_t side)
{
    tongi_report_init(&end->report);
    end->state = tongi_sys_alloc(ops->state_bytes);
    ck_assert_ptr_nonnull(end->state);
    end->start = (struct tongi_start){.address = "unix:test", .rest = rest, .role = role, .side = side};
    end->start.opts = ops->presets;
    end->start.opts.abstract = TONG_YES;
    end->start.report = &end->report;
}

static void end_open(struct end *end, uint32_t role, uint32_t side)
{
    snprintf(name, sizeof name, "tong-unix-%d", (int)getpid());
    end_init(end, name, role, side);
    ck_ok(ops->start(end->state, &end->start));
}

static void end_close(struct end *end)
{
    ops->close(end->state, true);
    tongi_sys_free(end->state);
    tongi_report_fini(&end->report);
}

static int64_t end_send(struct end *end, const char *text)
{
    return ops->send(end->state, &(tong_view){text, strlen(text)}, 1);
}

static int64_t end_recv(struct end *end, tong_meta *meta)
{
    tong_bytes msg = {room, sizeof room};
    int64_t r = ops->recv(end->state, &msg, 1, meta);

    return r == 1 ? (int64_t)msg.len : r;
}

static uint64_t refused(const struct end *end)
{
    return tongi_load_relaxed_u64(&end->report.refused);
}

/* ---- who is there ---------------------------------------------------------------------------------------------- */

TONG_TEST(the_kernel_vouches_for_the_sender)
{
    tong_meta meta = {.struct_size = sizeof meta};

    end_open(&rx, TONG_PULL, TONG_LISTEN);
    end_open(&tx, TONG_PUSH, TONG_CONNECT);
    ck_assert_int_eq(end_send(&tx, "who?"), 1);
    ck_assert_int_eq(end_recv(&rx, &meta), 4);
    ck_assert_uint_eq(meta.flags, TONG_VOUCHED);
    ck_assert_uint_eq(meta.pid, (uint32_t)getpid());
    ck_assert_uint_eq(meta.uid, geteuid());
    ck_assert_uint_eq(meta.gid, getegid());
    end_close(&tx);
    end_close(&rx);
}

/* A path's permissions do what they say; for a name without a file there is nobody else to trust than the kernel's
 * word. */
TONG_TEST(without_the_kernels_word_an_abstract_name_is_closed)
{
    faulty_install();
    end_open(&rx, TONG_PULL, TONG_LISTEN);
    end_open(&tx, TONG_PUSH, TONG_CONNECT);
    faulty_fail_from(FAULTY_getsockopt, 1, ENOBUFS);
    ck_error(end_send(&tx, "x"), -EACCES);
    faulty_fail(FAULTY_getsockopt, 0, 0);
    ck_error(end_recv(&rx, NULL), -EAGAIN);
    end_close(&tx);
    end_close(&rx);
}

static int connect_as_nobody(void *context)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    (void)context;
    ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY), 0);
    memcpy(address.sun_path + 1, name, strlen(name));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
                     0);
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
    return 0;
}

/* The listener's calls are turned by hand until the stranger is gone. */
static void stranger_comes(int64_t (*turn)(void))
{
    pid_t child = runner_fork(connect_as_nobody, NULL);

    while (refused(&listener) == 0)
        ck_error(turn(), -EAGAIN);
    runner_join_ok(child, 5000);
    ck_assert_uint_eq(refused(&listener), 1);
}

static int64_t receive(void)
{
    return end_recv(&listener, NULL);
}

static int64_t accept_pair(void)
{
    return ops->accept(listener.state, rx.state, &rx.start);
}

TONG_TEST(an_abstract_listener_is_for_one_user)
{
    if (geteuid() != 0)
        return;
    end_open(&listener, TONG_PULL, TONG_LISTEN);
    stranger_comes(receive);
    end_open(&tx, TONG_PUSH, TONG_CONNECT);
    ck_assert_int_eq(end_send(&tx, "friend"), 1);
    ck_assert_int_eq(end_recv(&listener, NULL), 6);
    end_close(&tx);
    end_close(&listener);
}

/* Also where each peer becomes a channel of its own: the stranger is turned away and the wait goes on. */
TONG_TEST(an_abstract_listener_for_pairs_is_for_one_user)
{
    if (geteuid() != 0)
        return;
    end_open(&listener, TONG_PAIR, TONG_LISTEN);
    end_init(&rx, name, TONG_PAIR, TONG_LISTEN);
    stranger_comes(accept_pair);
    end_open(&tx, TONG_PAIR, TONG_CONNECT);
    ck_assert_int_eq(end_send(&tx, "friend"), 1);
    ck_ok(accept_pair());
    ck_assert_int_eq(end_recv(&rx, NULL), 6);
    end_close(&tx);
    end_close(&rx);
    end_close(&listener);
}

static int listen_to_as_nobody(void *context)
{
    (void)context;
    ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY), 0);
    end_init(&tx, name, TONG_PUSH, TONG_CONNECT);
    ck_ok(ops->start(tx.state, &tx.start));
    ck_error(end_send(&tx, "x"), -EACCES);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "user 0 is another user"));
    end_close(&tx);
    return 0;
}

TONG_TEST(an_abstract_connector_looks_whom_it_talks_to)
{
    if (geteuid() != 0)
        return;
    end_open(&listener, TONG_PULL, TONG_LISTEN);
    runner_join_ok(runner_fork(listen_to_as_nobody, NULL), 5000);
    end_close(&listener);
}

/* ---- joining, adopting, accepting ------------------------------------------------------------------------------ */

TONG_TEST(two_joined_ends)
{
    end_init(&tx, "", TONG_PAIR, TONG_CONNECT);
    end_init(&rx, "", TONG_PAIR, TONG_CONNECT);
    ck_ok(ops->pair(tx.state, &tx.start, rx.state, &rx.start));
    ck_assert_int_eq(end_send(&tx, "there"), 1);
    ck_assert_int_eq(end_recv(&rx, NULL), 5);
    ck_assert_int_eq(end_send(&rx, "back"), 1);
    ck_assert_int_eq(end_recv(&tx, NULL), 4);
    ck_error(ops->accept(tx.state, rx.state, &rx.start), TONG_E_STATE);
    ck_ok(ops->flush(tx.state, TONG_ACCEPTED));
    ck_error(ops->flush(tx.state, TONG_TAKEN), TONG_E_NOCAP);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "inproc"));
    end_close(&tx);
    ck_error(end_recv(&rx, NULL), TONG_E_GONE);
    end_close(&rx);
}

TONG_TEST(what_is_adopted)
{
    int fds[2], pipes[2];
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    end_init(&tx, "", TONG_PAIR, TONG_CONNECT);
    end_init(&rx, "", TONG_PAIR, TONG_CONNECT);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(ops->adopt(tx.state, listening, &tx.start), 1);
    ck_assert_int_eq(ops->adopt(tx.state, pipes[0], &tx.start), 1);
    if (inet >= 0)
        ck_assert_int_eq(ops->adopt(tx.state, inet, &tx.start), 1);
    ck_error(ops->adopt(tx.state, 1000, &tx.start), -EBADF);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_ok(ops->adopt(tx.state, fds[0], &tx.start));
    ck_ok(ops->adopt(rx.state, fds[1], &rx.start));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        ck_assert(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    }
    ck_assert_int_eq(end_send(&tx, "adopted"), 1);
    ck_assert_int_eq(end_recv(&rx, NULL), 7);
    end_close(&tx);
    end_close(&rx);
    close(listening);
    close(inet);
    close(pipes[0]);
    close(pipes[1]);
}

/* A state that never began, and one whose beginning failed, can be closed. */
TONG_TEST(closing_what_never_began)
{
    end_init(&tx, "absent/x.sock", TONG_PULL, TONG_LISTEN);
    end_close(&tx);
    end_init(&tx, "absent/x.sock", TONG_PULL, TONG_LISTEN);
    tx.start.opts.abstract = TONG_NO;
    ck_error(ops->start(tx.state, &tx.start), -ENOENT);
    end_close(&tx);
}
