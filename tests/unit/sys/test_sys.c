/* SPDX-License-Identifier: MIT */
/* The calls of sys.c on the real system: what adapts, what allocates, what closes. */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runner/runner.h"

TONG_TEST(open_makes_a_file_with_its_mode)
{
    struct stat status;
    int fd = (int)ck_ok(tongi_sys_open_at(AT_FDCWD, "file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));

    ck_ok(tongi_sys_fstat(fd, &status));
    ck_assert_uint_eq(status.st_mode, S_IFREG | 0600);
    ck_ok(tongi_sys_fchmod(fd, 0640));
    ck_ok(tongi_sys_fstatat(AT_FDCWD, "file", &status, 0));
    ck_assert_uint_eq(status.st_mode, S_IFREG | 0640);
    ck_error(tongi_sys_open_at(AT_FDCWD, "file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600), -EEXIST);
    ck_assert_int_eq(tongi_sys_close(fd), -1);
    ck_ok(tongi_sys_unlinkat(AT_FDCWD, "file", 0));
    ck_error(tongi_sys_open_at(AT_FDCWD, "file", O_RDONLY | O_CLOEXEC, 0), -ENOENT);
}

TONG_TEST(fcntl_takes_numbers_and_locks)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = (int)ck_ok(tongi_sys_open_at(AT_FDCWD, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    int other = (int)ck_ok(tongi_sys_open_at(AT_FDCWD, "file", O_RDWR | O_CLOEXEC, 0));

    ck_assert_int_eq(ck_ok(tongi_sys_fcntl_int(fd, F_GETFD, 0)), FD_CLOEXEC);
    ck_ok(tongi_sys_fcntl_int(fd, F_SETFL, O_NONBLOCK));
    ck_assert_int_eq(ck_ok(tongi_sys_fcntl_int(fd, F_GETFL, 0)) & O_NONBLOCK, O_NONBLOCK);
    ck_error(tongi_sys_fcntl_int(-1, F_GETFD, 0), -EBADF);

    ck_ok(tongi_sys_fcntl_lock(fd, F_OFD_SETLK, &lock));
    lock.l_pid = 0;
    ck_error(tongi_sys_fcntl_lock(other, F_OFD_SETLK, &lock), -EAGAIN);
    tongi_sys_close(fd);
    ck_ok(tongi_sys_fcntl_lock(other, F_OFD_SETLK, &lock));
    tongi_sys_close(other);
}

TONG_TEST(current_directory)
{
    char expected[4096], path[4096];

    ck_assert_ptr_nonnull(getcwd(expected, sizeof expected));
    ck_assert_int_eq(ck_ok(tongi_sys_current_directory(path, sizeof path)), 0);
    ck_assert_str_eq(path, expected);
    ck_error(tongi_sys_current_directory(path, 2), -ERANGE);
}

TONG_TEST(close_keeps_errno)
{
    errno = EXDEV;
    ck_assert_int_eq(tongi_sys_close(-1), -1);
    ck_assert_int_eq(tongi_sys_close(1 << 20), -1);
    ck_assert_int_eq(errno, EXDEV);
}

TONG_TEST(memory_is_zeroed)
{
    static const char zeros[4096];

    for (size_t bytes = 0; bytes <= sizeof zeros; bytes += 512) {
        char *block = tongi_sys_alloc(bytes);
        ck_assert_ptr_nonnull(block);
        ck_assert_int_eq(memcmp(block, zeros, bytes), 0);
        memset(block, 'x', bytes);
        ck_assert_ptr_null(tongi_sys_free(block));
    }
    ck_assert_ptr_null(tongi_sys_free(NULL));
}

TONG_TEST(resize_keeps_what_was_there)
{
    char *block = tongi_sys_resize(NULL, 4);

    ck_assert_ptr_nonnull(block);
    memcpy(block, "abc", 4);
    block = tongi_sys_resize(block, 100000);
    ck_assert_ptr_nonnull(block);
    ck_assert_str_eq(block, "abc");
    block = tongi_sys_resize(block, 2);
    ck_assert_ptr_nonnull(block);
    ck_assert_int_eq(memcmp(block, "ab", 2), 0);
    /* Not free() in disguise: there is still a block. */
    block = tongi_sys_resize(block, 0);
    ck_assert_ptr_nonnull(block);
    tongi_sys_free(block);
}
