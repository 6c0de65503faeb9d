/* SPDX-License-Identifier: MIT */
/*
 * completions TEMPLATE OUTPUT: makes a shell's completion for the tool, during the build. The template is the script;
 * the words in it that are written @so@ stand for what comes from the tables of the tool.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum verb_number {
#define TOOL_VERB(name, operands, fewest, most, sentence) VERB_##name,
#include "verbs.def"
#undef TOOL_VERB
};

static const struct verb {
    const char *name, *operands, *sentence;
} verbs[] = {
#define TOOL_VERB(name, operands, fewest, most, sentence) {#name, operands, sentence},
#include "verbs.def"
#undef TOOL_VERB
};

#define IN(verb) (1u << VERB_##verb)
static const struct option {
    const char *name, *argument, *sentence;
    uint32_t verbs;
    char letter;
} options[] = {
#define TOOL_OPTION(member, letter, name, argument, kind, verbs, sentence) {name, argument, sentence, verbs, letter},
#include "options.def"
#undef TOOL_OPTION
    {"help", NULL, "show this page", UINT32_MAX, 'h'}, /* every verb has it, and no table */
};

static const char *const schemes[] = {
#define TONG_TRANSPORT(scheme) #scheme,
#include "transport/transports.def"
#undef TONG_TRANSPORT
};

enum {
    N_VERBS = sizeof verbs / sizeof verbs[0],
    N_OPTIONS = sizeof options / sizeof options[0],
    N_SCHEMES = sizeof schemes / sizeof schemes[0]
};

static bool option_applies(const struct option *option, int verb)
{
    return option->verbs & 1u << verb;
}

/* Writes a text that stands between single quotes, with a backslash before each of the special characters. */
static void quoted_put(FILE *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\'", out);
        else if (strchr(special, *text))
            putc('\\', out);
        putc(*text, out);
    }
}

/* "auto|always|never", the values that an option takes, as words. */
static void choices_put(FILE *out, const char *argument)
{
    for (; *argument; argument++)
        putc(*argument == '|' ? ' ' : *argument, out);
}

/* An operand, as in "ADDRESS [FILE...]": its name ("FILE"), and whether there may be more of it. */
struct operand {
    char name[32];
    bool many;
};

/* The next operand of the text; false behind the last. */
static bool operand_next(const char **text, struct operand *ret_operand)
{
    size_t begin = strspn(*text, " []"), len = strcspn(*text + begin, " []."), dots;

    if (len == 0 || len >= sizeof ret_operand->name)
        return false;
    memcpy(ret_operand->name, *text + begin, len);
    ret_operand->name[len] = 0;
    dots = strspn(*text + begin + len, ".");
    ret_operand->many = dots > 0;
    *text += begin + len + dots;
    return true;
}

/* ---- bash: what each verb takes, as words that the template's functions understand ------------------------------ */

static void bash_option(FILE *out, const struct option *option, const char *joint, const char *argument)
{
    if (option->letter)
        fprintf(out, " -%c%s%s", option->letter, joint, argument);
    fprintf(out, " --%s%s%s", option->name, joint, argument);
}

static void bash_cases(FILE *out)
{
    for (int v = 0; v < N_VERBS; v++) {
        const char *text = verbs[v].operands;
        struct operand operand;

        fprintf(out, "    %s)\n        options='", verbs[v].name);
        for (int i = 0; i < N_OPTIONS; i++)
            if (option_applies(&options[i], v))
                bash_option(out, &options[i], "", "");
        fputs("'\n        takes='", out);
        for (int i = 0; i < N_OPTIONS; i++)
            if (option_applies(&options[i], v) && options[i].argument)
                bash_option(out, &options[i], "=", options[i].argument);
        fputs("'\n        operands='", out);
        while (operand_next(&text, &operand))
            fprintf(out, " %s%s", operand.name, operand.many ? "..." : "");
        fputs("'\n        ;;\n", out);
    }
}

/* ---- zsh: a call of _arguments for each verb --------------------------------------------------------------------- */

static const char zsh_special[] = "[]:\\";

static void zsh_action(FILE *out, const char *argument)
{
    if (strchr(argument, '|')) {
        putc('(', out);
        choices_put(out, argument);
        putc(')', out);
    } else if (strcmp(argument, "FILE") == 0) {
        fputs("_files", out);
    } else if (strcmp(argument, "ADDRESS") == 0) {
        fputs("_tong_address", out);
    } else if (strcmp(argument, "VERB") == 0) {
        fputs("_tong_verbs", out);
    } else {
        putc(' ', out);
    }
}

static void zsh_option(FILE *out, const struct option *option)
{
    const char *attached = option->argument ? "+" : "", *equals = option->argument ? "=" : "";

    if (option->letter)
        fprintf(out, " \\\n            '(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name, option->letter,
                attached, option->name, equals);
    else
        fprintf(out, " \\\n            '--%s%s[", option->name, equals);
    quoted_put(out, option->sentence, zsh_special);
    putc(']', out);
    if (option->argument) {
        putc(':', out);
        quoted_put(out, option->argument, zsh_special);
        putc(':', out);
        zsh_action(out, option->argument);
    }
    putc('\'', out);
}

static void zsh_cases(FILE *out)
{
    for (int v = 0; v < N_VERBS; v++) {
        const char *text = verbs[v].operands;
        struct operand operand;

        fprintf(out, "    %s)\n        _arguments -s -S", verbs[v].name);
        for (int i = 0; i < N_OPTIONS; i++)
            if (option_applies(&options[i], v))
                zsh_option(out, &options[i]);
        for (int n = 1; operand_next(&text, &operand); n++) {
            if (operand.many)
                fprintf(out, " \\\n            '*:%s:", operand.name);
            else
                fprintf(out, " \\\n            '%d:%s:", n, operand.name);
            zsh_action(out, operand.name);
            putc('\'', out);
        }
        fputs("\n        ;;\n", out);
    }
}

static void zsh_verbs(FILE *out)
{
    for (int v = 0; v < N_VERBS; v++) {
        fprintf(out, "        '%s:", verbs[v].name);
        quoted_put(out, verbs[v].sentence, zsh_special);
        fputs("'\n", out);
    }
}

/* ---- fish: a line for each verb, each of its options and each of its operands ------------------------------------ */

static void fish_option(FILE *out, const struct option *option, const char *verb)
{
    fprintf(out, "complete -c tong -n '__tong_verb %s'", verb);
    if (option->letter)
        fprintf(out, " -s %c", option->letter);
    fprintf(out, " -l %s", option->name);
    if (option->argument && strcmp(option->argument, "FILE") == 0)
        fputs(" -r -F", out);
    else if (option->argument)
        fputs(" -x", out);
    if (option->argument && strchr(option->argument, '|')) {
        fputs(" -a '", out);
        choices_put(out, option->argument);
        putc('\'', out);
    }
    fputs(" -d '", out);
    quoted_put(out, option->sentence, "\\");
    fputs("'\n", out);
}

/* Operands have names, and no places: an address is what has a scheme, and a file comes behind the address. */
static void fish_operand(FILE *out, const struct operand *operand, const char *verb)
{
    if (strcmp(operand->name, "ADDRESS") == 0)
        fprintf(out, "complete -c tong -n '__tong_verb %s%s' -a '(__tong_address)'\n", verb,
                operand->many ? "" : "; and not __tong_has_address");
    else if (strcmp(operand->name, "FILE") == 0)
        fprintf(out, "complete -c tong -n '__tong_verb %s; and __tong_has_address' -F\n", verb);
    else if (strcmp(operand->name, "VERB") == 0)
        fprintf(out, "complete -c tong -n '__tong_verb %s' -a \"$__tong_verbs\"\n", verb);
}

static void fish_lines(FILE *out)
{
    for (int v = 0; v < N_VERBS; v++) {
        const char *text = verbs[v].operands;
        struct operand operand;

        fprintf(out, "\ncomplete -c tong -n __tong_no_verb -a %s -d '", verbs[v].name);
        quoted_put(out, verbs[v].sentence, "\\");
        fputs("'\n", out);
        while (operand_next(&text, &operand))
            fish_operand(out, &operand, verbs[v].name);
        for (int i = 0; i < N_OPTIONS; i++)
            if (option_applies(&options[i], v))
                fish_option(out, &options[i], verbs[v].name);
    }
}

/* ---- templates ------------------------------------------------------------------------------------------------- */

static void names_of_verbs(FILE *out)
{
    for (int v = 0; v < N_VERBS; v++)
        fprintf(out, "%s%s", v ? " " : "", verbs[v].name);
}

static void names_of_schemes(FILE *out)
{
    for (int i = 0; i < N_SCHEMES; i++)
        fprintf(out, "%s%s:", i ? " " : "", schemes[i]);
}

static const struct place {
    const char *name;
    void (*fill)(FILE *out);
} places[] = {
    {"@verbs@", names_of_verbs},  {"@schemes@", names_of_schemes}, {"@bash_cases@\n", bash_cases},
    {"@zsh_verbs@\n", zsh_verbs}, {"@zsh_cases@\n", zsh_cases},    {"@fish_lines@\n", fish_lines},
};

static const struct place *place_at(const char *text)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strncmp(text, places[i].name, strlen(places[i].name)) == 0)
            return &places[i];
    return NULL;
}

static void line_fill(FILE *out, const char *line)
{
    while (*line) {
        const struct place *place = place_at(line);

        if (place)
            place->fill(out);
        else
            putc(*line, out);
        line += place ? strlen(place->name) : 1;
    }
}

int main(int argc, char **argv)
{
    FILE *template = argc == 3 ? fopen(argv[1], "r") : NULL, *out = template ? fopen(argv[2], "w") : NULL;
    char line[1024];

    if (!out)
        return fprintf(stderr, "usage: completions TEMPLATE OUTPUT\n"), 2;
    while (fgets(line, sizeof line, template))
        line_fill(out, line);
    if (ferror(template) || fclose(out) != 0)
        return fprintf(stderr, "%s: not written\n", argv[2]), 1;
    fclose(template);
    return 0;
}
