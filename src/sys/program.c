/* SPDX-License-Identifier: MIT */
#include "sys/program.h"

#include <signal.h>
#include <string.h>

#include "sys/sys.h"

/* A thread that leaves signals to another one would otherwise start programs that cannot be ended by them, and one that
 * ignores SIGPIPE programs that go on writing to nobody. */
static int signals_reset(posix_spawnattr_t *attributes)
{
    sigset_t none, pipes;

    sigemptyset(&none);
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    int error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &pipes);
    return -error;
}

/* What exec has always promised: it changes neither strings nor arrays. */
static char *const *strings(const char *const *list)
{
    char *const *same;

    memcpy(&same, &list, sizeof same);
    return same;
}

static int start(pid_t *ret_pid, const char *const *argv, const char *const *envp, const struct tongi_grant *grants,
                 uint32_t n, posix_spawn_file_actions_t *actions)
{
    posix_spawnattr_t attributes;
    int r = 0;

    /* Onto its own number too: that takes close-on-exec off, in the new program alone. */
    for (uint32_t i = 0; i < n && r == 0; i++)
        if (grants[i].fd >= 0)
            r = -posix_spawn_file_actions_adddup2(actions, grants[i].fd, grants[i].number);
    if (r == 0)
        r = -posix_spawnattr_init(&attributes);
    if (r < 0)
        return r;
    r = signals_reset(&attributes);
    if (r == 0)
        r = tongi_sys_spawn(ret_pid, argv[0], actions, &attributes, strings(argv), strings(envp));
    posix_spawnattr_destroy(&attributes);
    return r;
}

int tongi_program_start(pid_t *ret_pid, const char *const *argv, const char *const *envp,
                        const struct tongi_grant *grants, uint32_t n)
{
    posix_spawn_file_actions_t actions;
    int r = -posix_spawn_file_actions_init(&actions);

    if (r < 0)
        return r;
    r = start(ret_pid, argv, envp, grants, n, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}
