/* SPDX-License-Identifier: MIT */
/* Datagrams of unix: who sent each, and who it is that they are sent to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"
#include "prim/control.h"
#include "users.h"

#define DGRAM "?socket=dgram"

static int send_datagram_as_nobody(void *text)
{
    int fd;

    users_become(NOBODY);
    fd = bare_connect_as(SOCK_DGRAM);
    bare_write(fd, text, strlen(text));
    close(fd);
    return 0;
}

/* Nothing of a stranger's is delivered, and nothing of it is told but who it was. */
TONG_TEST(datagrams_of_strangers_are_dropped)
{
    enum { MANY = 200 };
    static char message[1000];
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM "&size=100&allow=uid:4000000000,gid:4000000000");
    int fd = bare_connect_as(SOCK_DGRAM);
    tong_event events[3];

    for (int i = 0; i < MANY;) {
        if (send(fd, message, i % 2 ? sizeof message : 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            CHECK(errno == EAGAIN);
            ck_error(tong_recv(rx, message, sizeof message, tong_now()), -EAGAIN);
            continue;
        }
        i++;
    }
    ck_error(tong_recv(rx, message, sizeof message, tong_in_ms(1)), -ETIMEDOUT);
    SAME(tong_next_size(rx), -EAGAIN);
    SAME(bare_stats(rx).refused, MANY);
    SAME(bare_stats(rx).lost, 0);
    SAME(tong_events(rx, events, 3), 1);
    SAME(events[0].what, TONG_REFUSED);
    SAME(events[0].error, -EACCES);
    SAME(events[0].pid, getpid());
    SAME(events[0].uid, geteuid());
    SAME(events[0].gid, getegid());
    close(fd);
    tong_close(rx);
}

TONG_TEST(datagrams_of_users_and_groups_are_let_in)
{
    static const char *const queries[] = {DGRAM "&mode=0666&allow=uid:65534", DGRAM "&mode=0666&allow=uid:1,gid:65534"};

    if (!users_can_change())
        return;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        tong_channel *rx = bare_open_as(TONG_PULL, queries[i]);
        int fd = bare_connect_as(SOCK_DGRAM);
        tong_meta meta = {.struct_size = sizeof meta};
        tong_caps caps = {.struct_size = sizeof caps};
        char room[20];
        pid_t child;

        ck_ok(tong_get_caps(rx, &caps));
        CHECK(caps.bits & TONG_CAP_CREDENTIALS);
        bare_write(fd, "stranger", 8);
        child = runner_fork(send_datagram_as_nobody, (void *)"friend");
        runner_join_ok(child, CONFORM_PATIENCE_MS);
        bare_write(fd, "stranger", 8);
        SAME(tong_recv_meta(rx, room, sizeof room, &meta, conform_patience()), 6);
        CHECK(memcmp(room, "friend", 6) == 0);
        SAME(meta.flags, TONG_VOUCHED);
        SAME(meta.pid, child);
        SAME(meta.uid, NOBODY);
        SAME(meta.gid, NOBODY);
        ck_error(tong_recv(rx, room, sizeof room, tong_now()), -EAGAIN);
        SAME(bare_stats(rx).refused, 2);
        close(fd);
        tong_close(rx);
    }
}

TONG_TEST(each_datagram_tells_its_sender)
{
    enum { LONG = 50000 };
    static char room[LONG];
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM "&mode=0666&credentials=message");
    int fd = bare_connect_as(SOCK_DGRAM);
    bool two = users_can_change();
    tong_span spans[3];
    tong_meta metas[3] = {
        {.struct_size = sizeof *metas}, {.struct_size = sizeof *metas}, {.struct_size = sizeof *metas}};

    /* One after the other; then in place, all lent at once; long ones go another way. */
    for (int i = 0; i < 6; i++) {
        bool other = two && i % 2;
        tong_meta meta = {.struct_size = sizeof meta};
        if (other)
            runner_join_ok(runner_fork(send_datagram_as_nobody, (void *)"x"), CONFORM_PATIENCE_MS);
        else
            bare_write(fd, room, i < 3 ? 1 : LONG);
        SAME(tong_recv_meta(rx, room, sizeof room, &meta, conform_patience()), other || i < 3 ? 1 : LONG);
        SAME(meta.flags, TONG_VOUCHED);
        SAME(meta.uid, other ? NOBODY : geteuid());
        CHECK((meta.pid == (uint32_t)getpid()) == !other);
    }
    bare_write(fd, "a", 1);
    if (two)
        runner_join_ok(runner_fork(send_datagram_as_nobody, (void *)"b"), CONFORM_PATIENCE_MS);
    else
        bare_write(fd, "b", 1);
    bare_write(fd, "c", 1);
    SAME(tong_peek(rx, spans, metas, 3, conform_patience()), 3);
    for (int i = 0; i < 3; i++) {
        SAME(*(char *)spans[i].data, 'a' + i);
        SAME(metas[i].flags, TONG_VOUCHED);
        SAME(metas[i].uid, two && i == 1 ? NOBODY : geteuid());
    }
    ck_ok(tong_release(rx, spans, 3));
    close(fd);
    tong_close(rx);
}

TONG_TEST(a_datagram_brings_no_descriptors)
{
    static const char *const queries[] = {DGRAM, DGRAM "&credentials=message"};

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        tong_channel *rx = bare_open_as(TONG_PULL, queries[i]);
        int fd = bare_connect_as(SOCK_DGRAM), before;
        union tongi_control_room beside;
        struct iovec piece = {(char[]){"x"}, 1};
        struct msghdr message = {.msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = beside.bytes,
                                 .msg_controllen = tongi_control_write(&beside, (const int[]){0, 1, 2}, 3)};

        ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
        before = runner_count_fds();
        SAME(sendmsg(fd, &message, MSG_NOSIGNAL), 1);
        ends_expect(rx, "x");
        SAME(runner_count_fds(), before);
        close(fd);
        tong_close(rx);
    }
}

/* Has the name, as somebody else; gets what is meant for it, and not what was sent to the name. */
static int squat_datagrams(void *context)
{
    const struct users_squat *squat = context;
    char byte = 0;
    int fd;

    users_become(NOBODY);
    CHECK(chdir(squat->directory) == 0);
    fd = bare_bind(SOCK_DGRAM);
    CHECK(chmod(BARE_PATH, 0666) == 0);
    CHECK(write(squat->ready[1], &byte, 1) == 1);
    SAME(recv(fd, &byte, 1, 0), 1);
    SAME(byte, 'm');
    close(fd);
    return 0;
}

static void squatted_datagrams(const char *directory, const char *query)
{
    struct users_squat context = {.directory = directory};
    char address[100], byte;
    tong_channel *ch = NULL;
    pid_t child;

    CHECK(pipe2(context.ready, O_CLOEXEC) == 0);
    child = runner_fork(squat_datagrams, &context);
    SAME(read(context.ready[0], &byte, 1), 1);
    if (*query) {
        snprintf(address, sizeof address, "unix:%s/" BARE_PATH DGRAM, directory);
        ck_error(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()), -EACCES);
        CHECK(!ch);
        SAYS("user 65534");
        SAYS("allow=uid:65534");
    }
    snprintf(address, sizeof address, "unix:%s/" BARE_PATH DGRAM "&allow=uid:0,gid:65534", directory);
    ck_error(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()), -EACCES);
    SAYS("user 65534");
    SAYS("uid:");
    snprintf(address, sizeof address, "unix:%s/" BARE_PATH DGRAM "%s", directory, query);
    ck_ok(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()));
    ck_ok(tong_send(ch, "m", 1, conform_patience()));
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    tong_close(ch);
    close(context.ready[0]);
    close(context.ready[1]);
    snprintf(address, sizeof address, "%s/" BARE_PATH, directory);
    CHECK(unlink(address) == 0);
}

TONG_TEST(a_squatted_datagram_socket_gets_nothing)
{
    if (!users_can_change())
        return;
    CHECK(mkdir("open", 0777) == 0 && chmod("open", 01777) == 0);
    squatted_datagrams("open", "&allow=uid:65534");
    CHECK(mkdir("theirs", 0755) == 0 && chown("theirs", NOBODY, NOBODY) == 0);
    squatted_datagrams("theirs", "");
}
