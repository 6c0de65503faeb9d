/* SPDX-License-Identifier: MIT */
/* Names of Unix sockets: any length, exact modes, the dead replaced by proof and the living never. */
#include "unix_name_places.h"

/* ---- paths ----------------------------------------------------------------------------------------------------- */

static void paths_work(const char *path)
{
    ck_ok(try_listen(&listener, path, 0600));
    ck_assert(exists(path));
    connects(path);
    ck_error(try_listen(&other, path, 0600), -EADDRINUSE);
    place_fini(&other);
    connects(path);
    place_fini(&listener);
    ck_assert(!exists(path));
    ck_error(try_connect(path), -EAGAIN);
}

TONG_TEST(a_relative_path)
{
    paths_work(PATH);
    paths_work("./" PATH);
}

TONG_TEST(an_absolute_path)
{
    paths_work(in_cwd(PATH));
}

TONG_TEST_LOOP(a_path_over_107_bytes, 0, 4)
{
    paths_work(deep_path(_i < 2 ? 120 : 2000, _i % 2));
}

/* Every length around what the kernel's field holds. */
TONG_TEST(paths_around_the_kernels_limit)
{
    char path[200];

    ck_assert_ptr_nonnull(getcwd(cwd, sizeof cwd));
    size_t base = strlen(cwd) + 1;
    for (size_t len = 100; len <= 115; len++) {
        if (len <= base)
            continue;
        memcpy(path, cwd, base - 1);
        path[base - 1] = '/';
        memset(path + base, 'n', len - base);
        path[len] = 0;
        paths_work(path);
    }
}

/* A directory may be replaced by its descriptor, but the last part must be written out where a socket is bound. */
TONG_TEST(a_long_last_part)
{
    char name[300];

    memset(name, 'n', sizeof name);
    name[105] = 0;
    paths_work(name);
    ck_ok(try_listen(&listener, name, 0600));
    connects(in_cwd(name)); /* which is longer than the kernel's field */
    ck_error(try_listen(&other, in_cwd(name), 0600), -EADDRINUSE);
    place_fini(&other);
    place_fini(&listener);
    ck_error(try_listen(&listener, in_cwd(name), 0600), TONG_E_ADDRESS);
    says("107 bytes");
    place_fini(&listener);
    name[105] = 'n';
    name[150] = 0;
    ck_error(try_listen(&listener, name, 0600), TONG_E_ADDRESS);
    says("107 bytes");
    place_fini(&listener);
    ck_error(try_connect(name), -EAGAIN);
    ck_assert(!exists(name));
    name[150] = 'n';
    name[260] = 0;
    ck_error(try_listen(&listener, name, 0600), TONG_E_ADDRESS);
    says("lock file");
    place_fini(&listener);
}

TONG_TEST(paths_that_are_none)
{
    ck_error(try_listen(&listener, "", 0600), TONG_E_ADDRESS);
    place_fini(&listener);
    ck_error(try_listen(&listener, "directory/", 0600), TONG_E_ADDRESS);
    says("ends in '/'");
    place_fini(&listener);
    ck_error(try_listen(&listener, "absent/" PATH, 0600), -ENOENT);
    place_fini(&listener);
    ck_error(try_connect("absent/" PATH), -EAGAIN);
    make_file("file");
    ck_error(try_listen(&listener, "file/" PATH, 0600), -ENOTDIR);
    place_fini(&listener);
    ck_error(try_connect("file/" PATH), -ENOTDIR);
    unlink("file");
}

/* ---- today's directory ----------------------------------------------------------------------------------------- */

static void enter(const char *directory)
{
    ck_assert_int_eq(chdir(directory), 0);
}

TONG_TEST(a_relative_path_means_the_directory_of_then)
{
    struct place connector;

    ck_assert_int_eq(mkdir("here", 0700) | mkdir("there", 0700), 0);
    enter("here");
    ck_ok(try_listen(&listener, PATH, 0600));
    ck_ok(place_init(&connector, PATH, TONG_CONNECT));
    enter("../there");
    close((int)ck_ok(tongi_unix_connect(&connector.name)));
    /* The same name in the new directory is somebody else's. */
    ck_ok(try_listen(&other, PATH, 0600));
    place_fini(&listener);
    ck_assert(!exists("../here/" PATH));
    ck_assert(exists(PATH));
    ck_error(tongi_unix_connect(&connector.name), -EAGAIN);
    tongi_unix_name_fini(&connector.name, true);
    place_fini(&other);
    enter("..");
    rmdir("here");
    rmdir("there");
}

TONG_TEST(without_proc_the_path_itself_is_left)
{
    ck_ok(try_listen(&listener, PATH, 0600));
    faulty_install();
    faulty_fail(FAULTY_connect, 1, ENOENT);
    faulty_fail(FAULTY_fstatat, 1, ENOENT);
    connects(PATH);
    ck_assert_uint_eq(faulty_count(FAULTY_connect), 2);
    place_fini(&listener);
}

/* ---- modes ----------------------------------------------------------------------------------------------------- */

static mode_t asked;

static void check_mode(bool exact)
{
    struct stat status;

    ck_assert_int_eq(lstat(PATH, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777 & ~asked, 0);
    if (exact)
        ck_assert_uint_eq(status.st_mode & 07777, asked);
}

static int watched_bind(int fd, const struct sockaddr *address, socklen_t len)
{
    int r = tongi_sys_real.bind(fd, address, len);

    ck_assert_int_eq(r, 0);
    check_mode(false);
    return r;
}

static int watched_listen(int fd, int backlog)
{
    check_mode(true);
    return tongi_sys_real.listen(fd, backlog);
}

TONG_TEST(modes_are_exact_and_never_wider)
{
    static const mode_t masks[] = {0, 022, 027, 077, 0777}, modes[] = {0600, 0660, 0666, 0622, 0200, 0777};
    struct stat status;

    faulty_install();
    tongi_sys_table.bind = watched_bind;
    tongi_sys_table.listen = watched_listen;
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++)
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            asked = modes[i];
            umask(masks[m]);
            ck_ok(try_listen(&listener, PATH, asked));
            check_mode(true);
            if (masks[m] != 0777) {
                ck_assert_int_eq(lstat(LOCK, &status), 0);
                ck_assert_uint_eq(status.st_mode & 0177, 0);
            }
            place_fini(&listener);
        }
    umask(022);
}

/* ---- the stale and the living ---------------------------------------------------------------------------------- */

TONG_TEST(a_stale_socket_is_replaced)
{
    close(foreign(PATH, SOCK_STREAM, true));
    ino_t stale = inode_of(PATH);
    make_file("keep"); /* so that the inode is not given out again */
    ck_ok(try_listen(&listener, PATH, 0600));
    (void)stale;
    connects(PATH);
    place_fini(&listener);
    ck_assert(!exists(PATH));
    unlink("keep");
}

static int listen_until_killed(void *context)
{
    int *pipe_fds = context;

    ck_ok(try_listen(&listener, PATH, 0600));
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    pause();
    return 0;
}

TONG_TEST(a_killed_listener_is_replaced)
{
    int pipe_fds[2], status;
    char byte;

    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid_t child = runner_fork(listen_until_killed, pipe_fds);
    ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1);
    ck_error(try_listen(&listener, PATH, 0600), -EADDRINUSE);
    says("somebody listens there already");
    place_fini(&listener);
    kill(child, SIGKILL);
    status = runner_join(child, 5000);
    ck_assert(WIFSIGNALED(status));
    ck_assert(exists(PATH) && exists(LOCK));
    ck_error(try_connect(PATH), -EAGAIN);
    ck_ok(try_listen(&listener, PATH, 0600));
    connects(PATH);
    place_fini(&listener);
    ck_assert(!exists(PATH) && !exists(LOCK));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void not_stolen(const char *path)
{
    ino_t inode = inode_of(PATH);

    ck_error(try_listen(&listener, path, 0600), -EADDRINUSE);
    place_fini(&listener);
    ck_error(tongi_unix_remove(&(struct tongi_start){.address = "unix:test", .rest = path}), -EBUSY);
    ck_assert(inode_of(PATH) == inode);
    ck_assert(!exists(LOCK));
}

TONG_TEST(a_foreign_listener_is_not_stolen)
{
    int fd = foreign(PATH, SOCK_STREAM, true);

    not_stolen(PATH);
    says("lives there");
    not_stolen(in_cwd(PATH));
    close(fd);
    ck_ok(try_listen(&listener, PATH, 0600));
    place_fini(&listener);
}

TONG_TEST(a_foreign_socket_of_another_type_is_not_stolen)
{
    int fd = foreign(PATH, SOCK_DGRAM, false);

    not_stolen(PATH);
    close(fd);
    fd = foreign("y.sock", SOCK_SEQPACKET, true);
    ck_error(try_listen(&listener, "y.sock", 0600), -EADDRINUSE);
    place_fini(&listener);
    close(fd);
    unlink("y.sock");
    unlink(PATH);
}

/* Bound, and about to listen: it refuses connections as the dead do, but the kernel lists it, by whatever spelling. */
TONG_TEST_LOOP(a_foreign_socket_that_is_not_listening_yet, 0, 5)
{
    int fd, directory = open(".", O_PATH | O_CLOEXEC);
    char spelling[108];

    ck_assert_int_eq(mkdir("d", 0700), 0);
    ck_assert_int_eq(symlink(".", "link"), 0);
    const char *spellings[] = {PATH, "./" PATH, "d/../link/" PATH, spelling, spelling};
    if (_i == 3) {
        in_cwd(PATH);
        ck_assert_int_lt(snprintf(spelling, sizeof spelling, "%s/link/%s", cwd, PATH), (int)sizeof spelling);
    }
    if (_i == 4)
        snprintf(spelling, sizeof spelling, "/proc/self/fd/%d/%s", directory, PATH);
    fd = foreign(spellings[_i], SOCK_STREAM, false);
    not_stolen(PATH);
    not_stolen(in_cwd(PATH));
    close(fd);
    ck_ok(try_listen(&listener, PATH, 0600));
    place_fini(&listener);
    close(directory);
    unlink("link");
    rmdir("d");
}

/* Of its own file is enough of a proof: others that have the same last part live elsewhere. */
TONG_TEST(a_namesake_elsewhere_is_in_nobodys_way)
{
    ck_assert_int_eq(mkdir("d", 0700), 0);
    int fd = foreign(in_cwd("d/" PATH), SOCK_STREAM, false);
    close(foreign(PATH, SOCK_STREAM, true));
    ck_ok(try_listen(&listener, PATH, 0600));
    place_fini(&listener);
    close(fd);
    unlink("d/" PATH);
    rmdir("d");
}

/* What a dead listener accepted lives on and bears its name; it will never listen. */
TONG_TEST(the_connections_of_a_dead_listener_are_in_nobodys_way)
{
    int fd = foreign(in_cwd(PATH), SOCK_STREAM, true), client = (int)ck_ok(try_connect(PATH));
    int server = accept(fd, NULL, NULL);

    ck_assert_int_ge(server, 0);
    close(fd);
    ck_ok(try_listen(&listener, PATH, 0600));
    place_fini(&listener);
    close(client);
    close(server);
}

static int open_but_not_the_list(int directory, const char *path, int flags, mode_t mode)
{
    if (strcmp(path, "/proc/net/unix") == 0) {
        errno = EMFILE;
        return -1;
    }
    return tongi_sys_real.open_at(directory, path, flags, mode);
}

/* Without the proof nothing is removed. */
TONG_TEST(an_unreadable_list_proves_nothing)
{
    close(foreign(PATH, SOCK_STREAM, true));
    faulty_install();
    tongi_sys_table.open_at = open_but_not_the_list;
    not_stolen(PATH);
    faulty_remove();
    faulty_install();
    faulty_fail(FAULTY_read, 1, EIO);
    ck_error(try_listen(&listener, PATH, 0600), -EADDRINUSE);
    says("remove it by hand");
    place_fini(&listener);
    ck_assert(exists(PATH));
    ck_ok(try_listen(&listener, PATH, 0600));
    place_fini(&listener);
}
