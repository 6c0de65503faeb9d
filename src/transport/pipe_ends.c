/* SPDX-License-Identifier: MIT */
#include "transport/pipe_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <tong/tong.h>

#include "base/error.h"
#include "base/number.h"
#include "sys/sys.h"

/* Below are the standard ones, which a program uses without being asked. */
#define NUMBER_MIN 3
#define NUMBER_MAX 0x7fffffff

void tongi_pipe_close(struct tongi_pipe_ends *ends)
{
    ends->in = tongi_sys_close(ends->in);
    ends->out = tongi_sys_close(ends->out);
}

/* A process that has closed its standard descriptors gets their numbers first. */
static int lift(int *fd)
{
    if (*fd >= NUMBER_MIN)
        return 0;
    int lifted = tongi_sys_fcntl_int(*fd, F_DUPFD_CLOEXEC, NUMBER_MIN);
    if (lifted < 0)
        return lifted;
    tongi_sys_close(*fd);
    *fd = lifted;
    return 0;
}

static int one_way(struct tongi_pipe_ends *to, struct tongi_pipe_ends *from)
{
    int fds[2];
    int r = tongi_sys_pipe2(fds, O_CLOEXEC);

    if (r < 0)
        return r;
    to->in = fds[0];
    from->out = fds[1];
    r = lift(&to->in);
    return r < 0 ? r : lift(&from->out);
}

int tongi_pipe_make(struct tongi_pipe_ends ret_ends[2], uint32_t directions, const char *address)
{
    struct tongi_pipe_ends ends[2] = {TONGI_PIPE_ENDS_NONE, TONGI_PIPE_ENDS_NONE};
    int r = directions & TONG_IN ? one_way(&ends[0], &ends[1]) : 0;

    if (r >= 0 && directions & TONG_OUT)
        r = one_way(&ends[1], &ends[0]);
    if (r < 0) {
        tongi_pipe_close(&ends[0]);
        tongi_pipe_close(&ends[1]);
        return TONG_FAIL(r, "%s: no pipes: %s (raise 'ulimit -n')", address, tong_error_text(r));
    }
    ret_ends[0] = ends[0];
    ret_ends[1] = ends[1];
    return 0;
}

int tongi_pipe_set_nonblocking(const struct tongi_pipe_ends *ends)
{
    const int fds[2] = {ends->in, ends->out};
    int r = 0;

    for (int i = 0; i < 2 && r >= 0; i++) {
        if (fds[i] < 0)
            continue;
        r = tongi_sys_fcntl_int(fds[i], F_GETFL, 0);
        if (r >= 0)
            r = tongi_sys_fcntl_int(fds[i], F_SETFL, r | O_NONBLOCK);
    }
    return r;
}

int tongi_pipe_tell(const struct tongi_pipe_ends *ends, char *ret_variable, size_t room)
{
    struct stat in, out;
    int r = tongi_sys_fstat(ends->in, &in);

    if (r >= 0)
        r = tongi_sys_fstat(ends->out, &out);
    if (r >= 0)
        snprintf(ret_variable, room, "%s=%d:%llu,%d:%llu", TONGI_PIPE_VARIABLE, ends->in, (unsigned long long)in.st_ino,
                 ends->out, (unsigned long long)out.st_ino);
    return r < 0 ? r : 0;
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

struct claim {
    int fd;
    uint64_t inode;
};

/* "7:81724" up to a character, behind which the text goes on; NULL if it is none. */
static const char *claim_parse(const char *text, char end, struct claim *ret_claim)
{
    const char *colon = strchr(text, ':');
    const char *stop = colon ? strchr(colon, end) : NULL;
    uint64_t number;

    if (!stop || tongi_parse_count(text, (size_t)(colon - text), &number) < 0 || number > NUMBER_MAX ||
        tongi_parse_count(colon + 1, (size_t)(stop - colon - 1), &ret_claim->inode) < 0)
        return NULL;
    ret_claim->fd = (int)number;
    return stop + (end != '\0');
}

/* Is the claimed descriptor that pipe, open for this, and not taken? */
static int claim_check(const struct claim *claim, int access, const char *address)
{
    struct stat status;
    int flags = tongi_sys_fcntl_int(claim->fd, F_GETFD, 0);

    if (flags < 0)
        return TONG_FAIL(-ENOENT,
                         "%s: descriptor %d, of which " TONGI_PIPE_VARIABLE " tells, is not open here; ends that a "
                         "program was given are not for those that it starts in turn",
                         address, claim->fd);
    int r = tongi_sys_fstat(claim->fd, &status);
    int opened = tongi_sys_fcntl_int(claim->fd, F_GETFL, 0);
    if (r < 0 || opened < 0 || !S_ISFIFO(status.st_mode) || status.st_ino != claim->inode ||
        (opened & O_ACCMODE) != access)
        return TONG_FAIL(-ENOENT,
                         "%s: descriptor %d is not the pipe of which " TONGI_PIPE_VARIABLE " tells; whoever set that "
                         "variable gave this process no ends",
                         address, claim->fd);
    if (flags & FD_CLOEXEC)
        return TONG_FAIL(-EBUSY, "%s: this process has opened its ends already; tong_spawn gives a program one channel",
                         address);
    return 0;
}

int tongi_pipe_take(struct tongi_pipe_ends *ret_ends, const char *address)
{
    const char *text = tongi_sys_getenv(TONGI_PIPE_VARIABLE);
    struct claim in = {-1, 0}, out = {-1, 0};

    if (!text)
        return TONG_FAIL(-ENOENT,
                         "%s: nobody gave this process an end: " TONGI_PIPE_VARIABLE " is not set; programs that "
                         "tong_spawn starts have it",
                         address);
    const char *second = claim_parse(text, ',', &in);
    if (!second || !claim_parse(second, '\0', &out) || in.fd == out.fd)
        return TONG_FAIL(TONG_E_CORRUPT,
                         "%s: " TONGI_PIPE_VARIABLE " is '%.80s' and should be two descriptors, each with the inode "
                         "number of its pipe, as in '5:81724,6:81725'",
                         address, text);
    int r = claim_check(&in, O_RDONLY, address);
    if (r >= 0)
        r = claim_check(&out, O_WRONLY, address);
    if (r < 0)
        return r;
    struct tongi_pipe_ends ends = {in.fd, out.fd};
    r = tongi_sys_fcntl_int(in.fd, F_SETFD, FD_CLOEXEC);
    if (r >= 0)
        r = tongi_sys_fcntl_int(out.fd, F_SETFD, FD_CLOEXEC);
    if (r < 0) {
        tongi_pipe_close(&ends);
        return TONG_FAIL(r, "%s: %s", address, tong_error_text(r));
    }
    *ret_ends = ends;
    return 0;
}
