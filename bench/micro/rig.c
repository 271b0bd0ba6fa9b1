/* Starts what the daemon starts, on the INI text of a measurement; wire.h is answered from here.
 *
 * Plugins come from their shared objects, by the loader that the daemon uses.
 */
#include "rig.h"

#include "base/log.h"
#include "base/str.h"
#include "message/message.h"
#include "net/wire.h"

#include <parley/auth.h>

#include <stdlib.h>

/* --- the socket --- */

ssize_t wire_send(struct lws *w, bool tls, const char *bytes, size_t n)
{
    (void)tls;
    (void)bytes;
    w->sends++;
    w->bytes += n;
    return (ssize_t)n;
}

ssize_t wire_send_direct(int fd, const char *bytes, size_t n)
{
    (void)fd;
    (void)bytes;
    return (ssize_t)n;
}

ssize_t wire_complete(struct lws *w, const char *bytes, size_t n, size_t sent)
{
    (void)w;
    (void)bytes;
    (void)sent;
    return (ssize_t)n;
}

bool wire_cork(struct lws *w)
{
    (void)w;
    return true;
}

void wire_uncork(struct lws *w)
{
    (void)w;
}

bool wire_choked(struct lws *w)
{
    (void)w;
    return false;
}

void wire_want_writable(struct lws *w)
{
    (void)w;
}

void wire_read(struct lws *w, bool on)
{
    (void)w;
    (void)on;
}

bool wire_handshake_over(struct lws *w)
{
    (void)w;
    return true;
}

void wire_abort(struct lws *w)
{
    (void)w;
}

void wire_close_now(struct lws *w)
{
    (void)w;
}

int wire_unsent(struct lws *w)
{
    (void)w;
    return 0;
}

/* --- the rig --- */

void rig_fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_micro: %s: %s\n", what, why);
    exit(1);
}

static void load(struct rig *r, const char *ini)
{
    r->registry.settings = &r->settings;
    config_read_text(&r->config, "bench.ini", ini);
    settings_read(&r->config, &r->settings);
    registry_load(&r->registry, &r->config, BENCH_PLUGINS, NULL);
    config_unused(&r->config);
    if (config_report(&r->config, stderr))
        rig_fail("configuration", "see above");
}

static void on_caught(struct actor *a, struct mail *m)
{
    struct rig *r = (struct rig *)((char *)a - offsetof(struct rig, catcher));

    if (m->kind != MAIL_MESSAGE || r->caught_count == RIG_CAUGHT)
        rig_fail("catch", "not a message, or one too many");
    r->caught[r->caught_count++] = message_of_mail(m);
}

static void connect_client(struct rig *r)
{
    parley_identity who = {.struct_size = sizeof who,
                           .user = PARLEY_STR("0b2f6a3c-8d51-4f0e-9a77-5e1c2d3b4a60"),
                           .username = PARLEY_STR("ann.example")};
    struct ip address;
    struct handshake hs = {.wsi = &r->wire, .address = &address};

    ip_parse("192.0.2.1", &address);

    hs.identity = identity_new(&who, &r->settings.server.dashboards);
    r->client = hs.identity ? client_open(&r->pump, &hs) : NULL;
    rig_turn(r);
    if (!r->client || r->client->state != CLIENT_OPEN || r->client->membership_count < 2)
        rig_fail("client", "is not open, or in no channel");
}

void rig_start(struct rig *r, const char *ini)
{
    char why[256] = "out of memory";

    memset(r, 0, sizeof *r);
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
    load(r, ini);
    if (loop_init(&r->loop, false) < 0)
        rig_fail("loop", why);
    r->pumps[0] = &r->pump.actor;
    r->hub = hub_new(&r->settings, &r->registry, r->pumps, 1);
    if (!r->hub || pump_init(&r->pump, 0, &r->settings, &r->registry, NULL, hub_actor(r->hub)) < 0)
        rig_fail("hub and pump", why);
    loop_add(&r->loop, hub_actor(r->hub));
    loop_add(&r->loop, &r->pump.actor);
    r->catcher = (struct actor){.name = "catcher", .domain = DOMAIN_HUB, .on_mail = on_caught};
    loop_add(&r->loop, &r->catcher);
    if (hub_start(r->hub, why) < 0)
        rig_fail("start", why);
    rig_turn(r);
    connect_client(r);
}

void rig_turn(struct rig *r)
{
    loop_drain(&r->loop);
}

void rig_say(struct rig *r, parley_str frame)
{
    if (client_receive(r->client, frame.p, frame.n, 0, true, true, false) != 0)
        rig_fail("frame", "was not taken");
}

void rig_catch(struct rig *r, bool on)
{
    rig_turn(r);
    r->pump.hub = on ? &r->catcher : hub_actor(r->hub);
}

void rig_stop(struct rig *r)
{
    rig_turn(r);
    client_closed(r->client);
    rig_turn(r);
    hub_quiesce(r->hub);
    rig_turn(r);
    pump_finish(&r->pump);
    loop_finish(&r->loop);
    hub_free(r->hub);
    registry_finish(&r->registry);
    config_finish(&r->config);
}
