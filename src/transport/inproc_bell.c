/* SPDX-License-Identifier: MIT */
#include "transport/inproc_bell.h"

#include <sys/eventfd.h>

#include "sys/sys.h"

int tongi_inproc_bell_make(struct inproc_bell *bell)
{
    if (bell->made)
        return 0;
    int fd = tongi_sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return fd;
    *bell = (struct inproc_bell){.fd = fd, .made = true};
    return 1;
}

static bool move(const struct inproc_bell *bell, bool up)
{
    uint64_t one = 1;

    return up ? tongi_sys_write(bell->fd, &one, sizeof one) > 0 : tongi_sys_read(bell->fd, &one, sizeof one) > 0;
}

void tongi_inproc_bell_tell(struct inproc_bell *bell, bool holds)
{
    if (bell->up != holds && move(bell, holds))
        bell->up = holds;
    if (bell->up)
        bell->armed = false;
}

void tongi_inproc_bell_close(struct inproc_bell *bell)
{
    if (bell->made)
        tongi_sys_close(bell->fd);
    *bell = (struct inproc_bell){0};
}
