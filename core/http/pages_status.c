/* GET /admin/status: how the daemon is, in one object.
 *
 * The question goes once around, from loop to loop, and how long it lay in each mailbox is what is
 * told as that loop's lag. [control], hub, each pump, and [control] again, where it is written.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/census.h"
#include "client/pump.h"
#include "config/settings.h"
#include "control/control.h"
#include "control/load.h"
#include "http/pages_internal.h"
#include "hub/hub.h"

#include <unistd.h>

struct round {                    /* in the request's arena */
    struct pages_context context; /* a copy: the pages may be others before it is back */
    struct http_request *request;
    struct hub_totals hub;
    uint32_t open, pending;
    size_t at; /* index of the actor that has it */
    int64_t posted_us;
    struct {
        int64_t lag_us, mailbox;
    } actors[];
};
static struct load *load;
static unsigned users; /* of it: a reload makes the next pages before the last ones go */
static int64_t started_unix_ms, started_mono_ms;

/* --- writing --- */

static void write_clients(struct buf *b, const struct round *r)
{
    const struct registry *reg = r->context.registry->first; /* which stays, as protocols do */

    page_key(b, "clients");
    buf_add_char(b, '{');
    page_int(b, "open", r->open);
    page_int(b, "pending", r->pending);
    page_key(b, "by_protocol");
    buf_add_char(b, '{');
    for (size_t i = 0; i < reg->protocol_count; i++)
        page_int(b, reg->protocols[i].of->name, r->hub.by_protocol[i]);
    buf_add_cstr(b, "}}");
    page_key(b, "users");
    buf_add_char(b, '{');
    page_int(b, "connected", r->hub.users);
    page_int(b, "away", r->hub.users_away);
    buf_add_char(b, '}');
    page_int(b, "channels", r->hub.channels);
}

static int64_t total(const char *name)
{
    double v = metric_find(name, PARLEY_NONE);

    return v > 0 ? (int64_t)v : 0; /* NAN: there is none */
}

static void write_messages(struct buf *b)
{
    struct load_figures f;

    load_read(load, &f);
    page_key(b, "messages");
    buf_add_char(b, '{');
    page_int(b, "received", total("messages_received"));
    page_int(b, "judged", total("hub_messages"));
    page_int(b, "deliveries", total("deliveries"));
    page_int(b, "dropped", total("drops"));
    page_key(b, "per_second");
    buf_addf(b, "%.1f", f.messages_s);
    page_key(b, "deliveries_per_second");
    buf_addf(b, "%.1f", f.deliveries_s);
    page_int(b, "over_ms", f.over_ms);
    buf_add_char(b, '}');
}

static void write_loops(struct buf *b, const struct round *r)
{
    const struct pages_context *c = &r->context;

    page_key(b, "loops");
    buf_add_char(b, '[');
    for (size_t i = 0; i < c->actor_count; i++) {
        buf_add_cstr(b, i ? ",{" : "{");
        page_str(b, "name", str_of(c->actors[i]->name));
        page_int(b, "lag_us", r->actors[i].lag_us);
        page_key(b, "busy");
        buf_addf(b, "%.3f", load_busy(load, i));
        page_int(b, "mailbox", r->actors[i].mailbox);
        buf_add_char(b, '}');
    }
    buf_add_char(b, ']');
}

/* Each line that control_unready wrote. */
static void write_reasons(struct buf *b, const struct pages_context *c)
{
    struct buf reasons;
    const char *end;

    buf_init(&reasons, 0);
    page_bool(b, "ready", !control_unready(c->control, &reasons));
    page_key(b, "reasons");
    buf_add_char(b, '[');
    for (const char *line = reasons.p; line && (end = strchr(line, '\n')); line = end + 1) {
        if (line > reasons.p)
            buf_add_char(b, ',');
        buf_add_json(b, str_n(line, (size_t)(end - line)));
    }
    buf_add_char(b, ']');
    buf_finish(&reasons);
}

static int64_t resident_bytes(void)
{
    long long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%lld %lld", &all, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

static void write_store(struct buf *b, const struct pages_context *c)
{
    page_key(b, "store");
    buf_add_char(b, '{');
    page_str(b, "file", str_of(c->settings->server.store));
    page_int(b, "bytes", total("store_bytes"));
    page_int(b, "commits", total("store_commits"));
    page_int(b, "failures", total("store_failures"));
    buf_add_char(b, '}');
}

/* What else lies in the mailbox: this mail is still counted. */
static void arrived(struct round *r, size_t actor)
{
    int64_t depth = actor_depth(r->context.actors[actor]) - 1;

    r->actors[actor].lag_us = clock_mono_us() - r->posted_us;
    r->actors[actor].mailbox = depth > 0 ? depth : 0;
}

/* [control] */
static void finish(void *arg)
{
    struct round *r = arg;
    struct http_request *q = r->request;
    struct buf *b = &q->answer;
    char time[CLOCK_RFC3339_BYTES];

    arrived(r, 0);
    buf_add_char(b, '{');
    page_str(b, "version", PARLEY_STR(PARLEY_VERSION));
    page_int(b, "pid", getpid());
    page_str(b, "config", str_of(r->context.config_file));
    page_str(b, "started", str_of(clock_rfc3339(started_unix_ms, time)));
    page_int(b, "uptime_ms", clock_mono_ms() - started_mono_ms);
    write_reasons(b, &r->context);
    write_clients(b, r);
    write_messages(b);
    write_loops(b, r);
    page_int(b, "memory_bytes", resident_bytes());
    write_store(b, &r->context);
    page_str(b, "log_level", str_of(log_level_name(log_level())));
    buf_add_cstr(b, "}\n");
    q->status = 200;
    page_home(q);
}

/* --- going around --- */

/* [of the actor that has it] */
static void visit(void *arg)
{
    struct round *r = arg;
    const struct pages_context *c = &r->context;
    bool last = r->at + 1 == c->actor_count;

    arrived(r, r->at);
    if (r->at == 1) {
        hub_totals(c->hub, &r->hub);
    } else {
        r->open += c->pumps[r->at - 2].client_count;
        r->pending += c->pumps[r->at - 2].pending_count;
    }
    r->at++;
    r->posted_us = clock_mono_us();
    page_next(r->request, c->actors[last ? 0 : r->at], last ? finish : visit, r);
}

static int serve_status(struct http_request *q, void *context)
{
    struct pages *p = context;
    size_t n = p->context.actor_count;
    struct round *r = arena_zalloc(&q->arena, sizeof *r + n * sizeof *r->actors);

    if (!r)
        return -ENOMEM;
    r->context = p->context;
    r->request = q;
    r->at = 1;
    r->posted_us = clock_mono_us();
    return page_go_on(q, p->context.actors[1], visit, r);
}

int page_status_add(struct pages *p, struct http_routes *to, const char *role)
{
    if (users++ == 0) {
        started_unix_ms = clock_unix_ms();
        started_mono_ms = clock_mono_ms();
        load =
            load_new(control_loop(p->context.control), p->context.actors, p->context.actor_count);
    }
    return load ? page_admin_add(p, to, HTTP_GET, "/admin/status", role, serve_status) : -ENOMEM;
}

void page_status_finish(void)
{
    if (--users > 0)
        return;
    load_free(load);
    load = NULL;
}
