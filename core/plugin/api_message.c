/* The SDK's functions on a message: reading it, editing it, saying what is wrong with it. [hub] */
#include "base/log.h"
#include "base/str.h"
#include "hub/internal.h"
#include "message/fields.h"
#include "plugin/internal.h"

#include <stdlib.h>

static struct message *of(const parley_message *m)
{
    return (struct message *)(uintptr_t)m;
}

parley_verdict api_reject(parley_host *host, parley_code c, const char *rule,
                          int64_t retry_after_ms, const char *text)
{
    struct hub *h = instance_of(host)->hub;
    struct outcome *o;
    struct arena *a;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!h)
        return PARLEY_REJECT;
    o = h->refusal ? h->refusal : &h->loose;
    a = h->refusal && h->current_message ? &h->current_message->arena : &h->hook_arena;
    o->code = c;
    o->retry_after_ms = retry_after_ms > 0 ? retry_after_ms : 0;
    o->section = host->section;
    o->rule = arena_str(a, str_of(rule));
    o->text = arena_str(a, str_of(text));
    return PARLEY_REJECT;
}

parley_verdict api_fail(parley_host *host, const char *text)
{
    log_event(LOG_LEVEL_WARNING, "hub_failed", LOG_TEXT("section", host->section),
              LOG_TEXT("msg", text));
    return PARLEY_FAIL;
}

parley_str api_message_type(const parley_message *m)
{
    return of(m)->type_name;
}

parley_str api_message_channel(const parley_message *m)
{
    return of(m)->channel;
}

parley_str api_message_recipient(const parley_message *m)
{
    return of(m)->recipient;
}

parley_str api_message_user(const parley_message *m)
{
    return of(m)->identity ? identity_user(of(m)->identity) : PARLEY_NONE;
}

parley_str api_message_username(const parley_message *m)
{
    return of(m)->identity ? identity_username(of(m)->identity) : PARLEY_STR("Server");
}

uint32_t api_message_flags(const parley_message *m)
{
    return of(m)->flags;
}

parley_client api_message_author(const parley_message *m)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    return (parley_client){clients_find(of(m)->hub, of(m)->author) ? of(m)->author : 0};
}

int64_t api_message_cache_id(const parley_message *m)
{
    return of(m)->cache_id;
}

int64_t api_message_offset(const parley_message *m)
{
    return of(m)->offset;
}

bool api_message_has_role(const parley_message *m, const parley_list *any)
{
    return of(m)->identity && identity_has_role(of(m)->identity, any);
}

bool api_message_may_see(const parley_message *m, parley_str channel)
{
    struct hub_client *c = clients_find(of(m)->hub, of(m)->author);
    struct hub_channel *ch = channel_find(&of(m)->hub->channels, channel);

    return c && ch && clients_membership(c, ch);
}

const parley_value *api_message_payload(const parley_message *m)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    return message_parsed(of(m));
}

parley_out *api_message_edit(parley_message *m)
{
    struct message *x = of(m);

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (x->state != MESSAGE_NEW)
        return out_nothing();
    if (!x->edit) {
        x->edit = malloc(sizeof *x->edit);
        if (!x->edit) {
            x->edit_failed = true;
            return out_nothing();
        }
        out_init(x->edit, 1 << 20);
    }
    return &x->edit->pub;
}

parley_str api_message_text(const parley_message *m, unsigned i)
{
    struct message *x = of(m);

    if (!x->type || !x->type->has_text)
        return PARLEY_NONE;
    return fields_text(&x->type->type.fields, message_parsed(x), i);
}

int api_message_set_text(parley_message *m, unsigned i, parley_str text)
{
    struct message *x = of(m);
    struct out rewritten;
    int r;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!x->type || !x->type->has_text || x->state != MESSAGE_NEW)
        return -ENOENT;
    if (!message_parsed(x))
        return -ENOMEM;
    out_init(&rewritten, 1 << 20);
    r = fields_set_text(&x->type->type.fields, message_parsed(x), i, text, &rewritten.pub);
    if (r < 0) {
        out_finish_memory(&rewritten);
        return r;
    }
    if (x->hub->current->shadow)
        judge_keep_payload(x);
    return message_replace_payload(x, &rewritten);
}
