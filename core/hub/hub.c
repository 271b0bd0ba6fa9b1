/* The hub as an actor: its mail, its clock, its beginning and its end.
 *
 * Messages wait while the mailbox of a pump is above its high-water mark, so that nothing in the
 * daemon grows with what strangers send; what concerns the lives of clients never waits.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "http/http.h"
#include "hub/holds.h"
#include "hub/verdicts.h"

#include <stdlib.h>

#define PUMP_HIGH_WATER  32768 /* entries */
#define RETRY_S          0.002
#define CLOCKS_STEADY_MS 250 /* less is how clocks are held in step, and nothing happened */

void hub_post(struct hub *h, uint32_t pump, struct mail *m, uint32_t kind)
{
    actor_post(h->pumps[pump], m, kind);
}

void hub_post_patient(struct hub *h, uint32_t pump, struct mail *m, uint32_t kind)
{
    actor_post_patient(h->pumps[pump], m, kind);
}

static bool pumps_full(const struct hub *h)
{
    for (uint32_t i = 0; i < h->pump_count; i++)
        if (actor_depth(h->pumps[i]) > PUMP_HIGH_WATER)
            return true;
    return false;
}

static void take_message(struct hub *h, struct message *m)
{
    metric_inc_alone(h->metrics.messages);
    if (!h->deferred && !pumps_full(h)) {
        road_message(h, m);
        return;
    }
    m->next = NULL;
    *h->deferred_end = m;
    h->deferred_end = &m->next;
}

static void run_deferred(struct hub *h)
{
    struct message *m;

    while ((m = h->deferred) && !pumps_full(h)) {
        h->deferred = m->next;
        if (!h->deferred)
            h->deferred_end = &h->deferred;
        road_message(h, m);
        arena_finish(&h->hook_arena);
    }
    if (h->deferred && h->actor.loop && !h->quiesced && !ev_is_active(&h->retry_event)) {
        ev_timer_set(&h->retry_event, RETRY_S, 0.);
        ev_timer_start(h->actor.loop->ev, &h->retry_event);
    }
}

/* A request to a plugin's route: answered in this turn. */
static void take_request(struct hub *h, struct http_request *q)
{
    const struct plugin_route *route = registry_route(h->registry, q->route);
    struct out answer;

    out_init(&answer, 1 << 20);
    if (h->quiesced || !route) {
        q->status = route ? 503 : 404;
    } else {
        struct hook_before before = hook_enter(h, route->instance, "route", NULL, NULL);
        int64_t start_ns = budget_start(h);

        q->status = route->route.serve(&route->instance->host, &q->pub, &answer.pub);
        budget_end(h, route->instance, HOOK_ROUTE, start_ns);
        hook_leave(h, before);
    }
    if (q->status < 200 || q->status > 599)
        q->status = 500;
    if (answer.why[0]) {
        http_answer_error(q, q->status, answer.why);
    } else if (out_end(&answer) < 0) {
        http_answer_error(q, 500, "the answer could not be written");
    } else if (q->status >= 400 && answer.text.n <= 2) {
        http_answer_error(q, q->status, NULL);
    } else if (q->status != 204) {
        buf_finish(&q->answer);
        q->answer = answer.text;
        buf_init(&answer.text, 0);
        q->content_type = "application/json";
    }
    out_finish_memory(&answer);
    actor_post(q->home, &q->mail, MAIL_ANSWER);
}

/* What hooks said of their refusals is told by now, or for nothing. */
static void end_turn(struct hub *h)
{
    h->loose.code = 0;
    arena_finish(&h->hook_arena);
}

static void on_mail(struct actor *a, struct mail *mail)
{
    struct hub *h = (struct hub *)a;

    switch (mail->kind) {
    case MAIL_MESSAGE:
        take_message(h, message_of_mail(mail));
        break;
    case MAIL_CONNECT:
        clients_connect(h, (struct mail_connect *)mail);
        break;
    case MAIL_IDENTITY:
        clients_identity(h, (struct mail_connect *)mail);
        identity_unref(((struct mail_connect *)mail)->identity);
        free(mail);
        break;
    case MAIL_GONE:
        clients_gone(h, (struct mail_gone *)mail);
        break;
    case MAIL_REQUEST:
        take_request(h,
                     (struct http_request *)((char *)mail - offsetof(struct http_request, mail)));
        break;
    case MAIL_STORED:
        stored_told(h);
        break;
    case MAIL_ANSWERED:
        holds_answered(h, (struct ask *)mail);
        break;
    default: /* PUMP_DRAINED: the flush that follows looks at what was deferred */
        free(mail);
    }
    end_turn(h);
}

static void on_flush(struct actor *a)
{
    struct hub *h = (struct hub *)a;

    clients_tell(h);
    if (h->deferred)
        run_deferred(h);
    holds_run(h);
}

/* Looked at once a second at least: a durable timer fires when the wall clock says so, whatever was
 * done to that. */
static void follow_wall_clock(struct hub *h, int64_t now_ms)
{
    int64_t unix_ms = clock_unix_ms(), moved = unix_ms - now_ms - h->clocks_apart_ms;

    if (moved > -CLOCKS_STEADY_MS && moved < CLOCKS_STEADY_MS)
        return;
    h->clocks_apart_ms = unix_ms - now_ms;
    timers_follow(h->timers, now_ms, unix_ms);
}

static void fire(struct hub *h, struct plugin_instance *i, const char *key, bool durable)
{
    struct hook_before before = hook_enter(h, i, "on_timer", NULL, NULL);
    int64_t start_ns;

    if (durable)
        stored_fired(h, i, key);
    start_ns = budget_start(h);
    if (i->file->copy.on_timer)
        i->file->copy.on_timer(&i->host, key);
    budget_end(h, i, HOOK_TIMER, start_ns);
    hook_leave(h, before);
    end_turn(h);
}

void hub_advance(struct hub *h)
{
    enum domain before = domain_enter(DOMAIN_HUB);
    int64_t now = clock_mono_ms();
    struct plugin_instance *i;
    bool durable;
    char *key;

    follow_wall_clock(h, now);
    while (!h->quiesced && timers_take(h->timers, now, &i, &key, &durable)) {
        if (i)
            fire(h, i, key, durable);
        free(key);
    }
    holds_tick(h, now);
    holds_run(h);
    clients_tell(h);
    dedupe_tick(h);
    users_tick(h, now);
    stored_tick(h);
    domain_leave(before);
    hub_arm_timer(h);
}

static void on_tick(struct actor *a, int64_t now_ms)
{
    (void)now_ms;
    hub_advance((struct hub *)a);
}

static void on_timer_event(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev;
    (void)revents;
    hub_advance(w->data);
}

static void on_retry_event(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct hub *h = w->data;
    enum domain before = domain_enter(DOMAIN_HUB);

    (void)ev;
    (void)revents;
    run_deferred(h);
    domain_leave(before);
}

int64_t hub_next_ms(const struct hub *h)
{
    int64_t timer = timers_next(h->timers), deadline = holds_next(h);

    return timer < deadline ? timer : deadline;
}

void hub_arm_timer(struct hub *h)
{
    int64_t next = hub_next_ms(h), now = clock_mono_ms();
    double after = next <= now ? 0. : (double)(next - now) / 1000.;

    if (!h->actor.loop || h->quiesced)
        return;
    ev_timer_stop(h->actor.loop->ev, &h->timer_event);
    if (next == INT64_MAX)
        return;
    ev_timer_set(&h->timer_event, after, 0.);
    ev_timer_start(h->actor.loop->ev, &h->timer_event);
}

static void make_metrics(struct hub *h)
{
    static const char *const words[8] = {[PARLEY_PASS] = "delivered",
                                         [PARLEY_REJECT] = "rejected",
                                         [PARLEY_DROP] = "dropped",
                                         [PARLEY_DONE] = "done"};

    h->metrics.messages =
        metric(METRIC_COUNTER, "hub_messages", "Messages that reached the hub", NULL, PARLEY_NONE);
    for (int i = 0; i < 8; i++)
        if (words[i])
            h->metrics.settled[i] = metric(METRIC_COUNTER, "settled", "Messages by how they ended",
                                           "outcome", str_of(words[i]));
    h->metrics.clients =
        metric(METRIC_GAUGE, "hub_clients", "Clients that the hub knows", NULL, PARLEY_NONE);
    h->metrics.dropped = metric(METRIC_COUNTER, "drops", "Deliveries that were dropped", "reason",
                                PARLEY_STR("memory"));
}

static int attach_all(struct hub *h)
{
    for (size_t k = 0; k < h->registry->instance_count; k++) {
        struct plugin_instance *i = h->registry->instances[k];

        if (instance_attach(h, i) < 0)
            return -ENOMEM;
        i->of->current = i;
        for (struct plugin_hub *hub = i->hubs; hub; hub = hub->next)
            hub->seat = ++h->seats;
    }
    return 0;
}

struct hub *hub_new(const struct settings *s, const struct registry *r, struct actor *const *pumps,
                    uint32_t pump_count)
{
    struct hub *h = NULL;

    if (posix_memalign((void **)&h, 64, sizeof *h))
        return NULL;
    memset(h, 0, sizeof *h);
    h->actor.name = "hub";
    h->actor.domain = DOMAIN_HUB;
    h->actor.on_mail = on_mail;
    h->actor.flush = on_flush;
    h->actor.on_tick = on_tick;
    h->settings = s;
    h->registry = r;
    h->pumps = pumps;
    h->pump_count = pump_count;
    h->ops_end = &h->ops;
    h->deferred_end = &h->deferred;
    h->unstored_end = &h->unstored;
    h->ack_stored = !s->server.ack || strcmp(s->server.ack, "accepted") != 0;
    h->clocks_apart_ms = clock_unix_ms() - clock_mono_ms();
    channels_init(&h->channels, pump_count);
    users_init(h);
    arena_init(&h->hook_arena, 1024);
    ev_init(&h->timer_event, on_timer_event);
    h->timer_event.data = h;
    ev_init(&h->retry_event, on_retry_event);
    h->retry_event.data = h;
    h->clients = calloc(pump_count, sizeof *h->clients);
    h->client_caps = calloc(pump_count, sizeof *h->client_caps);
    h->timers = timers_new();
    h->holds = holds_new();
    h->dedupe = dedupe_new(s->server.dedupe_ms);
    h->verdicts = verdicts_new((size_t)s->server.verdicts);
    h->chains = chain_new(r);
    make_metrics(h);
    if (!h->clients || !h->client_caps || !h->timers || !h->holds || !h->dedupe || !h->verdicts ||
        !h->chains || attach_all(h) < 0) {
        hub_free(h);
        return NULL;
    }
    return h;
}

struct actor *hub_actor(struct hub *h)
{
    return &h->actor;
}

struct verdicts *hub_verdicts(struct hub *h)
{
    return h->verdicts;
}

void hub_asks(struct hub *h, struct actor *to)
{
    h->holds->asks = to;
}

void hub_works(struct hub *h, int (*submit)(struct worker_job *j, struct actor *asker))
{
    h->holds->submit = submit;
}

int hub_store(struct hub *h, struct store *s, char why[256])
{
    return stored_attach(h, s, why);
}

int hub_start(struct hub *h, char why[256])
{
    enum domain before = domain_enter(DOMAIN_HUB);
    int r = 0;

    ops_hold(h); /* what the first one says is for those that start after it, too */
    for (size_t k = 0; k < h->registry->instance_count && r == 0; k++)
        r = instance_start(h, h->registry->instances[k], NULL, why);
    h->quiesced = r < 0;
    ops_release(h);
    hub_arm_timer(h);
    domain_leave(before);
    return r;
}

void hub_quiesce(struct hub *h)
{
    enum domain before = domain_enter(DOMAIN_HUB);

    if (h->actor.loop) {
        ev_timer_stop(h->actor.loop->ev, &h->timer_event);
        ev_timer_stop(h->actor.loop->ev, &h->retry_event);
    }
    clients_quiesce(h);
    holds_quiesce(h);
    ops_hold(h);
    for (struct plugin_instance *i = h->leaving; i; i = i->next)
        instance_quiesce(h, i);
    for (size_t k = 0; k < h->registry->instance_count; k++)
        instance_quiesce(h, h->registry->instances[k]);
    h->quiesced = true;
    ops_release(h);
    stored_quiesce(h);
    arena_finish(&h->hook_arena);
    domain_leave(before);
}

void hub_free(struct hub *h)
{
    struct hub_channel *ch;
    struct message *m;

    if (!h)
        return;
    while ((m = h->deferred)) {
        h->deferred = m->next;
        message_destroy(m);
    }
    ops_finish(h);
    outs_free(h);
    holds_free(h);
    clients_finish(h);
    users_finish(h);
    for (ch = h->channels.by_name; ch; ch = ch->hh.next)
        slots_free(&ch->slots);
    channels_finish(&h->channels);
    chain_free(h->chains);
    timers_free(h->timers);
    dedupe_free(h->dedupe);
    verdicts_free(h->verdicts);
    arena_finish(&h->hook_arena);
    for (size_t k = 0; k < h->registry->instance_count; k++)
        instance_detach(h->registry->instances[k]);
    for (struct plugin_section *x = h->registry->root ? h->registry->root->sections : NULL; x;
         x = x->next) {
        slots_finish(x);
        x->current = NULL;
        x->stored = false;
    }
    free(h);
}
