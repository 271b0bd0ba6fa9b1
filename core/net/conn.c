/* Connections: their memory, and the deadlines that strangers must keep.
 *
 * Each kind of waiting has one duration, so each list is in order of time and its first one is due
 * first: entering, leaving and looking are O(1), whatever the number of connections. lws's own
 * timeouts are whole seconds and stall on a quiet foreign loop; they are a second line only.
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/login.h"
#include "client/pump.h"
#include "http/server.h"

#include <stdlib.h>

enum { SERVICE_US = 1000 * 1000 };

struct conn *conn_new(struct net *n)
{
    struct conn *c = n->conn_free;

    if (!c) {
        struct conn_block *block = calloc(1, sizeof *block);
        if (!block)
            return NULL;
        block->next = n->blocks;
        n->blocks = block;
        for (size_t i = 0; i < sizeof block->conns / sizeof *block->conns; i++) {
            block->conns[i].after = n->conn_free;
            n->conn_free = &block->conns[i];
        }
        c = n->conn_free;
    }
    n->conn_free = c->after;
    *c = (struct conn){.net = n, .fd = -1, .tls = n->tls};
    n->conn_count++;
    metric_add(n->metrics.open, 1);
    return c;
}

void conn_drop_upgrade(struct conn *c)
{
    if (c->upgrading && c->net->admission) {
        admission_address_left(c->net->admission, &c->address);
        if (c->identity)
            admission_user_left(c->net->admission, identity_issuer(c->identity),
                                identity_user(c->identity));
    }
    identity_unref(c->identity);
    login_free(c->login);
    c->identity = NULL;
    c->login = NULL;
    c->upgrading = false;
}

/* To the free list; the pointer may still be compared, and finds no serial. */
static void put_away(struct conn *c)
{
    struct net *n = c->net;

    if (n->adopting == c)
        n->adopting = NULL;
    c->serial = 0;
    c->wsi = NULL;
    c->after = n->conn_free;
    n->conn_free = c;
}

void conn_socket_closed(struct net *n, const struct ip *address, bool socket_counted)
{
    if (n->admission) {
        if (socket_counted)
            admission_socket_left(n->admission, address);
        admission_disconnected(n->admission);
    }
    n->conn_count--;
    metric_add(n->metrics.open, -1);
}

void conn_upgraded(struct conn *c)
{
    conn_wait(c, WAIT_NOTHING);
    http_closed(c);
    put_away(c);
}

/* Admission never heard of it. */
static void local_closed(struct net *n)
{
    n->local_count--;
    n->conn_count--;
    metric_add(n->metrics.open, -1);
}

void conn_free(struct conn *c)
{
    struct net *n = c->net;

    conn_wait(c, WAIT_NOTHING);
    http_closed(c);
    conn_drop_upgrade(c);
    if (c->local)
        local_closed(n);
    else
        conn_socket_closed(n, &c->peer, c->socket_counted);
    put_away(c);
}

/* lws closes what is to be closed from its idle watcher, which on a busy loop does not come to run.
 * So outside its callbacks, where that is safe, it is made to close at once. */
void conn_kill(struct conn *c)
{
    struct net *n = c->net;

    conn_wait(c, WAIT_NOTHING);
    if (!c->wsi || c->killed)
        return;
    c->killed = true;
    if (n->inside) {
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        lws_cancel_service(n->context);
    } else {
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    }
}

/* --- deadlines --- */

static void arm(struct net *n)
{
    int64_t earliest = INT64_MAX, left;

    for (int k = 1; k < WAIT_KINDS; k++)
        if (n->waiting[k].first && n->waiting[k].first->until_ms < earliest)
            earliest = n->waiting[k].first->until_ms;
    ev_timer_stop(n->loop->ev, &n->deadline);
    if (earliest == INT64_MAX)
        return;
    left = earliest - clock_mono_ms();
    ev_now_update(n->loop->ev);
    ev_timer_set(&n->deadline, left > 0 ? (double)left / 1000. : 0., 0.);
    ev_timer_start(n->loop->ev, &n->deadline);
}

void conn_wait(struct conn *c, enum conn_wait kind)
{
    struct net *n = c->net;
    struct conn_list *l = &n->waiting[c->wait];

    if (c->wait != WAIT_NOTHING) {
        *(c->before ? &c->before->after : &l->first) = c->after;
        *(c->after ? &c->after->before : &l->last) = c->before;
    }
    c->before = c->after = NULL;
    c->wait = (uint8_t)kind;
    if (kind == WAIT_NOTHING)
        return;
    l = &n->waiting[kind];
    c->until_ms = clock_mono_ms() + n->durations_ms[kind];
    c->before = l->last;
    *(l->last ? &l->last->after : &l->first) = c;
    l->last = c;
    /* A timer that is too early finds nothing due, and is set again. */
    if (!ev_is_active(&n->deadline) || l->first == c)
        arm(n);
}

static void overdue(struct conn *c)
{
    struct net *n = c->net;

    switch (c->wait) {
    case WAIT_HANDSHAKE:
        net_refused(n, "handshake_timeout", &c->peer, PARLEY_NONE);
        conn_kill(c);
        break;
    case WAIT_ANSWER:
        http_late(c);
        break;
    case WAIT_TAKE:
        net_refused(n, "answer_not_taken", &c->peer, PARLEY_NONE);
        conn_kill(c);
        break;
    default:
        conn_kill(c);
    }
}

static void on_deadline(struct ev_loop *ev, ev_timer *w, int events)
{
    struct net *n = w->data;
    int64_t now = clock_mono_ms();

    (void)ev;
    (void)events;
    enum domain before = domain_enter(n->actor->domain);
    for (int k = 1; k < WAIT_KINDS; k++)
        while (n->waiting[k].first && n->waiting[k].first->until_ms <= now)
            overdue(n->waiting[k].first);
    arm(n);
    domain_leave(before);
}

/* A timer among lws's own. With one of them set lws keeps its libev timer running, and looks after
 * all of them whenever that fires; with none they wait for its idle watcher. */
static void on_service(lws_sorted_usec_list_t *sul)
{
    struct net *n = (struct net *)((char *)sul - offsetof(struct net, service));

    lws_sul_schedule(n->context, 0, sul, on_service, SERVICE_US);
}

void conn_timers_init(struct net *n)
{
    ev_timer_init(&n->deadline, on_deadline, 0., 0.);
    n->deadline.data = n;
}

void conn_timers_start(struct net *n)
{
    lws_sul_schedule(n->context, 0, &n->service, on_service, SERVICE_US);
    lws_cancel_service(n->context); /* the first time its idle watcher is needed */
}

void conn_timers_stop(struct net *n)
{
    ev_timer_stop(n->loop->ev, &n->deadline);
    lws_sul_cancel(&n->service);
}
