/* parleyctl review: what is held for a moderator, and what becomes of it; by the routes of the
 * section whose plugin is org.parley.review. */
#include "base/str.h"
#include "base/units.h"
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

static void print_message(const json_t *m)
{
    const char *channel = print_str(m, "channel"), *recipient = print_str(m, "recipient");
    const json_t *text;
    size_t i;

    printf("%" PRId64 "  ", print_int(m, "id"));
    print_text(print_str(m, "user"), 0);
    printf(json_is_true(json_object_get(m, "author_is_here")) ? " " : " (gone) ");
    printf(*channel ? "in " : "to ");
    print_text(*channel ? channel : recipient, 0);
    printf(", until %s, held by %s (", print_str(m, "until"), print_str(m, "section"));
    print_text(print_str(m, "rule"), 0);
    printf(")\n");
    json_array_foreach (json_object_get(m, "texts"), i, text) {
        printf("      ");
        print_text(json_string_value(text), 0);
        putchar('\n');
    }
}

static int ask(struct ctl *c, const char *route, json_t *take_body, json_t **ret)
{
    char *path = NULL;
    int r = talk_section(c, "org.parley.review", "holds nothing for review", route, &path);

    if (r == CTL_DONE)
        r = talk_ask(c, NULL, path, json_incref(take_body), ret);
    json_decref(take_body);
    free(path);
    return r;
}

static int list(struct ctl *c)
{
    json_t *answer, *m;
    int r = ask(c, "messages", NULL, &answer);
    size_t i;

    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(json_object_get(answer, "messages"));
    else if (!json_array_size(json_object_get(answer, "messages")))
        printf("nothing\n");
    else
        json_array_foreach (json_object_get(answer, "messages"), i, m)
            print_message(m);
    json_decref(answer);
    return CTL_DONE;
}

static int decide(struct ctl *c, const char *how)
{
    json_t *body, *answer;
    int64_t id;
    int r;

    if (units_int(str_of(c->args[1]), &id) < 0)
        return ctl_fail(CTL_USAGE, "ID is a number of the list of messages, not '%s'", c->args[1]);
    body = json_pack("{s:I}", "id", (json_int_t)id);
    if (c->values['r'])
        json_object_set_new(body, "reason", json_string(c->values['r']));
    r = ask(c, how, body, &answer);
    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(answer);
    else
        printf("%s\n", print_str(answer, "decided"));
    json_decref(answer);
    return CTL_DONE;
}

static int run(struct ctl *c)
{
    const char *what = c->arg_count ? c->args[0] : "list";

    if (!strcmp(what, "list") && c->arg_count < 2)
        return list(c);
    if ((!strcmp(what, "release") || !strcmp(what, "refuse")) && c->arg_count == 2)
        return decide(c, what);
    return ctl_fail(CTL_USAGE, "review takes list, release ID, or refuse ID");
}

static const struct argp_option options[] = {
    {"reason", 'r', "TEXT", 0, "What the author is told, when it is refused", 0},
    SECTION_OPTION,
    {0}};
const struct command command_review = {
    .name = "review",
    .args = "[list|release ID|refuse ID]",
    .doc = "Messages that are held for a moderator: list, release, refuse",
    .options = options,
    .most = 2,
    .run = run,
};
