/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <tong/tong.h>

/* hello ADDRESS prints one message; hello ADDRESS TEXT sends one. */
int main(int argc, char **argv)
{
    tong_channel *ch;
    char text[256];

    if (tong_open(&ch, argv[1], argc > 2 ? TONG_PUSH : TONG_PULL, NULL, tong_in_ms(5000)) < 0)
        return fprintf(stderr, "%s\n", tong_error_detail()), 1;
    int64_t n = argc > 2 ? tong_send(ch, argv[2], strlen(argv[2]), tong_in_ms(5000))
                         : tong_recv(ch, text, sizeof text, tong_forever());
    if (n < 0)
        fprintf(stderr, "%s\n", tong_error_detail());
    else if (argc == 2)
        printf("%.*s\n", (int)n, text);
    tong_close(ch);
    return n < 0;
}
