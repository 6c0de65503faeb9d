/* SPDX-License-Identifier: MIT */
/* mq_read NAME COUNT: a program that knows nothing of tong. Writes "PRIORITY TEXT" for each of COUNT messages. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static char text[65536];
    unsigned priority;
    mqd_t queue;

    if (argc != 3)
        return fprintf(stderr, "usage: mq_read NAME COUNT\n"), 2;
    queue = mq_open(argv[1], O_RDONLY);
    if (queue < 0)
        return perror(argv[1]), 1;
    for (int i = atoi(argv[2]); i > 0; i--) {
        ssize_t len = mq_receive(queue, text, sizeof text, &priority);

        if (len < 0)
            return perror("mq_receive"), 1;
        printf("%u %.*s\n", priority, (int)len, text);
    }
    return 0;
}
