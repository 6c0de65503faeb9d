/* SPDX-License-Identifier: MIT */
/* mq_write NAME PRIORITY TEXT...: a program that knows nothing of tong. Makes the queue if need be, sends each TEXT. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    mqd_t queue;

    if (argc < 4)
        return fprintf(stderr, "usage: mq_write NAME PRIORITY TEXT...\n"), 2;
    queue = mq_open(argv[1], O_WRONLY | O_CREAT, 0600, NULL);
    if (queue < 0)
        return perror(argv[1]), 1;
    for (int i = 3; i < argc; i++)
        if (mq_send(queue, argv[i], strlen(argv[i]), (unsigned)atoi(argv[2])) < 0)
            return perror("mq_send"), 1;
    return 0;
}
