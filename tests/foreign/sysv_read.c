/* SPDX-License-Identifier: MIT */
/* sysv_read KEY TYPE COUNT: a program that knows nothing of tong. Writes "TYPE TEXT" for each of COUNT messages. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/msg.h>

struct message {
    long type;
    char text[8192];
};

int main(int argc, char **argv)
{
    static struct message message;
    int queue;

    if (argc != 4)
        return fprintf(stderr, "usage: sysv_read KEY TYPE COUNT\n"), 2;
    queue = msgget((key_t)strtoul(argv[1], NULL, 0), 0);
    if (queue < 0)
        return perror(argv[1]), 1;
    for (int i = atoi(argv[3]); i > 0; i--) {
        ssize_t len = msgrcv(queue, &message, sizeof message.text, atol(argv[2]), 0);

        if (len < 0)
            return perror("msgrcv"), 1;
        printf("%ld %.*s\n", message.type, (int)len, message.text);
    }
    return 0;
}
