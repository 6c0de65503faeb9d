/* SPDX-License-Identifier: MIT */
/* tong_spawn: a program is started and a channel to it made, of ends that it inherits. */
#include "channel/channel.h"

#include "base/address.h"
#include "sys/program.h"
#include "sys/sys.h"

/* The environment with the heritage's variable in the place of an older one, for the caller to free; the strings stay
 * where they are. */
static const char **environment_with(const char *const *envp, const char *variable)
{
    size_t name_len = (size_t)(strchr(variable, '=') - variable) + 1;
    size_t n = 0, used = 0;

    while (envp[n])
        n++;
    const char **merged = tongi_sys_alloc((n + 2) * sizeof *merged);
    if (!merged)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strlen(envp[i]) < name_len || memcmp(envp[i], variable, name_len) != 0)
            merged[used++] = envp[i];
    merged[used] = variable;
    return merged;
}

static const char *remedy(int error)
{
    switch (error) {
    case -ENOENT:
        return " (neither there nor in PATH)";
    case -EACCES:
        return " (it needs the right to be executed)";
    case -E2BIG:
        return " (arguments and environment together are over the system's limit, 'getconf ARG_MAX')";
    case -EAGAIN:
        return " (raise 'ulimit -u')";
    default:
        return "";
    }
}

static int start_program(const tong_channel *ch, const struct tongi_heritage *heritage, const char *const *argv,
                         const char *const *envp, pid_t *ret_pid)
{
    const char *const *environment = envp ? envp : tongi_sys_environment();
    const char **merged = NULL;
    pid_t pid;

    if (*heritage->variable) {
        environment = merged = environment_with(environment, heritage->variable);
        if (!merged)
            return tongi_no_memory(ch->address);
    }
    int r = tongi_program_start(&pid, argv, environment, heritage->grants, 2);
    tongi_sys_free(merged);
    if (r < 0)
        return TONG_FAIL(r, "%s: '%.200s' could not be started: %s%s", ch->address, argv[0], tong_error_text(r),
                         remedy(r));
    *ret_pid = pid;
    return 0;
}

static int spawn(tong_channel *ch, const char *const *argv, const char *const *envp, pid_t *ret_pid)
{
    struct tongi_heritage heritage;

    if (!ch->ops->spawn)
        return tongi_nocap(ch, TONG_CAP_SPAWN, "way to start a program");
    int r = ch->ops->spawn(ch->state, &ch->start, &heritage);
    if (r < 0)
        return TONG_TRACE(r);
    r = start_program(ch, &heritage, argv, envp, ret_pid);
    for (int i = 0; i < 2; i++)
        tongi_sys_close(heritage.grants[i].fd);
    return r;
}

int tong_spawn(tong_channel **ret_ch, const char *address, uint32_t role, const tong_opts *opts,
               const char *const argv[], const char *const envp[], pid_t *ret_pid)
{
    struct tongi_address *parsed;
    tong_channel *ch;

    if (!ret_ch || !ret_pid || !argv || !argv[0])
        return TONG_FAIL(-EINVAL, "tong_spawn: %s is missing",
                         !ret_ch    ? "ret_ch"
                         : !ret_pid ? "ret_pid, which is needed to wait for the program,"
                                    : "the program, argv[0],");
    int r = tongi_address_take(&parsed, address);
    if (r < 0)
        return TONG_TRACE(r);
    r = tongi_channel_make(&ch, parsed, role, opts);
    tongi_sys_free(parsed);
    if (r < 0)
        return TONG_TRACE(r);
    r = spawn(ch, argv, envp, ret_pid);
    if (r < 0) {
        tong_close(ch);
        return TONG_TRACE(r);
    }
    *ret_ch = ch;
    return 0;
}
