/* parleyctl verdicts: who was lately told what by which section, and what shadowed ones would have
 * said. */
#include "ctl.h"

#include <stdlib.h>

static void print_verdict(const json_t *v)
{
    char where[256];

    print_text(print_str(v, "time"), 24);
    snprintf(where, sizeof where, "%s%s", print_str(v, "section"),
             *print_str(v, "mode") == 's' ? " (shadow)" : "");
    print_text(where, 24);
    print_text(print_str(v, "verdict"), 8);
    print_text(print_str(v, "user"), 16);
    print_text(print_str(v, "channel"), 12);
    print_text(print_str(v, "type"), 16);
    printf("%6" PRId64 " us  ", print_int(v, "us"));
    print_text(print_str(v, "rule"), 0);
    putchar('\n');
}

static void print_verdicts(const json_t *verdicts)
{
    const json_t *v;
    size_t i;

    if (!json_array_size(verdicts))
        printf("none\n");
    else
        printf("%-24s %-24s %-8s %-16s %-12s %-16s %9s  %s\n", "time", "section", "verdict", "user",
               "channel", "type", "took", "rule");
    json_array_foreach (verdicts, i, v)
        print_verdict(v);
}

static int run(struct ctl *c)
{
    char *path = talk_path(c, "/admin/verdicts", "section", c->arg_count ? c->args[0] : NULL,
                           "user", c->values['u'], "channel", c->values['c'], "verdict",
                           c->values['v'], "since", c->values['t'], "limit", c->values['n'], NULL);
    json_t *answer;
    int r = talk_ask(c, NULL, path, NULL, &answer);

    free(path);
    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(json_object_get(answer, "verdicts"));
    else
        print_verdicts(json_object_get(answer, "verdicts"));
    json_decref(answer);
    return CTL_DONE;
}

static const struct argp_option options[] = {
    {"user", 'u', "ID", 0, "Only of messages of that user", 0},
    {"channel", 'c', "NAME", 0, "Only of messages in that channel", 0},
    {"verdict", 'v', "WORD", 0, "Only such as reject, drop, hold or fail", 0},
    {"since", 't', "TIME", 0, "Only of the last TIME, such as 10m", 0},
    {"limit", 'n', "N", 0, "N of them at most, to 1000 (100)", 0},
    {0}};
const struct command command_verdicts = {
    .name = "verdicts",
    .args = "[SECTION]",
    .doc = "What sections lately said of messages, the latest first",
    .options = options,
    .most = 1,
    .run = run,
};
