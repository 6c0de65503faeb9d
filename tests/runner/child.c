/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

void child_tie_to(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (getppid() != parent) /* it died before the first line */
        _exit(EXIT_FAILURE);
}

bool child_exists(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Children belong to threads: each thread has a list of those that it forked. */
static void kill_children_of_thread(const char *tid)
{
    char path[300];
    FILE *list;
    int pid;

    snprintf(path, sizeof path, "/proc/self/task/%s/children", tid);
    list = fopen(path, "re");
    if (!list)
        return;
    while (fscanf(list, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    fclose(list);
}

static void kill_children(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;

    if (!tasks)
        return;
    while ((task = readdir(tasks)) != NULL)
        if (task->d_name[0] != '.')
            kill_children_of_thread(task->d_name);
    closedir(tasks);
}

void child_kill_all(void)
{
    do {
        kill_children();
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

pid_t runner_fork(int (*body)(void *context), void *context)
{
    pid_t parent = getpid(), child;

    fflush(NULL); /* or the child prints it once more */
    child = fork();
    if (child < 0)
        ck_abort_msg("fork failed");
    if (child == 0) {
        child_tie_to(parent);
        exit(body(context));
    }
    return child;
}

int runner_join(pid_t child, int timeout_ms)
{
    struct pollfd gone = {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
    int status, ready;

    ck_assert_msg(gone.fd >= 0, "process %d is no child to wait for", (int)child);
    do {
        ready = poll(&gone, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    close(gone.fd);
    if (ready == 0)
        kill(child, SIGKILL);
    if (waitpid(child, &status, 0) != child)
        ck_abort_msg("waiting for process %d failed", (int)child);
    if (ready == 0)
        ck_abort_msg("process %d was not gone after %d ms", (int)child, timeout_ms);
    return status;
}

void runner_join_ok(pid_t child, int timeout_ms)
{
    int status = runner_join(child, timeout_ms);

    if (WIFSIGNALED(status))
        ck_abort_msg("process %d was killed by signal %d", (int)child, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        ck_abort_msg("process %d exited with %d", (int)child, WEXITSTATUS(status));
}
