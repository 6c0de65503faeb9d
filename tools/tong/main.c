/* SPDX-License-Identifier: MIT */
/* The tool's way in: finds the verb, reads its options and operands, runs it, and sees that the output got out. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct tool_verb tool_verbs[TOOL_N_VERBS] = {
#define TOOL_VERB(name, operands, fewest, most, sentence) {#name, operands, fewest, most, sentence, verb_##name},
#include "verbs.def"
#undef TOOL_VERB
};

const struct tool_verb *tool_verb_find(const char *name)
{
    for (size_t i = 0; i < TOOL_N_VERBS; i++)
        if (strcmp(tool_verbs[i].name, name) == 0)
            return &tool_verbs[i];
    return NULL;
}

/* What comes before the verb, if anything does, is the name of one. */
static const struct tool_verb *verb_choose(const char *word)
{
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
        return &tool_verbs[TOOL_VERB_help];
    if (strcmp(word, "--version") == 0)
        return &tool_verbs[TOOL_VERB_version];
    return tool_verb_find(word);
}

static bool color_wanted(const char *when, int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    if (when && strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return isatty(fd) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

static int colors_set(struct tool *tool)
{
    const char *when = tool->opt.color;

    if (when && strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        return tool_usage(tool, _("--color is auto, always or never, not '%s'"), when);
    tool->color_out = color_wanted(when, STDOUT_FILENO);
    tool->color_err = color_wanted(when, STDERR_FILENO);
    return TOOL_DONE;
}

static int verb_start(struct tool *tool, int argc, char **argv)
{
    const struct tool_verb *verb = tool->verb;
    bool help = false;
    int operands, code = tool_options_parse(tool, argc, argv, &help, &operands);

    if (code != TOOL_DONE)
        return code;
    if (help) {
        tool_verb_explain(verb);
        return TOOL_DONE;
    }
    code = colors_set(tool);
    if (code != TOOL_DONE)
        return code;
    argc -= operands;
    argv += operands;
    if (argc < verb->fewest)
        return tool_usage(tool, _("%s is missing"), verb->operands);
    if (argc > verb->most)
        return tool_usage(tool, _("'%s' is one operand too many"), argv[verb->most]);
    return verb->run(tool, argc, argv);
}

/* A full disk shows only when the output is flushed. What main itself wrote is lost then, so that is a failure. */
static int output_end(const struct tool *tool, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    tool_fail_file(tool, _("standard output"), errno);
    return code == TOOL_DONE ? TOOL_FAILED : code;
}

/*
 * A standard stream that was closed must not become a channel's descriptor. What takes its place fails as a closed one
 * does: it is open for the wrong direction.
 */
static void streams_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}

int main(int argc, char **argv)
{
    struct tool tool = {0};
    int code;

    streams_hold();
    tool_language_init();
    if (argc < 2)
        return tool_usage(&tool, _("say what to do"));
    tool.verb = verb_choose(argv[1]);
    if (!tool.verb)
        return tool_usage(&tool, _("'%s' is not a verb"), argv[1]);
    code = verb_start(&tool, argc - 1, argv + 1);
    return output_end(&tool, code);
}
