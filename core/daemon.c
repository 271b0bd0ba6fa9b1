/* The daemon's life: what it reads, says and waits for. parts.c knows what it is made of.
 *
 * All of it runs on the main thread, which is the control loop's. The end is asked for by a signal:
 * clients are told to come back later, and when they are gone, or their time is over, the loop ends
 * and everything is taken apart.
 */
#include "daemon.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/str.h"
#include "client/pump.h"
#include "control/control.h"
#include "hook_watch.h"
#include "net/net.h"
#include "parts.h"
#include "reload.h"
#include "watchdog.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOOK_MS = 10,           /* while draining: whether all pumps are empty */
    DRAIN_BESIDE_MS = 5000, /* on top of [server] drain */
    NO_ANSWER_MS = 2000,    /* a pump that says nothing for so long hangs */
    HUNG_MS = 3000,         /* what has not ended by then is not waited for */
};

struct question { /* to one pump, while the daemon stops */
    struct pump *pump;
    _Atomic bool asked, empty;
    int64_t asked_ms;
};
struct daemon {
    struct parts parts;
    const char *config_file;
    int exit_code;
    bool stopping;
    int64_t stop_since_ms, stop_until_ms;
    ev_timer look;
    struct question *questions; /* one a pump */
};

static bool load(struct parts *p, const char *config_file)
{
    json_object_seed(0); /* before any thread: plugins parse JSON with it */
    parts_load(p, config_file);
    return config_report(&p->config, stderr) == 0;
}

int daemon_check_config(const char *config_file)
{
    enum domain before = domain_enter(DOMAIN_CONTROL);
    struct parts *p = calloc(1, sizeof *p);
    bool good = p && load(p, config_file);

    if (good) {
        printf("%s: ok\n", config_file);
        registry_print_chain(&p->registry, stdout);
    }
    if (p)
        parts_finish(p);
    free(p);
    domain_leave(before);
    return good ? 0 : 1;
}

static void set_up_log(const struct settings_log *s)
{
    enum log_level least = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_AUTO;

    if (s->level)
        log_level_parse(s->level, &least);
    if (s->format && !strcmp(s->format, "json"))
        format = LOG_FORMAT_JSON;
    if (s->format && !strcmp(s->format, "text"))
        format = LOG_FORMAT_TEXT;
    log_setup(least, format, STDERR_FILENO);
}

/* --- the end --- */

static void end(struct daemon *d)
{
    loop_stop(control_loop(d->parts.control));
}

/* [pump] */
static void answer_question(void *arg)
{
    struct question *q = arg;

    atomic_store(&q->empty, pump_empty(q->pump));
    atomic_store(&q->asked, false);
}

/* Whether all pumps have said that they are empty; those that have not are asked again. */
static bool all_empty(struct daemon *d, bool *ret_one_hangs)
{
    struct parts *p = &d->parts;
    bool all = true;

    *ret_one_hangs = false;
    for (uint32_t i = 0; i < p->pump_count; i++) {
        struct question *q = &d->questions[i];
        if (atomic_load(&q->asked)) {
            *ret_one_hangs |= clock_mono_ms() - q->asked_ms > NO_ANSWER_MS;
            all = false;
        } else if (!atomic_load(&q->empty)) {
            all = false;
            q->pump = &p->pumps[i];
            q->asked_ms = clock_mono_ms();
            atomic_store(&q->asked, true);
            if (actor_call(&p->pumps[i].actor, answer_question, q) < 0)
                atomic_store(&q->asked, false);
        }
    }
    return all;
}

static void on_look(struct ev_loop *ev, ev_timer *w, int events)
{
    struct daemon *d = w->data;
    enum domain before = domain_enter(DOMAIN_CONTROL);
    bool one_hangs, gone = all_empty(d, &one_hangs);
    int64_t now = clock_mono_ms(), left = d->stop_until_ms - now;

    (void)ev;
    (void)events;
    /* Whoever does not even answer is not waited for as long as clients are. */
    if (gone || left <= 0 || (one_hangs && left <= DRAIN_BESIDE_MS - NO_ANSWER_MS)) {
        if (!gone)
            log_event(LOG_LEVEL_WARNING, "drain_cut", LOG_INT("after_ms", now - d->stop_since_ms),
                      LOG_TEXT("msg", one_hangs ? "a pump does not answer"
                                                : "some clients did not leave in time"));
        end(d);
    }
    domain_leave(before);
}

static void drain(struct daemon *d)
{
    struct parts *p = &d->parts;

    control_draining(p->control);
    for (uint32_t i = 0; i < p->pump_count; i++) {
        struct mail *m = malloc(sizeof *m);
        if (m)
            actor_post(&p->pumps[i].actor, m, MAIL_DRAIN); /* no more is accepted, 1012 to all */
    }
    ev_timer_init(&d->look, on_look, LOOK_MS / 1000., LOOK_MS / 1000.);
    d->look.data = d;
    ev_timer_start(control_loop(p->control)->ev, &d->look);
}

static void on_stop(void *arg, int signal_number)
{
    struct daemon *d = arg;
    int64_t most_ms = d->parts.settings.server.drain_ms + DRAIN_BESIDE_MS;

    log_event(LOG_LEVEL_INFO, "stopping",
              LOG_TEXT("signal", signal_number == SIGINT ? "SIGINT" : "SIGTERM"),
              LOG_BOOL("at_once", d->stopping));
    if (d->stopping) {
        end(d);
        return;
    }
    d->stopping = true;
    d->stop_since_ms = clock_mono_ms();
    d->stop_until_ms = d->stop_since_ms + most_ms;
    watchdog_arm(most_ms + HUNG_MS, 2);
    drain(d);
}

static void on_hangup(void *arg)
{
    struct daemon *d = arg;

    if (!d->stopping && reload_request(d->parts.reload, NULL, NULL, NULL) < 0)
        log_event(LOG_LEVEL_ERROR, "reload_failed", LOG_TEXT("msg", "there is not enough memory"));
}

/* --- the beginning --- */

static void log_listeners(const struct parts *p)
{
    for (size_t i = 0; i < p->listener_count; i++) {
        const struct parts_listener *l = &p->listeners[i];
        char url[96];
        snprintf(url, sizeof url, "%s://%s/", l->tls ? "https" : "http", l->address);
        log_event(LOG_LEVEL_INFO, "listening", LOG_TEXT("listener", l->admin ? "admin" : "public"),
                  LOG_TEXT("address", l->address), LOG_TEXT("url", url));
    }
    if (p->control_socket.path[0])
        log_event(LOG_LEVEL_INFO, "listening", LOG_TEXT("listener", "control"),
                  LOG_TEXT("socket", p->control_socket.path));
}

static void summarize(const struct parts *p, size_t sections)
{
    const struct parts_listener *first = &p->listeners[0], *admin = NULL;

    for (size_t i = 0; i < p->listener_count && !admin; i++)
        admin = p->listeners[i].admin ? &p->listeners[i] : NULL;
    printf(
        "Parley %s is at %s://%s/, %s%s with %zu plugin section%s on %u pump%s. Ctrl-C stops it.\n",
        PARLEY_VERSION, first->tls ? "https" : "http", first->address,
        admin ? "its admin at " : "without an admin listener", admin ? admin->address : "",
        sections, sections == 1 ? "" : "s", p->pump_count, p->pump_count == 1 ? "" : "s");
    fflush(stdout);
}

static void fail(struct daemon *d, const char *why)
{
    log_event(LOG_LEVEL_ERROR, "start_failed", LOG_TEXT("msg", why));
    d->exit_code = 2;
}

/* The control loop's first turn. */
static void begin(void *arg)
{
    struct daemon *d = arg;
    struct parts *p = &d->parts;
    size_t sections = p->registry.instance_count;
    char why[256] = "";

    if (control_start_auths(p->control, &p->registry, why) < 0 || parts_accept(p, why) < 0) {
        fail(d, why);
        end(d);
        return;
    }
    if (!p->registry.auth_count)
        log_event(LOG_LEVEL_WARNING, "no_auth",
                  LOG_TEXT("msg", "there is no section [auth ...]: nobody can enter"));
    log_listeners(p);
    control_listening(p->control, true);
    log_event(LOG_LEVEL_INFO, "started", LOG_TEXT("version", PARLEY_VERSION),
              LOG_TEXT("config", d->config_file), LOG_INT("pumps", p->pump_count),
              LOG_INT("sections", sections), LOG_INT("pid", getpid()));
    if (isatty(STDOUT_FILENO))
        summarize(p, sections);
}

/* From the configuration, which is good, to the end. */
static void run(struct daemon *d)
{
    struct parts *p = &d->parts;
    char why[256] = "";

    if (parts_make(p, why) < 0) {
        fail(d, why);
        return;
    }
    d->questions = calloc(p->pump_count, sizeof *d->questions);
    if (!d->questions || actor_call(control_actor(p->control), begin, d) < 0) {
        fail(d, "there is not enough memory");
        return;
    }
    p->reload = reload_new(p, d->config_file);
    if (!p->reload) {
        fail(d, "there is not enough memory");
        return;
    }
    control_on_hangup(p->control, on_hangup, d);
    control_watch_signals(p->control, on_stop, d);
    if (parts_start(p, why) < 0) {
        fail(d, why);
        return;
    }
    loop_run(control_loop(p->control));
    if (d->stopping)
        ev_timer_stop(control_loop(p->control)->ev, &d->look);
}

int daemon_run(const char *config_file)
{
    enum domain before = domain_enter(DOMAIN_CONTROL);
    struct daemon *d = calloc(1, sizeof *d);
    int exit_code = 2;

    crash_watch();
    crumb_thread_begin("control");
    hook_watch_start(HOOK_WATCH_MS, HOOK_WATCH_LOOK_MS);
    if (d) {
        d->config_file = config_file;
        d->exit_code = load(&d->parts, config_file) ? 0 : 1;
        if (!d->exit_code) {
            set_up_log(&d->parts.settings.log);
            run(d);
        }
        if (d->parts.control)
            watchdog_arm(HUNG_MS, 2);
        hook_watch_stop(); /* the names that it knows go with the sections */
        parts_finish(&d->parts);
        watchdog_disarm();
        if (d->stopping)
            log_event(LOG_LEVEL_INFO, "stopped",
                      LOG_INT("after_ms", clock_mono_ms() - d->stop_since_ms));
        exit_code = d->exit_code;
        free(d->questions);
        free(d);
    }
    crumb_thread_end();
    domain_leave(before);
    return exit_code;
}
