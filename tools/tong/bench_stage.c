/* SPDX-License-Identifier: MIT */
/*
 * Two ends at work, each pinned to its core. This process only watches them: each child holds one end of a pipe, on
 * which it says that it is ready and whose closing tells that it is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* A play is made to take a tenth of a second; what needs so much longer hangs. */
#define PLAY_MAX_NS UINT64_C(20000000000)

/* ---- one end ---- */

static void pin(int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void say_ready(int fd)
{
    ssize_t n = write(fd, "r", 1);

    (void)n; /* if nobody listens any more, this process is about to be killed */
}

static bench_loop_fn *twin_loop(const struct bench_play *play, unsigned number)
{
    if (play->what == BENCH_RTT)
        return number == 0 ? play->twin->echo : play->twin->ping;
    return number == 0 ? play->twin->sink : play->twin->source;
}

/* Every message is the same, so that the last one received shows whether the bytes came through. */
static void fill(unsigned char *bytes, const struct bench_job *job)
{
    for (size_t i = 0; i < job->size * job->batch; i++)
        bytes[i] = (unsigned char)(i % job->size * 7 + 1);
}

struct part {
    const struct bench_stage *stage;
    const struct bench_play *play;
    unsigned number;
    void *end; /* a twin's */
    int ready_fd;
};

static int seat_play(struct bench_seat *seat, const struct part *part)
{
    const struct bench_play *play = part->play;
    int r = 0;

    if (play->twin != NULL) {
        say_ready(part->ready_fd);
        r = twin_loop(play, part->number)(seat);
    } else {
        r = bench_tong_open(seat, play, part->number, say_ready, part->ready_fd);
        if (r == 0)
            r = bench_tong_loop(play, part->number)(seat);
    }
    char *why = seat->result->why[part->number];
    const char *detail = play->twin != NULL ? "" : tong_error_detail();
    if (r < 0)
        snprintf(why, BENCH_WHY_MAX, "%s", detail[0] != '\0' ? detail : tong_error_text(r));
    if (play->twin == NULL)
        bench_tong_close(seat);
    bool received = part->number == 0 || play->what == BENCH_RTT;
    if (r == 0 && received && memcmp(seat->in, seat->out, play->job.size) != 0) {
        snprintf(why, BENCH_WHY_MAX, _("what arrived is not what was sent"));
        r = -EBADMSG;
    }
    return r;
}

static int part_play(const struct part *part)
{
    struct bench_seat seat = {.end = part->end, .job = &part->play->job, .result = part->stage->result};
    size_t room = (part->play->job.size * part->play->job.batch + 4095) / 4096 * 4096;
    int r = -ENOMEM;

    pin(part->stage->cpus[part->number]);
    seat.out = aligned_alloc(4096, room);
    seat.in = aligned_alloc(4096, room);
    if (seat.out != NULL && seat.in != NULL) {
        fill(seat.out, seat.job);
        memset(seat.in, 0, room);
        r = seat_play(&seat, part);
    }
    free(seat.out);
    free(seat.in);
    return r;
}

/* ---- a process ---- */

struct child {
    pid_t pid;
    int fd; /* less than 0: it is gone */
};

static int child_start(struct child *child, bench_child_fn *run, void *context)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        tool_leave_signals();
        if (getppid() != parent)
            _exit(EXIT_FAILURE);
        close(fds[0]);
        _exit(run(context, fds[1]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    int r = child->pid < 0 ? -errno : 0;
    close(fds[1]);
    if (r == 0)
        child->fd = fds[0];
    else
        close(fds[0]);
    return r;
}

/* Waits for a child that closed its pipe, or was killed, and tells how it ended. */
static int child_reap(struct child *child)
{
    int status = 0;

    close(child->fd);
    child->fd = -1;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

static void children_kill(struct child children[2])
{
    for (int i = 0; i < 2; i++) {
        if (children[i].fd < 0)
            continue;
        kill(children[i].pid, SIGKILL);
        child_reap(&children[i]);
    }
}

static int child_ended(struct bench_stage *stage, struct child *child)
{
    int status = child_reap(child);

    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return 0;
    if (WIFSIGNALED(status))
        snprintf(stage->why, sizeof stage->why, _("a measuring process died of signal %d"), WTERMSIG(status));
    else
        for (int i = 1; i >= 0; i--)
            if (stage->result->why[i][0] != '\0')
                snprintf(stage->why, sizeof stage->why, "%s", stage->result->why[i]);
    return -ECHILD;
}

/* Waits until one of the children says that it is ready, or until both are gone. */
static int children_watch(struct bench_stage *stage, struct child children[2], bool until_ready)
{
    uint64_t end_ns = bench_now_ns() + PLAY_MAX_NS, now;

    while (children[0].fd >= 0 || children[1].fd >= 0) {
        struct pollfd fds[3] = {{.fd = children[0].fd, .events = POLLIN},
                                {.fd = children[1].fd, .events = POLLIN},
                                {.fd = tool_stop_fd(), .events = POLLIN}};
        now = bench_now_ns();
        int n = poll(fds, 3, now < end_ns ? (int)((end_ns - now) / 1000000) : 0);
        if (fds[2].revents != 0 && n > 0)
            return -EINTR;
        if (n == 0) {
            snprintf(stage->why, sizeof stage->why, _("nothing came of it within %d s"),
                     (int)(PLAY_MAX_NS / 1000000000));
            return -ETIMEDOUT;
        }
        for (int i = 0; n > 0 && i < 2; i++) {
            char byte;
            int r = 0;
            if (fds[i].revents != 0 && read(children[i].fd, &byte, 1) == 0)
                r = child_ended(stage, &children[i]);
            else if (fds[i].revents != 0 && until_ready)
                return 0;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* ---- both ends ---- */

static int part_process(void *part, int ready_fd)
{
    ((struct part *)part)->ready_fd = ready_fd;
    return part_play(part);
}

static void *part_thread(void *part)
{
    if (part_play(part) < 0)
        _exit(EXIT_FAILURE); /* else the other end would wait for ever */
    return NULL;
}

/* Two ends as two threads of one process: the second begins when the first is ready. */
static int parts_threads(void *context, int ready_fd)
{
    struct part *parts = context;
    pthread_t thread;
    int fds[2];
    char byte;

    (void)ready_fd;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    parts[0].ready_fd = fds[1];
    int r = -pthread_create(&thread, NULL, part_thread, &parts[0]);
    if (r < 0)
        return r;
    if (read(fds[0], &byte, 1) != 1)
        return -EIO;
    parts[1].ready_fd = fds[1];
    r = part_play(&parts[1]);
    if (r == 0)
        r = -pthread_join(thread, NULL);
    return r;
}

static int parts_play(struct bench_stage *stage, struct part parts[2], const struct bench_play *play)
{
    struct child children[2] = {{.fd = -1}, {.fd = -1}};
    int r;

    if (play->threads) {
        r = child_start(&children[0], parts_threads, parts);
    } else {
        r = child_start(&children[0], part_process, &parts[0]);
        if (r == 0)
            r = children_watch(stage, children, true);
        if (r == 0)
            r = child_start(&children[1], part_process, &parts[1]);
    }
    /* An end that this process kept would hide that its other owner is gone. */
    if (play->heirs != NULL)
        heirs_close(play->heirs);
    if (r == 0)
        r = children_watch(stage, children, false);
    children_kill(children);
    return r;
}

int bench_stage_play(struct bench_stage *stage, const struct bench_play *play)
{
    struct bench_play staged = *play;
    struct part parts[2] = {{.stage = stage, .play = &staged, .number = 0},
                            {.stage = stage, .play = &staged, .number = 1}};
    struct heirs heirs = HEIRS_NULL;
    void *ends[2];
    int r = 0;

    memset(stage->result->why, 0, sizeof stage->result->why);
    stage->why[0] = '\0';
    if (play->twin != NULL) {
        r = play->twin->open(ends, &play->job);
        parts[0].end = ends[0];
        parts[1].end = ends[1];
    } else if (heirs_needed(play->address)) {
        staged.heirs = &heirs;
        r = heirs_make(&heirs);
    }
    if (r == 0) {
        r = parts_play(stage, parts, &staged);
        if (play->twin != NULL)
            play->twin->close(ends);
    }
    if (r < 0 && r != -EINTR && stage->why[0] == '\0')
        snprintf(stage->why, sizeof stage->why, "%s", tong_error_text(r));
    return r;
}

int bench_stage_solo(struct bench_stage *stage, bench_child_fn *run, void *context)
{
    struct child children[2] = {{.fd = -1}, {.fd = -1}};

    memset(stage->result->why, 0, sizeof stage->result->why);
    stage->why[0] = '\0';
    int r = child_start(&children[0], run, context);
    if (r == 0)
        r = children_watch(stage, children, false);
    children_kill(children);
    if (r < 0 && r != -EINTR && stage->why[0] == '\0')
        snprintf(stage->why, sizeof stage->why, "%s", tong_error_text(r));
    return r;
}

/* ---- the machine ---- */

/* Does cpu share a core with other? Unknown counts as no. */
static bool same_core(int cpu, int other)
{
    char path[96], list[256] = "";

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    const char *at = fgets(list, sizeof list, file);
    fclose(file);
    while (at != NULL && *at != '\0') {
        char *next;
        long first = strtol(at, &next, 10), last = first;
        if (next == at)
            return false;
        if (*next == '-')
            last = strtol(next + 1, &next, 10);
        if (first <= other && other <= last)
            return true;
        at = *next == ',' ? next + 1 : "";
    }
    return false;
}

/* Picks two cores this process may use, on one core if there is no other; with one only, nothing is pinned. */
static void cpus_pick(int cpus[2])
{
    cpu_set_t set;
    int second = -1;

    cpus[0] = cpus[1] = -1;
    if (sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) < 2)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE && cpus[1] < 0; cpu++) {
        if (!CPU_ISSET((size_t)cpu, &set))
            continue;
        if (cpus[0] < 0)
            cpus[0] = cpu;
        else if (!same_core(cpus[0], cpu))
            cpus[1] = cpu;
        else if (second < 0)
            second = cpu;
    }
    if (cpus[1] < 0)
        cpus[1] = second;
}

int bench_stage_init(struct bench_stage *stage)
{
    void *memory =
        mmap(NULL, sizeof *stage->result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    *stage = (struct bench_stage){0};
    if (memory == MAP_FAILED)
        return -errno;
    stage->result = memory;
    cpus_pick(stage->cpus);
    return 0;
}

void bench_stage_fini(struct bench_stage *stage)
{
    if (stage->result != NULL)
        munmap(stage->result, sizeof *stage->result);
    stage->result = NULL;
}
