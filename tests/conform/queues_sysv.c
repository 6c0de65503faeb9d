/* SPDX-License-Identifier: MIT */
/* Queues of sysv: beside programs that know nothing of tong, written with the bare calls: keys, types, names, removal,
 * and waiting where nothing but the kernel's own call can wait. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conform.h"
#include "ends.h"
#include "sys/process.h"

enum { STRANGER = 65534, KEY = 0x1234 };

struct message {
    long type;
    char body[100];
};

static tong_channel *open_queue(const char *address, uint32_t role)
{
    tong_channel *ch;

    ck_ok(tong_open(&ch, address, role, NULL, tong_now()));
    return ch;
}

static void bare_send(int queue, long type, const char *text)
{
    struct message message = {.type = type};

    memcpy(message.body, text, strlen(text));
    CHECK(msgsnd(queue, &message, strlen(text), IPC_NOWAIT) == 0);
}

static void bare_expect(int queue, long type, const char *text)
{
    struct message message;

    SAME(msgrcv(queue, &message, sizeof message.body, 0, IPC_NOWAIT), strlen(text));
    CHECK(message.type == type && memcmp(message.body, text, strlen(text)) == 0);
}

static void send_kind(tong_channel *ch, const char *text, int64_t kind)
{
    tong_meta meta = {.struct_size = sizeof meta, .kind = kind};
    tong_view parts[2] = {{text, 1}, {text + 1, strlen(text) - 1}};

    ck_ok(tong_send_parts(ch, parts, 2, &meta, tong_now()));
}

static void expect_kind(tong_channel *ch, const char *text, int64_t kind)
{
    tong_meta meta = {.struct_size = sizeof meta};
    char room[64];

    SAME(tong_recv_meta(ch, room, sizeof room, &meta, tong_now()), strlen(text));
    CHECK(memcmp(room, text, strlen(text)) == 0);
    SAME(meta.kind, kind);
}

/* The key that stands in the registry for a name, or 0. */
static uint32_t key_of(const char *name)
{
    char path[128];
    unsigned key = 0;
    FILE *file;

    snprintf(path, sizeof path, "/dev/shm/tong-%u.sysv/%s", geteuid(), name);
    file = fopen(path, "re");
    if (file) {
        CHECK(fscanf(file, "0x%x", &key) == 1);
        fclose(file);
    }
    return key;
}

static bool queue_exists(uint32_t key)
{
    return msgget((key_t)key, 0) >= 0;
}

/* ---- addresses ------------------------------------------------------------------------------------------------- */

TONG_TEST(addresses_that_are_none)
{
    static const char *const rests[] = {"",     ".hidden", "0x",     "0xg",      "0x0",   "0x123456789",
                                        "/tmp", "/tmp#",   "/tmp#0", "/tmp#256", "/tmp#x"};
    char longest[300] = "sysv:", over[300] = "sysv:";
    tong_channel *ch = NULL;

    for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
        char address[64];

        snprintf(address, sizeof address, "sysv:%s", rests[i]);
        ck_error(tong_open(&ch, address, TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
        BEGINS(address);
        ck_error(tong_remove(address), TONG_E_ADDRESS);
    }
    ck_error(tong_open(&ch, "sysv:/nosuch/file#1", TONG_PULL, NULL, tong_now()), -ENOENT);
    memset(longest + 5, 'x', 255);
    memset(over + 5, 'x', 256);
    ck_error(tong_open(&ch, over, TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
    tong_close(open_queue(longest, TONG_PULL));
}

TONG_TEST(a_key_is_what_other_programs_agreed_on)
{
    int queue = msgget(KEY, IPC_CREAT | IPC_EXCL | 0600);
    tong_channel *push, *pull, *none = NULL;

    CHECK(queue >= 0);
    push = open_queue("sysv:0x1234", TONG_PUSH);
    pull = open_queue("sysv:0x00001234", TONG_PULL);
    bare_send(queue, 77, "from C");
    bare_send(queue, 78, "");
    expect_kind(pull, "from C", 77);
    expect_kind(pull, "", 78);
    ck_ok(tong_send(push, "from tong", 9, tong_now()));
    bare_expect(queue, 1, "from tong");
    send_kind(push, "typed", 2147483648);
    bare_expect(queue, 2147483648, "typed");
    ck_error(tong_open(&none, "sysv:0x1234?keep=unread", TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
    ck_error(tong_open(&none, "sysv:0x1234", TONG_PULL | TONG_NEW, NULL, tong_now()), -EEXIST);
    ck_error(tong_open(&none, "sysv:0x1235", TONG_PULL | TONG_EXISTING, NULL, tong_now()), -ENOENT);
    tong_close(push);
    tong_close(pull);
    CHECK(queue_exists(KEY));
    ck_ok(tong_remove("sysv:0x1234"));
    ck_error(tong_remove("sysv:0x1234"), -ENOENT);
}

TONG_TEST(a_path_means_what_ftok_makes_of_it)
{
    tong_channel *push, *pull;
    key_t key;
    int queue;

    CHECK(close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
    for (int project = 1; project <= 255; project += 254) {
        char address[32];

        snprintf(address, sizeof address, "sysv:./file#%d", project);
        key = ftok("file", project);
        push = open_queue(address, TONG_PUSH);
        queue = msgget(key, 0);
        CHECK(queue >= 0);
        ck_ok(tong_send(push, "by path", 7, tong_now()));
        pull = open_queue(address, TONG_PULL);
        expect_kind(pull, "by path", 1);
        tong_close(push);
        tong_close(pull);
        CHECK(queue_exists((uint32_t)key)); /* no lock tells who else uses it */
        ck_ok(tong_remove(address));
    }
}

/* ---- types ----------------------------------------------------------------------------------------------------- */

TONG_TEST(one_type_the_lowest_or_all)
{
    tong_channel *push = open_queue("sysv:types?mtype=4", TONG_PUSH);
    tong_channel *three = open_queue("sysv:types?mtype=3", TONG_PULL),
                 *low = open_queue("sysv:types?mtype=-3", TONG_PULL);
    tong_channel *all = open_queue("sysv:types", TONG_PULL);

    ck_ok(tong_send(push, "default", 7, tong_now()));
    send_kind(push, "three", 3);
    send_kind(push, "two", 2);
    send_kind(push, "three too", 3);
    send_kind(push, "one", 1);
    expect_kind(low, "one", 1);
    expect_kind(three, "three", 3);
    expect_kind(low, "two", 2);
    expect_kind(all, "default", 4);
    expect_kind(low, "three too", 3);
    send_kind(push, "four", 4);
    ck_error(tong_recv(three, NULL, 0, tong_now()), -EAGAIN);
    ck_error(tong_recv(low, NULL, 0, tong_in_ms(5)), -ETIMEDOUT);
    ck_error(tong_next_size(low), -EAGAIN);
    expect_kind(all, "four", 4);
    tong_close(push);
    tong_close(three);
    tong_close(low);
    tong_close(all);
}

TONG_TEST(types_that_are_none)
{
    tong_meta meta = {.struct_size = sizeof meta, .kind = -1};
    tong_channel *ch = NULL;

    ck_error(tong_open(&ch, "sysv:types?mtype=0", TONG_PULL, NULL, tong_now()), -ERANGE);
    SAYS("negatives");
    ck_error(tong_open(&ch, "sysv:types?mtype=x", TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
    ck_error(tong_open(&ch, "sysv:types?mtype=2147483648", TONG_PULL, NULL, tong_now()), -ERANGE);
    ck_error(tong_open(&ch, "sysv:types?mtype=-1", TONG_PUSH, NULL, tong_now()), -ERANGE);
    SAYS("from 1 on");
    ch = open_queue("sysv:types", TONG_PUSH);
    ck_error(tong_send_parts(ch, NULL, 0, &meta, tong_now()), -ERANGE);
    tong_close(ch);
    tong_close(open_queue("sysv:types?mtype=-2147483647", TONG_PULL));
}

TONG_TEST(what_does_not_fit_stays_in_the_queue)
{
    tong_channel *push = open_queue("sysv:big", TONG_PUSH), *pull = open_queue("sysv:big", TONG_PULL);
    tong_channel *other = open_queue("sysv:big", TONG_PULL);
    char room[4];

    ck_ok(tong_send(push, "longer", 6, tong_now()));
    ck_error(tong_recv(pull, room, sizeof room, tong_now()), TONG_E_TOOBIG);
    SAYS("4");
    expect_kind(other, "longer", 1);
    ck_error(tong_recv(pull, room, sizeof room, tong_now()), -EAGAIN);
    ck_ok(tong_send(push, "looked at", 9, tong_now()));
    SAME(tong_next_size(pull), 9); /* looking takes it */
    ck_error(tong_recv(other, NULL, 0, tong_now()), -EAGAIN);
    tong_close(pull);
    expect_kind(other, "looked at", 1);
    tong_close(push);
    tong_close(other);
}

/* ---- owners and limits ----------------------------------------------------------------------------------------- */

static int make_as_a_stranger(void *context)
{
    (void)context;
    CHECK(setresuid(STRANGER, STRANGER, STRANGER) == 0);
    CHECK(msgget(KEY, IPC_CREAT | IPC_EXCL | 0666) >= 0);
    return 0;
}

TONG_TEST(a_queue_of_another_user_is_refused)
{
    tong_channel *ch = NULL;

    if (geteuid() != 0) /* nobody else can be another user */
        return;
    runner_join_ok(runner_fork(make_as_a_stranger, NULL), CONFORM_PATIENCE_MS);
    ck_error(tong_open(&ch, "sysv:0x1234", TONG_PULL, NULL, tong_now()), -EACCES);
    SAYS("65534");
    ck_ok(tong_remove("sysv:0x1234"));
}

TONG_TEST(a_registry_that_others_may_write_is_refused)
{
    tong_channel *ch = NULL;
    char path[64];

    snprintf(path, sizeof path, "/dev/shm/tong-%u.sysv", geteuid());
    CHECK(mkdir(path, 0700) == 0 && chmod(path, 0777) == 0);
    ck_error(tong_open(&ch, "sysv:x", TONG_PULL, NULL, tong_now()), -EACCES);
    SAYS(path);
    CHECK(rmdir(path) == 0);
    CHECK(symlink("/tmp", path) == 0);
    ck_error(tong_open(&ch, "sysv:x", TONG_PULL, NULL, tong_now()), -ENOTDIR);
    CHECK(unlink(path) == 0);
}

TONG_TEST(limits_are_named)
{
    tong_channel *ch = NULL;
    char message[20000] = {0};

    ck_error(tong_open(&ch, "sysv:x?size=20000", TONG_PULL, NULL, tong_now()), -EPERM);
    SAYS("sysctl -w kernel.msgmax=20000");
    CHECK(key_of("x") == 0);
    ch = open_queue("sysv:x", TONG_PUSH);
    ck_error(tong_send(ch, message, sizeof message, tong_now()), TONG_E_TOOBIG);
    SAYS("20000");
    SAYS("8192");
    SAYS("kernel.msgmax");
    tong_close(ch);
}

TONG_TEST(the_number_of_queues_is_a_limit)
{
    tong_channel *ch = NULL;
    FILE *file;

    if (unshare(CLONE_NEWIPC) < 0)
        return;
    file = fopen("/proc/sys/kernel/msgmni", "we");
    CHECK(file && fputs("0", file) >= 0 && fclose(file) == 0);
    ck_error(tong_open(&ch, "sysv:x", TONG_PULL, NULL, tong_now()), -ENOSPC);
    SAYS("kernel.msgmni");
    CHECK(key_of("x") == 0);
}

TONG_TEST(attributes_must_be_those_asked_for)
{
    tong_channel *ch = open_queue("sysv:x?mode=0640", TONG_PULL), *other = NULL;

    ck_error(tong_open(&other, "sysv:x?mode=0600", TONG_PULL, NULL, tong_now()), -EINVAL);
    SAYS("0640");
    ck_error(tong_open(&other, "sysv:x?keep=always", TONG_PULL, NULL, tong_now()), -EINVAL);
    tong_close(open_queue("sysv:x?mode=0640&keep=unread", TONG_PULL));
    tong_close(ch);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* Makes the registry with one file in it. */
static void write_name(const char *name, const char *content)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "/dev/shm/tong-%u.sysv", geteuid());
    CHECK(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "/dev/shm/tong-%u.sysv/%s", geteuid(), name);
    file = fopen(path, "we");
    CHECK(file && fputs(content, file) >= 0 && fclose(file) == 0);
}

TONG_TEST(a_name_is_made_good_after_any_death)
{
    static const char *const contents[] = {"", "0x74000001 unread\n", "0x74000001 always\n"};

    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        tong_channel *push, *pull, *none = NULL;

        write_name("x", contents[i]);
        push = open_queue("sysv:x", TONG_PUSH);
        pull = open_queue("sysv:x", TONG_PULL | TONG_EXISTING);
        ck_error(tong_open(&none, "sysv:x", TONG_PULL | TONG_NEW, NULL, tong_now()), -EEXIST);
        ck_ok(tong_send(push, "works", 5, tong_now()));
        expect_kind(pull, "works", 1);
        ck_error(tong_remove("sysv:x"), -EBUSY);
        tong_close(push);
        tong_close(pull);
        if (i == 2)
            ck_ok(tong_remove("sysv:x"));
        CHECK(key_of("x") == 0 && !queue_exists(0x74000001));
    }
}

TONG_TEST(a_name_without_its_queue_does_not_exist)
{
    tong_channel *ch = NULL;

    write_name("x", "0x74000001 unread\n");
    ck_error(tong_open(&ch, "sysv:x", TONG_PULL | TONG_EXISTING, NULL, tong_now()), -ENOENT);
    CHECK(key_of("x") == 0);
}

TONG_TEST(a_file_that_is_no_name_is_not_touched)
{
    tong_channel *ch = NULL;
    char path[128];

    write_name("x", "something else\n");
    ck_error(tong_open(&ch, "sysv:x", TONG_PULL, NULL, tong_now()), TONG_E_CORRUPT);
    ck_error(tong_remove("sysv:x"), TONG_E_CORRUPT);
    snprintf(path, sizeof path, "/dev/shm/tong-%u.sysv/x", geteuid());
    CHECK(unlink(path) == 0);
    *strrchr(path, '/') = '\0';
    CHECK(rmdir(path) == 0);
}

static int hold_open(void *context)
{
    tong_channel *ch = open_queue("sysv:x", TONG_PULL);

    (void)context;
    raise(SIGSTOP);
    tong_close(ch);
    return 0;
}

TONG_TEST(the_last_one_is_who_comes_after_a_death)
{
    tong_channel *ch = open_queue("sysv:x", TONG_PULL);
    pid_t other = runner_fork(hold_open, NULL);
    siginfo_t info;
    uint32_t key;

    CHECK(waitid(P_PID, (id_t)other, &info, WSTOPPED) == 0);
    tong_close(ch);
    key = key_of("x");
    CHECK(queue_exists(key)); /* the other one lives */
    kill(other, SIGKILL);
    runner_join(other, CONFORM_PATIENCE_MS);
    tong_close(open_queue("sysv:x", TONG_PUSH | TONG_EXISTING));
    CHECK(!queue_exists(key) && key_of("x") == 0);
}

/* ---- removal and waiting --------------------------------------------------------------------------------------- */

static void remove_bare(uint32_t key)
{
    CHECK(msgctl(msgget((key_t)key, 0), IPC_RMID, NULL) == 0);
}

static int wait_for_removal(void *context)
{
    const bool *sends = context;
    tong_channel *ch = open_queue("sysv:x?wait=block", *sends ? TONG_PUSH : TONG_PULL);
    char message[8192] = {0};

    if (*sends)
        ck_error(tong_send(ch, message, sizeof message, tong_forever()), TONG_E_GONE);
    else
        ck_error(tong_recv(ch, message, sizeof message, tong_forever()), TONG_E_GONE);
    SAYS("removed");
    tong_close(ch);
    return 0;
}

/* Until the process sleeps in one of the kernel's calls for messages, which it does if it has one thread; with more, and
 * a sanitizer's own counts, between two looks. */
static void await_sleeper(pid_t pid)
{
    char path[64], text[64] = "";

    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    for (int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);;) {
        FILE *file = fopen(path, "re");
        long number = -1;

        CHECK(file && conform_clock_ns() < until);
        if (fgets(text, sizeof text, file) && sscanf(text, "%ld", &number) != 1)
            number = -1;
        fclose(file);
        if (number == SYS_msgsnd || number == SYS_msgrcv || (number == SYS_ppoll && !tongi_process_is_single()))
            return;
        sched_yield();
    }
}

TONG_TEST(a_removed_queue_ends_every_wait)
{
    for (int sends = 0; sends < 2; sends++) {
        tong_channel *ch = open_queue("sysv:x", TONG_PUSH);
        char message[8192] = {0};
        bool sender = sends;
        pid_t sleeper;
        int r;

        for (r = 0; sends && r == 0;)
            r = tong_send(ch, message, sizeof message, tong_now());
        sleeper = runner_fork(wait_for_removal, &sender);
        await_sleeper(sleeper);
        remove_bare(key_of("x"));
        runner_join_ok(sleeper, CONFORM_PATIENCE_MS);
        ck_error(tong_send(ch, "x", 1, tong_now()), TONG_E_GONE);
        ck_error(tong_send(ch, "x", 1, tong_in_ms(10)), TONG_E_GONE);
        tong_close(ch);
        CHECK(key_of("x") == 0);
    }
}

static tong_channel *volatile to_shut_down;
static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms = alarms + 1;
    if (alarms == 5)
        tong_shutdown(to_shut_down);
}

static void storm_begin(int64_t every_us)
{
    const struct itimerval storm = {.it_interval = {.tv_usec = every_us}, .it_value = {.tv_usec = every_us}};
    const struct sigaction action = {.sa_handler = on_alarm};

    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &storm, NULL) == 0);
}

static void storm_end(void)
{
    CHECK(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL) == 0);
}

/* The only thread of its process, so that the wait is the kernel's own. */
TONG_TEST(a_wait_for_ever_costs_nothing_and_a_handler_ends_it)
{
    tong_channel *ch = open_queue("sysv:x?wait=block", TONG_PULL);
    tong_stats stats = {.struct_size = sizeof stats};
    struct rusage before, after;
    bool is_single = tongi_process_is_single();
    int64_t used_us;

    to_shut_down = ch;
    getrusage(RUSAGE_SELF, &before);
    storm_begin(200000);
    ck_error(tong_recv(ch, NULL, 0, tong_forever()), TONG_E_SHUTDOWN);
    storm_end();
    getrusage(RUSAGE_SELF, &after);
    used_us =
        (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
        after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    ck_ok(tong_get_stats(ch, &stats));
    if (is_single)
        CHECK(stats.sleeps <= 6); /* one for each signal, and no looking between them */
    CHECK(used_us < 100000);
    tong_close(ch);
}

static int send_thousands(void *context)
{
    tong_channel *ch = open_queue("sysv:x", TONG_PUSH);

    (void)context;
    for (int i = 0; i < 20000; i++)
        ck_ok(tong_send(ch, &i, i % 3 ? sizeof i : 0, tong_forever()));
    tong_close(ch);
    return 0;
}

TONG_TEST_TIMEOUT(a_storm_of_signals_loses_nothing, 60)
{
    tong_channel *ch = open_queue("sysv:x?wait=block", TONG_PULL);
    pid_t sender = runner_fork(send_thousands, NULL);

    storm_begin(50);
    for (int i = 0, got; i < 20000; i++) {
        SAME(tong_recv(ch, &got, sizeof got, tong_forever()), i % 3 ? (int)sizeof got : 0);
        if (i % 3)
            SAME(got, i);
    }
    storm_end();
    CHECK(alarms > 0);
    runner_join_ok(sender, CONFORM_PATIENCE_MS);
    tong_close(ch);
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

static int list_each(const char *address, const tong_stats *stats, void *context)
{
    unsigned *seen = context;

    if (strcmp(address, "sysv:0x00001234") == 0 && stats->depth == 1)
        *seen |= 1;
    if (strcmp(address, "sysv:named") == 0 && stats->depth == 2)
        *seen |= 2;
    if (strncmp(address, "sysv:0x74", 9) == 0)
        *seen |= 4;
    return 0;
}

TONG_TEST(the_list_has_names_and_the_keys_of_others)
{
    int queue = msgget(KEY, IPC_CREAT | IPC_EXCL | 0600);
    tong_channel *ch = open_queue("sysv:named?keep=never", TONG_PUSH);
    unsigned seen = 0;

    bare_send(queue, 1, "x");
    ck_ok(tong_send(ch, "x", 1, tong_now()));
    ck_ok(tong_send(ch, "y", 1, tong_now()));
    ck_ok(tong_list(list_each, &seen));
    SAME(seen, 3);
    tong_close(ch);
    ck_ok(tong_remove("sysv:0x1234"));
}
