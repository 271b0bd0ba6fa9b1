/* What authenticators ask of the control loop, and how it calls them: start, wanted, and the
 * answers to their fetches. */
#include "base/log.h"
#include "base/str.h"
#include "control/fetch.h"
#include "control/internal.h"
#include "message/value.h"

#include <stdlib.h>

enum { JSON_DEPTH = 32, JSON_TOKENS = 65536 };

const parley_auth *control_auth(const struct plugin_instance *section)
{
    const struct registry *r = section->registry;

    for (size_t i = 0; r && i < r->auth_count; i++)
        if (r->auths[i].instance == section)
            return &r->auths[i].auth;
    return NULL;
}

int control_start_auths(struct control *c, const struct registry *r, char why[256])
{
    (void)c;
    DOMAIN_ASSERT(DOMAIN_CONTROL);
    for (size_t i = 0; i < r->auth_count; i++) {
        struct plugin_instance *section = r->auths[i].instance;
        struct crumb_before before = plugin_enter(section, "start");
        int error = r->auths[i].auth.start ? r->auths[i].auth.start(&section->host) : 0;

        crumb_leave(before);
        if (error) {
            snprintf(why, 256, "[%s %s] could not start: %s", section->kind, section->name,
                     strerror(abs(error)));
            return error;
        }
    }
    return 0;
}

/* --- fetches --- */

struct plugin_fetch {
    struct control *control;
    struct plugin_instance *section;
    uint32_t tag;
};

static void on_fetched(void *arg, const struct fetch_answer *a)
{
    struct plugin_fetch *p = arg;
    const parley_auth *auth = control_auth(p->section);
    parley_answer told = {.struct_size = sizeof told,
                          .tag = p->tag,
                          .error = a->error,
                          .status = a->status,
                          .body = a->body};
    const struct value *json = NULL;
    const char *why;
    struct arena arena;

    arena_init(&arena, 16 * 1024);
    if (a->error && a->error != -ECANCELED)
        log_event(LOG_LEVEL_WARNING, "fetch_failed", LOG_TEXT("section", p->section->host.section),
                  LOG_INT("error", a->error), LOG_TEXT("msg", a->why));
    if (!a->error && a->body.n &&
        !value_parse(&arena, a->body, JSON_DEPTH, JSON_TOKENS, &json, &why))
        told.json = &json->pub;
    if (auth && auth->on_answer && !p->control->quiesced) {
        struct crumb_before before = plugin_enter(p->section, "on_answer");

        auth->on_answer(&p->section->host, &told);
        crumb_leave(before);
    }
    arena_finish(&arena);
    free(p);
}

int control_plugin_fetch(struct control *c, struct plugin_instance *section, parley_str method,
                         parley_str url, parley_str ca_file, int64_t max_bytes, parley_str body,
                         int64_t deadline_ms, uint32_t tag)
{
    struct fetch_request r = {.method = method,
                              .url = url,
                              .ca_file = ca_file,
                              .body = body,
                              .max_bytes = max_bytes,
                              .deadline_ms = deadline_ms};
    struct plugin_fetch *p = malloc(sizeof *p);
    int error;

    if (!p)
        return -ENOMEM;
    *p = (struct plugin_fetch){.control = c, .section = section, .tag = tag};
    error = control_fetch(c, &r, on_fetched, p);
    if (error)
        free(p);
    return error;
}

/* --- wanted --- */

struct wanted {
    struct control *control;
    struct plugin_instance *section;
    size_t n;
    char bearer[];
};

static void run_wanted(void *arg)
{
    struct wanted *w = arg;
    const parley_auth *auth = control_auth(w->section);

    if (auth && auth->wanted && !w->control->quiesced) {
        struct crumb_before before = plugin_enter(w->section, "wanted");

        auth->wanted(&w->section->host, (parley_str){w->bearer, w->n});
        crumb_leave(before);
    }
    explicit_bzero(w->bearer, w->n); /* a token is somebody's key to the door */
    free(w);
}

void control_wanted(struct control *c, struct plugin_instance *section, parley_str bearer)
{
    struct wanted *w = calloc(1, sizeof *w + bearer.n + 1);

    if (!w)
        return; /* the login waits for its deadline, or for the next one that is wanted */
    w->control = c;
    w->section = section;
    w->n = bearer.n;
    if (bearer.n)
        memcpy(w->bearer, bearer.p, bearer.n);
    if (actor_call(&c->actor, run_wanted, w) < 0)
        free(w);
}
