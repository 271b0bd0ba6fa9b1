/* parleyctl reload: what the server's INI and plugin files are now takes effect, or nothing does.
 */
#include "ctl.h"

static int print_report(const struct ctl *c, json_t *take)
{
    bool ok = json_is_true(json_object_get(take, "done"));
    const json_t *line;
    size_t i;

    if (c->json)
        print_json(take);
    else
        json_array_foreach (json_object_get(take, "report"), i, line) {
            if (ok) {
                print_text(json_string_value(line), 0);
                putchar('\n');
            } else {
                ctl_fail(CTL_REFUSED, "%s", json_string_value(line));
            }
        }
    json_decref(take);
    return ok ? CTL_DONE : CTL_REFUSED;
}

static int run(struct ctl *c)
{
    json_t *body = json_object(), *answer;
    int r;

    if (c->arg_count)
        json_object_set_new(body, "section", json_string(c->args[0]));
    r = talk_ask(c, NULL, "/admin/reload", body, &answer);
    return r == CTL_DONE ? print_report(c, answer) : r;
}

const struct command command_reload = {
    .name = "reload",
    .args = "[SECTION]",
    .doc = "Take up what changed in the configuration and in plugins\v"
           "All sections that changed, or SECTION alone. Nobody is disconnected. A fault leaves "
           "everything as it was, and is told.",
    .most = 1,
    .run = run,
};
