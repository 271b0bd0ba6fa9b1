/* The testkit's pump: it has no sockets, and keeps for each client what he would have got. */
#include "base/str.h"
#include "control/ask.h"
#include "kit_internal.h"
#include "message/construct.h"

#include <stdlib.h>

#define PAYLOAD_MOST (1 << 20)

static struct kit_client *find(kit *k, client_handle h)
{
    uint32_t slot = client_handle_slot(h);

    return h && slot < k->client_count && k->clients[slot]->handle == h ? k->clients[slot] : NULL;
}

static void keep_frames(struct kit_client *c, const struct frame *f)
{
    size_t at = 0;

    while (at < f->n) {
        size_t n = frame_length(f->bytes + at, f->n - at);
        size_t head = (unsigned char)f->bytes[at + 1] < 126    ? 2
                      : (unsigned char)f->bytes[at + 1] == 126 ? 4
                                                               : 10;
        struct kit_frame *k = calloc(1, sizeof *k);

        if (!k || n == 0)
            abort();
        k->text = str_dup(str_n(f->bytes + at + head, n - head));
        *c->frames_end = k;
        c->frames_end = &k->next;
        at += n;
    }
}

static void publish(kit *k, const struct mail_publish *m)
{
    for (uint32_t i = 0; i < k->client_count; i++) {
        struct kit_client *c = k->clients[i];

        if (!c->admitted || c->closed ||
            (m->channel && (m->channel >= c->in_count || !c->in[m->channel])))
            continue;
        if (m->but == c->handle || (m->but_user && m->but_user == c->user) ||
            (m->not_dashboards && c->dashboard))
            continue;
        if (m->frames[0])
            keep_frames(c, m->frames[0]);
    }
}

static void set_member(struct kit_client *c, uint32_t channel, bool in)
{
    if (channel >= c->in_count) {
        c->in = realloc(c->in, channel + 1);
        if (!c->in)
            abort();
        memset(c->in + c->in_count, 0, channel + 1 - c->in_count);
        c->in_count = channel + 1;
    }
    c->in[channel] = in;
}

static void gone(kit *k, struct kit_client *c, int reason)
{
    struct mail_gone *m = calloc(1, sizeof *m);

    if (!m)
        abort();
    c->gone_posted = true;
    m->client = c->handle;
    m->reason = reason;
    actor_post(hub_actor(k->hub), &m->mail, MAIL_GONE);
}

static void on_close(kit *k, struct kit_client *c, const struct mail_close *m)
{
    if (c->closed)
        return;
    c->closed = m->code;
    memcpy(c->close_text, m->text, sizeof c->close_text);
    if (!c->gone_posted)
        gone(k, c, m->reason);
}

static void on_answer(kit *k, struct http_request *q)
{
    k->answer_status = q->status;
    buf_finish(&k->answer);
    k->answer = q->answer;
    buf_init(&q->answer, 0);
    http_request_free(q);
}

static void on_mail(struct actor *a, struct mail *m)
{
    kit *k = (kit *)((char *)a - offsetof(kit, pump));
    struct kit_client *c =
        m->kind == MAIL_ASK || m->kind == MAIL_SETTLED || m->kind == MAIL_PUBLISH ||
                m->kind == MAIL_ANSWER
            ? NULL
            : find(k, ((struct mail_client *)m)->client); /* second in all of them */
    switch (m->kind) {
    case MAIL_ADMITTED:
        c->admitted = true;
        c->user = ((struct mail_client *)m)->user;
        break;
    case MAIL_FRAME:
        if (c && !c->closed)
            keep_frames(c, ((struct mail_frame *)m)->frame);
        frame_unref(((struct mail_frame *)m)->frame);
        break;
    case MAIL_PUBLISH:
        publish(k, (struct mail_publish *)m);
        for (int i = 0; i < PROTOCOLS_MAX; i++)
            frame_unref(((struct mail_publish *)m)->frames[i]);
        break;
    case MAIL_JOIN:
    case MAIL_LEAVE:
        if (c)
            set_member(c, ((struct mail_member *)m)->channel, m->kind == MAIL_JOIN);
        break;
    case MAIL_CLOSE:
        if (c)
            on_close(k, c, (struct mail_close *)m);
        break;
    case MAIL_SETTLED:
        k->settled = message_of_mail(m)->outcome.verdict;
        k->messages_out--;
        message_destroy(message_of_mail(m));
        return;
    case MAIL_ASK:
        kit_take_ask(k, (struct ask *)m);
        return;
    case MAIL_ANSWER:
        on_answer(k, (struct http_request *)((char *)m - offsetof(struct http_request, mail)));
        return;
    default:
        break;
    }
    free(m);
}

void kit_pump_init(kit *k)
{
    memset(&k->pump, 0, sizeof k->pump);
    k->pump.name = "kit";
    k->pump.domain = DOMAIN_PUMP;
    k->pump.on_mail = on_mail;
}

void kit_pump_finish(kit *k)
{
    for (uint32_t i = 0; i < k->client_count; i++) {
        struct kit_client *c = k->clients[i];
        struct kit_frame *f;

        while ((f = c->frames)) {
            c->frames = f->next;
            free(f->text);
            free(f);
        }
        free(c->in);
        free(c);
    }
    free(k->clients);
    k->clients = NULL;
    k->client_count = 0;
}

static size_t split(char *text, parley_str *items, size_t most)
{
    size_t n = 0;
    char *save = NULL;

    for (char *s = strtok_r(text, ", ", &save); s && n < most; s = strtok_r(NULL, ", ", &save))
        items[n++] = str_of(s);
    return n;
}

parley_client kit_connect_as(kit *k, const char *user, const char *username, const char *app,
                             const char *roles)
{
    char *text = strdup(roles ? roles : "");
    parley_str items[16];
    parley_identity i = {.struct_size = sizeof i,
                         .user = str_of(user),
                         .username = str_of(username),
                         .app = str_of(app)};
    struct kit_client *c = calloc(1, sizeof *c),
                      **more = realloc(k->clients, (k->client_count + 1) * sizeof *more);
    struct mail_connect *m = calloc(1, sizeof *m);

    if (!text || !c || !more || !m)
        abort();
    k->clients = more;
    i.roles = (parley_list){items, split(text, items, 16)};
    c->handle = client_handle_make(0, 1, k->client_count);
    c->frames_end = &c->frames;
    k->clients[k->client_count++] = c;
    m->client = c->handle;
    m->identity = identity_new(&i, &k->settings.server.dashboards);
    c->dashboard = m->identity->dashboard;
    free(text);
    actor_post(hub_actor(k->hub), &m->mail, MAIL_CONNECT);
    kit_run(k);
    return (parley_client){c->handle};
}

parley_client kit_connect(kit *k, const char *name, const char *roles)
{
    return kit_connect_as(k, name, name, NULL, roles);
}

void kit_disconnect_for(kit *k, parley_client client, int reason)
{
    struct kit_client *c = find(k, client.v);

    if (!c || c->gone_posted)
        return;
    c->closed = c->closed ? c->closed : 1000;
    gone(k, c, reason);
    kit_run(k);
}

void kit_disconnect(kit *k, parley_client client)
{
    kit_disconnect_for(k, client, PARLEY_LEFT_NORMALLY);
}

int kit_closed(kit *k, parley_client client)
{
    struct kit_client *c = find(k, client.v);

    return c ? c->closed : 1006;
}

const char *kit_close_text(kit *k, parley_client client)
{
    const struct kit_client *c = find(k, client.v);

    return c ? c->close_text : "";
}

/* As a hub plugin's join would do it, in the hub's domain. */
static void member(kit *k, parley_client client, const char *channel, bool join)
{
    enum domain before = domain_enter(DOMAIN_HUB);
    struct hub_channel *ch = channel_find(&k->hub->channels, str_of(channel));
    struct op *op;

    if (ch || (join && channel_open(&k->hub->channels, str_of(channel), &ch) == 0)) {
        op = op_new(k->hub, join ? OP_JOIN : OP_LEAVE, NULL, strlen(channel) + 1);
        if (!op)
            abort();
        op->client = client.v;
        memcpy(op->text, channel, strlen(channel));
        ops_run(k->hub);
    }
    domain_leave(before);
    kit_run(k);
}

void kit_join(kit *k, parley_client c, const char *channel)
{
    member(k, c, channel, true);
}

void kit_leave(kit *k, parley_client c, const char *channel)
{
    member(k, c, channel, false);
}

static void error_frame(kit *k, struct kit_client *c, parley_str id, parley_code code,
                        const char *why)
{
    struct frame *f = encode_error(&k->registry->protocols[0], id, code, why, 0);

    keep_frames(c, f);
    frame_unref(f);
}

/* What a read pump does with a frame. */
static struct message *construct(kit *k, struct kit_client *c, const char *json)
{
    struct message *m = message_new();
    struct hub_client *h = clients_find(k->hub, c->handle);
    struct refusal why;
    struct input in;
    struct out o;

    if (!m || !h)
        abort();
    in.arena = &m->arena;
    in.depth = 32;
    in.tokens = 2048;
    out_init(&o, 0);
    if (construct_decode(&k->registry->protocols[0], str_of(json), &in, &why) == 0 &&
        construct_message(k->registry, &in, &o, PAYLOAD_MOST, m, &why) == 0) {
        m->author = c->handle;
        m->identity = identity_ref(h->identity);
    } else {
        error_frame(k, c, in.pub.id, why.code, why.why);
        message_destroy(m);
        m = NULL;
    }
    out_finish_memory(&o);
    return m;
}

parley_verdict kit_input(kit *k, parley_client client, const char *json)
{
    struct kit_client *c = find(k, client.v);
    struct message *m = c && !c->closed ? construct(k, c, json) : NULL;

    if (!m)
        return PARLEY_REJECT;
    k->settled = PARLEY_HOLD;
    k->messages_out++;
    actor_post(hub_actor(k->hub), &m->mail, MAIL_MESSAGE);
    kit_run(k);
    return k->settled;
}

static bool is_type(const char *frame, const char *type)
{
    const char *t = type ? kit_member(frame, "type") : NULL;

    return !type || (t && strcmp(t, type) == 0);
}

const char *kit_next(kit *k, parley_client client, const char *type)
{
    struct kit_client *c = find(k, client.v);

    for (struct kit_frame *f = c ? c->frames : NULL; f; f = f->next)
        if (!f->seen && is_type(f->text, type)) {
            f->seen = true;
            return f->text;
        }
    return NULL;
}

const char *kit_last(kit *k, parley_client client, const char *type)
{
    struct kit_client *c = find(k, client.v);
    struct kit_frame *last = NULL;

    for (struct kit_frame *f = c ? c->frames : NULL; f; f = f->next)
        if (!f->seen && is_type(f->text, type))
            last = f;
    if (last)
        last->seen = true;
    return last ? last->text : NULL;
}

int kit_frames(kit *k, parley_client client, const char *type)
{
    struct kit_client *c = find(k, client.v);
    int n = 0;

    for (struct kit_frame *f = c ? c->frames : NULL; f; f = f->next)
        n += is_type(f->text, type);
    return n;
}

const char *kit_member(const char *frame, const char *path)
{
    static struct buf text;
    struct arena arena;
    const struct value *v;
    const parley_value *at;
    const char *why, *result = NULL;
    char keys[256], *save = NULL;
    struct out o;

    arena_init(&arena, 4096);
    if (!frame || value_parse(&arena, str_of(frame), 64, 1000000, &v, &why) < 0) {
        arena_finish(&arena);
        return NULL;
    }
    snprintf(keys, sizeof keys, "%s", path);
    at = &v->pub;
    for (char *key = strtok_r(keys, ".", &save); key && at; key = strtok_r(NULL, ".", &save))
        at = value_of(at)->kind == VALUE_LIST ? value_at(at, strtoul(key, NULL, 10))
                                              : value_get(at, key);
    if (at) {
        buf_clear(&text);
        out_init(&o, 0);
        out_put_value(&o.pub, "x", at);
        if (value_as_str(at).p)
            buf_add_str(&text, value_as_str(at));
        else if (out_end(&o) == 0) /* without {"x": and } */
            buf_add(&text, o.text.p + 5, o.text.n - 6);
        buf_add_char(&text, 0);
        out_finish_memory(&o);
        result = text.p;
    }
    arena_finish(&arena);
    return result;
}
