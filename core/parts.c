/* The parts of a running daemon, in the order in which they need each other.
 *
 * Back: plugins are quiesced on the hub's loop, threads end, sockets close; what was still under
 * way is then delivered in this one thread, so that every message, login and request finds the one
 * who frees it.
 */
#include "parts.h"

#include "base/log.h"
#include "base/str.h"
#include "client/login.h"
#include "client/pump.h"
#include "control/control.h"
#include "http/admin_token.h"
#include "http/pages.h"
#include "hub/hub.h"
#include "net/admission.h"
#include "net/net.h"
#include "probe.h"
#include "reload.h"
#include "store/store.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    WORKERS = 4,
    DESCRIPTORS_BESIDE =
        256, /* what is not a client: listeners, files, the accept shim's reserve */
    LAST_ROUNDS = 1000,
    ARENA_FREE_BYTES = 16 * 1024 * 1024,
    MAPPED_BYTES = 1024 * 1024,
};

static void check_store(struct parts *p)
{
    const struct config_section *s = config_find(&p->config, "server", PARLEY_NONE, PARLEY_NONE);
    const struct config_key *k = s ? config_key(s, "store") : NULL;
    char why[256];

    if (k && p->settings.server.store && store_check(p->settings.server.store, why) < 0)
        config_fault(&p->config, k->line, "[server]: 'store': %s", why);
}

/* What crashes or hangs does so in a child first, where it can be named. False: it did, and nobody
 * looked at what the sections say. */
static bool load_plugins(struct parts *p, const char *config_file)
{
    struct probe probe = {.registry = &p->registry, .config_file = config_file};

    registry_plan(&p->registry, &p->config, p->settings.server.plugin_path, NULL);
    if (p->registry.root)
        probe_run(&probe);
    if (probe.culprit)
        config_fault(&p->config, probe.culprit->section->line, "[%s %s]: %s", probe.culprit->kind,
                     probe.culprit->name, probe.why);
    else if (probe.error)
        config_fault(&p->config, 0, "%s", probe.why);
    else if (p->registry.root)
        registry_fill(&p->registry, &p->config);
    return probe.error == 0;
}

int parts_load(struct parts *p, const char *config_file)
{
    if (config_read_file(&p->config, config_file) < 0)
        return -EINVAL;
    settings_read(&p->config, &p->settings);
    p->registry.settings = &p->settings;
    p->has_registry = true;
    check_store(p);
    if (load_plugins(p, config_file))
        config_unused(&p->config);
    return p->config.fault_count ? -EINVAL : 0;
}

static void raise_descriptors(const struct settings_server *s)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)(s->connections + DESCRIPTORS_BESIDE))
        log_event(LOG_LEVEL_WARNING, "few_descriptors", LOG_INT("limit", limit.rlim_cur),
                  LOG_INT("wanted", s->connections + DESCRIPTORS_BESIDE),
                  LOG_TEXT("msg", "the limit of open files is below [server] connections: raise "
                                  "LimitNOFILE, or lower it"));
}

/* An authenticator published: those who wait are asked about again. */
static void recheck_logins(void *arg)
{
    struct parts *p = arg;

    for (uint32_t i = 0; i < p->pumps_ready; i++) {
        struct mail *m = malloc(sizeof *m);
        if (m)
            actor_post(&p->pumps[i].actor, m, MAIL_RECHECK);
    }
}

/* --- making --- */

int parts_no_memory(char why[256])
{
    snprintf(why, 256, "there is not enough memory");
    return -ENOMEM;
}

static int make_arrays(struct parts *p, char why[256])
{
    p->pump_count = (uint32_t)p->settings.server.pumps;
    p->loops = calloc(p->pump_count, sizeof *p->loops);
    p->actors = calloc(p->pump_count + 2, sizeof(struct actor *));
    if (posix_memalign((void **)&p->pumps, 64, p->pump_count * sizeof *p->pumps))
        p->pumps = NULL;
    if (!p->loops || !p->actors || !p->pumps)
        return parts_no_memory(why);
    memset(p->pumps, 0, p->pump_count * sizeof *p->pumps);
    for (uint32_t i = 0; i < p->pump_count; i++)
        p->actors[i + 2] = &p->pumps[i].actor;
    return 0;
}

static void store_changed(void *control, int error, const char *why)
{
    control_ready_part(control, "the store", !error, why);
}

/* Before the hub, and with all that was ever kept: a plugin finds its records when it starts. */
static int make_store(struct parts *p, char why[256])
{
    struct store_options o;
    int error;

    store_options_of(&p->settings, &o);
    error = store_open(&o, &p->store, why);
    if (error)
        return error;
    if (!o.file)
        log_event(LOG_LEVEL_INFO, "store_in_memory",
                  LOG_TEXT("msg",
                           "[server] store names no file: what plugins keep is gone when the "
                           "server stops"));
    store_on_change(p->store, store_changed, p->control);
    return 0;
}

static int make_hub_and_pumps(struct parts *p, char why[256])
{
    p->hub = hub_new(&p->settings, &p->registry, p->actors + 2, p->pump_count);
    if (!p->hub)
        return parts_no_memory(why);
    p->hub_actor = hub_actor(p->hub);
    hub_asks(p->hub, control_actor(p->control));
    if (hub_store(p->hub, p->store, why) < 0)
        return -EIO;
    p->actors[0] = control_actor(p->control);
    p->actors[1] = p->hub_actor;
    for (uint32_t i = 0; i < p->pump_count; i++) {
        if (loop_init(&p->loops[i], false) < 0)
            return parts_no_memory(why);
        p->loops_ready = i + 1;
        if (pump_init(&p->pumps[i], i, &p->settings, &p->registry, p->logins, p->hub_actor) < 0)
            return parts_no_memory(why);
        p->pumps_ready = i + 1;
        p->pumps[i].admission = p->admission;
        loop_add(&p->loops[i], &p->pumps[i].actor);
    }
    if (p->pump_count > 1) {
        if (loop_init(&p->hub_loop, false) < 0)
            return parts_no_memory(why);
        p->own_hub_loop = true;
    }
    loop_add(p->own_hub_loop ? &p->hub_loop : &p->loops[0], p->hub_actor);
    return store_run(p->store, why);
}

/* With one pump nearly all memory is that thread's. An arena of its own grows by a page or a few at
 * a time, with a call of the kernel for each; the main one, which all then share, by 128 KiB.
 * With several, each thread has its own, and what the hub makes the pumps free: its arena shrinks
 * and grows again with every burst, unless what is free at its end may stay. Before there are other
 * threads: they keep what they have. */
static void choose_arenas(const struct parts *p)
{
    if (p->settings.server.pumps == 1) {
        mallopt(M_ARENA_MAX, 1);
    } else {
        mallopt(M_TRIM_THRESHOLD, ARENA_FREE_BYTES);
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES); /* the other choice ends glibc's own of this one */
    }
}

int parts_make(struct parts *p, char why[256])
{
    int error;

    raise_descriptors(&p->settings.server);
    choose_arenas(p);
    p->control = control_new(&p->settings);
    if (!p->control)
        return parts_no_memory(why);
    error = workers_start(WORKERS);
    if (error) {
        snprintf(why, 256, "cannot start threads: %s", strerror(-error));
        return error;
    }
    p->workers = true;
    p->admission = admission_new(&p->settings.server);
    p->logins = logins_new(&p->registry, &p->settings);
    if (!p->admission || !p->logins)
        return parts_no_memory(why);
    for (size_t k = 0; k < p->registry.instance_count; k++) {
        p->registry.instances[k]->control = p->control;
        p->registry.instances[k]->logins = p->logins;
    }
    error = make_arrays(p, why);
    error = error ? error : make_store(p, why);
    error = error ? error : make_hub_and_pumps(p, why);
    if (error)
        return error;
    logins_on_publish(p->logins, recheck_logins, p);
    return parts_network(p, why);
}

/* --- starting --- */

int parts_start(struct parts *p, char why[256])
{
    enum domain before = domain_enter(DOMAIN_HUB);
    int error = hub_start(p->hub, why);

    domain_leave(before);
    if (error)
        return error;
    p->threads = true;
    for (uint32_t i = 0; i < p->pump_count && !error; i++)
        error = loop_start(&p->loops[i], p->pumps[i].actor.name);
    if (!error && p->own_hub_loop)
        error = loop_start(&p->hub_loop, "hub");
    if (error)
        snprintf(why, 256, "cannot start threads: %s", strerror(-error));
    return error;
}

static void accept_on(void *net)
{
    net_start(net);
}

int parts_accept(struct parts *p, char why[256])
{
    for (uint32_t i = 0; i < p->pump_count; i++)
        if (actor_call(&p->pumps[i].actor, accept_on, p->pumps[i].net) < 0)
            return parts_no_memory(why);
    if (p->admin_net)
        net_start(p->admin_net);
    return 0;
}

/* --- and back --- */

static void quiesce(void *hub)
{
    hub_quiesce(hub);
}

static void end_threads(struct parts *p)
{
    struct loop *hub = p->own_hub_loop ? &p->hub_loop : NULL;

    if (!p->threads || actor_call(p->hub_actor, quiesce, p->hub) < 0) {
        enum domain before = domain_enter(DOMAIN_HUB);
        hub_quiesce(
            p->hub); /* its thread does not run, or there is no memory for a message to it */
        domain_leave(before);
    }
    for (uint32_t i = 0; i < p->loops_ready; i++)
        loop_stop(&p->loops[i]);
    if (hub)
        loop_stop(hub);
    for (uint32_t i = 0; i < p->loops_ready; i++)
        loop_join(&p->loops[i]);
    if (hub)
        loop_join(hub);
}

/* Everything that was posted reaches its reader, until nobody has anything more to say. */
static void deliver_the_rest(struct parts *p)
{
    for (int round = 0; round < LAST_ROUNDS; round++) {
        unsigned n = loop_drain(control_loop(p->control));
        for (uint32_t i = 0; i < p->loops_ready; i++)
            n += loop_drain(&p->loops[i]);
        if (p->own_hub_loop)
            n += loop_drain(&p->hub_loop);
        if (n == 0)
            return;
    }
}

static void close_nets(struct parts *p)
{
    for (uint32_t i = 0; i < p->pumps_ready; i++) {
        enum domain before = domain_enter(DOMAIN_PUMP);
        net_free(p->pumps[i].net);
        p->pumps[i].net = NULL;
        domain_leave(before);
    }
    net_free(p->admin_net);
    p->admin_net = NULL;
}

static void finish_running(struct parts *p)
{
    if (p->hub)
        end_threads(p);
    reload_stop(p->reload);
    if (p->workers)
        workers_stop();
    control_quiesce(p->control);
    close_nets(p);
    deliver_the_rest(p);
    for (uint32_t i = 0; i < p->pumps_ready; i++) {
        enum domain before = domain_enter(DOMAIN_PUMP);
        pump_finish(&p->pumps[i]);
        domain_leave(before);
    }
    for (uint32_t i = 0; i < p->loops_ready; i++)
        loop_finish(&p->loops[i]);
    if (p->own_hub_loop)
        loop_finish(&p->hub_loop);
    reload_finish(p->reload);
    hub_free(p->hub);
    store_close(p->store);
    logins_free(p->logins);
    http_routes_free(p->routes);
    pages_free(p->pages);
    admin_token_free(p->admin_token);
    local_remove(&p->control_socket);
}

void parts_finish(struct parts *p)
{
    if (p->control)
        finish_running(p);
    if (p->reload)
        reload_free(p->reload);
    else if (p->has_registry)
        registry_finish(&p->registry);
    admission_free(p->admission);
    control_free(p->control);
    free(p->actors);
    free(p->loops);
    free(p->pumps);
    config_finish(&p->config);
}
