/* SPDX-License-Identifier: MIT */
#include "transport/unix_name.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sys/sys.h"
#include "transport/unix_peer.h"

#define LOCK_SUFFIX ".lock"
/* A lock file that was unlinked between our opening and locking it is tried again; each turn needs another listener to
 * have come and gone in between. */
#define LOCK_TRIES 100

/* ---- names ----------------------------------------------------------------------------------------------------- */

static size_t directory_len(const struct tongi_unix_name *name)
{
    return (size_t)(name->base - name->path);
}

static int directory_open(const struct tongi_unix_name *name)
{
    char path[TONGI_REST_MAX + 1];
    size_t len = directory_len(name);

    if (len == 0)
        return tongi_sys_open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    memcpy(path, name->path, len);
    path[len] = 0;
    return tongi_sys_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

int tongi_unix_type(uint32_t socket)
{
    return socket == TONG_SOCKET_DGRAM ? SOCK_DGRAM : socket == TONG_SOCKET_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;
}

int tongi_unix_directory(const struct tongi_unix_name *name)
{
    return name->directory >= 0 ? tongi_sys_open_at(name->directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
                                : directory_open(name);
}

void tongi_unix_name_none(struct tongi_unix_name *name, const struct tongi_start *start)
{
    *name = (struct tongi_unix_name){
        .address = start->address,
        .path = start->rest,
        .allow = &start->allow,
        .type = tongi_unix_type(start->opts.socket),
        .abstract = start->opts.abstract == TONG_YES,
        .senders = start->opts.credentials == TONG_CREDENTIALS_MESSAGE,
        .directory = -1,
        .lock = -1,
    };
}

int tongi_unix_name_init(struct tongi_unix_name *name, const struct tongi_start *start)
{
    size_t len = strlen(start->rest);

    tongi_unix_name_none(name, start);
    name->connects = start->side == TONG_CONNECT;
    /* Where nothing connects, each message is asked who sent it. */
    if (name->type == SOCK_DGRAM)
        name->senders = !name->connects && (name->senders || name->allow->count);
    if (len == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: a unix address needs a path, such as unix:work.sock", start->address);
    if (name->abstract) {
        if (len + 1 > sizeof((struct sockaddr_un *)NULL)->sun_path)
            return TONG_FAIL(TONG_E_ADDRESS, "%s: an abstract name has at most %zu bytes, this one %zu", start->address,
                             sizeof((struct sockaddr_un *)NULL)->sun_path - 1, len);
        return 0;
    }
    const char *slash = strrchr(name->path, '/');
    name->base = slash ? slash + 1 : name->path;
    if (*name->base == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: the path ends in '/'; a socket needs a name there", start->address);
    /* A relative path means today's directory, also when the program has moved on. */
    if (start->side != TONG_CONNECT || name->path[0] != '/')
        name->directory = directory_open(name);
    if (name->directory < 0 && start->side != TONG_CONNECT)
        return TONG_FAIL(name->directory, "%s: its directory cannot be used: %s", start->address,
                         tong_error_text(name->directory));
    return 0;
}

static int address_fill(const struct tongi_unix_name *name, int directory, const char *path,
                        struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    size_t room = sizeof ret_address->sun_path;
    size_t len = strlen(path);

    memset(ret_address, 0, sizeof *ret_address);
    ret_address->sun_family = AF_UNIX;
    if (name->abstract) {
        memcpy(ret_address->sun_path + 1, path, len);
        *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
        return 0;
    }
    *ret_len = sizeof *ret_address;
    if (directory < 0) {
        if (len >= room)
            return -ENAMETOOLONG;
        memcpy(ret_address->sun_path, path, len + 1);
        return 0;
    }
    /* The kernel's field holds 107 bytes; the directory's descriptor stands for however many more. */
    int used = snprintf(ret_address->sun_path, room, "/proc/self/fd/%d/%s", directory, name->base);
    if ((size_t)used < room)
        return 0;
    return TONG_FAIL(TONG_E_ADDRESS,
                     "%s: in a path of over %zu bytes the last part may have at most %zu; this one has %zu",
                     name->address, room - 1, room - 1 - ((size_t)used - strlen(name->base)), strlen(name->base));
}

/* ---- connecting ------------------------------------------------------------------------------------------------ */

static int socket_make(const struct tongi_unix_name *name)
{
    int fd = tongi_sys_socket(AF_UNIX, name->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return TONG_FAIL(fd, "%s: no socket: %s%s", name->address, tong_error_text(fd),
                         fd == -EMFILE ? " (raise 'ulimit -n')" : "");
    /* Before anybody can send: what was sent earlier tells nothing. */
    int r = name->senders ? tongi_unix_ask_senders(name, fd) : 0;
    if (r < 0) {
        tongi_sys_close(fd);
        return TONG_TRACE(r);
    }
    return fd;
}

/* One try over one spelling of the path; the system's error, no sentence. */
static int connect_by(const struct tongi_unix_name *name, int fd, int directory, const char *path)
{
    struct sockaddr_un address;
    socklen_t len;
    int r = address_fill(name, directory, path, &address, &len);

    return r < 0 ? r : tongi_sys_connect(fd, (const struct sockaddr *)&address, len);
}

/* Where the name is too long to stand behind its directory's descriptor, a descriptor of the socket stands for both;
 * and it says what file it is that was connected to, whatever becomes of the name. */
static int connect_through(const struct tongi_unix_name *name, int fd, int directory, struct stat *ret_file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = tongi_sys_open_at(directory, name->base, O_PATH | O_CLOEXEC, 0);

    if (file < 0)
        return file;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
    int r = tongi_sys_fstat(file, ret_file);
    if (r >= 0)
        r = tongi_sys_connect(fd, (const struct sockaddr *)&address, sizeof address);
    tongi_sys_close(file);
    return r;
}

static bool is_proc_missing(void)
{
    struct stat status;

    return tongi_sys_fstatat(AT_FDCWD, "/proc/self/fd", &status, 0) < 0;
}

static int connect_any(struct tongi_unix_name *name, int fd)
{
    bool fits = strlen(name->path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
    struct stat file;

    if (name->abstract || (fits && name->path[0] == '/'))
        return connect_by(name, fd, -1, name->path);
    int kept = name->directory;
    int directory = kept >= 0 ? kept : directory_open(name);
    if (directory < 0)
        return directory;
    bool follows =
        sizeof "/proc/self/fd/2147483647/" + strlen(name->base) <= sizeof((struct sockaddr_un *)NULL)->sun_path;
    int r = follows ? connect_by(name, fd, directory, name->path) : connect_through(name, fd, directory, &file);
    /* Where /proc is not mounted only the path itself is left; elsewhere it might mean another directory by now. */
    if (r == -ENOENT && fits && is_proc_missing())
        r = connect_by(name, fd, -1, name->path);
    if (kept < 0)
        tongi_sys_close(directory);
    return r;
}

static bool is_no_socket(const struct tongi_unix_name *name)
{
    struct stat status;

    return tongi_sys_fstatat(name->directory >= 0 ? name->directory : AT_FDCWD,
                             name->directory >= 0 ? name->base : name->path, &status, 0) >= 0 &&
           !S_ISSOCK(status.st_mode);
}

static int connect_fail(const struct tongi_unix_name *name, int error)
{
    switch (error) {
    case -ECONNREFUSED:
        if (!name->abstract && is_no_socket(name))
            return TONG_FAIL(-ENOTSOCK, "%s: there is something else than a socket", name->address);
        return -EAGAIN;
    case -ENOENT:
    case -EAGAIN:
        return -EAGAIN;
    case -EACCES:
    case -EPERM:
        return TONG_FAIL(error,
                         "%s: permission denied; connecting needs the right to write to the socket file (the "
                         "listener's mode= and its directory)",
                         name->address);
    case -EPROTOTYPE:
        return TONG_FAIL(
            error, "%s: the socket there is of another kind; open both sides with the same socket=", name->address);
    case TONG_E_ADDRESS:
        return error;
    default:
        return TONG_FAIL(error, "%s: connect: %s", name->address, tong_error_text(error));
    }
}

/* Nobody answers at a datagram socket, so that its file alone tells whose it is; nothing is sent until it did. */
static int connect_datagram(const struct tongi_unix_name *name, int fd)
{
    struct stat file;
    int directory = tongi_unix_directory(name);
    int r = directory < 0 ? directory : connect_through(name, fd, directory, &file);

    if (r >= 0)
        return tongi_unix_check_owner(name, directory, file.st_uid);
    tongi_sys_close(directory);
    if (r == -ENOENT && is_proc_missing())
        return TONG_FAIL(-EACCES, "%s: without /proc nobody knows whose socket that is; mount it, or use socket=stream",
                         name->address);
    return connect_fail(name, r);
}

int tongi_unix_connect(struct tongi_unix_name *name)
{
    int fd = socket_make(name);

    if (fd < 0)
        return TONG_TRACE(fd);
    int r = name->type == SOCK_DGRAM ? connect_datagram(name, fd) : connect_any(name, fd);
    if (r >= 0)
        return fd;
    tongi_sys_close(fd);
    return name->type == SOCK_DGRAM ? TONG_TRACE(r) : connect_fail(name, r);
}

/* ---- the lock beside the socket -------------------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int lock_try(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return tongi_sys_fcntl_lock(fd, F_OFD_SETLK, &whole);
}

static int lock_check(const struct tongi_unix_name *name, const char *file, int fd)
{
    struct stat status;
    int r = tongi_sys_fstat(fd, &status);

    if (r < 0)
        return TONG_FAIL(r, "%s: %s: %s", name->address, file, tong_error_text(r));
    if (!S_ISREG(status.st_mode))
        return TONG_FAIL(-EACCES, "%s: %s is not a regular file; tong does not use it", name->address, file);
    return 0;
}

/* 0: locked, and the file is still the one by that name. 1: it was removed meanwhile. */
static int lock_confirm(const struct tongi_unix_name *name, const char *file, int fd)
{
    struct stat opened, named;

    if (tongi_sys_fstat(fd, &opened) < 0 || tongi_sys_fstatat(name->directory, file, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return 1;
    return !same_file(&opened, &named);
}

static int lock_file_name(const struct tongi_unix_name *name, char *ret_file, size_t room)
{
    int used = snprintf(ret_file, room, "%s" LOCK_SUFFIX, name->base);

    return (size_t)used < room ? 0
                               : TONG_FAIL(TONG_E_ADDRESS,
                                           "%s: the name is too long for its lock file; it may have at "
                                           "most %zu bytes",
                                           name->address, room - sizeof LOCK_SUFFIX);
}

/* Takes the listener's lock: a descriptor, or -EADDRINUSE if somebody has it. */
static int lock_take(const struct tongi_unix_name *name)
{
    char file[NAME_MAX + 1];
    int r = lock_file_name(name, file, sizeof file);

    for (int i = 0; r >= 0 && i < LOCK_TRIES; i++) {
        int fd = tongi_sys_open_at(name->directory, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (fd < 0)
            return TONG_FAIL(fd, "%s: its lock file %s cannot be used: %s", name->address, file, tong_error_text(fd));
        r = lock_check(name, file, fd);
        if (r >= 0) {
            r = lock_try(fd);
            if (r == -EAGAIN || r == -EACCES)
                r = TONG_FAIL(-EADDRINUSE, "%s: somebody listens there already", name->address);
            else if (r < 0)
                r = TONG_FAIL(r, "%s: its lock file %s cannot be locked: %s", name->address, file, tong_error_text(r));
            else if (lock_confirm(name, file, fd) == 0)
                return fd;
        }
        tongi_sys_close(fd);
    }
    return r < 0 ? TONG_TRACE(r)
                 : TONG_FAIL(-EADDRINUSE, "%s: too many others come and go at its lock file", name->address);
}

static void lock_drop(const struct tongi_unix_name *name, int lock)
{
    char file[NAME_MAX + 1];

    if (lock_file_name(name, file, sizeof file) >= 0)
        tongi_sys_unlinkat(name->directory, file, 0);
    tongi_sys_close(lock);
}

/* ---- listening ------------------------------------------------------------------------------------------------- */

typedef bool each_socket(const char *path, bool listening, void *context);

/* One line of the kernel's list; what is connected is no listener and will never be one. A datagram socket hears from
 * the moment it has its name. */
static bool each_line(const char *line, each_socket *each, void *context)
{
    enum { LISTENING = 0x10000, UNCONNECTED = 1 };
    unsigned flags = 0, type = 0, state = 0;
    int path_at = 0;

    if (sscanf(line, "%*s %*s %*s %x %x %x %*s %n", &flags, &type, &state, &path_at) != 3 || !path_at)
        return false;
    if (state != UNCONNECTED || !line[path_at] || line[path_at] == '@')
        return false;
    return each(line + path_at, type == SOCK_DGRAM || flags & LISTENING, context);
}

/* Calls each() with the path of every listening or merely bound socket until it is true: then 1, otherwise 0, or
 * the system's error. */
static int kernel_lists(each_socket *each, void *context)
{
    char text[8192];
    size_t have = 0;
    int found = 0;
    int fd = tongi_sys_open_at(AT_FDCWD, "/proc/net/unix", O_RDONLY | O_CLOEXEC, 0);

    if (fd < 0)
        return fd;
    while (!found) {
        ssize_t got = tongi_sys_read(fd, text + have, sizeof text - 1 - have);
        if (got <= 0) {
            found = (int)got;
            break;
        }
        have += (size_t)got;
        text[have] = 0;
        char *line = text;
        for (char *end; !found && (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            found = each_line(line, each, context);
        }
        have -= (size_t)(line - text);
        memmove(text, line, have);
    }
    tongi_sys_close(fd);
    return found;
}

struct suspect {
    const struct tongi_unix_name *name;
    const struct stat *status;
};

/* Might that be the socket of our name's file, by a program that has yet to call listen()? */
static bool is_suspect(const char *path, bool listening, void *context)
{
    const struct suspect *suspect = context;
    const char *slash = strrchr(path, '/');
    struct stat status;

    if (listening || strcmp(slash ? slash + 1 : path, suspect->name->base) != 0)
        return false;
    /* Where a relative path begins is not known, and so its last part is enough. */
    if (path[0] != '/' || strncmp(path, "/proc/self/", strlen("/proc/self/")) == 0)
        return true;
    return tongi_sys_fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) >= 0 && same_file(&status, suspect->status);
}

/* Clears the way for a new socket file, under the lock: what is there is left alone unless it is proven stale. */
static int stale_remove(struct tongi_unix_name *name)
{
    struct stat status;
    int r = tongi_sys_fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return TONG_FAIL(r, "%s: %s", name->address, tong_error_text(r));
    if (!S_ISSOCK(status.st_mode))
        return TONG_FAIL(-EEXIST, "%s: there is something else than a socket; tong does not remove it", name->address);
    int fd = socket_make(name);
    if (fd < 0)
        return TONG_TRACE(fd);
    r = connect_any(name, fd);
    tongi_sys_close(fd);
    /* Refused means that nobody listens, but a program that is not tong may be about to: then the kernel lists it. */
    if (r == -ECONNREFUSED)
        r = kernel_lists(is_suspect, &(struct suspect){name, &status});
    else
        r = 1;
    if (r < 0)
        return TONG_FAIL(-EADDRINUSE,
                         "%s: a socket is there, and whether it is stale cannot be told, since /proc/net/unix cannot "
                         "be read: %s; remove it by hand if nobody uses it",
                         name->address, tong_error_text(r));
    if (r > 0)
        return TONG_FAIL(-EADDRINUSE, "%s: another program's socket lives there", name->address);
    r = tongi_sys_unlinkat(name->directory, name->base, 0);
    return r < 0 && r != -ENOENT
               ? TONG_FAIL(r, "%s: the stale socket cannot be removed: %s", name->address, tong_error_text(r))
               : 0;
}

/* The path that the kernel is to show: absolute where that fits, so that others find it. */
static const char *shown_path(const struct tongi_unix_name *name, char *ret_path, size_t room)
{
    if (name->path[0] == '/' || tongi_sys_current_directory(ret_path, room) < 0)
        return name->path;
    size_t used = strlen(ret_path), len = strlen(name->path);
    if (used + 1 + len >= room)
        return name->path;
    ret_path[used] = '/';
    memcpy(ret_path + used + 1, name->path, len + 1);
    return ret_path;
}

static int bind_fail(const struct tongi_unix_name *name, int error)
{
    if (error == TONG_E_ADDRESS)
        return error;
    if (error == -EADDRINUSE)
        return TONG_FAIL(error, "%s: somebody listens there already", name->address);
    return TONG_FAIL(error, "%s: bind: %s", name->address, tong_error_text(error));
}

static int bind_listen(struct tongi_unix_name *name, int fd, const char *path, mode_t mode)
{
    struct sockaddr_un address;
    struct stat status;
    socklen_t len;
    /* Before bind: the file never exists with other bits. The umask may take some away, which are given back after. */
    int r = tongi_sys_fchmod(fd, mode);

    if (r >= 0)
        r = address_fill(name, -1, path, &address, &len);
    if (r == -ENAMETOOLONG)
        r = address_fill(name, name->directory, path, &address, &len);
    if (r >= 0)
        r = tongi_sys_bind(fd, (const struct sockaddr *)&address, len);
    if (r < 0)
        return bind_fail(name, r);
    if (!name->abstract && tongi_sys_fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) >= 0 &&
        S_ISSOCK(status.st_mode)) {
        name->device = status.st_dev;
        name->inode = status.st_ino;
        if ((status.st_mode & 0777) != mode)
            r = tongi_sys_fchmodat(name->directory, name->base, mode, 0);
    }
    if (r >= 0 && name->type != SOCK_DGRAM)
        r = tongi_sys_listen(fd, TONGI_BACKLOG);
    return r < 0 ? TONG_FAIL(r, "%s: listen: %s", name->address, tong_error_text(r)) : 0;
}

int tongi_unix_listen(struct tongi_unix_name *name, mode_t mode)
{
    char shown[sizeof((struct sockaddr_un *)NULL)->sun_path];
    const char *path = name->path;

    if (!name->abstract) {
        path = shown_path(name, shown, sizeof shown);
        int lock = lock_take(name);
        if (lock < 0)
            return TONG_TRACE(lock);
        name->lock = lock;
        int r = stale_remove(name);
        if (r < 0)
            return TONG_TRACE(r);
    }
    int fd = socket_make(name);
    if (fd < 0)
        return TONG_TRACE(fd);
    int r = bind_listen(name, fd, path, mode);
    if (r < 0) {
        tongi_sys_close(fd);
        return TONG_TRACE(r);
    }
    return fd;
}

void tongi_unix_name_fini(struct tongi_unix_name *name, bool owner)
{
    struct stat status;

    if (!name->address)
        return;
    if (owner && name->inode && tongi_sys_fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) >= 0 &&
        status.st_dev == name->device && status.st_ino == name->inode)
        tongi_sys_unlinkat(name->directory, name->base, 0);
    if (owner && name->lock >= 0)
        lock_drop(name, name->lock);
    else
        tongi_sys_close(name->lock);
    tongi_sys_close(name->directory);
    *name = (struct tongi_unix_name){.directory = -1, .lock = -1};
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

int tongi_unix_remove(const struct tongi_start *start)
{
    struct tongi_unix_name name;
    struct stat status;
    int r = tongi_unix_name_init(&name, start);

    if (r >= 0 && name.abstract)
        r = TONG_FAIL(TONG_E_NOCAP, "%s: an abstract name goes with its listener; only paths are removed",
                      start->address);
    if (r >= 0) {
        r = tongi_sys_fstatat(name.directory, name.base, &status, AT_SYMLINK_NOFOLLOW);
        if (r < 0)
            r = TONG_FAIL(r, "%s: %s", start->address, tong_error_text(r));
    }
    if (r >= 0)
        r = name.lock = lock_take(&name);
    if (r >= 0)
        r = stale_remove(&name);
    if (r == -EADDRINUSE)
        r = TONG_FAIL(-EBUSY, "%s: somebody lives there; end that program first", start->address);
    tongi_unix_name_fini(&name, true);
    return r;
}

struct listing {
    int (*each)(const char *rest, const tong_stats *stats, void *context);
    void *context;
    int result;
};

/* A listening socket is tong's if somebody holds the lock beside it. */
static bool list_one(const char *path, bool listening, void *context)
{
    struct listing *listing = context;
    char lock[TONGI_REST_MAX + sizeof LOCK_SUFFIX];
    struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (!listening || path[0] != '/' || strlen(path) > TONGI_REST_MAX)
        return false;
    snprintf(lock, sizeof lock, "%s" LOCK_SUFFIX, path);
    int fd = tongi_sys_open_at(AT_FDCWD, lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool ours = tongi_sys_fcntl_lock(fd, F_OFD_GETLK, &held) >= 0 && held.l_type != F_UNLCK;
    tongi_sys_close(fd);
    if (ours)
        listing->result = listing->each(path, NULL, listing->context);
    return listing->result != 0;
}

int tongi_unix_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context)
{
    struct listing listing = {each, context, 0};

    int r = kernel_lists(list_one, &listing);
    if (r < 0 && r != -ENOENT)
        return TONG_FAIL(r, "unix: /proc/net/unix cannot be read: %s", tong_error_text(r));
    return listing.result;
}
