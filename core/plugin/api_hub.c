/* The SDK's functions on clients, users and channels. Readers answer from the hub's records; what
 * changes them is queued. [hub] */
#include "base/str.h"
#include "hub/internal.h"
#include "plugin/internal.h"

static struct hub_client *client(parley_host *h, parley_client c)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    return clients_find(instance_of(h)->hub, c.v);
}

parley_str api_client_user(parley_host *h, parley_client c)
{
    struct hub_client *x = client(h, c);

    return x ? identity_user(x->identity) : PARLEY_NONE;
}

parley_str api_client_username(parley_host *h, parley_client c)
{
    struct hub_client *x = client(h, c);

    return x ? identity_username(x->identity) : PARLEY_NONE;
}

parley_str api_client_app(parley_host *h, parley_client c)
{
    struct hub_client *x = client(h, c);

    return x ? identity_app(x->identity) : PARLEY_NONE;
}

int64_t api_client_connected_at(parley_host *h, parley_client c)
{
    struct hub_client *x = client(h, c);

    return x ? x->connected_at : 0;
}

bool api_client_is_dashboard(parley_host *h, parley_client c)
{
    struct hub_client *x = client(h, c);

    return x && x->identity->dashboard;
}

bool api_client_has_role(parley_host *h, parley_client c, const parley_list *any)
{
    struct hub_client *x = client(h, c);

    return x && identity_has_role(x->identity, any);
}

bool api_client_in(parley_host *h, parley_client c, parley_str channel)
{
    struct hub *hub = instance_of(h)->hub;
    struct hub_client *x = client(h, c);
    struct hub_channel *ch = hub_channel(hub, hub->current_message, channel);

    return x && ch && clients_membership(x, ch);
}

int64_t api_joined_at(parley_host *h, parley_client c, parley_str channel)
{
    struct hub_client *x = client(h, c);
    struct hub_channel *ch = channel_find(&instance_of(h)->hub->channels, channel);
    struct hub_membership *m = x && ch ? clients_membership(x, ch) : NULL;

    return m ? m->joined_at : -1;
}

parley_str api_user_name(parley_host *h, parley_str sub)
{
    struct hub_user *u;

    DOMAIN_ASSERT(DOMAIN_HUB);
    u = users_find(instance_of(h)->hub, sub);
    return u && u->client_count ? identity_username(u->newest) : PARLEY_NONE;
}

int api_channel_open(parley_host *h, parley_str name, const parley_channel_info *info)
{
    struct plugin_instance *i = instance_of(h);
    struct hub_channel *ch;

    (void)info; /* what it says is for lists of channels, which the plugin itself writes */
    DOMAIN_ASSERT(DOMAIN_HUB);
    if (i->shadow)
        return channel_find(&i->hub->channels, name) ? -EEXIST : judge_discard(i);
    return channel_open(&i->hub->channels, name, &ch);
}

parley_str api_channel_name(parley_host *h, parley_str any_case)
{
    struct hub_channel *ch;

    DOMAIN_ASSERT(DOMAIN_HUB);
    ch = channel_find(&instance_of(h)->hub->channels, any_case);
    return ch ? ch->name : PARLEY_NONE;
}

int api_channel_position(parley_host *h, parley_str name, parley_str *epoch, int64_t *offset)
{
    struct hub_channel *ch;

    DOMAIN_ASSERT(DOMAIN_HUB);
    ch = channel_find(&instance_of(h)->hub->channels, name);
    if (!ch)
        return -ENOENT;
    if (epoch)
        *epoch = str_of(ch->epoch);
    if (offset)
        *offset = ch->offset;
    return 0;
}

static struct op *ask(parley_host *h, enum op_kind kind, parley_client c, parley_str text)
{
    struct plugin_instance *i = instance_of(h);
    struct op *op = op_new(i->hub, kind, i, text.n + 1);

    if (!op)
        return NULL;
    op->client = c.v;
    if (text.n)
        memcpy(op->text, text.p, text.n);
    return op;
}

int api_channel_close(parley_host *h, parley_str name)
{
    parley_client none = {0};

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!channel_find(&instance_of(h)->hub->channels, name))
        return -ENOENT;
    if (instance_of(h)->shadow)
        return judge_discard(instance_of(h));
    return ask(h, OP_CHANNEL_CLOSE, none, name) ? 0 : -ENOMEM;
}

int api_join(parley_host *h, parley_client c, parley_str channel)
{
    struct hub *hub = instance_of(h)->hub;
    struct message *m = hub->current_message;
    struct op *op;

    if (!client(h, c))
        return -ESTALE;
    if (!channel_find(&hub->channels, channel))
        return -ENOENT;
    if (instance_of(h)->shadow)
        return judge_discard(instance_of(h));
    op = ask(h, OP_JOIN, c, channel);
    if (!op)
        return -ENOMEM;
    if (m && hub->refusal == &m->outcome && m->author == c.v)
        op->judged = m;
    return 0;
}

int api_leave(parley_host *h, parley_client c, parley_str channel)
{
    if (!client(h, c))
        return -ESTALE;
    if (!channel_find(&instance_of(h)->hub->channels, channel))
        return -ENOENT;
    if (instance_of(h)->shadow)
        return judge_discard(instance_of(h));
    return ask(h, OP_LEAVE, c, channel) ? 0 : -ENOMEM;
}

int api_close_client(parley_host *h, parley_client c, int code, const char *reason)
{
    struct op *op;

    if (!client(h, c))
        return -ESTALE;
    if (code != 1000 && code != 1001 && code != 1008 && code != 1012 && code != 1013 &&
        (code < 3000 || code > 4999))
        return -EINVAL;
    if (instance_of(h)->shadow)
        return judge_discard(instance_of(h));
    op = ask(h, OP_CLOSE, c, str_of(reason));
    if (!op)
        return -ENOMEM;
    op->number = code;
    return 0;
}

static struct hub_user *user(struct hub *hub, parley_str sub)
{
    const struct message *m = hub->current_message;
    bool author = m && m->identity && sub.p == identity_user(m->identity).p &&
                  sub.n == identity_user(m->identity).n;

    return author ? users_author(hub, m) : users_find(hub, sub);
}

void *api_slot(parley_host *h, int scope, parley_client c, parley_str name, const parley_slot *slot)
{
    struct hub *hub = instance_of(h)->hub;
    struct hub_client *x;
    struct hub_user *u;
    struct hub_channel *ch;

    DOMAIN_ASSERT(DOMAIN_HUB);
    switch (scope) {
    case PARLEY_SLOT_CLIENT:
        x = clients_find(hub, c.v);
        return x ? slot_get(&x->slots, instance_of(h), slot) : NULL;
    case PARLEY_SLOT_USER:
        u = user(hub, name);
        return u ? slot_get(&u->slots, instance_of(h), slot) : NULL;
    case PARLEY_SLOT_CHANNEL:
        ch = hub_channel(hub, hub->current_message, name);
        return ch ? slot_get(&ch->slots, instance_of(h), slot) : NULL;
    default:
        return NULL;
    }
}
