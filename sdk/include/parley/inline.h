/* <parley/inline.h>: the host's table, and the functions of plugin.h over it. Included by plugin.h alone.
 *
 * The table grows only at its end, and struct_size says how far a host's reaches. Everything that a plugin is handed begins
 * with a pointer to it, so that readers and writers need no host argument. What a function does is said in the headers that
 * plugins include; its entry here takes the same, with the text formatted.
 */
#ifndef PARLEY_INLINE_H
#define PARLEY_INLINE_H
#ifndef PARLEY_PLUGIN_H
# error "include <parley/plugin.h>"
#endif
struct parley_message { const parley_api *api; };            /* of each, the part that a plugin may see */
struct parley_packet { const parley_api *api; };
struct parley_out { const parley_api *api; };
struct parley_value { const parley_api *api; };
struct parley_request { const parley_api *api; };
typedef struct parley_login parley_login;                    /* of <parley/auth.h> */
typedef struct parley_identity parley_identity;
typedef struct parley_input parley_input;                    /* of <parley/protocol.h> */
typedef struct parley_bytes parley_bytes;
enum { PARLEY_SLOT_CLIENT, PARLEY_SLOT_USER, PARLEY_SLOT_CHANNEL };
enum { PARLEY_TIMER_AFTER, PARLEY_TIMER_AT, PARLEY_TIMER_CANCEL };

struct parley_api {
    uint32_t struct_size;
    parley_verdict (*reject)(parley_host *, parley_code, const char *rule, int64_t retry_after_ms, const char *text);
    parley_verdict (*fail)(parley_host *, const char *text);
    int (*refuse)(parley_out *, const char *text);
    int (*bad_option)(parley_host *, const char *option, const char *text);
    void (*log)(parley_host *, int level, const char *event, const char *text);
    parley_str (*message_type)(const parley_message *), (*message_channel)(const parley_message *),
        (*message_recipient)(const parley_message *), (*message_user)(const parley_message *),
        (*message_username)(const parley_message *);
    uint32_t (*message_flags)(const parley_message *);
    parley_client (*message_author)(const parley_message *);
    int64_t (*message_cache_id)(const parley_message *), (*message_offset)(const parley_message *);
    bool (*message_has_role)(const parley_message *, const parley_list *);
    bool (*message_may_see)(const parley_message *, parley_str);
    const parley_value *(*message_payload)(const parley_message *);
    parley_out *(*message_edit)(parley_message *);
    parley_str (*message_text)(const parley_message *, unsigned);
    int (*message_set_text)(parley_message *, unsigned, parley_str);
    parley_out *(*http_request)(parley_host *, const char *, const char *);
    parley_verdict (*ask)(parley_message *, parley_out *, int64_t, uint32_t);
    parley_verdict (*work)(parley_message *, int (*)(void *, parley_out *), void *, int64_t, uint32_t);
    parley_verdict (*hold)(parley_message *, int64_t, parley_hold *);
    parley_message *(*peek)(parley_host *, parley_hold);
    int (*resume)(parley_host *, parley_hold, parley_verdict);
    const parley_value *(*get)(const parley_value *, const char *), *(*at)(const parley_value *, size_t);
    parley_str (*key)(const parley_value *);
    size_t (*length)(const parley_value *);
    parley_str (*as_str)(const parley_value *);
    int64_t (*as_int)(const parley_value *, int64_t);
    double (*as_number)(const parley_value *, double);
    bool (*as_bool)(const parley_value *, bool);
    void (*put_str)(parley_out *, const char *, parley_str);
    void (*put_int)(parley_out *, const char *, int64_t);
    void (*put_number)(parley_out *, const char *, double);
    void (*put_bool)(parley_out *, const char *, bool);
    void (*put_value)(parley_out *, const char *, const parley_value *);
    void (*put_payload)(parley_out *, const char *, const parley_packet *);
    void (*open_list)(parley_out *, const char *), (*open_object)(parley_out *, const char *), (*close)(parley_out *);
    parley_out *(*message_new)(parley_host *, const char *);
    int (*send)(parley_out *, const parley_to *);
    int (*deliver)(parley_message *, const parley_to *);
    parley_packet *(*pack)(parley_out *), *(*message_packet)(const parley_message *), *(*packet_keep)(parley_packet *);
    void (*packet_release)(parley_packet *);
    int64_t (*packet_offset)(const parley_packet *);
    size_t (*packet_bytes)(const parley_packet *);
    int (*send_packet)(parley_host *, parley_packet *, const parley_to *);
    int (*greet)(parley_host *, parley_client, int32_t, parley_packet *);
    parley_str (*client_user)(parley_host *, parley_client), (*client_username)(parley_host *, parley_client),
        (*client_app)(parley_host *, parley_client);
    int64_t (*client_connected_at)(parley_host *, parley_client);
    bool (*client_is_dashboard)(parley_host *, parley_client);
    bool (*client_has_role)(parley_host *, parley_client, const parley_list *);
    bool (*client_in)(parley_host *, parley_client, parley_str);
    int (*close_client)(parley_host *, parley_client, int, const char *);
    parley_str (*user_name)(parley_host *, parley_str);
    int (*channel_open)(parley_host *, parley_str, const parley_channel_info *);
    int (*channel_close)(parley_host *, parley_str);
    parley_str (*channel_name)(parley_host *, parley_str);
    int (*channel_position)(parley_host *, parley_str, parley_str *, int64_t *);
    int (*join)(parley_host *, parley_client, parley_str), (*leave)(parley_host *, parley_client, parley_str);
    int64_t (*joined_at)(parley_host *, parley_client, parley_str);
    const parley_value *(*store_get)(parley_host *, const char *);
    parley_out *(*store_edit)(parley_host *, const char *);
    int (*store_put)(parley_out *);
    int64_t (*store_add)(parley_host *, int64_t, const char *);
    int (*store_expire)(parley_host *, int64_t, const char *);
    int (*store_delete)(parley_host *, const char *, bool all);
    void *(*slot)(parley_host *, int scope, parley_client, parley_str name, const parley_slot *);
    const void *(*options)(parley_host *, parley_str);
    int64_t (*unix_ms)(parley_host *), (*uptime_ms)(parley_host *);
    int (*timer)(parley_host *, int how, int64_t ms, const char *);
    void (*metric_add)(parley_host *, const parley_metric *, parley_str label, double);
    parley_str (*request_query)(const parley_request *, const char *);
    const parley_value *(*request_json)(const parley_request *);
    const void *(*service)(parley_host *, const char *, parley_host **);
    /* <parley/auth.h> */
    parley_str (*login_bearer)(const parley_login *), (*login_query)(const parley_login *, const char *),
        (*login_address)(const parley_login *);
    int32_t (*login_admit)(parley_login *, const parley_identity *);
    int32_t (*login_refuse)(parley_login *, const char *text);
    int (*publish)(parley_host *, void *, void (*)(void *));
    int (*ready)(parley_host *, bool, const char *);
    int (*fetch)(parley_host *, parley_out *, int64_t, uint32_t);
    bool (*on_loopback)(parley_host *);
    /* <parley/protocol.h> */
    const parley_value *(*input_json)(parley_input *, parley_str);
    int (*input_bad)(parley_input *, parley_code, const char *text);
    void (*bytes_add)(parley_bytes *, const void *, size_t);
    void (*bytes_add_json)(parley_bytes *, parley_str);
    /* since 1.1; <parley/auth.h> */
    const parley_value *(*login_json)(parley_login *, parley_str, unsigned depth, unsigned values);
};
#define PARLEY_FORMAT(buf, last) \
    char buf[512]; va_list ap_; va_start(ap_, last); vsnprintf(buf, sizeof buf, last, ap_); va_end(ap_)
#define API static inline
API parley_verdict parley_reject(parley_host *h, parley_code c, const char *rule, const char *format, ...)
{ PARLEY_FORMAT(b, format); return h->api->reject(h, c, rule, 0, b); }
API parley_verdict parley_reject_for(parley_host *h, parley_code c, const char *rule, int64_t ms, const char *format, ...)
{ PARLEY_FORMAT(b, format); return h->api->reject(h, c, rule, ms, b); }
API parley_verdict parley_fail(parley_host *h, const char *format, ...) { PARLEY_FORMAT(b, format); return h->api->fail(h, b); }
API int parley_refuse(parley_out *o, const char *format, ...) { PARLEY_FORMAT(b, format); return o->api->refuse(o, b); }
API int parley_bad_option(parley_host *h, const char *option, const char *format, ...)
{ PARLEY_FORMAT(b, format); return h->api->bad_option(h, option, b); }
API void parley_log(parley_host *h, int level, const char *event, const char *format, ...)
{ PARLEY_FORMAT(b, format); h->api->log(h, level, event, b); }
API parley_str parley_message_type(const parley_message *m) { return m->api->message_type(m); }
API uint32_t parley_message_flags(const parley_message *m) { return m->api->message_flags(m); }
API parley_str parley_message_channel(const parley_message *m) { return m->api->message_channel(m); }
API parley_str parley_message_recipient(const parley_message *m) { return m->api->message_recipient(m); }
API parley_str parley_message_user(const parley_message *m) { return m->api->message_user(m); }
API parley_str parley_message_username(const parley_message *m) { return m->api->message_username(m); }
API parley_client parley_message_author(const parley_message *m) { return m->api->message_author(m); }
API int64_t parley_message_cache_id(const parley_message *m) { return m->api->message_cache_id(m); }
API int64_t parley_message_offset(const parley_message *m) { return m->api->message_offset(m); }
API bool parley_message_has_role(const parley_message *m, parley_list any) { return m->api->message_has_role(m, &any); }
API bool parley_message_may_see(const parley_message *m, parley_str channel) { return m->api->message_may_see(m, channel); }
API const parley_value *parley_message_payload(const parley_message *m) { return m->api->message_payload(m); }
API parley_out *parley_message_edit(parley_message *m) { return m->api->message_edit(m); }
API parley_str parley_message_text(const parley_message *m, unsigned i) { return m->api->message_text(m, i); }
API int parley_message_set_text(parley_message *m, unsigned i, parley_str t) { return m->api->message_set_text(m, i, t); }
API parley_out *parley_http_request(parley_host *h, const char *method, const char *url) { return h->api->http_request(h, method, url); }
API parley_verdict parley_ask(parley_message *m, parley_out *o, int64_t ms, uint32_t tag) { return o->api->ask(m, o, ms, tag); }
API parley_verdict parley_work(parley_message *m, int (*job)(void *, parley_out *), void *arg, int64_t ms, uint32_t tag)
{ return m->api->work(m, job, arg, ms, tag); }
API parley_verdict parley_hold_message(parley_message *m, int64_t ms, parley_hold *ret) { return m->api->hold(m, ms, ret); }
API parley_message *parley_hold_peek(parley_host *h, parley_hold held) { return h->api->peek(h, held); }
API int parley_resume(parley_host *h, parley_hold held, parley_verdict v) { return h->api->resume(h, held, v); }
API const parley_value *parley_get(const parley_value *v, const char *key) { return v ? v->api->get(v, key) : NULL; }
API const parley_value *parley_at(const parley_value *v, size_t i) { return v ? v->api->at(v, i) : NULL; }
API parley_str parley_key(const parley_value *v) { return v ? v->api->key(v) : PARLEY_NONE; }
API size_t parley_length(const parley_value *v) { return v ? v->api->length(v) : 0; }
API parley_str parley_as_str(const parley_value *v) { return v ? v->api->as_str(v) : PARLEY_NONE; }
API int64_t parley_as_int(const parley_value *v, int64_t d) { return v ? v->api->as_int(v, d) : d; }
API double parley_as_number(const parley_value *v, double d) { return v ? v->api->as_number(v, d) : d; }
API bool parley_as_bool(const parley_value *v, bool d) { return v ? v->api->as_bool(v, d) : d; }
API void parley_put_str(parley_out *o, const char *k, parley_str v) { o->api->put_str(o, k, v); }
API void parley_put_int(parley_out *o, const char *k, int64_t v) { o->api->put_int(o, k, v); }
API void parley_put_number(parley_out *o, const char *k, double v) { o->api->put_number(o, k, v); }
API void parley_put_bool(parley_out *o, const char *k, bool v) { o->api->put_bool(o, k, v); }
API void parley_put_value(parley_out *o, const char *k, const parley_value *v) { o->api->put_value(o, k, v); }
API void parley_put_payload(parley_out *o, const char *k, const parley_packet *p) { o->api->put_payload(o, k, p); }
API void parley_open_list(parley_out *o, const char *k) { o->api->open_list(o, k); }
API void parley_open_object(parley_out *o, const char *k) { o->api->open_object(o, k); }
API void parley_close(parley_out *o) { o->api->close(o); }
API parley_to parley_to_all(void) { parley_to t; memset(&t, 0, sizeof t); t.struct_size = sizeof t; t.kind = PARLEY_TO_ALL; return t; }
API parley_to parley_to_client(parley_client c) { parley_to t = parley_to_all(); t.kind = PARLEY_TO_CLIENT; t.client = c; return t; }
API parley_to parley_to_user(parley_str sub) { parley_to t = parley_to_all(); t.kind = PARLEY_TO_USER; t.name = sub; return t; }
API parley_to parley_to_channel(parley_str name) { parley_to t = parley_to_all(); t.kind = PARLEY_TO_CHANNEL; t.name = name; return t; }
API parley_out *parley_message_new(parley_host *h, const char *type) { return h->api->message_new(h, type); }
API int parley_send(parley_out *o, parley_to to) { return o->api->send(o, &to); }
API int parley_deliver(parley_message *m, parley_to to) { return m->api->deliver(m, &to); }
API parley_packet *parley_pack(parley_out *o) { return o->api->pack(o); }
API parley_packet *parley_message_packet(const parley_message *m) { return m->api->message_packet(m); }
API parley_packet *parley_packet_keep(parley_packet *p) { return p ? p->api->packet_keep(p) : NULL; }
API void parley_packet_release(parley_packet *p) { if (p) p->api->packet_release(p); }
API int64_t parley_packet_offset(const parley_packet *p) { return p ? p->api->packet_offset(p) : 0; }
API size_t parley_packet_bytes(const parley_packet *p) { return p ? p->api->packet_bytes(p) : 0; }
API int parley_send_packet(parley_host *h, parley_packet *p, parley_to to) { return h->api->send_packet(h, p, &to); }
API int parley_greet(parley_host *h, parley_client c, int32_t order, parley_packet *p) { return h->api->greet(h, c, order, p); }
API parley_str parley_client_user(parley_host *h, parley_client c) { return h->api->client_user(h, c); }
API parley_str parley_client_username(parley_host *h, parley_client c) { return h->api->client_username(h, c); }
API parley_str parley_client_app(parley_host *h, parley_client c) { return h->api->client_app(h, c); }
API int64_t parley_client_connected_at(parley_host *h, parley_client c) { return h->api->client_connected_at(h, c); }
API bool parley_client_is_dashboard(parley_host *h, parley_client c) { return h->api->client_is_dashboard(h, c); }
API bool parley_client_has_role(parley_host *h, parley_client c, parley_list any) { return h->api->client_has_role(h, c, &any); }
API bool parley_client_in(parley_host *h, parley_client c, parley_str channel) { return h->api->client_in(h, c, channel); }
API int parley_close_client(parley_host *h, parley_client c, int code, const char *reason) { return h->api->close_client(h, c, code, reason); }
API parley_str parley_user_name(parley_host *h, parley_str sub) { return h->api->user_name(h, sub); }
API int parley_channel_open(parley_host *h, parley_str name, const parley_channel_info *info) { return h->api->channel_open(h, name, info); }
API int parley_channel_close(parley_host *h, parley_str name) { return h->api->channel_close(h, name); }
API parley_str parley_channel_name(parley_host *h, parley_str any_case) { return h->api->channel_name(h, any_case); }
API int parley_channel_position(parley_host *h, parley_str name, parley_str *epoch, int64_t *offset)
{ return h->api->channel_position(h, name, epoch, offset); }
API int parley_join(parley_host *h, parley_client c, parley_str channel) { return h->api->join(h, c, channel); }
API int parley_leave(parley_host *h, parley_client c, parley_str channel) { return h->api->leave(h, c, channel); }
API int64_t parley_joined_at(parley_host *h, parley_client c, parley_str channel) { return h->api->joined_at(h, c, channel); }
API const parley_value *parley_store_get(parley_host *h, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->store_get(h, b); }
API parley_out *parley_store_edit(parley_host *h, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->store_edit(h, b); }
API int parley_store_put(parley_out *o) { return o->api->store_put(o); }
API int64_t parley_store_add(parley_host *h, int64_t n, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->store_add(h, n, b); }
API int parley_store_expire(parley_host *h, int64_t ms, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->store_expire(h, ms, b); }
API int parley_store_delete(parley_host *h, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->store_delete(h, b, false); }
API int parley_store_delete_all(parley_host *h, const char *prefix, ...) { PARLEY_FORMAT(b, prefix); return h->api->store_delete(h, b, true); }
API parley_own parley_client_slot(parley_host *h, parley_client c, const parley_slot *s)
{ return PARLEY_OWN(h->api->slot(h, PARLEY_SLOT_CLIENT, c, PARLEY_NONE, s)); }
API parley_own parley_user_slot(parley_host *h, parley_str sub, const parley_slot *s)
{ parley_client none = {0}; return PARLEY_OWN(h->api->slot(h, PARLEY_SLOT_USER, none, sub, s)); }
API parley_own parley_channel_slot(parley_host *h, parley_str name, const parley_slot *s)
{ parley_client none = {0}; return PARLEY_OWN(h->api->slot(h, PARLEY_SLOT_CHANNEL, none, name, s)); }
API parley_any parley_options(parley_host *h, parley_str channel) { return PARLEY_ANY(h->api->options(h, channel)); }
API int64_t parley_unix_ms(parley_host *h) { return h->api->unix_ms(h); }
API int64_t parley_uptime_ms(parley_host *h) { return h->api->uptime_ms(h); }
API int parley_timer_after(parley_host *h, int64_t ms, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->timer(h, PARLEY_TIMER_AFTER, ms, b); }
API int parley_timer_at(parley_host *h, int64_t ms, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->timer(h, PARLEY_TIMER_AT, ms, b); }
API int parley_timer_cancel(parley_host *h, const char *key, ...) { PARLEY_FORMAT(b, key); return h->api->timer(h, PARLEY_TIMER_CANCEL, 0, b); }
API void parley_metric_add(parley_host *h, const parley_metric *m, double v) { h->api->metric_add(h, m, PARLEY_NONE, v); }
API void parley_metric_add_for(parley_host *h, const parley_metric *m, parley_str label, double v) { h->api->metric_add(h, m, label, v); }
API parley_str parley_request_query(const parley_request *q, const char *name) { return q->api->request_query(q, name); }
API const parley_value *parley_request_json(const parley_request *q) { return q->api->request_json(q); }
API parley_any parley_service(parley_host *h, const char *id, parley_host **ret) { return PARLEY_ANY(h->api->service(h, id, ret)); }
#undef API
#endif
