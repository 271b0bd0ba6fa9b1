/* The testkit: the daemon's config, registry and hub as they are, and in the place of pumps one
 * that keeps what clients are sent. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "hub/verdicts.h"
#include "kit_internal.h"
#include "store/store.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static char *refusal;

const char *kit_refusal(void)
{
    return refusal ? refusal : "";
}

void kit_refuse(const char *text)
{
    free(refusal);
    refusal = text ? strdup(text) : NULL;
}

void kit_refuse_by_faults(struct config *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (!f)
        return;
    config_report(c, f);
    fclose(f);
    kit_refuse(text);
    free(text);
}

void kit_run(kit *k)
{
    do
        ev_run(k->loop.ev, EVRUN_NOWAIT);
    while (kit_wait_run(k) || actor_depth(&k->pump) || actor_depth(hub_actor(k->hub)));
}

/* --- the protocol of those who name none --- */
static int decode(const void *options, parley_str frame, parley_input *in)
{
    (void)options;
    in->fields = parley_input_json(in, frame);
    if (!in->fields)
        return -EINVAL;
    in->type = parley_as_str(parley_get(in->fields, "type"));
    in->id = parley_as_str(parley_get(in->fields, "id"));
    return in->type.n ? 0 : parley_input_bad(in, PARLEY_E_INVALID_MESSAGE, "'type' is required");
}

static void put(parley_bytes *b, const char *key, parley_str v)
{
    if (!v.p)
        return;
    parley_bytes_add(b, key, strlen(key));
    parley_bytes_add_json(b, v);
}

static void put_number(parley_bytes *b, const char *key, int64_t v)
{
    char text[64];

    if (v)
        parley_bytes_add(b, text, (size_t)snprintf(text, sizeof text, "%s%" PRId64, key, v));
}

static int encode(const void *options, const parley_event *e, parley_bytes *b)
{
    (void)options;
    if (e->kind == PARLEY_EVENT_MESSAGE) {
        put(b, "{\"type\":", e->type);
        put(b, ",\"sender\":", e->sender);
        parley_bytes_add_str(b, PARLEY_STR(",\"payload\":"));
        parley_bytes_add_str(b, e->payload);
    } else if (e->kind == PARLEY_EVENT_ACK) {
        put(b, "{\"type\":\"ack\",\"sender\":\"Server\",\"payload\":{\"id\":", e->id);
        put_number(b, ",\"cacheID\":", e->cache_id);
        put(b, ",\"epoch\":", e->epoch);
        put_number(b, ",\"offset\":", e->offset);
        parley_bytes_add_str(b, PARLEY_STR("}"));
    } else {
        put(b, "{\"type\":\"error\",\"sender\":\"Server\",\"payload\":{\"code\":", e->code);
        put(b, ",\"message\":", e->text);
        put(b, ",\"id\":", e->id);
        put_number(b, ",\"retry_after_ms\":", e->retry_after_ms);
        parley_bytes_add_str(b, PARLEY_STR("}"));
    }
    parley_bytes_add_str(b, PARLEY_STR("}"));
    return 0;
}

void kit_add_protocol(kit *k, struct registry *r)
{
    struct plugin_protocol *p = &r->protocols[0];

    if (r->protocol_count)
        return;
    p->protocol = (parley_protocol){.struct_size = sizeof p->protocol,
                                    .name = "kit",
                                    .path = "/ws",
                                    .decode = decode,
                                    .encode = encode};
    k->kit_instance.name = (char *)(uintptr_t) "kit";
    k->kit_instance.host.section = "kit";
    p->instance = &k->kit_instance;
    r->protocol_count = 1;
}

/* --- start and end --- */
static size_t folder_of(const char *file)
{
    const char *cut = strrchr(file, '/');

    return cut ? (size_t)(cut - file) : 0;
}

/* Where plugins are looked for: what the environment says, the test program's own folder, and the
 * server's beside the testkit. free() */
static char *plugin_path(void)
{
    const char *env = getenv("PARLEY_PLUGIN_PATH");
    char exe[PATH_MAX], *path = NULL;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    Dl_info here;

    exe[n > 0 ? n : 0] = 0;
    if (!dladdr((void *)(uintptr_t)kit_start, &here) || !here.dli_fname)
        here.dli_fname = "";
    if (asprintf(&path, "%s:%.*s:%.*s/parley/plugins", env ? env : "", (int)folder_of(exe), exe,
                 (int)folder_of(here.dli_fname), here.dli_fname) < 0)
        return NULL;
    return path;
}

static int load(kit *k)
{
    char *path = plugin_path();

    k->registry->settings = &k->settings;
    config_read_text(&k->config, "test.ini", k->ini);
    settings_read(&k->config, &k->settings);
    registry_load(k->registry, &k->config, path, k->plugins);
    free(path);
    config_unused(&k->config);
    if (k->config.fault_count) {
        kit_refuse_by_faults(&k->config);
        return -EINVAL;
    }
    kit_add_protocol(k, k->registry);
    return 0;
}

/* In memory, whatever the INI says; its bounds are those of the INI. */
static int make_store(kit *k, char why[256])
{
    struct store_options o;

    store_options_of(&k->settings, &o);
    o.file = NULL;
    return k->store ? 0 : store_open(&o, &k->store, why);
}

static int begin(kit *k)
{
    char why[256] = "out of memory";

    memset(&k->first, 0, sizeof k->first);
    k->registry = &k->first;
    memset(&k->config, 0, sizeof k->config);
    k->messages_out = 0;
    if (load(k) < 0)
        return -EINVAL;
    if (loop_init(&k->loop, false) < 0)
        return -ENOMEM;
    kit_pump_init(k);
    k->pumps[0] = &k->pump;
    k->hub = hub_new(&k->settings, k->registry, k->pumps, 1);
    if (k->hub) {
        kit_wait_init(k);
        loop_add(&k->loop, hub_actor(k->hub));
        loop_add(&k->loop, &k->pump);
    }
    if (!k->hub || make_store(k, why) < 0 || hub_store(k->hub, k->store, why) < 0 ||
        hub_start(k->hub, why) < 0 || kit_door_open(k, why) < 0) {
        kit_refuse(why);
        return -EINVAL;
    }
    kit_run(k);
    return 0;
}

static int end(kit *k)
{
    struct plugin_instance *loose;
    int left = 0;

    if (k->hub) {
        kit_run(k);
        left = kit_wait_left(k);
        hub_quiesce(k->hub);
        kit_wait_quiesce(k);
        kit_run(k); /* what was said in farewell */
        left += k->messages_out;
    }
    loop_finish(&k->loop);
    loose = k->hub ? hub_left(k->hub) : NULL;
    hub_free(k->hub);
    k->hub = NULL;
    kit_pump_finish(k);
    kit_door_close(k);
    kit_reload_finish(k, loose);
    config_finish(&k->config);
    return left;
}

kit *kit_start(const char *ini, const parley_plugin *const *plugins)
{
    kit *k = NULL;

    kit_refuse(NULL);
    clock_stop(); /* time is what kit_advance_ms makes of it, however slow the machine is */
    if (getenv("KIT_LOG") == NULL)
        log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    if (posix_memalign((void **)&k, 64, sizeof *k))
        return NULL;
    memset(k, 0, sizeof *k);
    k->ini = strdup(ini);
    k->plugins = plugins;
    if (begin(k) < 0) {
        kit_close(k);
        return NULL;
    }
    return k;
}

int kit_close(kit *k)
{
    int left;

    if (!k)
        return 0;
    left = end(k);
    store_close(k->store);
    kit_wait_finish(k);
    free(k->ini);
    buf_finish(&k->answer);
    buf_finish(&k->verdict);
    free(k);
    return left;
}

void kit_restart(kit *k)
{
    end(k);
    if (begin(k) < 0) {
        fprintf(stderr, "kit_restart: %s\n", kit_refusal());
        abort();
    }
}

void kit_store_fails(kit *k, int error)
{
    store_fail(k->store, error > 0 ? -error : error);
}

void kit_advance_ms(kit *k, int64_t ms)
{
    /* From timer to timer and answer to answer, so that each runs at its own time, and so does what
     * it sets in motion.
     */
    do {
        int64_t timer = hub_next_ms(k->hub), web = kit_wait_next(k), now = clock_mono_ms();
        int64_t due = timer < web ? timer : web;
        int64_t step = due >= now + ms ? ms : due > now ? due - now : 0;

        clock_advance_ms(step);
        ms -= step;
        hub_advance(k->hub);
        kit_run(k);
    } while (ms > 0);
}

const char *kit_verdict(kit *k, const char *section)
{
    static const char before[] = "{\"verdicts\":[", after[] = "]}";
    struct verdict_filter f = {.section = str_of(section), .limit = 1};

    buf_clear(&k->verdict);
    verdicts_query(hub_verdicts(k->hub), &f, &k->verdict);
    if (k->verdict.error || k->verdict.n <= strlen(before) + strlen(after))
        return NULL;
    k->verdict.p[k->verdict.n - strlen(after)] = '\0';
    return k->verdict.p + strlen(before);
}

double kit_metric(kit *k, const char *section, const char *name)
{
    char full[128];
    double v;

    (void)k;
    snprintf(full, sizeof full, "%s_%s", section, name);
    v = metric_find(full, PARLEY_NONE);
    return v != v ? 0 : v;
}

/* --- an admin --- */
static enum http_method method_of(const char *s)
{
    return strcmp(s, "GET") == 0     ? HTTP_GET
           : strcmp(s, "POST") == 0  ? HTTP_POST
           : strcmp(s, "PATCH") == 0 ? HTTP_PATCH
                                     : HTTP_DELETE;
}

int kit_admin(kit *k, const char *method, const char *path, const char *json, const char **ret_json)
{
    struct http_request *q = http_request_new();
    const char *query = strchr(path, '?');
    const struct plugin_route *route = NULL;
    const struct value *v;
    const char *why;
    size_t n = query ? (size_t)(query - path) : strlen(path);

    if (ret_json)
        *ret_json = NULL;
    if (!q)
        return 500;
    for (size_t i = 0; i < k->registry->route_count; i++)
        if (strlen(k->registry->routes[i].path) == n &&
            memcmp(k->registry->routes[i].path, path, n) == 0 &&
            strcmp(k->registry->routes[i].route.method, method) == 0)
            route = &k->registry->routes[i];
    if (query)
        http_query_parse(q, str_of(query + 1));
    q->method = method_of(method);
    if (json && value_parse(&q->arena, str_of(json), 32, 2048, &v, &why) == 0)
        q->json = &v->pub;
    if (!route) {
        http_request_free(q);
        return 404;
    }
    q->route = route;
    q->home = &k->pump;
    k->answer_status = 0;
    actor_post(hub_actor(k->hub), &q->mail, MAIL_REQUEST);
    kit_run(k);
    if (ret_json)
        *ret_json = k->answer.p;
    return k->answer_status;
}
