/* One reload after the other, step by step, from loop to loop and back:
 *
 *   read and plan > try (worker) > fill > change (hub) > move (every pump) > let go (hub) > destroy
 *
 * Up to and with the change a fault leaves everything as it was. After it, the old registry's lists
 * live until every pump has the new one and the hub has taken what they made of the old one; an old
 * instance until nothing refers to it, which the hub is asked once a second.
 */
#include "reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "client/pump.h"
#include "control/control.h"
#include "http/pages.h"
#include "http/routes.h"
#include "hub/hub.h"
#include "net/net.h"
#include "parts.h"
#include "probe.h"

#include <stdlib.h>
#include <unistd.h>

#define LOOK_S 1.0

struct move { /* of one pump */
    struct job *job;
    struct pump *pump;
};
struct job {
    struct job *next;
    struct reload *reload;
    char *section; /* NULL: all that changed */
    void (*done)(void *arg, bool ok, const char *report);
    void *arg;
    struct buf report;
    struct config_kept *kept;
    struct settings settings;
    struct registry *registry, *old;
    struct worker_job work; /* of the trial */
    struct probe probe;
    int error; /* of the change */
    char why[256];
    int64_t change_us;
    struct http_routes *old_routes;
    struct pages *old_pages;
    struct move *moves;
    uint32_t moving;
};
struct reload {
    struct parts *parts;
    const char *config_file;
    struct registry *current;
    struct job *running, *waiting, **waiting_end;
    bool stopped;
    ev_timer look;
    bool looking;                 /* the hub is being asked */
    struct plugin_instance *gone; /* that it let go; written there, read here by mail */
    uint32_t leave;               /* instances that have not gone yet */
};

struct reload *reload_new(struct parts *p, const char *config_file)
{
    struct reload *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->parts = p;
    r->config_file = config_file;
    r->current = &p->registry;
    r->waiting_end = &r->waiting;
    return r;
}

const struct registry *reload_current(const struct reload *r)
{
    return r->current;
}

/* There must be a way on; without memory it is waited for, which is when everybody does. */
static void call(struct actor *to, void (*fn)(void *arg), void *arg)
{
    while (actor_call(to, fn, arg) < 0)
        usleep(1000);
}

static struct actor *control_of(const struct reload *r)
{
    return control_actor(r->parts->control);
}

/* --- the end of one --- */

static void free_job(struct job *j)
{
    buf_finish(&j->report);
    config_kept_release(j->kept);
    free(j->section);
    free(j->moves);
    free(j);
}

static void run_next(struct reload *r);

static void finish(struct job *j, bool ok)
{
    struct reload *r = j->reload;

    r->running = NULL;
    if (!ok && j->registry) {
        registry_discard(j->registry);
        free(j->registry);
    }
    if (!j->report.n)
        buf_add_cstr(&j->report, ok ? "nothing changed\n" : "there is not enough memory\n");
    for (const char *line = j->report.p; line && *line;) {
        size_t n = strcspn(line, "\n");

        log_event(ok ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, ok ? "reload" : "reload_failed",
                  LOG_STR("msg", ((parley_str){line, n})));
        line += n + (line[n] == '\n');
    }
    log_event(LOG_LEVEL_INFO, "reload_done", LOG_BOOL("ok", ok));
    if (j->done)
        j->done(j->arg, ok, j->report.p ? j->report.p : "");
    free_job(j);
    run_next(r);
}

static void fail_by_faults(struct job *j)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (f) {
        config_report(&j->kept->config, f);
        fclose(f);
        buf_add(&j->report, text, n);
        free(text);
    }
    finish(j, false);
}

/* --- letting go --- */

static void look_soon(struct reload *r);

static void destroy_gone(void *arg)
{
    struct reload *r = arg;
    struct plugin_instance *i;

    r->looking = false;
    while ((i = r->gone)) {
        r->gone = i->next;
        r->leave--;
        registry_destroy(i);
    }
    if (r->leave)
        look_soon(r);
}

/* [hub] */
static void ask_who_is_gone(void *arg)
{
    struct reload *r = arg;

    r->gone = hub_gone(r->parts->hub, false);
    call(control_of(r), destroy_gone, r);
}

static void on_look(struct ev_loop *ev, ev_timer *w, int events)
{
    struct reload *r = w->data;
    enum domain before = domain_enter(DOMAIN_CONTROL);

    (void)ev;
    (void)events;
    if (!r->looking && !r->running && !r->stopped) {
        r->looking = true;
        call(r->parts->hub_actor, ask_who_is_gone, r);
    } else if (!r->stopped) {
        look_soon(r);
    }
    domain_leave(before);
}

static void look_soon(struct reload *r)
{
    struct ev_loop *ev = control_loop(r->parts->control)->ev;

    if (r->stopped)
        return;
    ev_timer_stop(ev, &r->look);
    ev_timer_init(&r->look, on_look, LOOK_S, 0.);
    r->look.data = r;
    ev_timer_start(ev, &r->look);
}

/* --- moving --- */

static void retire(struct job *j)
{
    struct reload *r = j->reload;

    registry_retire(j->old);
    if (j->old != &r->parts->registry)
        free(j->old);
    http_routes_free(j->old_routes);
    pages_free(j->old_pages);
    log_event(LOG_LEVEL_INFO, "reloaded", LOG_TEXT("section", j->section),
              LOG_INT("hub_us", j->change_us));
    finish(j, true);
    destroy_gone(r);
}

static void on_let_go(void *arg)
{
    retire(arg);
}

/* [hub] Behind all that the pumps sent before they moved. */
static void let_go(void *arg)
{
    struct job *j = arg;

    j->reload->gone = hub_gone(j->reload->parts->hub, true);
    call(control_of(j->reload), on_let_go, j);
}

static void on_moved(void *arg)
{
    struct job *j = arg;

    if (--j->moving == 0)
        call(j->reload->parts->hub_actor, let_go, j);
}

/* [pump] */
static void move(void *arg)
{
    struct move *m = arg;
    struct reload *r = m->job->reload;

    m->pump->registry = m->job->registry;
    if (m->pump->net)
        net_set_routes(m->pump->net, r->parts->routes);
    call(control_of(r), on_moved, m->job);
}

static void move_all(struct job *j)
{
    struct parts *p = j->reload->parts;

    j->moving = p->pump_count;
    if (p->admin_net)
        net_set_routes(p->admin_net, p->routes);
    for (uint32_t i = 0; i < p->pump_count; i++) {
        j->moves[i] = (struct move){j, &p->pumps[i]};
        call(&p->pumps[i].actor, move, &j->moves[i]);
    }
}

/* --- the change --- */

static void report_new(struct job *j)
{
    const struct registry *old = j->old, *now = j->registry;

    for (size_t k = 0; k < now->instance_count; k++) {
        const struct plugin_instance *i = now->instances[k];

        if (i->fresh)
            buf_addf(&j->report, "[%s %s]: generation %u serves (%s %s)\n", i->kind, i->name,
                     i->generation, i->file->copy.id, i->file->copy.version);
    }
    for (size_t k = 0; k < old->instance_count; k++) {
        const struct plugin_instance *i = old->instances[k], *n;

        n = registry_section(now, i->kind, i->name);
        j->reload->leave += n != i;
        if (!n)
            buf_addf(&j->report, "[%s %s]: is gone\n", i->kind, i->name);
    }
}

static void on_changed(void *arg)
{
    struct job *j = arg;
    struct reload *r = j->reload;

    if (j->error < 0) {
        buf_clear(&j->report);
        buf_addf(&j->report, "%s\n", j->why);
        for (size_t k = 0; k < j->registry->instance_count; k++)
            r->leave += j->registry->instances[k]->leaves; /* what it asked is under way */
        if (r->leave)
            look_soon(r);
        http_routes_free(j->old_routes);
        pages_free(j->old_pages);
        finish(j, false);
        return;
    }
    j->old = r->current;
    report_new(j);
    registry_published(j->registry);
    r->current = j->registry;
    parts_swap_pages(r->parts, &j->old_routes, &j->old_pages);
    move_all(j);
}

/* [hub] */
static void change(void *arg)
{
    struct job *j = arg;
    struct reload *r = j->reload;
    int64_t since = clock_mono_us();

    j->error = hub_change(r->parts->hub, j->registry, j->why);
    j->change_us = clock_mono_us() - since;
    call(control_of(r), on_changed, j);
}

static void fill(struct job *j)
{
    struct reload *r = j->reload;
    struct config *c = &j->kept->config;

    if (registry_fill(j->registry, c) < 0 || config_unused(c)) {
        fail_by_faults(j);
        return;
    }
    for (size_t k = 0; k < j->registry->instance_count; k++) {
        j->registry->instances[k]->control = r->parts->control;
        j->registry->instances[k]->logins = r->parts->logins;
    }
    /* Until they are swapped, the new ones lie where the old ones will. */
    j->moves = calloc(r->parts->pump_count, sizeof *j->moves);
    if (!j->moves || parts_make_pages(r->parts, j->registry, &j->old_routes, &j->old_pages) < 0 ||
        actor_call(r->parts->hub_actor, change, j) < 0) {
        http_routes_free(j->old_routes);
        pages_free(j->old_pages);
        buf_clear(&j->report);
        finish(j, false);
    }
}

/* --- the trial --- */

/* [worker] */
static void try_plugins(struct worker_job *w)
{
    struct job *j = (struct job *)((char *)w - offsetof(struct job, work));

    probe_run(&j->probe);
}

static void on_tried(struct worker_job *w)
{
    struct job *j = (struct job *)((char *)w - offsetof(struct job, work));
    const struct plugin_instance *i = j->probe.culprit;

    if (j->reload->stopped) {
        finish(j, false);
    } else if (j->probe.error == 0) {
        fill(j);
    } else {
        if (i)
            config_fault(&j->kept->config, i->section->line, "[%s %s]: %s", i->kind, i->name,
                         j->probe.why);
        else
            config_fault(&j->kept->config, 0, "%s", j->probe.why);
        fail_by_faults(j);
    }
}

/* --- the plan --- */

static bool same_keys(const struct config_section *a, const struct config_section *b,
                      const char *kind, struct buf *notes)
{
    for (const struct config_key *k = a ? a->keys : NULL; k; k = k->next) {
        const struct config_key *x = config_key(b, k->name.p);

        if (!x || !str_eq(x->value, k->value))
            buf_addf(notes, "[%s]: '%s' is another one now; that takes a restart\n", kind,
                     k->name.p);
    }
    return true;
}

/* What the running server was started with and the file no longer says, or says otherwise. */
static void note_settings(struct job *j)
{
    static const char *const kinds[] = {"server", "admin", "control", "discovery", "log"};
    const struct config *was = &j->reload->parts->config, *is = &j->kept->config;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct config_section *a = config_find(was, kinds[i], PARLEY_NONE, PARLEY_NONE),
                                    *b = config_find(is, kinds[i], PARLEY_NONE, PARLEY_NONE);

        same_keys(b, a, kinds[i], &j->report);
        for (const struct config_key *k = a ? a->keys : NULL; k; k = k->next)
            if (!config_key(b, k->name.p))
                buf_addf(&j->report, "[%s]: '%s' is gone; that takes a restart\n", kinds[i],
                         k->name.p);
    }
}

static bool changes_anything(const struct job *j)
{
    const struct registry *old = j->reload->current;
    bool any = j->registry->instance_count != old->instance_count;

    for (size_t k = 0; k < j->registry->instance_count; k++)
        any |= j->registry->instances[k]->fresh || j->registry->instances[k] != old->instances[k];
    return any;
}

static void begin(struct job *j)
{
    struct reload *r = j->reload;
    struct registry_choice choice = {0};
    struct config *c;

    j->kept = config_kept_new();
    j->registry = calloc(1, sizeof *j->registry);
    if (!j->kept || !j->registry) {
        free(j->registry);
        j->registry = NULL;
        finish(j, false);
        return;
    }
    c = &j->kept->config;
    j->registry->first = r->current->first;
    j->registry->root = r->current->root;
    config_read_file(c, r->config_file);
    settings_read(c, &j->settings);
    if (!c->fault_count && j->section && registry_choose(c, j->section, &choice, &j->report) < 0) {
        finish(j, false);
        return;
    }
    note_settings(j);
    if (registry_plan_next(j->registry, r->current, j->kept, NULL, &choice, &j->report) < 0) {
        buf_clear(&j->report);
        fail_by_faults(j);
        return;
    }
    if (!changes_anything(j)) {
        if (config_unused(c) || c->fault_count) {
            buf_clear(&j->report);
            fail_by_faults(j);
            return;
        }
        registry_discard(j->registry);
        free(j->registry);
        j->registry = NULL;
        finish(j, true);
        return;
    }
    j->probe.registry = j->registry;
    j->probe.config_file = r->config_file;
    j->work.job = try_plugins;
    j->work.done = on_tried;
    if (workers_submit(&j->work, control_of(r)) < 0) {
        buf_addf(&j->report, "there is no thread free to try it: try again\n");
        finish(j, false);
    }
}

static void run_next(struct reload *r)
{
    struct job *j = r->waiting;

    if (!j || r->running || r->stopped)
        return;
    r->waiting = j->next;
    if (!r->waiting)
        r->waiting_end = &r->waiting;
    r->running = j;
    begin(j);
}

int reload_request(struct reload *r, const char *section,
                   void (*done)(void *arg, bool ok, const char *report), void *arg)
{
    struct job *j;

    DOMAIN_ASSERT(DOMAIN_CONTROL);
    if (r->stopped)
        return -ESHUTDOWN;
    j = calloc(1, sizeof *j);
    if (!j)
        return -ENOMEM;
    j->reload = r;
    j->done = done;
    j->arg = arg;
    buf_init(&j->report, 0);
    if (section && !(j->section = str_dup(str_of(section)))) {
        free_job(j);
        return -ENOMEM;
    }
    *r->waiting_end = j;
    r->waiting_end = &j->next;
    run_next(r);
    return 0;
}

/* --- the end --- */

void reload_stop(struct reload *r)
{
    if (!r)
        return;
    r->stopped = true;
    ev_timer_stop(control_loop(r->parts->control)->ev, &r->look);
    if (r->running)
        probe_stop(&r->running->probe);
}

static void destroy_list(struct plugin_instance *i)
{
    struct plugin_instance *next;

    for (; i; i = next) {
        next = i->next;
        registry_destroy(i);
    }
}

void reload_finish(struct reload *r)
{
    struct job *j;

    if (!r)
        return;
    while ((j = r->waiting)) {
        r->waiting = j->next;
        free_job(j);
    }
    destroy_list(r->gone);
    r->gone = NULL;
    if (r->parts->hub)
        destroy_list(hub_left(r->parts->hub));
}

void reload_free(struct reload *r)
{
    struct registry *last;

    if (!r)
        return;
    last = r->current;
    registry_finish(last);
    if (last != &r->parts->registry)
        free(last);
    free(r);
}
