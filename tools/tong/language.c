/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the catalogues are, seen from the program: so an installed tree may be moved, and a build tree has its own. */
static const char *catalogues_beside(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof TONG_LOCALES_FROM_TOOL);
    char *slash;

    if (len < 0)
        return NULL;
    path[len] = 0;
    slash = strrchr(path, '/');
    memcpy(slash + 1, TONG_LOCALES_FROM_TOOL, sizeof TONG_LOCALES_FROM_TOOL);
    return path;
}

void tool_language_init(void)
{
    const char *directory = secure_getenv("TEXTDOMAINDIR");
    char path[PATH_MAX];

    setlocale(LC_CTYPE, "");
    setlocale(LC_MESSAGES, ""); /* nothing else: numbers keep their point */
    if (!directory || !*directory)
        directory = catalogues_beside(path);
    if (directory)
        bindtextdomain("tong", directory);
    textdomain("tong");
}
