/* SPDX-License-Identifier: MIT */
/* Where the sockets of unix: live: modes, stale and living names, long paths, other things than sockets, descriptors.
 * */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ends.h"

static tong_channel *open_as(const char *address, uint32_t role)
{
    tong_channel *ch;

    ck_ok(tong_open(&ch, address, role, NULL, conform_patience()));
    return ch;
}

static void refused(const char *address, uint32_t role, int error, const char *says)
{
    tong_channel *ch = NULL;

    ck_error(tong_open(&ch, address, role, NULL, tong_now()), error);
    CHECK(!ch);
    SAYS(says);
}

/* A message goes from a pusher at one address to a puller at the other: they mean the same. */
static void talks(const char *listens, const char *connects)
{
    tong_channel *rx = open_as(listens, TONG_PULL), *tx = open_as(connects, TONG_PUSH);

    ck_ok(tong_send(tx, "hello", 5, conform_patience()));
    ends_expect(rx, "hello");
    tong_close(tx);
    tong_close(rx);
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    CHECK(lstat(path, &status) == 0);
    return status.st_mode;
}

TONG_TEST(private_unless_told_otherwise)
{
    static const mode_t masks[] = {0, 022, 077, 0777};

    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        tong_channel *ch;

        umask(masks[i]);
        ch = open_as("unix:m.sock", TONG_PULL);
        SAME(mode_of("m.sock"), S_IFSOCK | 0600);
        tong_close(ch);
        ch = open_as("unix:m.sock?mode=660", TONG_PULL);
        SAME(mode_of("m.sock"), S_IFSOCK | 0660);
        tong_close(ch);
        CHECK(access("m.sock", F_OK) != 0);
        CHECK(access("m.sock.lock", F_OK) != 0);
    }
    refused("unix:m.sock?mode=1000", TONG_PULL, -ERANGE, "mode");
    refused("unix:m.sock?mode=abc", TONG_PULL, TONG_E_ADDRESS, "mode");
}

TONG_TEST(paths_of_every_length)
{
    char directory[256] = "", address[600];

    /* Directories, one in the other, up to where the kernel's 107 bytes are long passed. */
    for (int depth = 0; depth < 5; depth++) {
        size_t used = strlen(directory);
        snprintf(directory + used, sizeof directory - used, "%sdirectory-of-forty-bytes-length-%08d", used ? "/" : "",
                 depth);
        CHECK(mkdir(directory, 0700) == 0);
        snprintf(address, sizeof address, "unix:%s/x.sock", directory);
        talks(address, address);
    }
    for (size_t len = 60; len < 120; len++) {
        snprintf(address, sizeof address, "unix:%0*d", (int)len, 0);
        tong_channel *ch = NULL;
        int r = tong_open(&ch, address, TONG_PULL, NULL, tong_now());
        if (r < 0) {
            ck_error(r, TONG_E_ADDRESS);
            CHECK(len > 80);
            CHECK(strstr(tong_error_detail(), "bytes"));
            continue;
        }
        tong_close(ch);
        talks(address, address);
    }
}

TONG_TEST(absolute_relative_and_moved)
{
    char here[200], address[300];
    tong_channel *rx, *tx, *late;

    CHECK(getcwd(here, sizeof here));
    snprintf(address, sizeof address, "unix:%s/a.sock", here);
    talks("unix:a.sock", address);
    talks(address, "unix:a.sock");
    talks("unix:./a.sock", "unix://a.sock");

    /* A relative path means the directory of the moment, also for reconnection and for cleaning up. */
    rx = open_as("unix:a.sock", TONG_PULL);
    tx = open_as("unix:a.sock", TONG_PUSH);
    CHECK(mkdir("elsewhere", 0700) == 0 && chdir("elsewhere") == 0);
    ck_ok(tong_send(tx, "x", 1, conform_patience()));
    ends_expect(rx, "x");
    tong_close(rx);
    CHECK(access("../a.sock", F_OK) != 0);
    rx = open_as(address, TONG_PULL);
    ck_ok(tong_send(tx, "y", 1, conform_patience()));
    ends_expect(rx, "y");
    late = open_as("unix:../a.sock", TONG_PUSH);
    tong_close(late);
    tong_close(tx);
    tong_close(rx);
    CHECK(chdir("..") == 0);
}

/* ---- what is there already ------------------------------------------------------------------------------------- */

static int bare_bound(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

TONG_TEST(a_stale_socket_is_replaced)
{
    close(bare_bound("s.sock"));
    CHECK(S_ISSOCK(mode_of("s.sock")));
    talks("unix:s.sock", "unix:s.sock");
    CHECK(access("s.sock", F_OK) != 0);
    close(bare_bound("s.sock"));
    ck_ok(tong_remove("unix:s.sock"));
    CHECK(access("s.sock", F_OK) != 0);
}

TONG_TEST(a_living_strangers_socket_is_not_touched)
{
    struct stat before, after;
    int fd = bare_bound("s.sock");

    CHECK(stat("s.sock", &before) == 0);
    refused("unix:s.sock", TONG_PULL, -EADDRINUSE, "s.sock"); /* bound, and may listen any moment */
    CHECK(listen(fd, 1) == 0);
    refused("unix:s.sock", TONG_PULL, -EADDRINUSE, "s.sock");
    ck_error(tong_remove("unix:s.sock"), -EBUSY);
    CHECK(stat("s.sock", &after) == 0);
    SAME(after.st_ino, before.st_ino);
    close(fd);
    talks("unix:s.sock", "unix:s.sock");
}

TONG_TEST(other_things_are_not_removed)
{
    static const char *const names[] = {"file", "directory", "link", "fifo"};
    char address[64];
    tong_channel *ch = NULL;

    close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(mkdir("directory", 0700) == 0 && symlink("file", "link") == 0 && mkfifo("fifo", 0600) == 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mode_t before = mode_of(names[i]);
        int r;

        snprintf(address, sizeof address, "unix:%s", names[i]);
        r = tong_open(&ch, address, TONG_PULL, NULL, tong_now());
        CHECK(r < 0 && !ch);
        SAYS(address);
        r = tong_open(&ch, address, TONG_PUSH, NULL, tong_in_ms(5));
        CHECK(r < 0 && !ch);
        SAYS(address);
        CHECK(tong_remove(address) < 0);
        SAME(mode_of(names[i]), before);
    }
    CHECK(unlink("fifo") == 0);
    refused("unix:nowhere/x.sock", TONG_PULL, -ENOENT, "nowhere/x.sock");
    refused("unix:directory/", TONG_PULL, TONG_E_ADDRESS, "directory/");
}

/* Somebody made the lock's name point elsewhere: what is there is not opened, not truncated, not locked. */
TONG_TEST(a_lock_is_no_way_elsewhere)
{
    close(open("precious", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(symlink("precious", "l.sock.lock") == 0);
    refused("unix:l.sock", TONG_PULL, -ELOOP, "lock");
    CHECK(unlink("l.sock.lock") == 0 && mkfifo("l.sock.lock", 0600) == 0);
    refused("unix:l.sock", TONG_PULL, -EACCES, "lock");
    CHECK(unlink("l.sock.lock") == 0);
    talks("unix:l.sock", "unix:l.sock");
    CHECK(unlink("precious") == 0);
}

TONG_TEST(only_ones_own_name_is_removed)
{
    tong_channel *ch = open_as("unix:o.sock", TONG_PULL);
    int fd;

    /* An operator removed it and another program took the name. */
    CHECK(unlink("o.sock") == 0);
    fd = bare_bound("o.sock");
    tong_close(ch);
    CHECK(S_ISSOCK(mode_of("o.sock")));
    close(fd);
    CHECK(unlink("o.sock") == 0);
}

static int open_as_nobody(void *context)
{
    (void)context;
    CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    refused("unix:p.sock", TONG_PUSH, -EACCES, "mode=");
    refused("unix:q.sock", TONG_PULL, -EACCES, "q.sock");
    ck_error(tong_remove("unix:p.sock"), -EACCES);
    return 0;
}

TONG_TEST(no_permission_is_said_at_once)
{
    tong_channel *ch;

    if (geteuid() != 0)
        return; /* only root can become somebody else */
    /* The working directory and the runner's, in which it lies, are the only private ones on the way. */
    CHECK(chmod("..", 0755) == 0);
    CHECK(chmod(".", 0755) == 0);
    ch = open_as("unix:p.sock", TONG_PULL);
    runner_join_ok(runner_fork(open_as_nobody, NULL), CONFORM_PATIENCE_MS);
    tong_close(ch);
}

/* ---- abstract names -------------------------------------------------------------------------------------------- */

TONG_TEST(abstract_names_only_if_asked_for)
{
    char address[96], plain[64];
    tong_channel *ch;

    snprintf(plain, sizeof plain, "unix:tong-conform-%d", (int)getpid());
    snprintf(address, sizeof address, "%s?abstract=yes", plain);
    ch = open_as(address, TONG_PULL);
    CHECK(access(plain + 5, F_OK) != 0);
    refused(address, TONG_PULL, -EADDRINUSE, plain);
    refused(plain, TONG_PUSH | TONG_LISTEN | TONG_CONNECT, -EINVAL, plain);
    ck_error(tong_remove(address), TONG_E_NOCAP);
    tong_close(ch);
    talks(address, address);
}

/* ---- descriptors that somebody else made ------------------------------------------------------------------------ */

TONG_TEST(adopted_descriptors_talk)
{
    tong_channel *ends[2];
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    for (int i = 0; i < 2; i++)
        ck_ok(tong_adopt(&ends[i], fds[i], TONG_PAIR, NULL));
    CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
    ck_ok(tong_send(ends[0], "there", 5, conform_patience()));
    ends_expect(ends[1], "there");
    ck_ok(tong_send(ends[1], "and back", 8, conform_patience()));
    ends_expect(ends[0], "and back");
    ck_ok(tong_finish(ends[0], conform_patience()));
    ck_error(tong_recv(ends[1], NULL, 0, conform_patience()), TONG_E_END);
    ends[0] = tong_close(ends[0]);
    ck_error(tong_recv(ends[1], NULL, 0, conform_patience()), TONG_E_END);
    tong_close(ends[1]);
}

TONG_TEST(adopted_roles)
{
    tong_channel *tx, *rx;
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    ck_ok(tong_adopt(&tx, fds[0], TONG_PUSH, NULL));
    ck_ok(tong_adopt(&rx, fds[1], TONG_PULL, NULL));
    ck_ok(tong_send(tx, "x", 1, conform_patience()));
    ends_expect(rx, "x");
    tong_close(tx);
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), TONG_E_GONE); /* nobody else can ever come here */
    tong_close(rx);
}

TONG_TEST(what_cannot_be_adopted)
{
    int pipes[2], packets[2], file = open("f", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    tong_channel *ch = NULL;

    CHECK(pipe2(pipes, O_CLOEXEC) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packets) == 0);
    ck_error(tong_adopt(&ch, -1, TONG_PAIR, NULL), -EBADF);
    ck_error(tong_adopt(&ch, 987, TONG_PAIR, NULL), -EBADF);
    ck_error(tong_adopt(&ch, pipes[0], TONG_PAIR, NULL), TONG_E_NOCAP);
    SAYS("unix:");
    ck_error(tong_adopt(&ch, file, TONG_PAIR, NULL), TONG_E_NOCAP);
    ck_error(tong_adopt(&ch, packets[0], TONG_PAIR, NULL), TONG_E_NOCAP);
    ck_error(tong_adopt(&ch, packets[0], 77, NULL), -EINVAL);
    CHECK(!ch);
    /* They are still the caller's. */
    CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0 && close(packets[0]) == 0 && close(packets[1]) == 0);
    CHECK(close(file) == 0 && unlink("f") == 0);
}
