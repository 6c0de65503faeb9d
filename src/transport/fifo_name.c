/* SPDX-License-Identifier: MIT */
#include "transport/fifo_name.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "sys/sys.h"

/* What others may not have on a FIFO unless mode= says so: who writes, forges messages, and who reads, steals them. */
#define OTHERS (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)
/* A FIFO that is removed between our making and opening it is made again; each turn needs somebody to have done so. */
#define MAKE_TRIES 100

int tongi_fifo_name_init(struct tongi_fifo_name *name, const struct tongi_start *start)
{
    char path[TONGI_REST_MAX + 1];

    *name = (struct tongi_fifo_name){
        .address = start->address,
        .path = start->rest,
        .allow = &start->allow,
        .directory = -1,
        .mode = start->opts.mode,
    };
    if (*name->path == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: a fifo address needs a path, such as fifo:work.fifo", start->address);
    const char *slash = strrchr(name->path, '/');
    name->base = slash ? slash + 1 : name->path;
    if (*name->base == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: the path ends in '/'; a FIFO needs a name there", start->address);
    size_t len = (size_t)(name->base - name->path);
    memcpy(path, len ? name->path : ".", len ? len : 1);
    path[len ? len : 1] = 0;
    name->directory = tongi_sys_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (name->directory < 0)
        return TONG_FAIL(name->directory, "%s: its directory cannot be used: %s", start->address,
                         tong_error_text(name->directory));
    return 0;
}

static bool same_file(const struct stat *left, const struct stat *right)
{
    return left->st_dev == right->st_dev && left->st_ino == right->st_ino;
}

static int look(const struct tongi_fifo_name *name, struct stat *ret_status)
{
    return tongi_sys_fstatat(name->directory, name->base, ret_status, AT_SYMLINK_NOFOLLOW);
}

bool tongi_fifo_is_named(const struct tongi_fifo_name *name, int fd)
{
    struct stat opened, named;

    return tongi_sys_fstat(fd, &opened) >= 0 && look(name, &named) >= 0 && same_file(&opened, &named);
}

/* May it be that user's? Only users count: a file may get its group from its directory. */
static int owner_check(const struct tongi_fifo_name *name, uid_t owner)
{
    char list[TONGI_ALLOW_TEXT_BYTES];

    if (!name->allow->count)
        return owner == tongi_sys_geteuid()
                   ? 0
                   : TONG_FAIL(-EACCES,
                               "%s: the FIFO there is user %u's, and you are %u; choose a name in your own directory, "
                               "or if you mean that user, add allow=uid:%u",
                               name->address, owner, tongi_sys_geteuid(), owner);
    if (tongi_allow_has_user(name->allow, owner))
        return 0;
    tongi_allow_format(name->allow, list, sizeof list);
    return TONG_FAIL(-EACCES, "%s: the FIFO is user %u's, who is not let in: allow=%s (of a FIFO only uid: counts)",
                     name->address, owner, list);
}

/* Is that a FIFO that messages may be trusted to? */
static int check(const struct tongi_fifo_name *name, const struct stat *status)
{
    mode_t lax = status->st_mode & OTHERS & ~name->mode;

    if (S_ISLNK(status->st_mode))
        return TONG_FAIL(-EACCES, "%s: a symbolic link is there; tong does not follow it: give the path it leads to",
                         name->address);
    if (!S_ISFIFO(status->st_mode))
        return TONG_FAIL(-EEXIST, "%s: there is something else than a FIFO; tong does not use it", name->address);
    int r = owner_check(name, status->st_uid);
    if (r < 0)
        return r;
    if (lax)
        return TONG_FAIL(-EACCES,
                         "%s: others may %s the FIFO there (mode %04o); 'chmod %o' it, or allow it with mode=%04o",
                         name->address, lax & (S_IWGRP | S_IWOTH) ? "write" : "read", status->st_mode & 07777,
                         (unsigned)(status->st_mode & 0777 & ~lax), status->st_mode & 0777);
    return 0;
}

static int open_fail(const struct tongi_fifo_name *name, int error)
{
    return TONG_FAIL(error, "%s: it cannot be opened: %s%s", name->address, tong_error_text(error),
                     error == -EMFILE ? " (raise 'ulimit -n')" : "");
}

int tongi_fifo_open(const struct tongi_fifo_name *name, int access)
{
    struct stat status;
    int r = look(name, &status);

    if (r == -ENOENT)
        return -EAGAIN;
    if (r < 0)
        return TONG_FAIL(r, "%s: %s", name->address, tong_error_text(r));
    /* Before opening too, since opening a device may already do something. */
    r = check(name, &status);
    if (r < 0)
        return TONG_TRACE(r);
    int fd = tongi_sys_open_at(name->directory, name->base, access | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0);
    if (fd == -ENXIO || fd == -ENOENT)
        return -EAGAIN;
    if (fd < 0)
        return open_fail(name, fd);
    r = tongi_sys_fstat(fd, &status);
    r = r < 0 ? open_fail(name, r) : check(name, &status);
    if (r < 0) {
        tongi_sys_close(fd);
        return TONG_TRACE(r);
    }
    return fd;
}

/* It was made with what the umask left of the mode; nobody else knows it yet. 1: it is not there any more. */
static int made(struct tongi_fifo_name *name, mode_t mode)
{
    struct stat status;
    int fd = tongi_fifo_open(name, O_RDONLY);

    if (fd == -EAGAIN)
        return 1;
    if (fd < 0)
        return TONG_TRACE(fd);
    int r = tongi_sys_fstat(fd, &status);
    if (r >= 0) {
        name->device = status.st_dev;
        name->inode = status.st_ino;
    }
    if (r >= 0 && (status.st_mode & 0777) != mode)
        r = tongi_sys_fchmod(fd, mode);
    tongi_sys_close(fd);
    return r < 0 ? TONG_FAIL(r, "%s: the mode of the new FIFO cannot be set: %s", name->address, tong_error_text(r))
                 : 0;
}

int tongi_fifo_make(struct tongi_fifo_name *name)
{
    struct stat status;
    int r = 1;

    for (int i = 0; r > 0 && i < MAKE_TRIES; i++) {
        r = look(name, &status);
        if (r != -ENOENT)
            return r < 0 ? TONG_FAIL(r, "%s: %s", name->address, tong_error_text(r)) : check(name, &status);
        /* The new one will be this user's. */
        r = owner_check(name, tongi_sys_geteuid());
        if (r < 0)
            return r;
        r = tongi_sys_mkfifoat(name->directory, name->base, name->mode);
        if (r < 0 && r != -EEXIST)
            return TONG_FAIL(r, "%s: no FIFO can be made there: %s", name->address, tong_error_text(r));
        r = r < 0 ? 1 : made(name, name->mode);
    }
    return r > 0 ? TONG_FAIL(-EADDRINUSE, "%s: others make and remove it all the time", name->address) : r;
}

int tongi_fifo_replace(struct tongi_fifo_name *name, int fd)
{
    struct tongi_fifo_name fresh = *name;
    struct stat status;
    int r = tongi_sys_fstat(fd, &status);

    /* It would be another user's from then on. */
    if (r >= 0 && status.st_uid != tongi_sys_geteuid())
        return TONG_FAIL(
            -EBUSY,
            "%s: in the FIFO there, user %u's, a conversation may be under way, and only its owner may put "
            "another one in its place; end its writers first",
            name->address, status.st_uid);
    if (r >= 0)
        r = tongi_sys_unlinkat(name->directory, name->base, 0);
    if (r >= 0)
        r = tongi_sys_mkfifoat(name->directory, name->base, status.st_mode & 0777);
    if (r >= 0)
        r = made(&fresh, status.st_mode & 0777);
    /* One that somebody else made stays when we go. */
    if (r == 0 && status.st_ino == name->inode && status.st_dev == name->device)
        *name = fresh;
    return r < 0 ? r : 0;
}

/* ---- locks ----------------------------------------------------------------------------------------------------- */

int tongi_fifo_lock(int fd, short type, int64_t at)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    return tongi_sys_fcntl_lock(fd, F_OFD_SETLK, &lock);
}

int tongi_fifo_is_locked(int fd, int64_t at)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    int r = tongi_sys_fcntl_lock(fd, F_OFD_GETLK, &lock);

    return r < 0 ? r : lock.l_type != F_UNLCK;
}

void tongi_fifo_unlock(int fd)
{
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    tongi_sys_fcntl_lock(fd, F_OFD_SETLK, &all);
    tongi_sys_flock(fd, LOCK_UN);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

void tongi_fifo_name_fini(struct tongi_fifo_name *name, bool owner)
{
    struct stat status;

    if (!name->address)
        return;
    if (owner && name->inode && look(name, &status) >= 0 && status.st_dev == name->device &&
        status.st_ino == name->inode)
        tongi_sys_unlinkat(name->directory, name->base, 0);
    tongi_sys_close(name->directory);
    *name = (struct tongi_fifo_name){.directory = -1};
}

static int remove_fail(const struct tongi_fifo_name *name, int error)
{
    return TONG_FAIL(error, "%s: it cannot be removed: %s", name->address, tong_error_text(error));
}

/* Under the reader's lock, so that nobody can come to read it meanwhile. */
static int remove_unread(const struct tongi_fifo_name *name)
{
    int reader = tongi_fifo_open(name, O_RDONLY);
    int r;

    if (reader < 0)
        return reader == -EAGAIN ? remove_fail(name, -ENOENT) : TONG_TRACE(reader);
    if (tongi_sys_flock(reader, LOCK_EX | LOCK_NB) < 0) {
        r = TONG_FAIL(-EBUSY, "%s: somebody begins to read it; end that program first", name->address);
    } else {
        r = tongi_fifo_is_named(name, reader) ? tongi_sys_unlinkat(name->directory, name->base, 0) : -ENOENT;
        r = r < 0 ? remove_fail(name, r) : 0;
    }
    tongi_sys_close(reader);
    return r;
}

int tongi_fifo_remove(const struct tongi_start *start)
{
    struct tongi_fifo_name name;
    struct stat status;
    int r = tongi_fifo_name_init(&name, start);

    if (r >= 0)
        r = look(&name, &status);
    if (r == -ENOENT)
        r = TONG_FAIL(r, "%s: there is no such FIFO", start->address);
    /* Whose it is matters, how open it is does not. */
    name.mode = 0777;
    if (r >= 0) {
        int writer = tongi_fifo_open(&name, O_WRONLY);
        r = writer == -EAGAIN ? remove_unread(&name) : writer;
        if (writer >= 0)
            r = TONG_FAIL(-EBUSY, "%s: somebody reads it; end that program first", start->address);
        tongi_sys_close(writer);
    }
    tongi_fifo_name_fini(&name, false);
    return r < 0 ? TONG_TRACE(r) : 0;
}
