/* SPDX-License-Identifier: MIT */
#include "inventory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner.h"

__attribute__((format(printf, 2, 3))) static void add_line(struct inventory *inventory, const char *format, ...)
{
    va_list arguments;

    if (inventory->count == inventory->room) {
        inventory->room = inventory->room ? 2 * inventory->room : 64;
        inventory->lines = realloc(inventory->lines, inventory->room * sizeof *inventory->lines);
        if (!inventory->lines)
            abort();
    }
    va_start(arguments, format);
    if (vasprintf(&inventory->lines[inventory->count++], format, arguments) < 0)
        abort();
    va_end(arguments);
}

/* Calls each() for the entries of a directory, without "." and ".."; none if it cannot be read. */
static void for_entries(const char *path, void (*each)(void *context, int directory, const char *name), void *context)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(context, dirfd(directory), entry->d_name);
    closedir(directory);
}

static void add_descriptor(void *context, int directory, const char *name)
{
    char target[256];
    ssize_t len = readlinkat(directory, name, target, sizeof target - 1);

    if (len < 0 || atoi(name) == directory)
        return;
    target[len] = '\0';
    if (!strstr(target, "/check_")) /* Check's own, renewed between the parts of a test */
        add_line(context, "descriptor %s (%s)", name, target);
}

static void add_thread(void *context, int directory, const char *name)
{
    (void)directory;
    add_line(context, "thread %s", name);
}

static bool is_mine(int directory, const char *name, struct stat *ret_stat)
{
    return fstatat(directory, name, ret_stat, AT_SYMLINK_NOFOLLOW) == 0 && ret_stat->st_uid == geteuid();
}

static void add_shared(void *context, int directory, const char *name)
{
    char path[300];
    struct stat status;

    if (!is_mine(directory, name, &status))
        return;
    if (!S_ISDIR(status.st_mode)) {
        add_line(context, "shared object %s (inode %ju)", name, (uintmax_t)status.st_ino);
        return;
    }
    /* The directory itself may stay; what matters is what is in it. */
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
    for_entries(path, add_shared, context);
}

static void add_work_file(void *context, int directory, const char *name)
{
    size_t len = strlen(name);
    struct stat status;

    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (S_ISSOCK(status.st_mode))
        add_line(context, "socket file %s", name);
    else if (S_ISFIFO(status.st_mode))
        add_line(context, "FIFO %s", name);
    else if (len >= 5 && strcmp(name + len - 5, ".lock") == 0)
        add_line(context, "lock file %s", name);
}

/* The uid is in another column for each kind; key and number are always the first two. */
static void add_system_v(struct inventory *inventory, const char *kind, int uid_column)
{
    char path[64], line[512];
    FILE *list;

    snprintf(path, sizeof path, "/proc/sysvipc/%s", kind);
    list = fopen(path, "re");
    if (!list)
        return;
    while (fgets(line, sizeof line, list)) {
        long long columns[8] = {0};
        const char *at = line;
        char *end = line;

        for (int i = 0; i <= uid_column; i++, at = end)
            columns[i] = strtoll(at, &end, 10);
        if (end != line && columns[uid_column] == (long long)geteuid())
            add_line(inventory, "System V %s %lld", kind, columns[1]);
    }
    fclose(list);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void inventory_take(struct inventory *inventory)
{
    for_entries("/proc/self/fd", add_descriptor, inventory);
    for_entries("/proc/self/task", add_thread, inventory);
    for_entries("/dev/shm", add_shared, inventory);
    for_entries("/dev/mqueue", add_shared, inventory);
    for_entries(".", add_work_file, inventory);
    add_system_v(inventory, "msg", 7);
    add_system_v(inventory, "sem", 4);
    add_system_v(inventory, "shm", 7);
    qsort(inventory->lines, inventory->count, sizeof *inventory->lines, compare_lines);
}

void inventory_compare(const struct inventory *before, const struct inventory *after, char *text, size_t len)
{
    size_t b = 0, a = 0;

    text[0] = '\0';
    while (b < before->count || a < after->count) {
        int order = b == before->count ? 1 : a == after->count ? -1 : strcmp(before->lines[b], after->lines[a]);

        if (order > 0)
            snprintf(text, len, "left behind: %s", after->lines[a]);
        else if (order < 0)
            snprintf(text, len, "taken away: %s", before->lines[b]);
        if (order != 0)
            return;
        b++;
        a++;
    }
}

void inventory_fini(struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++)
        free(inventory->lines[i]);
    free(inventory->lines);
    *inventory = (struct inventory)INVENTORY_NULL;
}

static void count_entry(void *context, int directory, const char *name)
{
    (void)directory;
    (void)name;
    ++*(int *)context;
}

int runner_count_fds(void)
{
    int count = 0;

    for_entries("/proc/self/fd", count_entry, &count);
    return count - 1; /* the descriptor of the directory itself */
}
