/* The table behind <parley/inline.h>: everything that a plugin can ask of the daemon, in one place.
 *
 * The functions are where their subject is; those that belong to no other file stand here.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/login.h"
#include "control/control.h"
#include "http/http.h"
#include "plugin/internal.h"

#include <stdlib.h>

static int bad_option(parley_host *h, const char *option, const char *text)
{
    struct plugin_instance *i = instance_of(h);
    const struct config_key *k;

    i->bad_option = true;
    if (!i->config || !i->section)
        return -EINVAL;
    k = option ? config_key(i->section, option) : NULL;
    if (option)
        config_fault(i->config, k ? k->line : i->section->line, "'%s' in [%s %s]: %s", option,
                     i->kind, i->name, text);
    else
        config_fault(i->config, i->section->line, "[%s %s]: %s", i->kind, i->name, text);
    return -EINVAL;
}

static void plugin_log(parley_host *h, int level, const char *event, const char *text)
{
    enum log_level at = level < PARLEY_DEBUG   ? LOG_LEVEL_DEBUG
                        : level > PARLEY_ERROR ? LOG_LEVEL_ERROR
                                               : (enum log_level)level;

    log_event(at, event, LOG_TEXT("section", h->section), LOG_TEXT("msg", text));
}

static const void *options(parley_host *h, parley_str channel)
{
    struct plugin_instance *i = instance_of(h);

    for (size_t k = 0; channel.p && k < i->by_channel_count; k++)
        if (str_casecmp(i->by_channel[k].channel, channel) == 0)
            return i->by_channel[k].options;
    return i->options;
}

static int64_t unix_ms(parley_host *h)
{
    (void)h;
    return clock_unix_ms();
}

static int64_t uptime_ms(parley_host *h)
{
    (void)h;
    return clock_mono_ms();
}

static int timer(parley_host *h, int how, int64_t ms, const char *key)
{
    struct plugin_instance *i = instance_of(h);

    DOMAIN_ASSERT(DOMAIN_HUB | DOMAIN_CONTROL);
    if (domain_current == DOMAIN_CONTROL)
        return i->control ? control_timer(i->control, i, how, ms, key) : -EAGAIN;
    return api_timer(i, how, ms, key);
}

/* A series of the plugin's table, from the page of all metrics: under its lock. */
static struct metric *look_up(struct plugin_instance *i, const parley_metric *m, parley_str label)
{
    const char *brace = strchr(m->name, '{');
    char name[96], key[32] = "label";

    snprintf(name, sizeof name, "%s_%.*s", i->name, (int)strcspn(m->name, "{"), m->name);
    if (brace)
        snprintf(key, sizeof key, "%.*s", (int)strcspn(brace + 1, "}"), brace + 1);
    return metric2((enum metric_kind)m->kind, name, m->doc, "section", str_of(i->host.section),
                   label.p ? key : NULL, label);
}

/* Looked up once, and kept: hot paths count. */
static void metric_add_to(parley_host *h, const parley_metric *m, parley_str label, double v)
{
    struct plugin_instance *i = instance_of(h);
    const parley_table *t = &i->file->copy.metrics;
    size_t at = t->size ? (size_t)((const char *)m - (const char *)t->items) / t->size : 0;
    struct metric *series = NULL;

    if (at >= t->count) { /* not of its table: known nowhere else */
        series = look_up(i, m, label);
    } else if (label.p) {
        series = series_find(&i->series, at, label);
        if (!series) {
            series = look_up(i, m, label);
            series_keep(&i->series, at, label, series);
        }
    } else {
        series = __atomic_load_n(&i->metrics[at], __ATOMIC_ACQUIRE);
        if (!series) {
            series = look_up(i, m, label);
            __atomic_store_n(&i->metrics[at], series, __ATOMIC_RELEASE);
        }
    }
    metric_add(series, v);
}

static parley_str request_query(const parley_request *q, const char *name)
{
    return http_query((const struct http_request *)q, name);
}

static const parley_value *request_json(const parley_request *q)
{
    return ((const struct http_request *)q)->json;
}

static const void *service(parley_host *h, const char *id, parley_host **ret_provider)
{
    const struct plugin_instance *i = instance_of(h);
    const struct plugin_service *s = registry_service(i->hub->registry, str_of(id), i->shadow);

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (ret_provider)
        *ret_provider = s ? &s->instance->host : NULL;
    return s ? s->table : NULL;
}

/* --- authenticators --- */
static int publish(parley_host *h, void *take_snapshot, void (*destroy)(void *))
{
    struct plugin_instance *i = instance_of(h);

    DOMAIN_ASSERT(DOMAIN_CONTROL);
    return logins_publish(i->logins, i, take_snapshot, destroy);
}

static int ready(parley_host *h, bool yes, const char *why)
{
    struct plugin_instance *i = instance_of(h);

    return i->control ? control_ready(i->control, i, yes, why) : -EAGAIN;
}

static int fetch(parley_host *h, parley_out *take, int64_t deadline_ms, uint32_t tag)
{
    struct plugin_instance *i = instance_of(h);
    struct out_message *o =
        out_of(take)->owner_kind == OUT_REQUEST ? (struct out_message *)take : NULL;
    const struct value *v = NULL;
    struct arena arena;
    const char *why;
    int r;

    DOMAIN_ASSERT(DOMAIN_CONTROL);
    if (!o)
        return out_of(take)->error ? out_of(take)->error : -EINVAL;
    arena_init(&arena, 1024);
    r = out_end(&o->out);
    if (r == 0)
        r = value_parse(&arena, (parley_str){o->out.text.p, o->out.text.n}, OUT_DEPTH, 256, &v,
                        &why);
    if (r == 0 && !i->control)
        r = -EAGAIN;
    if (r == 0)
        r = control_plugin_fetch(i->control, i, str_of(o->type), str_of(o->url),
                                 value_as_str(value_get(&v->pub, "ca_file")),
                                 value_as_int(value_get(&v->pub, "max_bytes"), 0), PARLEY_NONE,
                                 deadline_ms, tag);
    arena_finish(&arena);
    out_message_spend(o);
    return r;
}

static bool on_loopback(parley_host *h)
{
    const struct settings *s = instance_of(h)->registry->settings;

    return s && control_on_loopback(s);
}

/* --- protocols --- */
static const parley_value *input_json(parley_input *pub, parley_str text)
{
    struct input *in = (struct input *)pub;
    const struct value *v;
    const char *why = "this is not JSON";

    if (value_parse(in->arena, text, in->depth, in->tokens, &v, &why) < 0) {
        in->code = PARLEY_E_INVALID_JSON;
        snprintf(in->why, sizeof in->why, "%s", why);
        return NULL;
    }
    return &v->pub;
}

static int input_bad(parley_input *pub, parley_code c, const char *text)
{
    struct input *in = (struct input *)pub;

    in->code = c;
    snprintf(in->why, sizeof in->why, "%s", text);
    return -EINVAL;
}

static void bytes_add(parley_bytes *b, const void *p, size_t n)
{
    buf_add(&((struct bytes *)b)->text, p, n);
}

static void bytes_add_json(parley_bytes *b, parley_str s)
{
    buf_add_json(&((struct bytes *)b)->text, s);
}

const parley_api parley_host_api = {
    .struct_size = sizeof parley_host_api,
    .reject = api_reject,
    .fail = api_fail,
    .refuse = out_refuse,
    .bad_option = bad_option,
    .log = plugin_log,
    .message_type = api_message_type,
    .message_channel = api_message_channel,
    .message_recipient = api_message_recipient,
    .message_user = api_message_user,
    .message_username = api_message_username,
    .message_flags = api_message_flags,
    .message_author = api_message_author,
    .message_cache_id = api_message_cache_id,
    .message_offset = api_message_offset,
    .message_has_role = api_message_has_role,
    .message_may_see = api_message_may_see,
    .message_payload = api_message_payload,
    .message_edit = api_message_edit,
    .message_text = api_message_text,
    .message_set_text = api_message_set_text,
    .http_request = api_http_request,
    .ask = api_ask,
    .work = api_work,
    .hold = api_hold,
    .peek = api_peek,
    .resume = api_resume,
    .get = value_get,
    .at = value_at,
    .key = value_key,
    .length = value_length,
    .as_str = value_as_str,
    .as_int = value_as_int,
    .as_number = value_as_number,
    .as_bool = value_as_bool,
    .put_str = out_put_str,
    .put_int = out_put_int,
    .put_number = out_put_number,
    .put_bool = out_put_bool,
    .put_value = out_put_value,
    .put_payload = api_put_payload,
    .open_list = out_open_list,
    .open_object = out_open_object,
    .close = out_close,
    .message_new = api_message_new,
    .send = api_send,
    .deliver = api_deliver,
    .pack = api_pack,
    .message_packet = api_message_packet,
    .packet_keep = api_packet_keep,
    .packet_release = api_packet_release,
    .packet_offset = api_packet_offset,
    .packet_bytes = api_packet_bytes,
    .send_packet = api_send_packet,
    .greet = api_greet,
    .client_user = api_client_user,
    .client_username = api_client_username,
    .client_app = api_client_app,
    .client_connected_at = api_client_connected_at,
    .client_is_dashboard = api_client_is_dashboard,
    .client_has_role = api_client_has_role,
    .client_in = api_client_in,
    .close_client = api_close_client,
    .user_name = api_user_name,
    .channel_open = api_channel_open,
    .channel_close = api_channel_close,
    .channel_name = api_channel_name,
    .channel_position = api_channel_position,
    .join = api_join,
    .leave = api_leave,
    .joined_at = api_joined_at,
    .store_get = api_store_get,
    .store_edit = api_store_edit,
    .store_put = api_store_put,
    .store_add = api_store_add,
    .store_expire = api_store_expire,
    .store_delete = api_store_delete,
    .slot = api_slot,
    .options = options,
    .unix_ms = unix_ms,
    .uptime_ms = uptime_ms,
    .timer = timer,
    .metric_add = metric_add_to,
    .request_query = request_query,
    .request_json = request_json,
    .service = service,
    .login_bearer = login_bearer,
    .login_query = login_query,
    .login_address = login_address,
    .login_admit = login_admit,
    .login_refuse = login_refuse,
    .publish = publish,
    .ready = ready,
    .fetch = fetch,
    .on_loopback = on_loopback,
    .input_json = input_json,
    .input_bad = input_bad,
    .bytes_add = bytes_add,
    .bytes_add_json = bytes_add_json,
    .login_json = login_json,
};
