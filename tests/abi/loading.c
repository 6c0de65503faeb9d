/* SPDX-License-Identifier: MIT */
/* The shared library as a plug-in has it: loaded when the program runs already, used, and taken out again. */
#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tong/tong.h>

#include "runner/runner.h"

/* A function of the library, asked for by the node that programs are bound to. */
static void function(void *library, const char *name, void *ret_function)
{
    void *found = dlvsym(library, name, "TONG_0");

    ck_assert_msg(found != NULL, "%s is not in TONG_0", name);
    memcpy(ret_function, &found, sizeof found);
}

TONG_TEST(load_use_unload_fork)
{
    void *library = dlopen(TONG_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    int (*pair)(tong_channel *[2], const char *);
    int (*send)(tong_channel *, const void *, size_t, tong_deadline);
    tong_channel *(*close_channel)(tong_channel *);
    tong_channel *ends[2];
    pid_t child;
    int status;

    ck_assert_msg(library != NULL, "%s", dlerror());
    function(library, "tong_pair", &pair);
    function(library, "tong_send", &send);
    function(library, "tong_close", &close_channel);
    ck_assert_int_eq(pair(ends, "inproc:"), 0);
    ck_assert_int_eq(send(ends[0], "word", 4, (tong_deadline){0}), 0);
    close_channel(ends[0]);
    close_channel(ends[1]);
    ck_assert_int_eq(dlclose(library), 0);
    ck_assert_ptr_null(dlopen(TONG_LIBRARY, RTLD_NOW | RTLD_NOLOAD));

    /* The library's fork handler has gone with it. */
    child = fork();
    if (child == 0)
        _exit(0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
