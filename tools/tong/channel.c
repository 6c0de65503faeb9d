/* SPDX-License-Identifier: MIT */
/* Channels as the command line wants them: opened with its options, and shut down cleanly by SIGINT and SIGTERM. */
#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { N_GUARDED = 4 };

static volatile sig_atomic_t stop_signal;
static int stop_fd = -1;
static tong_channel *guarded[N_GUARDED]; /* changed only while the signals are held back */

static void stop_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
}

static void on_stop(int number)
{
    static const uint64_t one = 1;
    int kept = errno;

    stop_signal = number;
    for (int i = 0; i < N_GUARDED; i++)
        tong_shutdown(guarded[i]);
    if (write(stop_fd, &one, sizeof one) < 0) {
        /* The counter is full, so the descriptor is readable already. */
    }
    errno = kept;
}

/* What the tool finds ignored stays ignored: that is how a shell keeps SIGINT from what it runs in the background. */
static void signal_catch(int number, const struct sigaction *action)
{
    struct sigaction before;

    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, action, NULL);
}

int tool_catch_signals(const struct tool *tool)
{
    struct sigaction action = {.sa_handler = on_stop}; /* no SA_RESTART: a read or write that waits must end */
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0)
        return tool_fail_file(tool, "eventfd", errno);
    stop_signals(&action.sa_mask);
    signal_catch(SIGINT, &action);
    signal_catch(SIGTERM, &action);
    sigaction(SIGPIPE, &ignore, NULL);
    return TOOL_DONE;
}

void tool_leave_signals(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};

    sigaction(SIGINT, &usual, NULL);
    sigaction(SIGTERM, &usual, NULL);
}

/* Puts with in the place of old. A signal that came before this found nothing to shut down, so it counts now. */
static void guard_replace(const tong_channel *old, tong_channel *with)
{
    sigset_t set, kept;

    stop_signals(&set);
    sigprocmask(SIG_BLOCK, &set, &kept);
    for (int i = 0; i < N_GUARDED; i++)
        if (guarded[i] == old) {
            guarded[i] = with;
            break;
        }
    sigprocmask(SIG_SETMASK, &kept, NULL);
    if (stop_signal)
        tong_shutdown(with);
}

void tool_guard(tong_channel *ch)
{
    guard_replace(NULL, ch);
}

tong_channel *tool_close(tong_channel *ch)
{
    if (ch)
        guard_replace(ch, NULL);
    return tong_close(ch);
}

int tool_stop_fd(void)
{
    return stop_fd;
}

int tool_stopped(void)
{
    return stop_signal;
}

int64_t tool_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

tong_deadline tool_deadline(const struct tool *tool)
{
    return tool->opt.timeout_ns < 0 ? tong_forever() : tong_in_ns(tool->opt.timeout_ns);
}

int tool_open(const struct tool *tool, tong_channel **ret_ch, const char *address, uint32_t role)
{
    tong_opts opts = {.struct_size = sizeof opts, .end = tool->opt.end ? TONG_END_LAST : 0};
    int r;

    if (tool->opt.listen && tool->opt.connect)
        return tool_usage(tool, _("--listen and --connect exclude each other"));
    role |= tool->opt.listen ? TONG_LISTEN : 0;
    role |= tool->opt.connect ? TONG_CONNECT : 0;
    r = tong_open(ret_ch, address, role, &opts, tong_now());
    if (r < 0)
        return tool_fail(tool, r);
    tool_guard(*ret_ch);
    return TOOL_DONE;
}

int tool_wait_peer(const struct tool *tool, tong_channel *ch, const char *address)
{
    tong_pollitem item = {.ch = ch, .want = TONG_OUT};
    int64_t r = tong_poll(&item, 1, tool_deadline(tool));

    if (tool_stopped())
        return TOOL_SIGNAL + tool_stopped();
    if (r >= 0 || r == TONG_E_NOCAP)
        return TOOL_DONE;
    return r == -ETIMEDOUT || r == -EAGAIN ? tool_timed_out(tool, address, _("nobody came")) : tool_fail(tool, r);
}

int tool_pair_take(tong_channel **ch, tong_deadline deadline)
{
    tong_caps caps = {.struct_size = sizeof caps};
    tong_channel *peer;
    int r = tong_get_caps(*ch, &caps);

    if (r < 0 || caps.bits & TONG_CAP_OBJECT)
        return r;
    r = tong_accept(*ch, &peer, deadline);
    if (r < 0)
        return r;
    tool_guard(peer);
    tool_close(*ch);
    *ch = peer;
    return 0;
}
