/* SPDX-License-Identifier: MIT */
/* sysv_write KEY TYPE TEXT...: a program that knows nothing of tong. Makes the queue if need be, sends each TEXT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

struct message {
    long type;
    char text[8192];
};

int main(int argc, char **argv)
{
    static struct message message;
    int queue;

    if (argc < 4)
        return fprintf(stderr, "usage: sysv_write KEY TYPE TEXT...\n"), 2;
    queue = msgget((key_t)strtoul(argv[1], NULL, 0), IPC_CREAT | 0600);
    if (queue < 0)
        return perror(argv[1]), 1;
    message.type = atol(argv[2]);
    for (int i = 3; i < argc; i++) {
        size_t len = strlen(argv[i]);

        memcpy(message.text, argv[i], len < sizeof message.text ? len : sizeof message.text);
        if (msgsnd(queue, &message, len, 0) < 0)
            return perror("msgsnd"), 1;
    }
    return 0;
}
