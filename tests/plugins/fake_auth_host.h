/* A host for authenticators alone: loads the built plugin, fills its options by its own table, and
 * plays door, clock, timers and network. One source file includes it.
 *
 * Everything that the plugin says (log, metrics, refusals) ends up in one transcript, so that a
 * test can search it for what must not be there. fake_check may be called from many threads.
 */
#ifndef FAKE_AUTH_HOST_H
#define FAKE_AUTH_HOST_H
#include "base/arena.h"
#include "base/str.h"
#include "base/units.h"
#include "message/value.h"

#include <parley/auth.h>

#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#define FAKE_FETCHES 64

struct fake_snapshot {
    int refs;
    void *data;
    void (*destroy)(void *);
};
struct fake_fetch {
    struct parley_out pub; /* first */
    char method[8], url[512], ca_file[256];
    int64_t max_bytes;
    uint32_t tag;
};
struct fake {
    struct parley_host host; /* first */
    parley_plugin plugin;
    parley_auth auth;
    struct arena arena;
    char *options;
    bool loopback;
    int64_t unix_ms, uptime_ms, timer_at_ms; /* timer_at_ms 0: none */
    char timer_key[64];
    pthread_mutex_t lock; /* over what follows */
    struct fake_snapshot *snapshot;
    int published, destroyed, fetch_error;
    int ready; /* -1: it has not said */
    struct fake_fetch *fetches[FAKE_FETCHES];
    int fetch_count;
    char bad_option[768];
    char transcript[1 << 16]; /* later lines are dropped */
    size_t transcript_bytes;
};
struct fake_login {
    struct parley_login pub; /* first */
    const char *bearer, *query_name, *query_value;
    struct arena *json; /* of the check */
    /* the answer */
    parley_answer_at_door answer;
    char why[256], user[256], username[256], issuer[256], app[256], roles[1024]; /* "a,b" */
    int64_t expires_unix_ms;
    bool close_on_expiry;
};

static inline struct fake *fake_of(parley_host *h)
{
    return (struct fake *)h;
}

static inline void fake_note(struct fake *f, const char *a, const char *b)
{
    size_t room = sizeof f->transcript - f->transcript_bytes;
    int n;

    pthread_mutex_lock(&f->lock);
    n = snprintf(f->transcript + f->transcript_bytes, room, "%s %s\n", a, b);
    if (n > 0 && (size_t)n < room)
        f->transcript_bytes += (size_t)n;
    pthread_mutex_unlock(&f->lock);
}

/* --- the table --- */
static inline int fake_bad_option(parley_host *h, const char *option, const char *text)
{
    snprintf(fake_of(h)->bad_option, sizeof fake_of(h)->bad_option, "%s: %s", option ? option : "",
             text);
    return -EINVAL;
}

static inline void fake_log(parley_host *h, int level, const char *event, const char *text)
{
    (void)level;
    fake_note(fake_of(h), event, text);
}

static inline const void *fake_options(parley_host *h, parley_str channel)
{
    (void)channel;
    return fake_of(h)->options;
}

static inline int64_t fake_unix_ms(parley_host *h)
{
    return __atomic_load_n(&fake_of(h)->unix_ms, __ATOMIC_RELAXED);
}

static inline int64_t fake_uptime_ms(parley_host *h)
{
    return __atomic_load_n(&fake_of(h)->uptime_ms, __ATOMIC_RELAXED);
}

static inline int fake_timer(parley_host *h, int how, int64_t ms, const char *key)
{
    struct fake *f = fake_of(h);

    if (how == PARLEY_TIMER_CANCEL)
        return f->timer_at_ms ? (f->timer_at_ms = 0) : -ENOENT;
    ck_assert_int_eq(how, PARLEY_TIMER_AFTER);
    ck_assert_int_ge(ms, 1);
    if (f->timer_at_ms)
        return 0;
    f->timer_at_ms = f->uptime_ms + ms;
    snprintf(f->timer_key, sizeof f->timer_key, "%s", key);
    return 0;
}

static inline void fake_metric_add(parley_host *h, const parley_metric *m, parley_str label,
                                   double v)
{
    ck_assert(v == 1);
    fake_note(fake_of(h), m->name, label.p ? label.p : "");
}

static inline void fake_put_str(parley_out *o, const char *key, parley_str v)
{
    ck_assert_str_eq(key, "ca_file");
    snprintf(((struct fake_fetch *)o)->ca_file, 256, "%s", v.p);
}

static inline void fake_put_int(parley_out *o, const char *key, int64_t v)
{
    ck_assert_str_eq(key, "max_bytes");
    ((struct fake_fetch *)o)->max_bytes = v;
}

static inline parley_out *fake_http_request(parley_host *h, const char *method, const char *url)
{
    struct fake_fetch *q = calloc(1, sizeof *q);

    q->pub.api = h->api;
    snprintf(q->method, sizeof q->method, "%s", method);
    snprintf(q->url, sizeof q->url, "%s", url);
    return &q->pub;
}

static inline int fake_fetch(parley_host *h, parley_out *take, int64_t deadline_ms, uint32_t tag)
{
    struct fake *f = fake_of(h);
    struct fake_fetch *q = (struct fake_fetch *)take;

    ck_assert_int_gt(deadline_ms, 0);
    ck_assert_int_lt(f->fetch_count, FAKE_FETCHES);
    q->tag = tag;
    f->fetches[f->fetch_count++] = q;
    return f->fetch_error;
}

static inline void fake_release(struct fake *f, struct fake_snapshot *s)
{
    bool last;

    pthread_mutex_lock(&f->lock);
    last = s && --s->refs == 0;
    f->destroyed += last;
    pthread_mutex_unlock(&f->lock);
    if (!last)
        return;
    s->destroy(s->data);
    free(s);
}

static inline int fake_publish(parley_host *h, void *take, void (*destroy)(void *))
{
    struct fake *f = fake_of(h);
    struct fake_snapshot *s = malloc(sizeof *s), *before;

    *s = (struct fake_snapshot){1, take, destroy};
    pthread_mutex_lock(&f->lock);
    before = f->snapshot;
    f->snapshot = s;
    f->published++;
    pthread_mutex_unlock(&f->lock);
    fake_release(f, before);
    return 0;
}

static inline int fake_ready(parley_host *h, bool ready, const char *why)
{
    ck_assert(ready || why);
    fake_of(h)->ready = ready;
    return 0;
}

static inline bool fake_on_loopback(parley_host *h)
{
    return fake_of(h)->loopback;
}

static inline parley_str fake_bearer(const parley_login *l)
{
    return str_of(((const struct fake_login *)l)->bearer);
}

static inline parley_str fake_query(const parley_login *l, const char *name)
{
    const struct fake_login *login = (const struct fake_login *)l;
    bool same = login->query_name && strcmp(login->query_name, name) == 0;

    return same ? str_of(login->query_value) : PARLEY_NONE;
}

/* The daemon's parser; what it makes is read by the daemon's table. */
static inline const parley_value *fake_json(parley_login *l, parley_str text, unsigned depth,
                                            unsigned values)
{
    const struct value *v;
    const char *why;
    int r = value_parse(((struct fake_login *)l)->json, text, depth, values, &v, &why);

    return r == 0 ? &v->pub : NULL;
}

static inline int32_t fake_refuse(parley_login *l, const char *text)
{
    struct fake_login *login = (struct fake_login *)l;

    snprintf(login->why, sizeof login->why, "%s", text);
    return PARLEY_REFUSE;
}

/* As the daemon: who has no proper name is refused. */
static inline int32_t fake_admit(parley_login *l, const parley_identity *i)
{
    struct fake_login *login = (struct fake_login *)l;

    ck_assert_uint_eq(i->struct_size, sizeof *i);
    if (!i->user.p || i->user.n < 1 || i->user.n > 255 || !i->username.p || i->username.n < 1 ||
        i->username.n > 64)
        return fake_refuse(l, "no proper name");
    ck_assert_uint_eq(strlen(i->user.p), i->user.n);
    ck_assert_uint_eq(strlen(i->username.p), i->username.n);
    snprintf(login->user, sizeof login->user, "%s", i->user.p);
    snprintf(login->username, sizeof login->username, "%s", i->username.p);
    snprintf(login->issuer, sizeof login->issuer, "%s", i->issuer.p ? i->issuer.p : "");
    snprintf(login->app, sizeof login->app, "%s", i->app.p ? i->app.p : "");
    for (size_t r = 0; r < i->roles.n; r++) {
        size_t n = strlen(login->roles);
        snprintf(login->roles + n, sizeof login->roles - n, "%s%s", r ? "," : "",
                 i->roles.items[r].p);
    }
    login->expires_unix_ms = i->expires_unix_ms;
    login->close_on_expiry = i->close_on_expiry;
    return PARLEY_ADMIT;
}

static const parley_api fake_api = {.struct_size = sizeof fake_api,
                                    .bad_option = fake_bad_option,
                                    .log = fake_log,
                                    .http_request = fake_http_request,
                                    .put_str = fake_put_str,
                                    .put_int = fake_put_int,
                                    .options = fake_options,
                                    .unix_ms = fake_unix_ms,
                                    .uptime_ms = fake_uptime_ms,
                                    .timer = fake_timer,
                                    .metric_add = fake_metric_add,
                                    .login_bearer = fake_bearer,
                                    .login_query = fake_query,
                                    .login_json = fake_json,
                                    .login_admit = fake_admit,
                                    .login_refuse = fake_refuse,
                                    .publish = fake_publish,
                                    .ready = fake_ready,
                                    .fetch = fake_fetch,
                                    .on_loopback = fake_on_loopback};

/* --- what a test does --- */
struct fake_option {
    const char *name, *value;
};

/* Fills the options: the table's defaults, and over them those given (ended by {0}). */
static inline void fake_fill(struct fake *f, const struct fake_option *given)
{
    const parley_table *t = &f->plugin.options;
    char why[256];

    f->options = calloc(1, f->plugin.options_size + 1);
    for (uint32_t i = 0; i < t->count; i++) {
        const parley_field *field = (const void *)((const char *)t->items + i * t->size);
        const char *value = field->dflt;
        for (const struct fake_option *o = given; o && o->name; o++)
            if (strcmp(o->name, field->name) == 0)
                value = o->value;
        ck_assert_msg(value || !(field->flags & PARLEY_REQUIRED), "%s is required", field->name);
        if (value)
            ck_assert_msg(
                units_read(field, str_of(value), &f->arena, f->options + field->offset, why) == 0,
                "%s: %s", field->name, why);
    }
}

/* Loads $PARLEY_PLUGIN_PATH/<name>.so and fills its options; does not create. */
static inline struct fake *fake_load(const char *name, const struct fake_option *given)
{
    struct fake *f = calloc(1, sizeof *f);
    const char *folder = getenv("PARLEY_PLUGIN_PATH");
    const parley_provided *provided;
    char path[1024];
    const parley_plugin *p;
    void *so;

    ck_assert_msg(folder != NULL, "PARLEY_PLUGIN_PATH is not set");
    snprintf(path, sizeof path, "%s/%s.so", folder, name);
    so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(so != NULL, "%s", dlerror());
    p = dlsym(so, "parley_plugin_descriptor");
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(p->preamble.magic, PARLEY_MAGIC);
    f->plugin = *p;
    provided = p->provides.items;
    ck_assert_str_eq(provided->id, "parley.auth/1");
    f->auth = *(const parley_auth *)provided->table;
    f->host.struct_size = sizeof f->host;
    f->host.section = name;
    f->host.api = &fake_api;
    pthread_mutex_init(&f->lock, NULL);
    arena_init(&f->arena, 4096);
    f->loopback = true;
    f->ready = -1;
    f->unix_ms = 1800000000000;
    f->uptime_ms = 5000000;
    fake_fill(f, given);
    return f;
}

static inline int fake_create(struct fake *f)
{
    return f->plugin.create ? f->plugin.create(&f->host) : 0;
}

static inline void fake_free(struct fake *f)
{
    if (f->plugin.destroy)
        f->plugin.destroy(&f->host);
    fake_release(f, f->snapshot);
    ck_assert_int_eq(f->destroyed, f->published);
    for (int i = 0; i < f->fetch_count; i++)
        free(f->fetches[i]);
    arena_finish(&f->arena);
    free(f->options);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static inline struct fake_login fake_ask(struct fake *f, struct fake_login l)
{
    struct fake_snapshot *s;
    struct arena json;

    arena_init(&json, 1024);
    l.pub.api = &fake_api;
    l.json = &json;
    pthread_mutex_lock(&f->lock);
    s = f->snapshot;
    if (s)
        s->refs++;
    pthread_mutex_unlock(&f->lock);
    l.answer = f->auth.check(&f->host, s ? s->data : NULL, &l.pub);
    l.json = NULL;
    arena_finish(&json);
    fake_release(f, s);
    if (l.why[0])
        fake_note(f, "why", l.why);
    return l;
}

static inline struct fake_login fake_check(struct fake *f, const char *bearer)
{
    return fake_ask(f, (struct fake_login){.bearer = bearer});
}

static inline void fake_answer(struct fake *f, int error, int status, const char *body)
{
    parley_answer a = {.struct_size = sizeof a, .error = error, .status = status};

    ck_assert_int_gt(f->fetch_count, 0);
    a.tag = f->fetches[f->fetch_count - 1]->tag;
    a.body = str_of(body);
    f->auth.on_answer(&f->host, &a);
}

/* Moves both clocks; a timer that is due goes off. */
static inline void fake_advance(struct fake *f, int64_t ms)
{
    f->unix_ms += ms;
    f->uptime_ms += ms;
    if (!f->timer_at_ms || f->timer_at_ms > f->uptime_ms)
        return;
    f->timer_at_ms = 0;
    f->auth.on_timer(&f->host, f->timer_key);
}

static inline const char *fake_last_url(const struct fake *f)
{
    return f->fetch_count ? f->fetches[f->fetch_count - 1]->url : "";
}
#endif
