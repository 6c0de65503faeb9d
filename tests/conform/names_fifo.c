/* SPDX-License-Identifier: MIT */
/* Where FIFOs live: what somebody else left there or made wide open, modes, who may be their ends. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fifo_ends.h"

static void refused(const char *address, uint32_t role, int error, const char *says)
{
    tong_channel *ch = NULL;

    ck_error(tong_open(&ch, address, role, NULL, tong_now()), error);
    CHECK(!ch);
    BEGINS(MANY);
    SAYS(says);
}

/* ---- what is there already ------------------------------------------------------------------------------------- */

static void refused_both(int error, const char *says)
{
    refused(MANY, TONG_PULL, error, says);
    refused(MANY, TONG_PUSH, error, says);
}

TONG_TEST(what_is_no_fifo_is_left_alone)
{
    struct stat status;
    int fd = open(NAME, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    refused_both(-EEXIST, "something else than a FIFO");
    ck_error(tong_remove(MANY), -EEXIST);
    CHECK(fstat(fd, &status) == 0 && status.st_nlink == 1 && status.st_size == 0);
    close(fd);
    CHECK(unlink(NAME) == 0);
    CHECK(mkdir(NAME, 0700) == 0);
    refused_both(-EEXIST, "something else than a FIFO");
    CHECK(rmdir(NAME) == 0);
}

TONG_TEST(a_symbolic_link_is_not_followed)
{
    CHECK(mkfifo("elsewhere", 0600) == 0);
    CHECK(symlink("elsewhere", NAME) == 0);
    refused_both(-EACCES, "symbolic link");
    CHECK(unlink(NAME) == 0);
    CHECK(symlink("nowhere", NAME) == 0);
    refused_both(-EACCES, "symbolic link");
    CHECK(unlink(NAME) == 0 && unlink("elsewhere") == 0);
}

TONG_TEST(another_users_fifo_is_refused)
{
    if (geteuid() != 0)
        return; /* only root can give files away */
    CHECK(mkfifo(NAME, 0600) == 0 && chown(NAME, 65534, 65534) == 0);
    refused_both(-EACCES, "user 65534's");
    ck_error(tong_remove(MANY), -EACCES);
    CHECK(unlink(NAME) == 0);
}

TONG_TEST(another_users_fifo_is_used_where_that_user_is_meant)
{
    static const char *const queries[] = {"?allow=uid:65534", "?writers=one&allow=uid:0,uid:65534",
                                          "?framing=line&allow=uid:65534"};
    char address[100];
    struct stat status;

    if (geteuid() != 0)
        return;
    CHECK(mkfifo(NAME, 0600) == 0 && chown(NAME, 65534, 65534) == 0);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        tong_channel *rx, *tx;

        snprintf(address, sizeof address, MANY "%s", queries[i]);
        rx = open_as(address, TONG_PULL);
        tx = open_as(address, TONG_PUSH);
        ck_ok(tong_send(tx, "hello", 5, conform_patience()));
        ends_expect(rx, "hello");
        tong_close(tx);
        tong_close(rx);
    }
    /* Its group may be its directory's. */
    refused(MANY "?allow=uid:0,gid:65534", TONG_PULL, -EACCES, "only uid:");
    refused(MANY "?allow=uid:0,gid:65534", TONG_PUSH, -EACCES, "user 65534's");
    CHECK(stat(NAME, &status) == 0 && status.st_uid == 65534);
    ck_ok(tong_remove(MANY "?allow=uid:65534"));
    CHECK(access(NAME, F_OK) < 0);
}

TONG_TEST(another_users_fifo_is_not_replaced)
{
    struct stat before, after;
    int fd;

    if (geteuid() != 0)
        return;
    CHECK(mkfifo(NAME, 0600) == 0 && chown(NAME, 65534, 65534) == 0);
    fd = open(NAME, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &before) == 0 && write(fd, "half", 4) == 4);
    refused(ONE "&allow=uid:65534", TONG_PULL, -EBUSY, "only its owner");
    CHECK(stat(NAME, &after) == 0 && after.st_ino == before.st_ino);
    close(fd);
    CHECK(unlink(NAME) == 0);
}

/* The list is all there is: also the own user has to be in it. */
TONG_TEST(a_fifo_of_nobody_who_is_meant_is_not_made)
{
    refused(MANY "?allow=uid:4000000000", TONG_PULL, -EACCES, "allow=uid:4000000000");
    CHECK(access(NAME, F_OK) < 0);
    CHECK(mkfifo(NAME, 0600) == 0);
    refused(MANY "?allow=uid:4000000000", TONG_PULL, -EACCES, "allow=uid:4000000000");
    refused(MANY "?allow=uid:4000000000", TONG_PUSH, -EACCES, "allow=uid:4000000000");
    CHECK(unlink(NAME) == 0);
}

TONG_TEST(a_fifo_open_to_others_is_refused_unless_allowed)
{
    static const mode_t lax[] = {0620, 0602, 0640, 0604, 0666};
    tong_channel *rx, *tx;

    umask(0);
    for (size_t i = 0; i < sizeof lax / sizeof *lax; i++) {
        CHECK(mkfifo(NAME, lax[i]) == 0);
        refused_both(-EACCES, "chmod 600");
        SAYS("mode=0");
        CHECK(unlink(NAME) == 0);
    }
    CHECK(mkfifo(NAME, 0620) == 0);
    rx = open_as(MANY "?mode=0620", TONG_PULL);
    refused(MANY, TONG_PUSH, -EACCES, "others may write");
    tx = open_as(MANY "?mode=0660", TONG_PUSH);
    ck_ok(tong_send(tx, "hello", 5, conform_patience()));
    ends_expect(rx, "hello");
    tong_close(tx);
    tong_close(rx);
    CHECK(unlink(NAME) == 0); /* it was there before, and so it stays */
}

TONG_TEST(the_mode_is_exact_whatever_the_umask)
{
    static const mode_t masks[] = {0, 022, 077, 0777};

    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct stat status;
        tong_channel *ch;

        umask(masks[i]);
        ch = open_as(MANY, TONG_PULL);
        CHECK(stat(NAME, &status) == 0 && status.st_mode == (S_IFIFO | 0600));
        tong_close(ch);
        ch = open_as(MANY "?mode=0662", TONG_PULL);
        CHECK(stat(NAME, &status) == 0 && status.st_mode == (S_IFIFO | 0662));
        tong_close(ch);
        CHECK(access(NAME, F_OK) < 0);
    }
}

TONG_TEST(a_fifo_that_was_there_stays)
{
    tong_channel *rx;

    CHECK(mkfifo(NAME, 0600) == 0);
    rx = open_as(MANY, TONG_PULL);
    ck_error(tong_remove(MANY), -EBUSY);
    tong_close(rx);
    CHECK(access(NAME, F_OK) == 0);
    ck_ok(tong_remove(MANY));
    CHECK(access(NAME, F_OK) < 0);
}

TONG_TEST(one_reader_and_one_of_one_writer)
{
    tong_channel *rx = open_as(ONE, TONG_PULL), *tx = open_as(ONE, TONG_PUSH);

    refused(ONE, TONG_PULL, -EADDRINUSE, "one reader");
    refused(MANY, TONG_PULL, -EADDRINUSE, "one reader");
    ck_ok(tong_send(tx, "x", 1, conform_patience()));
    ends_expect(rx, "x");
    refused(ONE, TONG_PUSH, -EBUSY, "another writer");
    tong_close(tx);
    nothing_more(rx);
    tx = open_as(ONE, TONG_PUSH);
    ck_ok(tong_send(tx, "y", 1, conform_patience()));
    ends_expect(rx, "y");
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(ends_that_frame_otherwise_are_refused)
{
    static const char *const queries[] = {"", "?writers=one", "?framing=line", "?framing=raw"};
    char reader[64], writer[64];

    for (int i = 0; i < 4; i++) {
        snprintf(reader, sizeof reader, MANY "%s", queries[i]);
        tong_channel *rx = open_as(reader, TONG_PULL);
        for (int j = 0; j < 4; j++) {
            snprintf(writer, sizeof writer, MANY "%s", queries[j]);
            if (i != j)
                refused(writer, TONG_PUSH, TONG_E_REFUSED, "open both alike");
        }
        tong_close(rx);
    }
}

/* The FIFO's file is removed under the reader: it makes a new one as soon as its last writer has left. */
TONG_TEST(a_removed_name_is_made_again)
{
    tong_channel *rx = open_as(MANY, TONG_PULL), *tx = open_as(MANY, TONG_PUSH);

    ck_ok(tong_send(tx, "before", 6, conform_patience()));
    ends_expect(rx, "before");
    CHECK(unlink(NAME) == 0);
    tong_close(tx);
    nothing_more(rx);
    tx = open_as(MANY, TONG_PUSH);
    ck_ok(tong_send(tx, "after", 5, conform_patience()));
    ends_expect(rx, "after");
    tong_close(tx);
    tong_close(rx);
}
