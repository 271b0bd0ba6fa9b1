/* Shared by the files of this folder. */
#ifndef PLUGIN_INTERNAL_H
#define PLUGIN_INTERNAL_H
#include "hub/internal.h"
#include "plugin/registry.h"

/* provide.c: what the loaded plugins provide becomes the registry's lists; faults go to
 * config_fault. */
void registry_provide(struct registry *r, struct config *c);
/* registry.c, for next.c */
bool registry_is_kind(parley_str kind); /* of a section that names a plugin */
bool registry_add(struct registry *r, struct plugin_instance *i); /* false: no memory */
const char *registry_plugin_of(const struct config_section *s);
void registry_pass_over(struct config_section *s); /* marks it, and all its keys, as used */
void registry_plan_section(struct registry *r, struct config *c, struct config_section *s,
                           const parley_plugin *const *builtin);
/* Notes the faults of a section that stays as it is for now. */
int registry_check_kept(struct config *c, struct config_section *s,
                        const struct plugin_instance *i);
/* fingerprint.c. file_id: loader_identify's. free() it; NULL: no memory */
char *fingerprint_of(const char *file_id, const struct config *c, const struct config_section *s,
                     const parley_table *options);

static inline struct plugin_instance *instance_of(parley_host *h)
{
    return (struct plugin_instance *)h;
}
enum out_kind { OUT_PLAIN, OUT_MESSAGE, OUT_REQUEST, OUT_RECORD, OUT_SPENT, OUT_NOTHING };
/* Behind parley_message_new, parley_http_request and parley_store_edit. Those of a hook live until
 * it returns, handed over or not: what a plugin forgets is not lost, what it hands over twice is
 * refused, and what it writes too late goes nowhere. */
struct out_message {
    struct out out;           /* first */
    struct out_message *next; /* in hub->outs */
    bool listed;
    struct plugin_instance *instance;
    char *type; /* MESSAGE: its type; REQUEST: its method; RECORD: its key */
    char *url;
};
parley_out *out_nothing(
    void); /* what takes everything and becomes nothing: for want of memory, or of a service */
parley_out *out_message_new(parley_host *h, enum out_kind kind, const char *type, const char *url);
void out_message_spend(struct out_message *o); /* it was handed over */
/* api_*.c: the functions behind <parley/inline.h>; the table itself is in api.c */
parley_out *api_message_new(parley_host *h, const char *type);
int api_send(parley_out *take, const parley_to *to);
int api_deliver(parley_message *m, const parley_to *to);
parley_packet *api_pack(parley_out *take);
parley_packet *api_message_packet(const parley_message *m);
parley_packet *api_packet_keep(parley_packet *p);
void api_packet_release(parley_packet *p);
int64_t api_packet_offset(const parley_packet *p);
size_t api_packet_bytes(const parley_packet *p);
int api_send_packet(parley_host *h, parley_packet *p, const parley_to *to);
int api_greet(parley_host *h, parley_client c, int32_t order, parley_packet *p);
void api_put_payload(parley_out *o, const char *key, const parley_packet *p);
parley_str api_client_user(parley_host *h, parley_client c);
parley_str api_client_username(parley_host *h, parley_client c);
parley_str api_client_app(parley_host *h, parley_client c);
int64_t api_client_connected_at(parley_host *h, parley_client c);
bool api_client_is_dashboard(parley_host *h, parley_client c);
bool api_client_has_role(parley_host *h, parley_client c, const parley_list *any);
bool api_client_in(parley_host *h, parley_client c, parley_str channel);
int api_close_client(parley_host *h, parley_client c, int code, const char *reason);
parley_str api_user_name(parley_host *h, parley_str sub);
int api_channel_open(parley_host *h, parley_str name, const parley_channel_info *info);
int api_channel_close(parley_host *h, parley_str name);
parley_str api_channel_name(parley_host *h, parley_str any_case);
int api_channel_position(parley_host *h, parley_str name, parley_str *epoch, int64_t *offset);
int api_join(parley_host *h, parley_client c, parley_str channel);
int api_leave(parley_host *h, parley_client c, parley_str channel);
int64_t api_joined_at(parley_host *h, parley_client c, parley_str channel);
void *api_slot(parley_host *h, int scope, parley_client c, parley_str name,
               const parley_slot *slot);
const parley_value *api_store_get(parley_host *h, const char *key);
parley_out *api_store_edit(parley_host *h, const char *key);
int api_store_put(parley_out *take);
int64_t api_store_add(parley_host *h, int64_t n, const char *key);
int api_store_expire(parley_host *h, int64_t after_ms, const char *key);
int api_store_delete(parley_host *h, const char *key, bool all);
int api_timer(struct plugin_instance *i, int how, int64_t ms, const char *key); /* [hub] */
parley_out *api_http_request(parley_host *h, const char *method, const char *url);
parley_verdict api_ask(parley_message *m, parley_out *take, int64_t deadline_ms, uint32_t tag);
parley_verdict api_work(parley_message *m, int (*job)(void *arg, parley_out *answer), void *arg,
                        int64_t deadline_ms, uint32_t tag);
parley_verdict api_hold(parley_message *m, int64_t deadline_ms, parley_hold *ret);
parley_message *api_peek(parley_host *h, parley_hold held);
int api_resume(parley_host *h, parley_hold held, parley_verdict v);
parley_verdict api_reject(parley_host *h, parley_code c, const char *rule, int64_t retry_after_ms,
                          const char *text);
parley_verdict api_fail(parley_host *h, const char *text);
parley_str api_message_type(const parley_message *m);
parley_str api_message_channel(const parley_message *m);
parley_str api_message_recipient(const parley_message *m);
parley_str api_message_user(const parley_message *m);
parley_str api_message_username(const parley_message *m);
uint32_t api_message_flags(const parley_message *m);
parley_client api_message_author(const parley_message *m);
int64_t api_message_cache_id(const parley_message *m);
int64_t api_message_offset(const parley_message *m);
bool api_message_has_role(const parley_message *m, const parley_list *any);
bool api_message_may_see(const parley_message *m, parley_str channel);
const parley_value *api_message_payload(const parley_message *m);
parley_out *api_message_edit(parley_message *m);
parley_str api_message_text(const parley_message *m, unsigned i);
int api_message_set_text(parley_message *m, unsigned i, parley_str text);
#endif
