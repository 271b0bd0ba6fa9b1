/* The control actor: its mail, the signals, and its end.
 *
 * It decides nothing about clients. What the process is told from outside arrives here and is
 * handed to the daemon; what authenticators ask of the host is done here, so that they are
 * single-threaded without knowing it.
 */
#include "base/log.h"
#include "base/str.h"
#include "control/ask.h"
#include "control/internal.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>

#define SIGNALS 3
static const int signal_numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

static void on_mail(struct actor *a, struct mail *m)
{
    struct control *c = (struct control *)a;

    if (m->kind == MAIL_ASK)
        control_ask(c, (struct ask *)m);
    else if (c->on_other_mail)
        c->on_other_mail(c->other_arg, m);
    else
        log_event(LOG_LEVEL_ERROR, "mail_unknown", LOG_TEXT("actor", a->name),
                  LOG_INT("kind", m->kind));
}

struct control *control_new(const struct settings *s)
{
    struct control *c = NULL;

    if (posix_memalign((void **)&c, 64, sizeof *c))
        return NULL;
    memset(c, 0, sizeof *c);
    c->actor.name = "control";
    c->actor.domain = DOMAIN_CONTROL;
    c->actor.on_mail = on_mail;
    c->settings = s;
    pthread_mutex_init(&c->readiness.lock, NULL);
    if (loop_init(&c->loop, true) < 0)
        goto fail;
    loop_add(&c->loop, &c->actor);
    if (fetches_init(&c->fetches, &c->loop) < 0)
        goto fail;
    return c;
fail:
    control_free(c);
    return NULL;
}

struct actor *control_actor(struct control *c)
{
    return &c->actor;
}

struct loop *control_loop(struct control *c)
{
    return &c->loop;
}

void control_on_other_mail(struct control *c, void (*take)(void *arg, struct mail *take_mail),
                           void *arg)
{
    c->on_other_mail = take;
    c->other_arg = arg;
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int events)
{
    struct control *c = w->data;
    enum domain before = domain_enter(DOMAIN_CONTROL);

    (void)ev;
    (void)events;
    if (w->signum != SIGHUP)
        c->stop(c->stop_arg, w->signum);
    else if (c->reload)
        c->reload(c->reload_arg);
    domain_leave(before);
}

void control_on_hangup(struct control *c, void (*reload)(void *arg), void *arg)
{
    c->reload = reload;
    c->reload_arg = arg;
}

void control_watch_signals(struct control *c, void (*stop)(void *arg, int signal_number), void *arg)
{
    c->stop = stop;
    c->stop_arg = arg;
    c->watches_signals = true;
    for (size_t i = 0; i < SIGNALS; i++) {
        ev_signal_init(&c->signals[i], on_signal, signal_numbers[i]);
        c->signals[i].data = c;
        ev_signal_start(c->loop.ev, &c->signals[i]);
    }
}

void control_quiesce(struct control *c)
{
    c->quiesced = true;
    timers_finish(c);
    fetches_finish(&c->fetches);
}

/* From here on the process only ends: a signal that comes late must not make it look killed. */
static void stop_watching(struct control *c)
{
    sigset_t ours, before;

    if (!c->watches_signals)
        return;
    sigemptyset(&ours);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&ours, signal_numbers[i]);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    for (size_t i = 0; i < SIGNALS; i++) {
        ev_signal_stop(c->loop.ev, &c->signals[i]);
        signal(signal_numbers[i], SIG_IGN);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void control_free(struct control *c)
{
    struct condition *next;

    if (!c)
        return;
    if (!c->quiesced)
        control_quiesce(c);
    stop_watching(c);
    loop_finish(&c->loop);
    for (struct condition *k = c->readiness.conditions; k; k = next) {
        next = k->next;
        free(k);
    }
    pthread_mutex_destroy(&c->readiness.lock);
    free(c);
}

/* --- readiness --- */

void control_listening(struct control *c, bool yes)
{
    pthread_mutex_lock(&c->readiness.lock);
    c->readiness.listening = yes;
    pthread_mutex_unlock(&c->readiness.lock);
}

void control_draining(struct control *c)
{
    pthread_mutex_lock(&c->readiness.lock);
    c->readiness.draining = true;
    pthread_mutex_unlock(&c->readiness.lock);
}

bool control_unready(struct control *c, struct buf *reasons)
{
    bool unready;

    pthread_mutex_lock(&c->readiness.lock);
    unready = c->readiness.draining || !c->readiness.listening || c->readiness.conditions;
    if (c->readiness.draining)
        buf_add_cstr(reasons, "the server is stopping\n");
    else if (!c->readiness.listening)
        buf_add_cstr(reasons, "the server is starting\n");
    for (const struct condition *k = c->readiness.conditions; k; k = k->next)
        buf_addf(reasons, "%s: %s\n", k->title, k->why);
    pthread_mutex_unlock(&c->readiness.lock);
    return unready;
}

/* Whether that is news, or -ENOMEM. */
static int set_condition(struct control *c, const void *of, const char *title, bool ready,
                         const char *why)
{
    struct condition **at, *k = NULL;
    int news = 0;

    pthread_mutex_lock(&c->readiness.lock);
    at = &c->readiness.conditions;
    while (*at && (*at)->of != of)
        at = &(*at)->next;
    if (*at && ready) {
        k = *at;
        *at = k->next;
        free(k);
        news = 1;
    } else if (!ready) {
        news = !*at;
        k = *at ? *at : calloc(1, sizeof *k);
        if (k) {
            k->of = of;
            snprintf(k->title, sizeof k->title, "%s", title);
            str_printable(str_of(why ? why : "not ready"), k->why, sizeof k->why);
            *at = k;
        } else {
            news = -ENOMEM;
        }
    }
    pthread_mutex_unlock(&c->readiness.lock);
    return news;
}

int control_ready(struct control *c, struct plugin_instance *section, bool ready, const char *why)
{
    char title[CONFIG_TITLE_BYTES];
    int news;

    snprintf(title, sizeof title, "[%s %s]", section->kind, section->name);
    news = set_condition(c, section, title, ready, why);
    if (news)
        log_event(LOG_LEVEL_INFO, "readiness", LOG_TEXT("section", section->host.section),
                  LOG_BOOL("ready", ready), LOG_TEXT("msg", ready ? "ready" : why));
    return news < 0 ? news : 0;
}

int control_ready_part(struct control *c, const char *name, bool ready, const char *why)
{
    int news = set_condition(c, name, name, ready, why);

    return news < 0 ? news : 0; /* the part says itself what happened to it */
}

/* --- the addresses of the settings --- */

static bool is_loopback(parley_str endpoint)
{
    char address[64];
    const char *colon = memrchr(endpoint.p, ':', endpoint.n);
    size_t n = colon ? (size_t)(colon - endpoint.p) : endpoint.n;
    size_t bracket = n > 1 && endpoint.p[0] == '[';
    struct in_addr v4;
    struct in6_addr v6;

    snprintf(address, sizeof address, "%.*s", (int)(n - 2 * bracket), endpoint.p + bracket);
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool control_on_loopback(const struct settings *s)
{
    const parley_list *lists[] = {&s->server.listen, &s->admin.listen};

    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->n; i++)
            if (!str_is(lists[k]->items[i], "none") && !is_loopback(lists[k]->items[i]))
                return false;
    return true;
}
