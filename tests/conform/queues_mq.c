/* SPDX-License-Identifier: MIT */
/* Queues of mq: beside programs that know nothing of tong, written with the bare calls: whose they are, what they hold,
 * which limit was hit, and who removes them. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conform.h"
#include "ends.h"

enum { STRANGER = 65534 };

static const char *queue_name(void)
{
    static char name[64];

    snprintf(name, sizeof name, "/tong-test-%d", (int)getpid());
    return name;
}

static const char *address_of(const char *name, const char *query)
{
    static char address[128];

    snprintf(address, sizeof address, "mq:%s%s", name, query);
    return address;
}

static tong_channel *open_queue(const char *name, const char *query, uint32_t role)
{
    struct conform c = {.query = ""};
    tong_channel *ch;

    snprintf(c.address, sizeof c.address, "%s", address_of(name, query));
    ck_ok(conform_try(&c, &ch, role, NULL, tong_now()));
    return ch;
}

static bool exists(const char *name)
{
    mqd_t queue = mq_open(name, O_RDONLY);

    if (queue >= 0)
        mq_close(queue);
    else
        CHECK(errno == ENOENT);
    return queue >= 0;
}

static mqd_t bare_queue(const char *name, long depth, long size)
{
    struct mq_attr attr = {.mq_maxmsg = depth, .mq_msgsize = size};
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);

    CHECK(queue >= 0);
    return queue;
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

/* ---- beside other programs ------------------------------------------------------------------------------------- */

TONG_TEST(bodies_are_raw_both_ways)
{
    const char *name = queue_name();
    mqd_t bare = bare_queue(name, 5, 100);
    tong_channel *push = open_queue(name, "", TONG_PUSH), *pull = open_queue(name, "", TONG_PULL);
    unsigned priority = 0;
    char room[100];

    ck_ok(tong_send(push, "from tong", 9, tong_now()));
    SAME(mq_receive(bare, room, sizeof room, &priority), 9);
    CHECK(memcmp(room, "from tong", 9) == 0 && priority == 0);
    send_kind(push, "urgent", 7);
    SAME(mq_receive(bare, room, sizeof room, &priority), 6);
    SAME(priority, 7);
    SAME(mq_send(bare, "from C", 6, 3), 0);
    SAME(mq_send(bare, "", 0, 2), 0);
    expect_kind(pull, "from C", 3);
    expect_kind(pull, "", 2);
    tong_close(push);
    tong_close(pull);
    CHECK(exists(name)); /* tong did not make it */
    SAME(mq_unlink(name), 0);
    mq_close(bare);
}

TONG_TEST(higher_priorities_come_first_and_equals_in_order)
{
    const char *name = queue_name();
    tong_channel *push = open_queue(name, "", TONG_PUSH), *pull = open_queue(name, "", TONG_PULL);
    tong_meta over = {.struct_size = sizeof over, .kind = 32768};
    tong_view part = {"x", 1};

    send_kind(push, "low", 1);
    send_kind(push, "high", 32767);
    send_kind(push, "middle", 9);
    send_kind(push, "middle too", 9);
    ck_ok(tong_send(push, "lowest", 6, tong_now()));
    ck_error(tong_send_parts(push, &part, 1, &over, tong_now()), -ERANGE);
    SAYS("32767");
    over.kind = -1;
    ck_error(tong_send_parts(push, &part, 1, &over, tong_now()), -ERANGE);
    expect_kind(pull, "high", 32767);
    expect_kind(pull, "middle", 9);
    expect_kind(pull, "middle too", 9);
    expect_kind(pull, "low", 1);
    expect_kind(pull, "lowest", 0);
    tong_close(push);
    tong_close(pull);
}

TONG_TEST(what_is_held_goes_back_with_its_priority)
{
    const char *name = queue_name();
    tong_channel *push = open_queue(name, "", TONG_PUSH), *pull = open_queue(name, "", TONG_PULL);
    char room[2];

    send_kind(push, "long one", 5);
    ck_error(tong_recv(pull, room, sizeof room, tong_now()), TONG_E_TOOBIG);
    SAYS("8");
    tong_close(pull);
    pull = open_queue(name, "", TONG_PULL);
    expect_kind(pull, "long one", 5);
    tong_close(push);
    tong_close(pull);
}

/* ---- names, owners, attributes --------------------------------------------------------------------------------- */

TONG_TEST(names_that_are_none)
{
    char longest[2 + 256] = "/", over[2 + 257] = "/";
    const char *const names[] = {"", "/", "/a/b", "a/b", "/.", "/..", "..", over};
    tong_channel *ch = NULL;

    queue_name();
    memset(longest + 1, 'x', 255);
    memset(over + 1, 'x', 256);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char address[300];

        snprintf(address, sizeof address, "mq:%s", names[i]);
        ck_error(tong_open(&ch, address, TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
        BEGINS(address);
        ck_error(tong_remove(address), TONG_E_ADDRESS);
    }
    char address[300];
    snprintf(address, sizeof address, "mq:%s", longest);
    ck_ok(tong_open(&ch, address, TONG_PULL, NULL, tong_now()));
    tong_close(ch);
}

TONG_TEST(a_name_without_its_slash_is_the_same)
{
    const char *name = queue_name();
    tong_channel *push = open_queue(name, "", TONG_PUSH), *pull = open_queue(name + 1, "", TONG_PULL);

    ck_ok(tong_send(push, "same", 4, tong_now()));
    expect_kind(pull, "same", 0);
    tong_close(push);
    tong_close(pull);
}

TONG_TEST(attributes_must_be_those_asked_for)
{
    static const char *const others[][2] = {{"?size=101", "size=100"},
                                            {"?depth=6", "depth=5"},
                                            {"?mode=0640", "mode=0600"},
                                            {"?keep=always", "keep=unread"}};
    const char *name = queue_name();
    tong_channel *ch = open_queue(name, "?size=100&depth=5", TONG_PULL), *other = NULL;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_error(tong_open(&other, address_of(name, others[i][0]), TONG_PUSH, NULL, tong_now()), -EINVAL);
        SAYS(others[i][1]);
    }
    CHECK(!other);
    other = open_queue(name, "?size=100&depth=5&mode=0600&keep=unread", TONG_PUSH);
    ck_ok(tong_send(other, "fits", 4, tong_now()));
    tong_close(other);
    expect_kind(ch, "fits", 0);
    tong_close(ch);
    CHECK(!exists(name));
}

TONG_TEST(the_mode_is_exact_whatever_the_umask)
{
    const char *name = queue_name();
    struct stat status;
    tong_channel *ch;
    mqd_t bare;

    umask(0777 & ~0700);
    ch = open_queue(name, "?mode=0666", TONG_PULL);
    bare = mq_open(name, O_RDONLY);
    CHECK(bare >= 0 && fstat(bare, &status) == 0);
    SAME(status.st_mode & 0777, 0666);
    mq_close(bare);
    tong_close(ch);
}

static int make_as_a_stranger(void *context)
{
    mqd_t queue;

    CHECK(setresuid(STRANGER, STRANGER, STRANGER) == 0);
    umask(0);
    queue = mq_open(context, O_RDWR | O_CREAT | O_EXCL, 0666, NULL);
    CHECK(queue >= 0);
    mq_close(queue);
    return 0;
}

TONG_TEST(a_queue_of_another_user_is_refused)
{
    char *name = strdup(queue_name());
    tong_channel *ch;

    if (geteuid() == 0) { /* nobody else can be another user */
        runner_join_ok(runner_fork(make_as_a_stranger, name), CONFORM_PATIENCE_MS);
        ck_error(tong_open(&ch, address_of(name, ""), TONG_PULL, NULL, tong_now()), -EACCES);
        SAYS("65534");
        SAME(mq_unlink(name), 0);
    }
    free(name);
}

/* Someone whom the mode lets send, and nothing else. */
static int send_as_a_stranger(void *context)
{
    const char *name = context;
    tong_channel *ch = NULL;

    CHECK(setresgid(STRANGER, STRANGER, STRANGER) == 0 && setresuid(STRANGER, STRANGER, STRANGER) == 0);
    ck_error(tong_open(&ch, address_of(name, ""), TONG_PULL, NULL, tong_now()), -EACCES);
    SAYS("mode=");
    ch = open_queue(name, "", TONG_PUSH);
    ck_ok(tong_send(ch, "from outside", 12, tong_now()));
    pause();
    return 0;
}

TONG_TEST(who_may_only_send_keeps_the_queue_alive)
{
    char *name = strdup(queue_name());
    tong_channel *ch;
    pid_t stranger;

    if (geteuid() == 0) {
        ch = open_queue(name, "?mode=0622", TONG_PULL);
        stranger = runner_fork(send_as_a_stranger, name);
        ends_expect(ch, "from outside");
        ck_error(tong_remove(address_of(name, "")), -EBUSY);
        tong_close(ch);
        CHECK(exists(name));
        kill(stranger, SIGKILL);
        runner_join(stranger, CONFORM_PATIENCE_MS);
        tong_close(open_queue(name, "", TONG_PULL)); /* its death is what makes this one the last */
        CHECK(!exists(name));
    }
    free(name);
}

/* ---- limits ---------------------------------------------------------------------------------------------------- */

/* A kernel that grants it all is a privileged test, and nothing is learned. */
static void refused(const char *name, const char *query, int error, const char *part)
{
    tong_channel *ch = NULL;
    int r = tong_open(&ch, address_of(name, query), TONG_PULL, NULL, tong_now());

    if (r == 0) {
        tong_close(ch);
        return;
    }
    ck_error(r, error);
    SAYS(part);
}

TONG_TEST(limits_of_the_system_are_named)
{
    const char *name = queue_name();

    refused(name, "?depth=60000", -EPERM, "fs.mqueue.msg_max");
    refused(name, "?size=20000", -EPERM, "sysctl -w fs.mqueue.msgsize_max=20000");
    CHECK(!exists(name));
}

TONG_TEST(the_limit_of_the_user_is_told_from_that_of_the_process)
{
    const char *name = queue_name();
    struct rlimit bytes, usual, none;
    tong_channel *ch = NULL;

    CHECK(getrlimit(RLIMIT_MSGQUEUE, &usual) == 0);
    bytes = (struct rlimit){.rlim_cur = 1000, .rlim_max = usual.rlim_max};
    CHECK(setrlimit(RLIMIT_MSGQUEUE, &bytes) == 0);
    ck_error(tong_open(&ch, address_of(name, ""), TONG_PULL, NULL, tong_now()), -EMFILE);
    SAYS("RLIMIT_MSGQUEUE, 1000 bytes");
    SAYS("ulimit -q");
    CHECK(setrlimit(RLIMIT_MSGQUEUE, &usual) == 0);
    ch = open_queue(name, "?size=10&depth=2", TONG_PULL);
    tong_close(ch);
    CHECK(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = usual.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    ck_error(tong_open(&ch, address_of(name, "?size=10&depth=2"), TONG_PULL, NULL, tong_now()), -EMFILE);
    SAYS("ulimit -n");
    CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
}

TONG_TEST(too_large_a_message_is_told_the_remedy)
{
    tong_channel *ch = open_queue(queue_name(), "", TONG_PUSH);
    char message[20000] = {0};

    ck_error(tong_send(ch, message, sizeof message, tong_now()), TONG_E_TOOBIG);
    SAYS("20000");
    SAYS("8192");
    SAYS("sysctl -w fs.mqueue.msgsize_max=");
    tong_close(ch);
}

/* ---- removing -------------------------------------------------------------------------------------------------- */

TONG_TEST(a_removed_queue_is_gone)
{
    const char *name = queue_name();
    tong_channel *push = open_queue(name, "", TONG_PUSH), *pull = open_queue(name, "", TONG_PULL);
    int r = 0;

    SAME(mq_unlink(name), 0);
    tong_close(open_queue(name, "?keep=always", TONG_PULL)); /* somebody else's, by the same name */
    ck_error(tong_recv(pull, NULL, 0, tong_in_ms(CONFORM_PATIENCE_MS)), TONG_E_GONE);
    BEGINS(address_of(name, ""));
    for (int i = 0; i < 1000 && (r == 0 || r == -EAGAIN); i++)
        r = tong_send(push, "x", 1, tong_now());
    ck_error(r, TONG_E_GONE);
    for (int i = 0; i < 1000; i++)
        r = tong_recv(pull, (char[1]){0}, 1, tong_now()) == TONG_E_GONE ? TONG_E_GONE : r;
    tong_close(push);
    tong_close(pull);
    CHECK(exists(name));
    SAME(mq_unlink(name), 0);
}

static int hold_open(void *context)
{
    tong_channel *ch = open_queue(context, "", TONG_PULL);

    raise(SIGSTOP);
    tong_close(ch);
    return 0;
}

TONG_TEST(the_last_one_is_who_comes_after_a_death)
{
    const char *name = queue_name();
    tong_channel *ch = open_queue(name, "", TONG_PULL);
    pid_t other = runner_fork(hold_open, (void *)(uintptr_t)name);
    siginfo_t info;

    CHECK(waitid(P_PID, (id_t)other, &info, WSTOPPED) == 0);
    tong_close(ch);
    CHECK(exists(name)); /* the other one lives */
    kill(other, SIGKILL);
    runner_join(other, CONFORM_PATIENCE_MS);
    ch = open_queue(name, "", TONG_PUSH | TONG_EXISTING);
    tong_close(ch);
    CHECK(!exists(name));
}

static int outlive(void *context)
{
    (void)context;
    pause();
    return 0;
}

TONG_TEST(a_childs_copy_keeps_no_queue_alive)
{
    const char *name = queue_name();
    tong_channel *ch = open_queue(name, "", TONG_PULL);
    pid_t child = runner_fork(outlive, NULL);

    tong_close(ch);
    CHECK(!exists(name));
    kill(child, SIGKILL);
    runner_join(child, CONFORM_PATIENCE_MS);
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms = alarms + 1;
}

static int send_thousands(void *context)
{
    tong_channel *ch = open_queue(context, "", TONG_PUSH);

    for (int i = 0; i < 20000; i++)
        ck_ok(tong_send(ch, &i, sizeof i, tong_in_ms(CONFORM_PATIENCE_MS)));
    tong_close(ch);
    return 0;
}

TONG_TEST_TIMEOUT(a_storm_of_signals_loses_nothing, 60)
{
    const struct itimerval storm = {.it_interval = {.tv_usec = 50}, .it_value = {.tv_usec = 50}};
    const struct sigaction action = {.sa_handler = on_alarm};
    char *name = strdup(queue_name());
    tong_channel *ch = open_queue(name, "?wait=block", TONG_PULL);
    pid_t sender = runner_fork(send_thousands, name);

    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &storm, NULL) == 0);
    for (int i = 0, got; i < 20000; i++) {
        SAME(tong_recv(ch, &got, sizeof got, tong_forever()), sizeof got);
        SAME(got, i);
    }
    CHECK(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL) == 0);
    CHECK(alarms > 0);
    runner_join_ok(sender, CONFORM_PATIENCE_MS);
    tong_close(ch);
    free(name);
}
