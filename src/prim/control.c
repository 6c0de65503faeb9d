/* SPDX-License-Identifier: MIT */
#include "prim/control.h"

#include <string.h>

/* What the kernel says of a sender that has no number in this namespace, or of bytes sent before it was asked. */
#define NOBODY 65534u

size_t tongi_control_len(uint32_t descriptors, bool credentials)
{
    /* Not CMSG_SPACE for the last: its padding would be room for one descriptor more. */
    return (credentials ? CMSG_SPACE(3 * sizeof(uint32_t)) : 0) +
           (descriptors ? CMSG_LEN(descriptors * sizeof(int)) : 0);
}

size_t tongi_control_write(union tongi_control_room *room, const int *fds, uint32_t n)
{
    size_t bytes = n * sizeof *fds;

    memset(room->bytes, 0, CMSG_SPACE(bytes));
    room->aligned = (struct cmsghdr){.cmsg_len = CMSG_LEN(bytes), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(room->bytes + CMSG_LEN(0), fds, bytes);
    return CMSG_SPACE(bytes);
}

static void take(const struct cmsghdr *header, const uint8_t *data, size_t len, struct tongi_control *control)
{
    uint32_t numbers[3];

    if (header->cmsg_level != SOL_SOCKET)
        return;
    if (header->cmsg_type == SCM_RIGHTS) {
        uint32_t n = (uint32_t)(len / sizeof(int));
        memcpy(control->fds + control->n_fds, data, n * sizeof(int));
        control->n_fds += n;
    }
    if (header->cmsg_type == SCM_CREDENTIALS && len >= sizeof numbers) {
        memcpy(numbers, data, sizeof numbers);
        control->credentials = true;
        control->pid = numbers[0];
        control->uid = numbers[1];
        control->gid = numbers[2];
    }
}

void tongi_control_read(const uint8_t *bytes, size_t len, struct tongi_control *ret_control)
{
    struct cmsghdr header;

    /* Not the whole struct: its array is long, and this is done for every read. */
    ret_control->credentials = false;
    ret_control->pid = ret_control->uid = ret_control->gid = 0;
    ret_control->n_fds = 0;
    if (len > TONGI_CONTROL_BYTES)
        len = TONGI_CONTROL_BYTES;
    while (len >= CMSG_LEN(0)) {
        memcpy(&header, bytes, sizeof header);
        if (header.cmsg_len < CMSG_LEN(0) || header.cmsg_len > len)
            return;
        take(&header, bytes + CMSG_LEN(0), header.cmsg_len - CMSG_LEN(0), ret_control);
        size_t step = CMSG_ALIGN(header.cmsg_len);
        if (step >= len)
            return;
        bytes += step;
        len -= step;
    }
}

bool tongi_control_is_named(const struct tongi_control *control)
{
    return control->credentials && (control->pid || control->uid != NOBODY);
}
