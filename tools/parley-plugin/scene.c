/* A server with the plugin in it, people, and what happens there. All that happens is chosen by the
 * seed; each step is noted before it is done. */
#include "base/buf.h"
#include "base/str.h"
#include "kit_internal.h"
#include "validate.h"

#include <stdlib.h>

static const struct {
    const char *name, *roles;
} people[ACTORS] = {
    {"ann", ""}, {"bob", "moderator"}, {"cyd", "admin, member"}, {"ann", ""}, {"eve", ""}};
static const char *const channels[] = {"general", "random"};

kit *scene_kit(const struct trial *t, const struct variant *v, const parley_plugin *const *plugins)
{
    char *ini = setup_ini(t->setup, v);
    kit *k = ini ? kit_start(ini, plugins ? plugins : world_plugins) : NULL;

    free(ini);
    return k;
}

void scene_begin(struct scene *s, struct trial *t, const struct variant *v,
                 const parley_plugin *const *plugins)
{
    *s = (struct scene){.trial = t};
    trial_step(t, "it was loaded, created and started");
    s->kit = scene_kit(t, v, plugins);
    if (!s->kit)
        trial_fail(t, "it does not start: %s", kit_refusal());
}

static void enter(struct scene *s, int i)
{
    trial_step(s->trial, "%s connected", people[i].name);
    s->actors[i] = kit_connect(s->kit, people[i].name, people[i].roles);
    for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) {
        trial_step(s->trial, "%s joined %s", people[i].name, channels[c]);
        kit_join(s->kit, s->actors[i], channels[c]);
    }
}

void scene_people(struct scene *s)
{
    for (int i = 0; i < ACTORS; i++)
        enter(s, i);
}

static void forget_frames(struct scene *s, int i)
{
    for (int n = 0; n < 50 && kit_next(s->kit, s->actors[i], NULL); n++)
        ;
}

static void send(struct scene *s, int i, bool hostile)
{
    char printable[360];
    struct buf text;

    buf_init(&text, 0);
    if (hostile)
        words_hostile(s->trial, s->trial->setup->plugin, &text);
    else
        words_valid(s->trial, s->trial->setup->plugin, &text);
    if (text.p) {
        trial_step(s->trial, "%s sent %s", people[i].name,
                   str_printable(str_n(text.p, text.n), printable, sizeof printable));
        kit_input(s->kit, s->actors[i], text.p);
        forget_frames(s, i);
    }
    buf_finish(&text);
}

static void ask_route(struct scene *s, bool hostile)
{
    const struct plugin *p = s->trial->setup->plugin;
    uint32_t i = (uint32_t)trial_random(s->trial, p->copy.routes.count);
    struct buf path, body;
    parley_route r;

    if (!table_at(&p->copy.routes, i, &r, sizeof r) || !r.path || !r.method)
        return;
    buf_init(&path, 0);
    buf_init(&body, 0);
    if (r.path[0] == '/')
        buf_add_cstr(&path, r.path);
    else
        buf_addf(&path, "/admin/%s/%s", s->trial->setup->section, r.path);
    words_query(s->trial, &path);
    if (hostile && trial_random(s->trial, 2))
        words_hostile(s->trial, p, &body);
    else
        words_body(s->trial, &body);
    trial_step(s->trial, "somebody asked %s %s", r.method, path.p);
    kit_admin(s->kit, r.method, path.p, body.n ? body.p : NULL, NULL);
    buf_finish(&path);
    buf_finish(&body);
}

static void knock(struct scene *s)
{
    static const char *const tokens[] = {
        "", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "....", "\xc3\xa9.\xc3\xa9.\xc3\xa9"};
    const char *token = tokens[trial_random(s->trial, sizeof tokens / sizeof *tokens)];
    struct buf query;

    buf_init(&query, 0);
    words_query(s->trial, &query);
    trial_step(s->trial, "somebody knocked with the token '%s' and the query '%s'", token,
               query.n ? query.p : "");
    kit_login(s->kit, *token ? token : NULL, query.n ? query.p + 1 : NULL, NULL);
    buf_finish(&query);
}

static void pass_time(struct scene *s)
{
    static const int64_t spans_ms[] = {1, 50, 1000, 15000, 60000, 600000, 3600000};
    int64_t ms = spans_ms[trial_random(s->trial, sizeof spans_ms / sizeof *spans_ms)];

    trial_step(s->trial, "%" PRId64 " ms went by", ms);
    kit_advance_ms(s->kit, ms);
}

/* The web as it is: slow, down, and full of what nobody asked for. */
static void set_web(struct scene *s)
{
    static const int statuses[] = {200, 200, 200, 500, 404, 204, 0, -ECONNREFUSED};
    static const char *const bodies[] = {"{}",
                                         "",
                                         "[]",
                                         "null",
                                         "<html>",
                                         "{\"ok\":true}",
                                         "{\"score\":0.1,\"toxicity\":0.1,\"allowed\":true}",
                                         "{\"score\":1,\"toxicity\":1,\"allowed\":false}"};
    static const int64_t delays_ms[] = {0, 0, 10, 5000, 3600000};
    struct trial *t = s->trial;
    int status = statuses[trial_random(t, sizeof statuses / sizeof *statuses)];
    const char *body = bodies[trial_random(t, sizeof bodies / sizeof *bodies)];

    trial_step(t, "the web was set to answer with status %d and '%s'", status, body);
    kit_web(s->kit, delays_ms[trial_random(t, sizeof delays_ms / sizeof *delays_ms)], status, body);
}

static void set_jobs(struct scene *s)
{
    bool later = trial_random(s->trial, 2);

    trial_step(s->trial, "its jobs ran %s", later ? "late" : "at once");
    kit_work_later(s->kit, later);
}

static void come_or_go(struct scene *s, int i)
{
    const char *channel = channels[trial_random(s->trial, 2)];

    switch (trial_random(s->trial, 3)) {
    case 0:
        trial_step(s->trial, "%s disconnected", people[i].name);
        kit_disconnect_for(s->kit, s->actors[i],
                           (int)trial_random(s->trial, PARLEY_LEFT_VIOLATION + 1));
        enter(s, i);
        return;
    case 1:
        trial_step(s->trial, "%s left %s", people[i].name, channel);
        kit_leave(s->kit, s->actors[i], channel);
        return;
    default:
        trial_step(s->trial, "%s joined %s", people[i].name, channel);
        kit_join(s->kit, s->actors[i], channel);
    }
}

static bool waits_for_answers(const struct plugin *p)
{
    parley_hub h;

    for (uint32_t i = 0; plugin_provides(p, "parley.hub/1", i, &h, sizeof h); i++)
        if (h.on_answer)
            return true;
    return false;
}

static void live(struct scene *s, int steps, bool hostile)
{
    bool asks = waits_for_answers(s->trial->setup->plugin);

    for (int n = 0; n < steps; n++) {
        int i = (int)trial_random(s->trial, ACTORS);

        if (asks && trial_random(s->trial, 2))
            set_web(s);
        if (asks && trial_random(s->trial, 10) == 0)
            set_jobs(s);

        switch (trial_random(s->trial, 10)) {
        case 0:
            come_or_go(s, i);
            break;
        case 1:
            pass_time(s);
            break;
        case 2:
            if (s->trial->setup->plugin->copy.routes.count)
                ask_route(s, hostile);
            else
                knock(s);
            break;
        default:
            send(s, i, hostile);
        }
    }
}

void scene_chat(struct scene *s, int steps)
{
    live(s, steps, false);
}

void scene_hostile(struct scene *s, int steps)
{
    live(s, steps, true);
}

int scene_waiting(const struct scene *s)
{
    return kit_wait_left(s->kit);
}

void scene_end(struct scene *s)
{
    int left, waiting = scene_waiting(s);

    trial_step(s->trial, "it was stopped: quiesce, then destroy");
    left = kit_close(s->kit) - waiting; /* what waits is refused at the end, as it must be */
    if (left)
        trial_fail(s->trial, "%d messages never came back from it", left);
}
