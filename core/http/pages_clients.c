/* GET /admin/clients: who is connected, a page at a time; POST /admin/kick: that somebody go.
 *
 * A page goes to the hub and on to the pump of its rows (client/census.h). `next`, where it is not
 * null, is what the question for the next page says as `from`.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/units.h"
#include "client/census.h"
#include "client/pump.h"
#include "http/pages_internal.h"
#include "hub/hub.h"

/* --- the list --- */

struct list {                     /* in the request's arena */
    struct pages_context context; /* a copy: the pages may be others before it is back */
    struct http_request *request;
    struct census census;
};

static void write_row(struct buf *b, const struct registry *r, const struct census_row *row)
{
    char text[IP_TEXT], id[CENSUS_ID_BYTES], time[CLOCK_RFC3339_BYTES];

    buf_add_char(b, '{');
    page_str(b, "id", str_of(census_id(row->client, id)));
    page_str(b, "user", identity_user(row->identity));
    page_str(b, "username", identity_username(row->identity));
    page_str(b, "app", identity_app(row->identity));
    page_str(b, "address", str_of(ip_print(&row->address, text)));
    page_str(b, "since", str_of(clock_rfc3339(row->connected_unix_ms, time)));
    page_str(b, "protocol", str_of(r->protocols[row->protocol].of->name));
    page_bool(b, "closing", row->closing);
    page_int(b, "queue_bytes", row->queue_bytes);
    page_int(b, "queue_messages", row->queue_messages);
    page_int(b, "channel_count", row->channel_count);
    page_key(b, "channels");
    buf_add_char(b, '[');
    for (uint32_t i = 0; i < row->channels_named; i++) {
        if (i)
            buf_add_char(b, ',');
        buf_add_json(b, row->channels[i]);
    }
    buf_add_cstr(b, "]}");
}

/* The last step; of whoever has it. */
static void answer_list(struct list *l)
{
    struct http_request *q = l->request;
    struct census *c = &l->census;
    struct buf *b = &q->answer;

    buf_add_cstr(b, "{\"clients\":[");
    for (uint32_t i = 0; i < c->count; i++) {
        if (i)
            buf_add_char(b, ',');
        write_row(b, l->context.registry->first, &c->rows[i]);
    }
    buf_add_char(b, ']');
    page_key(b, "next");
    if (c->more)
        buf_addf(b, "\"%" PRIu32 ".%" PRIu32 "\"", c->pump, c->slot);
    else
        buf_add_cstr(b, "null");
    buf_add_cstr(b, "}\n");
    q->status = 200;
    census_finish(c);
    page_home(q);
}

/* [pump] */
static void complete_list(void *arg)
{
    struct list *l = arg;

    pump_census(&l->context.pumps[l->census.of_pump], &l->census);
    answer_list(l);
}

/* [hub] */
static void gather_list(void *arg)
{
    struct list *l = arg;
    struct census *c = &l->census;

    if (hub_census(l->context.hub, c) < 0) {
        census_finish(c);
        http_answer_error(l->request, 503, "Out of memory.");
        page_home(l->request);
    } else if (c->unknown_channel) {
        http_answer_error(l->request, 404, "There is no such channel.");
        page_home(l->request);
    } else if (!c->count) {
        answer_list(l);
    } else if (actor_call(&l->context.pumps[c->of_pump].actor, complete_list, l) < 0) {
        answer_list(l); /* without what the pump knows */
    }
}

/* "0.100": pump and place */
static bool read_from(parley_str text, struct census *c)
{
    int n = 0;

    return !text.p || (text.n < 24 && strspn(text.p, "0123456789.") == text.n &&
                       sscanf(text.p, "%" SCNu32 ".%" SCNu32 "%n", &c->pump, &c->slot, &n) == 2 &&
                       (size_t)n == text.n);
}

static int serve_list(struct http_request *q, void *context)
{
    struct pages *p = context;
    struct list *l = arena_zalloc(&q->arena, sizeof *l);
    parley_str limit = http_query(q, "limit");
    int64_t rows = CENSUS_ROWS;

    if (!l)
        return -ENOMEM;
    if ((limit.p && (units_int(limit, &rows) < 0 || rows < 1 || rows > CENSUS_ROWS)) ||
        !read_from(http_query(q, "from"), &l->census)) {
        http_answer_error(q, 400, "'limit' is 1..100, 'from' the 'next' of the page before.");
        return 0;
    }
    l->context = p->context;
    l->request = q;
    l->census.arena = &q->arena;
    l->census.user = http_query(q, "user");
    l->census.channel = http_query(q, "channel");
    l->census.limit = (uint32_t)rows;
    return page_go_on(q, p->context.actors[1], gather_list, l);
}

/* --- kicking --- */

enum { REASON_BYTES = 123 }; /* of a close frame */

struct kick { /* likewise */
    struct hub *hub;
    struct http_request *request;
    client_handle client;
    parley_str user;
    const char *reason;
};

/* [hub] */
static void do_kick(void *arg)
{
    struct kick *k = arg;
    struct http_request *q = k->request;
    unsigned n = hub_kick(k->hub, k->client, k->user, k->reason);
    char id[CENSUS_ID_BYTES];

    if (n) {
        log_event(LOG_LEVEL_INFO, "kicked", LOG_STR("user", k->user),
                  LOG_TEXT("client", k->client ? census_id(k->client, id) : NULL),
                  LOG_INT("clients", n), LOG_TEXT("msg", k->reason), LOG_STR("by", q->address));
        buf_addf(&q->answer, "{\"kicked\":%u}\n", n);
        q->status = 200;
    } else {
        http_answer_error(q, 404,
                          k->user.p ? "That user is not connected."
                                    : "There is no such client (any more).");
    }
    page_home(q);
}

static int serve_kick(struct http_request *q, void *context)
{
    struct pages *p = context;
    struct kick *k = arena_zalloc(&q->arena, sizeof *k);
    parley_str client = parley_as_str(parley_get(q->json, "client"));
    parley_str reason = parley_as_str(parley_get(q->json, "reason"));

    if (!k)
        return -ENOMEM;
    *k = (struct kick){.hub = p->context.hub,
                       .request = q,
                       .client = client.p ? census_parse_id(client.p) : 0,
                       .user = parley_as_str(parley_get(q->json, "user")),
                       .reason = reason.p ? reason.p : ""};
    if (!client.p == !k->user.p) {
        http_answer_error(q, 400, "Either 'client' or 'user' says who.");
        return 0;
    }
    if (client.p && !k->client) {
        http_answer_error(q, 400, "'client' is an id such as \"0.17.3\", of the list of clients.");
        return 0;
    }
    if (reason.n > REASON_BYTES) {
        http_answer_error(q, 400, "'reason' has 123 bytes at most.");
        return 0;
    }
    return page_go_on(q, p->context.actors[1], do_kick, k);
}

int page_clients_add(struct pages *p, struct http_routes *to, const char *role)
{
    int error = page_admin_add(p, to, HTTP_GET, "/admin/clients", role, serve_list);

    return error ? error : page_admin_add(p, to, HTTP_POST, "/admin/kick", role, serve_kick);
}
