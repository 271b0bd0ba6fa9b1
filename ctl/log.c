/* parleyctl log: the level, and the lines as they come.
 *
 * The server keeps its latest lines and nothing for whoever reads them: each request asks for what
 * came behind the last one.
 */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

static int print_level(struct ctl *c, json_t *take)
{
    if (c->json)
        print_json(take);
    else
        printf("%s\n", print_str(take, "level"));
    json_decref(take);
    return CTL_DONE;
}

static int set_level(struct ctl *c, const char *level)
{
    json_t *answer;
    int r = talk_ask(c, NULL, "/admin/log", json_pack("{s:s}", "level", level), &answer);

    return r == CTL_DONE ? print_level(c, answer) : r;
}

/* time level event key=value ... */
static void print_line(const json_t *line)
{
    const char *key;
    const json_t *v;

    print_text(print_str(line, "time"), 24);
    print_text(print_str(line, "level"), 7);
    print_text(print_str(line, "event"), 0);
    json_object_foreach ((json_t *)(uintptr_t)line, key, v) {
        char *text;

        if (!strcmp(key, "time") || !strcmp(key, "level") || !strcmp(key, "event"))
            continue;
        text = json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY);
        putchar(' ');
        print_text(key, 0);
        fputs(text && strpbrk(text, " \"=") ? "=\"" : "=", stdout);
        print_text(text, 0);
        if (text && strpbrk(text, " \"="))
            putchar('"');
        free(text);
    }
    putchar('\n');
}

static void print_lines(const struct ctl *c, const json_t *answer)
{
    const json_t *line;
    size_t i;

    json_array_foreach (json_object_get(answer, "lines"), i, line) {
        if (c->json) {
            json_dumpf(line, stdout, JSON_COMPACT);
            putchar('\n');
        } else {
            print_line(line);
        }
    }
    fflush(stdout);
    if (print_int(answer, "missed") > 0)
        ctl_fail(CTL_DONE, "%" PRId64 " lines were missed: they came faster than they were read",
                 print_int(answer, "missed"));
}

static int follow(struct ctl *c)
{
    const char *tail = c->values['n'] ? c->values['n'] : "10";
    char *path = talk_path(c, "/admin/log/lines", "tail", tail, "level", c->values['l'], NULL);
    json_t *answer;
    int r;

    while ((r = talk_ask(c, NULL, path, NULL, &answer)) == CTL_DONE) {
        char after[32];

        print_lines(c, answer);
        snprintf(after, sizeof after, "%" PRId64, print_int(answer, "next"));
        json_decref(answer);
        free(path);
        path = talk_path(c, "/admin/log/lines", "after", after, "level", c->values['l'], NULL);
    }
    free(path);
    return r;
}

static int run(struct ctl *c)
{
    json_t *answer;
    int64_t lines = 10;
    int r;

    if (!ctl_number(c, 'n', "lines", 0, 1000, &lines))
        return CTL_USAGE;
    if (c->values['f'] || (c->arg_count && !strcmp(c->args[0], "follow")))
        return follow(c);
    if (c->arg_count)
        return set_level(c, c->args[0]);
    r = talk_ask(c, NULL, "/admin/log", NULL, &answer);
    return r == CTL_DONE ? print_level(c, answer) : r;
}

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "The same as 'follow'", 0},
    {"lines", 'n', "N", 0, "Begin with the last N lines, 0 to 1000 (10)", 0},
    {"level", 'l', "LEVEL", 0, "Follow only lines of that level and above", 0},
    {0}};
const struct command command_log = {
    .name = "log",
    .args = "[debug|info|warning|error|follow]",
    .doc = "What is logged: show or set the least level, or follow the lines\v"
           "A level holds until the server stops or is told another one.",
    .options = options,
    .most = 1,
    .run = run,
};
