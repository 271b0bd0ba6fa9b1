/* parleyctl mute, unmute, mutes: by the routes of the section whose plugin is org.parley.mute. */
#include "base/str.h"
#include "base/units.h"
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

static int find_route(struct ctl *c, char **ret)
{
    return talk_section(c, "org.parley.mute", "mutes nobody", "mutes", ret);
}

/* --for 90m, as whole minutes. */
static int read_minutes(struct ctl *c, json_t *body)
{
    int64_t ms;

    if (!c->values['t'])
        return CTL_DONE;
    if (units_duration(str_of(c->values['t']), &ms) < 0 || ms < 60000)
        return ctl_fail(CTL_USAGE,
                        "--for must be a duration of a minute or more, such as '10m', "
                        "'2h' or '7d', not '%s'",
                        c->values['t']);
    json_object_set_new(body, "minutes", json_integer(ms / 60000));
    return CTL_DONE;
}

static int tell(struct ctl *c, int r, json_t *take, const char *done)
{
    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(take);
    else
        printf("%s\n", done);
    json_decref(take);
    return CTL_DONE;
}

static int run_mute(struct ctl *c)
{
    json_t *body = json_pack("{s:s}", "user", c->args[0]), *answer = NULL;
    char *path = NULL;
    int r;

    if (c->values['c'])
        json_object_set_new(body, "channel", json_string(c->values['c']));
    if (c->values['r'])
        json_object_set_new(body, "why", json_string(c->values['r']));
    r = read_minutes(c, body);
    if (r == CTL_DONE)
        r = find_route(c, &path);
    if (r == CTL_DONE)
        r = talk_ask(c, NULL, path, json_incref(body), &answer);
    json_decref(body);
    free(path);
    return tell(c, r, answer, "muted");
}

static int run_unmute(struct ctl *c)
{
    char *route = NULL, *path;
    json_t *answer = NULL;
    int r = find_route(c, &route);

    if (r != CTL_DONE)
        return r;
    path = talk_path(c, route, "user", c->args[0], "channel", c->values['c'], NULL);
    r = talk_ask(c, "DELETE", path, NULL, &answer);
    free(path);
    free(route);
    return tell(c, r, answer, "unmuted");
}

static void print_mutes(const json_t *mutes)
{
    const json_t *m;
    size_t i;

    if (!json_array_size(mutes))
        printf("nobody\n");
    else
        printf("%-24s %-16s %-24s %s\n", "user", "channel", "until", "why");
    json_array_foreach (mutes, i, m) {
        print_text(print_str(m, "user"), 24);
        print_text(*print_str(m, "channel") ? print_str(m, "channel") : "everywhere", 16);
        print_text(*print_str(m, "until") ? print_str(m, "until") : "for good", 24);
        print_text(print_str(m, "why"), 0);
        putchar('\n');
    }
}

static int run_mutes(struct ctl *c)
{
    json_t *answer = NULL;
    char *path = NULL;
    int r = find_route(c, &path);

    if (r == CTL_DONE)
        r = talk_ask(c, NULL, path, NULL, &answer);
    free(path);
    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(json_object_get(answer, "mutes"));
    else
        print_mutes(json_object_get(answer, "mutes"));
    json_decref(answer);
    return CTL_DONE;
}

static const struct argp_option mute_options[] = {
    {"channel", 'c', "NAME", 0, "There alone; without it, everywhere", 0},
    {"for", 't', "TIME", 0, "How long, such as 10m, 2h or 7d; without it, for good", 0},
    {"reason", 'r', "TEXT", 0, "What the user is told", 0},
    SECTION_OPTION,
    {0}};
const struct command command_mute = {
    .name = "mute",
    .args = "USER",
    .doc = "Let a user not speak",
    .options = mute_options,
    .least = 1,
    .most = 1,
    .run = run_mute,
};
static const struct argp_option unmute_options[] = {
    {"channel", 'c', "NAME", 0, "Where; without it, the mute that holds everywhere", 0},
    SECTION_OPTION,
    {0}};
const struct command command_unmute = {
    .name = "unmute",
    .args = "USER",
    .doc = "Let a user speak again",
    .options = unmute_options,
    .least = 1,
    .most = 1,
    .run = run_unmute,
};
static const struct argp_option mutes_options[] = {SECTION_OPTION, {0}};
const struct command command_mutes = {
    .name = "mutes",
    .doc = "Who may not speak, where, and until when",
    .options = mutes_options,
    .run = run_mutes,
};
