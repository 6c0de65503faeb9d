/* SPDX-License-Identifier: MIT */
/* What stands in a listener's way, what is ours to remove, and who may. */
#include "unix_name_places.h"

/* ---- what is no socket ------------------------------------------------------------------------------------------ */

TONG_TEST_LOOP(something_else_in_the_way, 0, 5)
{
    if (_i == 0)
        make_file(PATH);
    if (_i == 1)
        ck_assert_int_eq(symlink("nowhere", PATH), 0);
    if (_i == 2)
        ck_assert_int_eq(mkfifo(PATH, 0600), 0);
    if (_i == 3)
        ck_assert_int_eq(mkdir(PATH, 0700), 0);
    if (_i == 4) {
        close(foreign("stale", SOCK_STREAM, true));
        ck_assert_int_eq(symlink("stale", PATH), 0);
    }
    ino_t inode = inode_of(PATH);
    ck_error(try_listen(&listener, PATH, 0600), -EEXIST);
    says("something else than a socket");
    place_fini(&listener);
    ck_error(tongi_unix_remove(&(struct tongi_start){.address = "unix:test", .rest = PATH}), -EEXIST);
    ck_assert(inode_of(PATH) == inode);
    ck_assert(!exists(LOCK));
    if (_i == 0 || _i == 2 || _i == 3) {
        ck_error(try_connect(PATH), -ENOTSOCK);
        says("something else");
    }
    remove(PATH);
    unlink("stale");
}

TONG_TEST(a_connector_and_another_kind_of_socket)
{
    int fd = foreign(PATH, SOCK_DGRAM, false);

    ck_error(try_connect(PATH), -EPROTOTYPE);
    says("of another kind");
    close(fd);
    unlink(PATH);
}

TONG_TEST_LOOP(a_lock_file_that_is_none, 0, 4)
{
    if (_i == 0) {
        make_file("target");
        ck_assert_int_eq(symlink("target", LOCK), 0);
    }
    if (_i == 1)
        ck_assert_int_eq(symlink("absent", LOCK), 0);
    if (_i == 2)
        ck_assert_int_eq(mkfifo(LOCK, 0600), 0);
    if (_i == 3)
        ck_assert_int_eq(mkdir(LOCK, 0700), 0);
    ck_assert_int_lt(try_listen(&listener, PATH, 0600), 0);
    says(LOCK);
    place_fini(&listener);
    ck_assert(exists(LOCK) && !exists(PATH) && !exists("absent"));
    remove(LOCK);
    unlink("target");
}

static int removals;

/* The file vanishes between being opened and being locked. */
static int lock_and_lose(int fd, int command, struct flock *lock)
{
    if (removals > 0) {
        removals--;
        unlink(LOCK);
    }
    return tongi_sys_real.fcntl_lock(fd, command, lock);
}

TONG_TEST(a_lock_file_that_vanishes)
{
    faulty_install();
    tongi_sys_table.fcntl_lock = lock_and_lose;
    removals = 5;
    ck_ok(try_listen(&listener, PATH, 0600));
    ck_error(try_listen(&other, PATH, 0600), -EADDRINUSE);
    place_fini(&other);
    place_fini(&listener);
    removals = INT_MAX;
    ck_error(try_listen(&listener, PATH, 0600), -EADDRINUSE);
    says("come and go");
    place_fini(&listener);
    ck_assert(!exists(LOCK) && !exists(PATH));
}

/* ---- closing --------------------------------------------------------------------------------------------------- */

TONG_TEST(only_what_is_ours_is_removed)
{
    ck_ok(try_listen(&listener, PATH, 0600));
    ck_assert_int_eq(rename(PATH, "moved"), 0);
    int fd = foreign(PATH, SOCK_STREAM, true);
    ino_t inode = inode_of(PATH);
    place_fini(&listener);
    ck_assert(inode_of(PATH) == inode);
    ck_assert(!exists(LOCK));
    connects(PATH);
    close(fd);
    unlink(PATH);
    unlink("moved");
}

TONG_TEST(a_copy_in_a_child_removes_nothing)
{
    ck_ok(try_listen(&listener, PATH, 0600));
    struct place copy = listener;
    copy.name.lock = dup(listener.name.lock);
    copy.name.directory = dup(listener.name.directory);
    tongi_unix_name_fini(&copy.name, false);
    tongi_unix_name_fini(&copy.name, true);
    ck_assert(exists(PATH) && exists(LOCK));
    ck_error(try_listen(&other, PATH, 0600), -EADDRINUSE);
    place_fini(&other);
    place_fini(&listener);
    tongi_unix_name_fini(&(struct tongi_unix_name){0}, true);
}

/* ---- abstract names -------------------------------------------------------------------------------------------- */

static int abstract_init(struct place *place, const char *name, uint32_t side)
{
    place->start = (struct tongi_start){.address = "unix:test", .rest = name, .side = side};
    place->start.opts.abstract = TONG_YES;
    place->fd = -1;
    return tongi_unix_name_init(&place->name, &place->start);
}

TONG_TEST(abstract_only_when_asked)
{
    char name[130];

    snprintf(name, sizeof name, "tong-test-%d", (int)getpid());
    ck_ok(abstract_init(&listener, name, TONG_LISTEN));
    listener.fd = (int)ck_ok(tongi_unix_listen(&listener.name, 0600));
    ck_assert(!exists(name));
    ck_ok(abstract_init(&other, name, TONG_CONNECT));
    close((int)ck_ok(tongi_unix_connect(&other.name)));
    place_fini(&other);
    ck_error(try_connect(name), -EAGAIN);
    ck_ok(abstract_init(&other, name, TONG_LISTEN));
    ck_error(tongi_unix_listen(&other.name, 0600), -EADDRINUSE);
    place_fini(&other);
    place_fini(&listener);
    memset(name, 'n', sizeof name);
    for (size_t len = 100; len < 120; len++) {
        name[len] = 0;
        int r = abstract_init(&listener, name, TONG_LISTEN);
        ck_assert_int_eq(r, len <= 107 ? 0 : TONG_E_ADDRESS);
        if (r == 0)
            listener.fd = (int)ck_ok(tongi_unix_listen(&listener.name, 0600));
        place_fini(&listener);
        name[len] = 'n';
    }
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

static int remove_path(const char *path)
{
    return tongi_unix_remove(&(struct tongi_start){.address = "unix:test", .rest = path});
}

TONG_TEST(removing)
{
    ck_error(remove_path(PATH), -ENOENT);
    ck_error(remove_path(in_cwd(PATH)), -ENOENT);
    ck_assert(!exists(LOCK));
    ck_ok(try_listen(&listener, PATH, 0600));
    ck_error(remove_path(PATH), -EBUSY);
    says("somebody lives there");
    ck_error(remove_path(in_cwd(PATH)), -EBUSY);
    connects(PATH);
    place_fini(&listener);
    for (int i = 0; i < 2; i++) {
        close(foreign(PATH, SOCK_STREAM, true));
        ck_ok(remove_path(i ? in_cwd(PATH) : PATH));
        ck_assert(!exists(PATH) && !exists(LOCK));
    }
    const char *deep = deep_path(200, true);
    ck_ok(try_listen(&listener, deep, 0600));
    ck_error(remove_path(deep), -EBUSY);
    place_fini(&listener);
    ck_error(remove_path(deep), -ENOENT);
    ck_error(remove_path(""), TONG_E_ADDRESS);
    ck_error(remove_path("absent/" PATH), -ENOENT);
}

struct found {
    const char *path;
    int count;
};

static int find(const char *rest, const tong_stats *stats, void *context)
{
    struct found *found = context;

    (void)stats;
    found->count += strcmp(rest, found->path) == 0;
    return 0;
}

static int listed(const char *path)
{
    struct found found = {path, 0};

    ck_ok(tongi_unix_list(find, &found));
    return found.count;
}

TONG_TEST(listing)
{
    int fd = foreign(in_cwd("foreign"), SOCK_STREAM, true), bound = foreign(in_cwd("bound"), SOCK_STREAM, false);

    ck_assert_int_eq(listed(in_cwd(PATH)), 0);
    ck_ok(try_listen(&listener, PATH, 0600));
    int client = (int)ck_ok(try_connect(PATH)), server = accept(listener.fd, NULL, NULL);
    ck_assert_int_eq(listed(in_cwd(PATH)), 1);
    ck_assert_int_eq(listed(in_cwd("foreign")), 0);
    ck_assert_int_eq(listed(in_cwd("bound")), 0);
    faulty_install();
    faulty_fail(FAULTY_open_at, 1, EMFILE);
    ck_error(tongi_unix_list(find, &(struct found){"", 0}), -EMFILE);
    faulty_fail(FAULTY_open_at, 1, ENOENT);
    ck_ok(tongi_unix_list(find, &(struct found){"", 0}));
    place_fini(&listener);
    ck_assert_int_eq(listed(in_cwd(PATH)), 0);
    close(fd);
    close(bound);
    close(client);
    close(server);
    unlink("foreign");
    unlink("bound");
}

/* ---- other users ----------------------------------------------------------------------------------------------- */

enum { NOBODY = 65534 };

static int as_nobody(void *context)
{
    const char *path = context;

    ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY), 0);
    ck_error(try_connect(path), -EACCES);
    says("permission denied");
    /* Neither replaced, nor removed, nor listed. */
    ck_assert_int_lt(try_listen(&other, path, 0600), 0);
    place_fini(&other);
    ck_assert_int_lt(remove_path(path), 0);
    ck_assert_int_eq(listed(path), 0);
    return 0;
}

TONG_TEST(another_user)
{
    char path[PATH_MAX];

    if (geteuid() != 0)
        return;
    ck_assert_uint_lt(strlen(in_cwd(PATH)), sizeof path);
    memcpy(path, in_cwd(PATH), strlen(in_cwd(PATH)) + 1);
    /* Everyone may pass, and make files of their own in the last directory, as in /tmp. */
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        struct stat status;
        ck_assert_int_eq(stat(path, &status), 0);
        if (!(status.st_mode & S_IXOTH))
            ck_assert_int_eq(chmod(path, 01777), 0);
        *slash = '/';
    }
    ck_assert_int_eq(chmod(".", 01777), 0);
    ck_ok(try_listen(&listener, PATH, 0600));
    runner_join_ok(runner_fork(as_nobody, path), 5000);
    connects(PATH);
    ck_assert(exists(LOCK));
    place_fini(&listener);
}
