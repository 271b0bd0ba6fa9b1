/* The load: everybody comes in, then messages are published for a while, then what is on its way
 * may arrive.
 *
 * Closed loop: a channel has `in_flight` messages that are not with all its members; the moment one
 * is, the next author publishes. Open loop: messages leave by the clock, whether or not the server
 * keeps up. What is counted is what arrived while the clock ran.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

enum {
    COMING_AT_ONCE = 64,
    EVENTS = 512,
    ENTER_US = 120 * 1000000, /* all must be in by then */
    DRAIN_US = 5 * 1000000,   /* all must have arrived by then */
    SETTLE_US = 200 * 1000,   /* before memory is looked at: greetings, buffers given back */
    VISIT_US = 500 * 1000,
    FEW_EVENTS = 64,
    NAP_NS = 50 * 1000,
};

/* --- content --- */

static void write_hex(char *p, uint32_t v, int digits)
{
    for (int i = digits; i-- > 0; v >>= 4)
        p[i] = "0123456789abcdef"[v & 15];
}

static bool read_hex(const char *p, int digits, uint32_t *ret)
{
    uint32_t v = 0;

    for (int i = 0; i < digits; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

static void make_message(const struct load *l, unsigned channel, uint32_t number, char *out)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog and goes on ";
    unsigned n = l->o.load.text_bytes;

    memcpy(out, MARK, 2);
    write_hex(out + 2, channel, 4);
    write_hex(out + 6, number, 8);
    for (unsigned i = 2 + MARK_DIGITS; i < n; i++)
        out[i] = words[i % (sizeof words - 1)];
    out[n] = 0;
}

/* --- publishing --- */

static void publish(struct load *l, unsigned number)
{
    struct channel *ch = &l->channels[number];
    struct conn *author = ch->authors[ch->author++ % l->o.load.authors];
    struct flight *f = &ch->flights[ch->next % FLIGHTS];
    char message[8192], text[8192 + 512];

    if (author->state != CONN_OPEN || f->missing) /* gone, or the server is hopelessly behind */
        return;
    make_message(l, number, ch->next++, message);
    conn_send(l, author, 1, text, l->o.dialect->publish(l, author, message, text, sizeof text));
    f->sent_us = now_us();
    f->missing = ch->readers;
    l->outstanding += ch->readers;
    if (l->measuring)
        l->messages++;
}

static void publish_due(struct load *l)
{
    for (unsigned i = 0; i < l->o.load.channels; i++) {
        struct channel *ch = &l->channels[i];

        for (; ch->due && l->publishing; ch->due--)
            publish(l, i);
    }
}

static void publish_by_clock(struct load *l, int64_t now)
{
    int64_t step = 1000000 / l->o.load.rate;

    for (; l->publishing && l->published_us + step <= now; l->published_us += step) {
        static unsigned turn;
        publish(l, turn++ % l->o.load.channels);
    }
}

/* --- delivered --- */

static void delivered(struct load *l, struct conn *c, uint32_t channel, uint32_t number,
                      int64_t now)
{
    struct channel *ch;
    struct flight *f;

    if (channel >= l->o.load.channels || c->channel != channel)
        FAIL("u%u got what was said in b%u", c->number, channel);
    ch = &l->channels[channel];
    f = &ch->flights[number % FLIGHTS];
    if (number >= ch->next || !f->missing)
        FAIL("u%u got message %u of b%u, which nobody has sent or everybody has", c->number, number,
             channel);
    if (l->o.load.authors == 1) {
        if (number != c->expected)
            l->disorder++;
        c->expected = number + 1;
    }
    l->outstanding--;
    if (l->measuring) {
        l->deliveries++;
        histogram_add(&l->latencies, now - f->sent_us);
    }
    if (--f->missing == 0 && l->o.load.in_flight)
        ch->due++;
}

void run_text(struct load *l, struct conn *c, const char *text, size_t n, int64_t now)
{
    const char *at = memmem(text, n, MARK, 2);
    uint32_t channel, number;

    if (!at && l->o.dialect->other)
        l->o.dialect->other(l, c, text, n);
    /* One message a frame: looking for more would cost more than all else here. */
    if (at && (size_t)(text + n - at) >= 2 + MARK_DIGITS && !c->until_us &&
        read_hex(at + 2, 4, &channel) && read_hex(at + 6, 8, &number))
        delivered(l, c, channel, number, now);
}

void run_closed(struct load *l, struct conn *c)
{
    if (!c->stalled && !c->until_us)
        fprintf(stderr, "u%u: the server closed the connection\n", c->number);
    (void)l;
}

/* --- the turn of the loop --- */

void run_opened(struct load *l, struct conn *c)
{
    if (c->until_us)
        c->until_us = now_us() + VISIT_US;
    (void)l;
}

/* A server that wakes a sleeping load with each send pays for that wake-up, and one that keeps the
 * load busy does not: so the load never sleeps in epoll. It looks at its sockets, and when little
 * has come it looks again a moment later, as a network card does that gathers interrupts. */
static void turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, 0);

    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;

        if (c->state != CONN_FREE)
            conn_event(l, c, events[i].events);
    }
    if (l->o.load.in_flight)
        publish_due(l);
    else if (l->o.load.rate && l->publishing)
        publish_by_clock(l, now_us());
    conn_flush_all(l);
    if (n < FEW_EVENTS)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

static void open_one(struct load *l, struct conn *c)
{
    char path[256];

    if (l->o.dialect->author_path && c->number >= l->o.load.channels * l->o.load.members &&
        !c->until_us)
        l->o.dialect->author_path(l, c, path, sizeof path);
    else
        l->o.dialect->path(l, c, path, sizeof path);
    conn_open(l, c, path);
}

static void enter_all(struct load *l)
{
    int64_t until = now_us() + ENTER_US;

    for (unsigned next = 0; next < l->conn_count || l->coming;) {
        while (next < l->conn_count && l->coming < COMING_AT_ONCE)
            open_one(l, &l->conns[next++]);
        turn(l);
        if (now_us() > until)
            FAIL("only %u of %u came in", l->opened, l->conn_count);
    }
}

static void run_for(struct load *l, int64_t us)
{
    int64_t until = now_us() + us;

    while (now_us() < until)
        turn(l);
}

/* --- those who come and go --- */

struct visits {
    struct conn *conns;
    unsigned count, next, done;
    int64_t due_us;
};

static void visit(struct load *l, struct visits *v)
{
    int64_t now = now_us();

    for (unsigned i = 0; i < v->count; i++)
        if (v->conns[i].state == CONN_OPEN && v->conns[i].until_us <= now) {
            conn_close(l, &v->conns[i]);
            v->done++;
        }
    if (!l->o.load.visitors || now < v->due_us)
        return;
    v->due_us = now + 1000000 / l->o.load.visitors;
    for (unsigned i = 0; i < v->count; i++) {
        struct conn *c = &v->conns[i];

        if (c->state == CONN_FREE && !c->dirty) {
            *c = (struct conn){.number = 1000000 + v->next++, .until_us = now + VISIT_US};
            open_one(l, c);
            return;
        }
    }
}

/* --- a whole run --- */

static void make_conns(struct load *l)
{
    const struct workload *w = &l->o.load;
    unsigned members = w->channels * w->members;
    unsigned authors = l->o.dialect->author_path ? w->channels * w->authors : 0;
    unsigned every = w->stalled ? 100 / w->stalled : 0;

    l->conn_count = members + authors + w->idle;
    l->conns = calloc(l->conn_count ? l->conn_count : 1, sizeof *l->conns);
    l->channels = calloc(w->channels ? w->channels : 1, sizeof *l->channels);
    l->buffer = malloc(512 * 1024);
    if (!l->conns || !l->channels || !l->buffer)
        FAIL("out of memory");
    for (unsigned i = 0; i < l->conn_count; i++) {
        struct conn *c = &l->conns[i];

        c->number = i;
        c->channel = i < members             ? i / w->members
                     : i < members + authors ? (i - members) / w->authors
                                             : w->channels;
    }
    for (unsigned k = 0; k < w->channels; k++) {
        struct channel *ch = &l->channels[k];

        ch->readers = w->members;
        ch->flights = calloc(FLIGHTS, sizeof *ch->flights);
        ch->authors = calloc(w->authors, sizeof *ch->authors);
        if (!ch->flights || !ch->authors)
            FAIL("out of memory");
        for (unsigned i = 0; i < w->authors; i++)
            ch->authors[i] = authors ? &l->conns[members + k * w->authors + i]
                                     : &l->conns[k * w->members + i * (w->members / w->authors)];
        for (unsigned i = 1; every && i < w->members; i++)
            if (i % every == every - 1) {
                l->conns[k * w->members + i].stalled = false;
                ch->readers--;
            }
    }
}

/* Only now, so that they are members like everybody else. */
static void stall_some(struct load *l)
{
    const struct workload *w = &l->o.load;
    unsigned every = w->stalled ? 100 / w->stalled : 0;

    for (unsigned i = 0; every && i < w->channels * w->members; i++) {
        struct conn *c = &l->conns[i];

        if (i % w->members && i % w->members % every == every - 1) {
            c->stalled = true;
            epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);
        }
    }
}

static void start_publishing(struct load *l)
{
    l->publishing = true;
    l->published_us = now_us();
    for (unsigned i = 0; i < l->o.load.channels; i++)
        l->channels[i].due = l->o.load.in_flight;
    if (l->o.load.in_flight)
        publish_due(l);
    conn_flush_all(l);
}

struct figures {
    double wall_s, server_s, own_s;
    int64_t rss_before, rss_after;
    double come_in_s, come_in_cpu_s;
    unsigned visits;
};

static void measure(struct load *l, struct figures *f)
{
    const struct options *o = &l->o;
    struct visits v = {.count = o->load.visitors * 2};
    int64_t begin, until;

    v.conns = calloc(v.count ? v.count : 1, sizeof *v.conns);
    if (!v.conns)
        FAIL("out of memory");
    start_publishing(l);
    run_for(l, (int64_t)(o->warm_up * 1e6));
    l->measuring = true;
    begin = now_us();
    f->server_s = -cpu_seconds(o->pids, o->pid_count);
    f->own_s = -own_cpu_seconds();
    until = begin + (int64_t)(o->seconds * 1e6);
    while (now_us() < until) {
        run_for(l, v.count ? 10000 : until - now_us());
        visit(l, &v);
    }
    f->server_s += cpu_seconds(o->pids, o->pid_count);
    f->own_s += own_cpu_seconds();
    f->wall_s = (double)(now_us() - begin) / 1e6;
    f->visits = v.done;
    l->measuring = l->publishing = false;
    for (until = now_us() + DRAIN_US; l->outstanding && now_us() < until;)
        turn(l);
    for (unsigned i = 0; i < v.count; i++)
        conn_close(l, &v.conns[i]);
    free(v.conns);
}

static void settle(struct load *l)
{
    int64_t until = now_us() + SETTLE_US;

    while (now_us() < until)
        turn(l);
}

static void print(const struct load *l, const struct figures *f, FILE *out)
{
    const struct options *o = &l->o;
    double load_cpu = f->wall_s > 0 ? f->own_s / f->wall_s : 0;
    double busy = f->wall_s > 0 ? f->server_s / f->wall_s : 0;
    unsigned all = l->conn_count;

    fprintf(out, "{\"workload\":\"%s\",\"server\":\"%s\"", o->load.name, o->dialect->name);
    fprintf(out,
            ",\"handshakes\":%u,\"handshakes_per_s\":%.1f,\"cpu_us_per_handshake\":%.2f"
            ",\"rss_before_bytes\":%lld,\"rss_after_bytes\":%lld,\"bytes_per_connection\":%.0f",
            all, all / f->come_in_s, f->come_in_cpu_s / all * 1e6, (long long)f->rss_before,
            (long long)f->rss_after, (double)(f->rss_after - f->rss_before) / all);
    if (!o->load.handshakes)
        fprintf(out,
                ",\"seconds\":%.3f,\"messages\":%llu,\"deliveries\":%llu,\"deliveries_per_s\":%.0f"
                ",\"server_cpu_s\":%.4f,\"server_cpu\":%.3f,\"cpu_us_per_delivery\":%.4f"
                ",\"cpu_us_per_message\":%.3f,\"p50_us\":%lld,\"p99_us\":%lld,\"max_us\":%llu"
                ",\"visits\":%u",
                f->wall_s, (unsigned long long)l->messages, (unsigned long long)l->deliveries,
                (double)l->deliveries / f->wall_s, f->server_s, busy,
                l->deliveries ? f->server_s / (double)l->deliveries * 1e6 : 0.,
                l->messages ? f->server_s / (double)l->messages * 1e6 : 0.,
                (long long)histogram_at(&l->latencies, 0.5),
                (long long)histogram_at(&l->latencies, 0.99), (unsigned long long)l->latencies.max,
                f->visits);
    /* Bound by the load when that used all of its core while the server had time left. */
    fprintf(out,
            ",\"load_cpu\":%.3f,\"load_bound\":%s,\"lost\":%llu,\"disorder\":%llu,\"closed\":%u}\n",
            load_cpu, load_cpu > 0.95 && load_cpu > busy ? "true" : "false",
            (unsigned long long)l->outstanding, (unsigned long long)l->disorder, l->closed);
}

static void begin(struct load *l)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        FAIL("epoll is not to be had");
    if (l->o.tls) {
        l->ssl = SSL_CTX_new(TLS_client_method());
        if (!l->ssl)
            FAIL("TLS is not to be had");
        SSL_CTX_set_mode(l->ssl,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    make_conns(l);
}

static void end(struct load *l)
{
    for (unsigned i = 0; i < l->conn_count; i++)
        conn_close(l, &l->conns[i]);
    for (unsigned i = 0; i < l->o.load.channels; i++) {
        free(l->channels[i].flights);
        free(l->channels[i].authors);
    }
    free(l->conns);
    free(l->channels);
    free(l->buffer);
    SSL_CTX_free(l->ssl);
}

int run(struct options *o, FILE *out)
{
    struct load *l = calloc(1, sizeof *l);
    struct figures f = {0};
    int64_t begun;
    int status;

    if (!l)
        FAIL("out of memory");
    l->o = *o;
    begin(l);
    f.rss_before = resident_bytes(o->pids, o->pid_count);
    f.come_in_cpu_s = -cpu_seconds(o->pids, o->pid_count);
    f.own_s = -own_cpu_seconds();
    begun = now_us();
    enter_all(l);
    f.come_in_s = f.wall_s = (double)(now_us() - begun) / 1e6;
    f.own_s += own_cpu_seconds();
    settle(l);
    f.come_in_cpu_s += cpu_seconds(o->pids, o->pid_count);
    f.server_s = f.come_in_cpu_s;
    f.rss_after = resident_bytes(o->pids, o->pid_count);
    stall_some(l);
    if (!o->load.handshakes)
        measure(l, &f);
    print(l, &f, out);
    status = l->outstanding || l->disorder ? 3 : 0;
    end(l);
    free(l);
    return status;
}
