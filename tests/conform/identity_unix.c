/* SPDX-License-Identifier: MIT */
/* Who is at the other end of unix: allow=, names that anybody could have made, deaths, and the sender of each message.
 * Most of it takes two users, so that only root can see it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"
#include "users.h"

static tong_event next_event(tong_channel *ch)
{
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);
    tong_event event;

    while (ck_ok(tong_events(ch, &event, 1)) == 0)
        CHECK(conform_clock_ns() < until);
    return event;
}

/* ---- who is let in ---------------------------------------------------------------------------------------------- */

static int send_as_nobody(void *query)
{
    tong_channel *ch;

    users_become(NOBODY);
    ch = bare_open_as(TONG_PUSH, query);
    ck_ok(tong_send(ch, "from nobody", 11, conform_patience()));
    ck_ok(tong_finish(ch, conform_patience()));
    tong_close(ch);
    return 0;
}

/* The refusal comes as soon as the listener looks; until then the message is on its way, as anywhere. */
static int be_refused(void *query)
{
    tong_channel *ch;
    int64_t r;

    users_become(NOBODY);
    ch = bare_open_as(TONG_PAIR, query);
    r = tong_recv(ch, NULL, 0, conform_patience());
    SAME(r, TONG_E_REFUSED);
    SAYS("user 65534");
    SAYS("allow=uid:0,gid:7");
    tong_close(ch);
    return 0;
}

static int push_and_be_refused(void *query)
{
    tong_channel *ch;
    int64_t r = 0;

    users_become(NOBODY);
    ch = bare_open_as(TONG_PUSH, query);
    while (r != TONG_E_REFUSED) {
        r = tong_send(ch, "x", 1, conform_patience());
        CHECK(r == 0 || r == TONG_E_REFUSED);
    }
    SAYS("user 65534");
    SAYS("allow=uid:0,gid:7");
    tong_close(ch);
    return 0;
}

TONG_TEST(a_stranger_is_refused_with_the_reason_on_both_sides)
{
    tong_channel *rx;
    tong_event event;
    pid_t child;

    if (!users_can_change())
        return;
    rx = bare_open_as(TONG_PULL, "?mode=0666&allow=uid:0,gid:7");
    child = runner_fork(push_and_be_refused, (void *)"");
    event = next_event(rx);
    SAME(event.what, TONG_REFUSED);
    SAME(event.error, -EACCES);
    SAME(event.uid, NOBODY);
    SAME(event.gid, NOBODY);
    SAME(event.pid, child);
    SAME(event.peer, 0);
    CHECK(bare_stats(rx).refused >= 1 && bare_stats(rx).peers == 0);
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    tong_close(rx);
}

TONG_TEST(a_stranger_is_refused_at_a_pair)
{
    tong_channel *listener, *ch, *friend;
    tong_event event;
    pid_t child;

    if (!users_can_change())
        return;
    listener = bare_open_as(TONG_PAIR | TONG_LISTEN, "?mode=0666&allow=uid:0,gid:7");
    child = runner_fork(be_refused, (void *)"");
    while (bare_stats(listener).refused == 0) {
        int r = tong_accept(listener, &ch, tong_in_ms(1));
        CHECK(r == -ETIMEDOUT);
    }
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    event = next_event(listener);
    SAME(event.what, TONG_REFUSED);
    SAME(event.uid, NOBODY);
    friend = bare_open_as(TONG_PAIR, "");
    ck_ok(tong_accept(listener, &ch, conform_patience()));
    bare_neighbour_works(friend, ch);
    tong_close(friend);
    tong_close(ch);
    tong_close(listener);
}

TONG_TEST(users_and_groups_are_let_in)
{
    static const char *const queries[] = {"?mode=0666&allow=uid:1,uid:65534", "?mode=0666&allow=gid:65534",
                                          "?mode=0666&allow=uid:1,gid:65532"};
    tong_event event;

    if (!users_can_change())
        return;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        tong_channel *rx = bare_open_as(TONG_PULL, queries[i]), *own;
        pid_t child = runner_fork(send_as_nobody, (void *)"?allow=uid:0");

        ends_expect(rx, "from nobody");
        event = next_event(rx);
        SAME(event.what, TONG_JOINED);
        SAME(event.uid, NOBODY);
        SAME(event.pid, child);
        runner_join_ok(child, CONFORM_PATIENCE_MS);
        event = next_event(rx);
        SAME(event.what, TONG_LEFT);
        SAME(event.uid, NOBODY);
        /* The list is all there is: also the own user has to be in it. */
        own = bare_open_as(TONG_PUSH, "");
        while (bare_stats(rx).refused == 0)
            ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
        tong_close(own);
        tong_close(rx);
    }
}

TONG_TEST(allow_in_the_struct_is_not_kept)
{
    char text[] = "uid:4000000000";
    const tong_opts opts = {.struct_size = sizeof opts, .allow = text};
    tong_channel *rx, *tx;
    tong_event event;

    ck_ok(tong_open(&rx, BARE_ADDRESS, TONG_PULL, &opts, tong_now()));
    memset(text, 'x', sizeof text - 1);
    tx = bare_open_as(TONG_PUSH, "");
    event = next_event(rx);
    SAME(event.what, TONG_REFUSED);
    SAME(event.uid, geteuid());
    tong_close(tx);
    ck_error(tong_open(&tx, BARE_ADDRESS, TONG_PUSH, &opts, tong_now()), TONG_E_ADDRESS);
    SAYS("uid:1000,gid:100");
    tong_close(rx);
}

/* Packets and foreign programs are asked who they are, too; those who do not speak tong are just hung up on. */
TONG_TEST(every_connection_is_asked)
{
    static const char *const kinds[] = {"socket=seqpacket", "framing=line", "framing=raw"};
    char address[100];
    tong_channel *rx, *tx;
    tong_event event;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(address, sizeof address, BARE_ADDRESS "?allow=uid:4000000000&%s", kinds[i]);
        ck_ok(tong_open(&rx, address, TONG_PULL, NULL, tong_now()));
        ck_error(tong_open(&tx, address, TONG_PUSH, NULL, conform_patience()), -EACCES);
        SAYS("allow=uid:4000000000");
        snprintf(address, sizeof address, BARE_ADDRESS "?%s", kinds[i]);
        ck_ok(tong_open(&tx, address, TONG_PUSH, NULL, conform_patience()));
        do
            event = next_event(rx);
        while (event.what != TONG_REFUSED);
        SAME(event.uid, geteuid());
        SAME(event.error, -EACCES);
        SAME(bare_stats(rx).peers, 0);
        tong_close(tx);
        tong_close(rx);
    }
}

/* ---- whom one talks to ------------------------------------------------------------------------------------------ */

/* Listens as somebody else, and must not get a byte from who comes; then one who means it is served. */
static int squat(void *context)
{
    const struct users_squat *squat = context;
    char byte = 0;
    int listener, fd;

    users_become(NOBODY);
    CHECK(chdir(squat->directory) == 0);
    listener = bare_listen();
    CHECK(chmod(BARE_PATH, 0666) == 0);
    CHECK(write(squat->ready[1], &byte, 1) == 1);
    fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    SAME(recv(fd, &byte, 1, 0), 0);
    close(fd);
    fd = accept(listener, NULL, NULL);
    SAME(recv(fd, &byte, 1, 0), 1);
    close(fd);
    close(listener);
    return 0;
}

static void squatted(const char *directory)
{
    struct users_squat context = {.directory = directory};
    char address[100], byte;
    tong_channel *ch = NULL;
    pid_t child;

    CHECK(pipe2(context.ready, O_CLOEXEC) == 0);
    child = runner_fork(squat, &context);
    SAME(read(context.ready[0], &byte, 1), 1);
    snprintf(address, sizeof address, "unix:%s/" BARE_PATH, directory);
    ck_error(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()), -EACCES);
    CHECK(!ch);
    BEGINS(address);
    SAYS("user 65534");
    SAYS("allow=uid:65534");
    snprintf(address, sizeof address, "unix:%s/" BARE_PATH "?allow=uid:65534", directory);
    ck_ok(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()));
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    tong_close(ch);
    close(context.ready[0]);
    close(context.ready[1]);
    snprintf(address, sizeof address, "%s/" BARE_PATH, directory);
    CHECK(unlink(address) == 0);
}

TONG_TEST(a_squatted_socket_gets_nothing)
{
    if (!users_can_change())
        return;
    CHECK(mkdir("open", 0777) == 0 && chmod("open", 01777) == 0);
    squatted("open");
    /* A directory of theirs in a place for all is no better. */
    CHECK(mkdir("open/theirs", 0755) == 0 && chown("open/theirs", NOBODY, NOBODY) == 0);
    squatted("open/theirs");
    CHECK(rmdir("open/theirs") == 0);
    CHECK(chmod("open", 0775) == 0 && chown("open", 0, NOBODY) == 0);
    squatted("open");
}

static int serve_from(void *directory)
{
    tong_channel *rx;

    users_become(NOBODY);
    CHECK(chdir(directory) == 0);
    rx = bare_open_as(TONG_PULL, "?mode=0666&end=last");
    ends_expect(rx, "to nobody");
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), TONG_E_END);
    tong_close(rx);
    return 0;
}

TONG_TEST(a_listener_in_its_own_place_is_who_it_says)
{
    tong_channel *tx;
    pid_t child;

    if (!users_can_change())
        return;
    CHECK(mkdir("theirs", 0755) == 0 && chown("theirs", NOBODY, NOBODY) == 0);
    child = runner_fork(serve_from, (void *)"theirs");
    ck_ok(tong_open(&tx, "unix:theirs/" BARE_PATH, TONG_PUSH, NULL, conform_patience()));
    ck_ok(tong_send(tx, "to nobody", 9, conform_patience()));
    ck_ok(tong_finish(tx, conform_patience()));
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    tong_close(tx);
}

static int talk_to_root(void *context)
{
    tong_channel *ch = NULL;

    (void)context;
    users_become(SOMEBODY);
    /* Everyone's directory, but root's socket. */
    ck_ok(tong_open(&ch, "unix:open/" BARE_PATH, TONG_PUSH, NULL, conform_patience()));
    ck_ok(tong_send(ch, "to root", 7, conform_patience()));
    tong_close(ch);
    ck_error(tong_open(&ch, "unix:open/" BARE_PATH "?allow=uid:65533", TONG_PUSH, NULL, conform_patience()), -EACCES);
    SAYS("allow=uid:65533");
    return 0;
}

TONG_TEST(root_needs_no_proof)
{
    tong_channel *rx;
    pid_t child;

    if (!users_can_change())
        return;
    CHECK(mkdir("open", 0777) == 0 && chmod("open", 01777) == 0);
    ck_ok(tong_open(&rx, "unix:open/" BARE_PATH "?mode=0666", TONG_PULL, NULL, tong_now()));
    child = runner_fork(talk_to_root, NULL);
    ends_expect(rx, "to root");
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    tong_close(rx);
}

static int talk_over_abstract_name(void *address)
{
    tong_channel *ch;

    users_become(NOBODY);
    ck_ok(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()));
    ck_ok(tong_send(ch, "by name", 7, conform_patience()));
    ck_ok(tong_finish(ch, conform_patience()));
    tong_close(ch);
    return 0;
}

TONG_TEST(an_abstract_name_for_more_than_one_user)
{
    char address[100];
    tong_channel *rx;
    pid_t child;

    if (!users_can_change())
        return;
    snprintf(address, sizeof address, "unix:tong-identity-%d?abstract=yes&allow=uid:0,uid:65534", (int)getpid());
    ck_ok(tong_open(&rx, address, TONG_PULL, NULL, tong_now()));
    child = runner_fork(talk_over_abstract_name, address);
    ends_expect(rx, "by name");
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    tong_close(rx);
}

/* ---- deaths ----------------------------------------------------------------------------------------------------- */

static int say_hello_and_die(void *context)
{
    int fd = bare_connect();

    (void)context;
    bare_hello(fd, TONG_PUSH);
    return 0; /* the kernel closes it */
}

/* Before Linux 6.5 the kernel does not say, and a death is a cut. */
static bool kernel_tells_deaths(void)
{
    int fds[2], pidfd;
    socklen_t len = sizeof pidfd;
    bool tells;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    tells = getsockopt(fds[0], SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &len) == 0;
    if (tells)
        close(pidfd);
    close(fds[0]);
    close(fds[1]);
    return tells;
}

TONG_TEST(a_death_is_told_from_a_cut)
{
    tong_channel *rx = bare_open_as(TONG_PULL, "");
    pid_t child = runner_fork(say_hello_and_die, NULL);
    tong_event event;
    int fd;

    runner_join_ok(child, CONFORM_PATIENCE_MS); /* reaped, so that there is no doubt */
    event = next_event(rx);
    SAME(event.what, TONG_JOINED);
    SAME(event.pid, child);
    event = next_event(rx);
    SAME(event.what, kernel_tells_deaths() ? TONG_DIED : TONG_CUT);
    SAME(event.pid, child);

    fd = bare_connect();
    bare_hello(fd, TONG_PUSH);
    SAME(next_event(rx).what, TONG_JOINED);
    close(fd);
    SAME(next_event(rx).what, TONG_CUT);
    tong_close(rx);
}

/* ---- the sender of each message --------------------------------------------------------------------------------- */

struct two_senders {
    int fd;
    const char *first, *second; /* what this user, and then another one, writes */
};

static int write_second(void *context)
{
    const struct two_senders *two = context;

    users_become(NOBODY);
    bare_write(two->fd, two->second + 1, (size_t)two->second[0]);
    return 0;
}

static void write_both(int fd, const char *first, const char *second)
{
    struct two_senders two = {fd, first, second};

    bare_write(fd, first + 1, (size_t)first[0]);
    runner_join_ok(runner_fork(write_second, &two), CONFORM_PATIENCE_MS);
}

static tong_meta receive_one(tong_channel *rx, char what)
{
    tong_meta meta = {.struct_size = sizeof meta};
    char room[8];

    SAME(tong_recv_meta(rx, room, sizeof room, &meta, conform_patience()), 1);
    SAME(room[0], what);
    return meta;
}

#define MESSAGE(letter) "\x01\0\0\0\x01\0\0\0" letter

TONG_TEST(each_message_tells_its_sender)
{
    tong_channel *rx;
    tong_meta meta;
    tong_span spans[4];
    tong_meta metas[4];
    int fd;

    if (!users_can_change())
        return;
    rx = bare_open_as(TONG_PULL, "?credentials=message");
    fd = bare_connect();
    bare_hello(fd, TONG_PUSH); /* before the listener has looked: what it asked for holds already */
    write_both(fd, "\x12" MESSAGE("a") MESSAGE("b"), "\x12" MESSAGE("c") MESSAGE("d"));
    for (char what = 'a'; what <= 'd'; what++) {
        meta = receive_one(rx, what);
        SAME(meta.flags, TONG_VOUCHED);
        SAME(meta.uid, what <= 'b' ? 0 : NOBODY);
        SAME(meta.gid, what <= 'b' ? 0 : NOBODY);
        CHECK((meta.pid == (uint32_t)getpid()) == (what <= 'b'));
    }
    /* One message of two senders is nobody's. */
    write_both(fd, "\x0d" MESSAGE("e") "\x01\0\0\0",
               "\x0e"
               "\x01\0\0\0f" MESSAGE("g"));
    meta = receive_one(rx, 'e');
    SAME(meta.uid, 0);
    SAME(meta.flags, TONG_VOUCHED);
    meta = receive_one(rx, 'f');
    SAME(meta.flags, 0);
    SAME(meta.pid, 0);
    meta = receive_one(rx, 'g');
    SAME(meta.flags, TONG_VOUCHED);
    SAME(meta.uid, NOBODY);
    /* In place, too. */
    write_both(fd, "\x09" MESSAGE("h"), "\x12" MESSAGE("i") MESSAGE("j"));
    for (int due = 0; due < 3;) {
        int64_t n;
        for (int i = 0; i < 4; i++)
            metas[i] = (tong_meta){.struct_size = sizeof metas[i]};
        n = ck_ok(tong_peek(rx, spans, metas, 4, conform_patience()));
        for (int64_t i = 0; i < n; i++, due++) {
            SAME(*(char *)spans[i].data, 'h' + due);
            SAME(metas[i].uid, due == 0 ? 0 : NOBODY);
            SAME(metas[i].flags, TONG_VOUCHED);
        }
        ck_ok(tong_release(rx, spans, (uint32_t)n));
    }
    close(fd);
    tong_close(rx);
}

TONG_TEST(each_packet_tells_its_sender)
{
    tong_channel *rx;
    tong_span spans[4];
    tong_meta metas[4], meta;
    int fd;

    if (!users_can_change())
        return;
    rx = bare_open_as(TONG_PULL, "?credentials=message&socket=seqpacket");
    fd = bare_connect_as(SOCK_SEQPACKET);
    bare_hello(fd, TONG_PUSH);
    for (int i = 0; i < 3; i++) {
        write_both(fd, "\x09" MESSAGE("a"), "\x09" MESSAGE("b"));
        for (char what = 'a'; what <= 'b'; what++) {
            meta = receive_one(rx, what);
            SAME(meta.flags, TONG_VOUCHED);
            SAME(meta.uid, what == 'a' ? 0 : NOBODY);
            CHECK((meta.pid == (uint32_t)getpid()) == (what == 'a'));
        }
    }
    /* In place, with the first still lent when the second is read. */
    write_both(fd, "\x09" MESSAGE("c"), "\x09" MESSAGE("d"));
    for (int64_t due = 0; due < 2;) {
        for (int i = 0; i < 4; i++)
            metas[i] = (tong_meta){.struct_size = sizeof metas[i]};
        int64_t n = ck_ok(tong_peek(rx, spans + due, metas + due, (uint32_t)(4 - due), conform_patience()));
        for (int64_t i = due; i < due + n; i++) {
            SAME(*(char *)spans[i].data, 'c' + i);
            SAME(metas[i].uid, i == 0 ? 0 : NOBODY);
            SAME(metas[i].flags, TONG_VOUCHED);
        }
        due += n;
    }
    ck_ok(tong_release(rx, spans, 2));
    close(fd);
    tong_close(rx);
}

TONG_TEST(without_that_the_connection_tells)
{
    tong_channel *rx;
    tong_meta meta;
    int fd;

    if (!users_can_change())
        return;
    rx = bare_open_as(TONG_PULL, "");
    fd = bare_connect();
    bare_hello(fd, TONG_PUSH);
    write_both(fd, "\x09" MESSAGE("a"), "\x09" MESSAGE("b"));
    for (char what = 'a'; what <= 'b'; what++) {
        meta = receive_one(rx, what);
        SAME(meta.flags, TONG_VOUCHED);
        SAME(meta.uid, 0);
        SAME(meta.pid, getpid());
    }
    close(fd);
    tong_close(rx);
}

/* A long body comes by other reads than a short one. */
static void long_messages_tell(const char *address, size_t long_len)
{
    enum { LEN = 300000 };
    tong_channel *ends[2];
    static char body[LEN];
    tong_meta meta;

    ck_ok(tong_pair(ends, address));
    for (int i = 0; i < 6; i++) {
        size_t len = i % 3 ? long_len : 1;
        int64_t r;

        ck_ok(tong_send(ends[0], body, len, tong_now()));
        meta = (tong_meta){.struct_size = sizeof meta};
        while ((r = tong_recv_meta(ends[1], body, LEN, &meta, tong_now())) == -EAGAIN)
            CHECK(tong_flush(ends[0], TONG_ACCEPTED, tong_now()) <= 0);
        SAME(r, len);
        SAME(meta.flags, TONG_VOUCHED);
        SAME(meta.pid, getpid());
        SAME(meta.uid, geteuid());
    }
    tong_close(ends[0]);
    tong_close(ends[1]);
}

TONG_TEST(a_long_message_tells_its_sender)
{
    long_messages_tell("unix:?credentials=message", 300000);
    long_messages_tell("unix:?credentials=message&socket=seqpacket", 100000);
}
