/* SPDX-License-Identifier: MIT */
/* tong tour: a file through every mechanism, in a private directory of which nothing stays. */
#include "tour.h"
#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tour_row rows[] = {
    {.scheme = "inproc", .conversation = "pair", .there = "inproc:tour", .threads = true},
    {.scheme = "inproc",
     .conversation = "pipeline",
     .there = "inproc:tour-there",
     .back = "inproc:tour-back",
     .threads = true},
    {.scheme = "unix", .conversation = "pair", .there = "unix:tour.sock"},
    {.scheme = "unix", .conversation = "pipeline", .there = "unix:there.sock", .back = "unix:back.sock"},
    {.scheme = "unix", .variant = "seqpacket", .conversation = "pair", .there = "unix:tour.sock?socket=seqpacket"},
    {.scheme = "unix",
     .variant = "seqpacket",
     .conversation = "pipeline",
     .there = "unix:there.sock?socket=seqpacket",
     .back = "unix:back.sock?socket=seqpacket"},
    {.scheme = "unix",
     .variant = "dgram",
     .conversation = "pipeline",
     .there = "unix:there.sock?socket=dgram",
     .back = "unix:back.sock?socket=dgram",
     .endless = true},
    {.scheme = "pipe", .conversation = "pair", .there = "pipe:"},
    {.scheme = "pipe", .conversation = "pipeline", .there = "pipe:", .back = "pipe:"},
    {.scheme = "fifo", .conversation = "pipeline", .there = "fifo:there.fifo", .back = "fifo:back.fifo"},
    {.scheme = "fifo",
     .variant = "one",
     .conversation = "pipeline",
     .there = "fifo:there.fifo?writers=one",
     .back = "fifo:back.fifo?writers=one"},
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* The tour's private directory, in which the process works meanwhile, so that addresses stay short and plain. */
struct place {
    char path[4096];
    int before; /* where the process worked before */
};

static int place_enter(struct place *place)
{
    const char *parent = getenv("TMPDIR");
    int n = snprintf(place->path, sizeof place->path, "%s/tong-tour.XXXXXX", parent && *parent ? parent : "/tmp");

    if (n >= (int)sizeof place->path)
        return -ENAMETOOLONG;
    place->before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place->before < 0)
        return -errno;
    if (!mkdtemp(place->path) || chdir(place->path) < 0) {
        int error = errno;

        close(place->before);
        return -error;
    }
    return 0;
}

/* A side that was killed leaves its sockets behind. */
static int place_leave(struct place *place)
{
    DIR *directory = opendir(".");
    struct dirent *entry;
    int r = directory ? 0 : -errno;

    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(entry->d_name);
    if (directory)
        closedir(directory);
    if (fchdir(place->before) < 0 || rmdir(place->path) < 0)
        r = r < 0 ? r : -errno;
    close(place->before);
    return r;
}

/* A copy in memory: the file may change meanwhile, and it need not be one that can be mapped. */
static int input_load(const struct tool *tool, const char *path, struct input *ret_in, struct tour_input *ret_input)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
    tong_view whole;

    if (fd < 0)
        return tool_fail_file(tool, path, errno);
    input_init(ret_in, tool, fd, INPUT_WHOLE, SIZE_MAX);
    while (r == 0 && !ret_in->ended)
        r = input_read(ret_in);
    close(fd);
    if (r < 0)
        return input_fail(ret_in, tool, "", path, r);
    input_take(ret_in, &whole, 1);
    *ret_input = (struct tour_input){whole.data, whole.len, tour_hash(TOUR_HASH_EMPTY, whole.data, whole.len)};
    return TOOL_DONE;
}

static int all_run(const struct tool *tool, const struct tour_input *input)
{
    struct tour_result results[N_ROWS];
    int code = TOOL_DONE;

    for (size_t i = 0; i < N_ROWS; i++) {
        tool_tell(tool, "%s: %s", rows[i].scheme, rows[i].conversation);
        tour_run(&rows[i], input, &results[i]);
        if (results[i].verdict == TOUR_STOPPED)
            return TOOL_SIGNAL + tool_stopped();
        if (results[i].verdict == TOUR_FAILED)
            code = TOOL_FAILED;
    }
    return tour_show(tool, rows, results, N_ROWS) == TOOL_DONE ? code : TOOL_FAILED;
}

int verb_tour(struct tool *tool, int argc, char **argv)
{
    const char *path = tool->opt.input ? tool->opt.input : "/proc/self/exe";
    struct input in = {.fd = -1};
    struct tour_input input;
    struct place place;
    int r, code = tool_catch_signals(tool);

    (void)argc;
    (void)argv;
    if (tool->opt.json)
        setlocale(LC_MESSAGES, "C"); /* the reasons become data, which is the same in every language */
    if (code == TOOL_DONE)
        code = input_load(tool, path, &in, &input);
    if (code == TOOL_DONE) {
        tool_complain(tool, _("carrying %s, %zu bytes, through every mechanism, every byte checked"), path, input.len);
        r = place_enter(&place);
        code = r < 0 ? tool_fail_file(tool, _("a directory for the tour"), -r) : all_run(tool, &input);
        if (r == 0)
            r = place_leave(&place);
        if (r < 0 && code == TOOL_DONE)
            code = tool_fail_file(tool, place.path, -r);
    }
    input_fini(&in);
    return code;
}
