/* SPDX-License-Identifier: MIT */
/* tong help and tong version. */
#include "tool.h"

#include <stdio.h>

/* What --help says of a verb besides its options. */
static const struct {
    const char *note, *examples;
} pages[TOOL_N_VERBS] = {
    [TOOL_VERB_send] =
        {
            N_("Each FILE, or standard input for none or '-', is one message unless it is cut by --lines,\n"
               "--null or --block. What follows the last newline or NUL byte is a message too. A message\n"
               "leaves as soon as it is read; many go together when they come faster than the channel takes\n"
               "them. With --json a summary is written at the end.\n"),
            "  echo 'build #42' | tong send unix:jobs.sock\n"
            "  tail -f app.log | tong send --lines unix:log.sock\n"
            "  find . -name '*.c' -print0 | tong send -0 unix:files.sock\n",
        },
    [TOOL_VERB_recv] =
        {
            N_("Messages are written one behind the other, or each with a newline (--lines) or NUL byte\n"
               "(--null) behind it. A message counts as taken when it is written: after a write error it\n"
               "stays in the channel, where the mechanism can keep it. On a terminal, control characters are\n"
               "shown as \\xHH unless --raw is given.\n"),
            "  tong recv unix:jobs.sock -n1\n"
            "  tong recv --json unix:log.sock | jq -r .data\n"
            "  tong recv --end unix:dump.sock > dump\n",
        },
    [TOOL_VERB_pair] =
        {
            N_("Both directions carry a line per message unless --null or --block says otherwise. At the end\n"
               "of standard input the peer is told, and what it still says is written until it has finished\n"
               "too.\n"),
            "  tong pair --listen unix:chat.sock\n"
            "  tong pair unix:chat.sock\n",
        },
    [TOOL_VERB_tour] =
        {
            N_("For every mechanism and conversation, two processes (for inproc: two threads) pass the file\n"
               "on, the far side compares every byte with the file, and then they time short round trips.\n"
               "The result is 'ok', 'failed', or 'absent' with the reason and the remedy when this machine\n"
               "lacks the mechanism.\n"),
            NULL,
        },
    [TOOL_VERB_help] = {NULL, "  tong help send\n"},
};

static void exit_codes_explain(void)
{
    fputs(_("\n"
            "exit codes: 0 done, 1 failed, 2 usage, 3 timed out, 4 no such channel or peer gone, 5 full, 6 corrupt,\n"
            "7 not permitted or a limit, 130 and 143 stopped by SIGINT and SIGTERM\n"),
          stdout);
}

static void tool_explain(void)
{
    fputs(_("tong: two processes exchange messages through any mechanism of the system\n"
            "\n"
            "usage: tong VERB [OPTION...] [OPERAND...]\n"
            "\n"),
          stdout);
    for (size_t i = 0; i < TOOL_N_VERBS; i++)
        printf("  %-8s %s\n", tool_verbs[i].name, _(tool_verbs[i].sentence));
    fputs(_("\n"
            "An ADDRESS is scheme:rest?option=value, such as unix:jobs.sock or 'unix:jobs.sock?size=4194304'.\n"
            "'tong help VERB' tells about one verb.\n"),
          stdout);
    exit_codes_explain();
}

void tool_verb_explain(const struct tool_verb *verb)
{
    const char *note = pages[verb - tool_verbs].note, *examples = pages[verb - tool_verbs].examples;

    printf(_("usage: tong %s [OPTION...]%s%s\n\n%s\n\n"), verb->name, *verb->operands ? " " : "", verb->operands,
           _(verb->sentence));
    tool_options_print(verb);
    if (note)
        printf("\n%s", _(note));
    if (examples)
        printf("\n%s", examples);
    exit_codes_explain();
}

int verb_help(struct tool *tool, int argc, char **argv)
{
    const struct tool_verb *verb = argc > 0 ? tool_verb_find(argv[0]) : NULL;

    if (argc > 0 && !verb)
        return tool_usage(tool, _("'%s' is not a verb"), argv[0]);
    if (verb)
        tool_verb_explain(verb);
    else
        tool_explain();
    return TOOL_DONE;
}

int verb_version(struct tool *tool, int argc, char **argv)
{
    uint32_t version = tong_version();

    (void)tool;
    (void)argc;
    (void)argv;
    printf("tong %u.%u.%u\n", version >> 16 & 255, version >> 8 & 255, version & 255);
    return TOOL_DONE;
}
