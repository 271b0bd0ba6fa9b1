/* A pump among fakes: sockets that take what they are told to take, a hub that notes what it is
 * told, authenticators that answer what a test wants, one protocol and a few message types.
 *
 * The pump, its mail and its loop are the real ones. Each test program includes this once.
 */
#ifndef TESTS_CLIENT_FAKE_NET_H
#define TESTS_CLIENT_FAKE_NET_H
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "client/channel_mirror.h"
#include "client/login.h"
#include "client/login_wait.h"
#include "client/pump.h"
#include "client/read_pump.h"
#include "client/send_queue.h"
#include "fake_wire.h"
#include "message/encode.h"
#include "message/fields.h"
#include "message/message.h"
#include "net/admission.h"
#include "net/net.h"
#include "net/wire.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the door --- */

static parley_answer_at_door fake_answer = PARLEY_LATER;
static struct parley_identity fake_who;
static unsigned fake_checks, fake_logins;
static const char *fake_why = "no";
struct login *login_new(parley_str bearer, const struct login_query *query, size_t query_count,
                        const char *address)
{
    struct login *l = calloc(1, sizeof *l);

    (void)query;
    (void)query_count;
    (void)address;
    if (l) {
        fake_logins++;
        arena_init(&l->arena, 256);
        l->bearer = arena_str(&l->arena, bearer);
    }
    return l;
}
void login_free(struct login *l)
{
    if (!l)
        return;
    fake_logins--;
    identity_unref(l->identity);
    arena_finish(&l->arena);
    free(l);
}
parley_answer_at_door login_check(struct logins *logins, struct login *l)
{
    (void)logins;
    fake_checks++;
    if (fake_answer == PARLEY_ADMIT) {
        identity_unref(l->identity);
        l->identity = identity_new(&fake_who, NULL);
        if (!l->identity)
            return PARLEY_LATER;
    }
    if (fake_answer == PARLEY_REFUSE)
        snprintf(l->why, sizeof l->why, "%s", fake_why);
    return fake_answer;
}
static const struct ip *fake_address(void)
{
    static struct ip ip;

    FAKE_CHECK(ip_parse("192.0.2.7", &ip), "an address");
    return &ip;
}
static int fake_addresses, fake_users; /* that are counted now */
static enum admission_refusal fake_user_refusal;
enum admission_refusal admission_user(struct admission *a, parley_str issuer, parley_str user)
{
    (void)a;
    (void)issuer;
    (void)user;
    if (fake_user_refusal == ADMIT_OK)
        fake_users++;
    return fake_user_refusal;
}
void admission_user_left(struct admission *a, parley_str issuer, parley_str user)
{
    (void)a;
    (void)issuer;
    FAKE_CHECK(user.p, "a user");
    fake_users--;
}
void admission_address_left(struct admission *a, const struct ip *address)
{
    (void)a;
    FAKE_CHECK(ip_same(address, fake_address()), "his address");
    fake_addresses--;
}
static unsigned fake_stopped;
void net_stop_accepting(struct net *n)
{
    (void)n;
    fake_stopped++;
}

/* --- the SDK's host, as far as the protocol and the types below need it --- */

static const parley_value *host_json(parley_input *pin, parley_str text)
{
    struct input *in = (struct input *)pin;
    const struct value *v;
    const char *why;

    if (value_parse(in->arena, text, in->depth, in->tokens, &v, &why) == 0)
        return &v->pub;
    in->code = PARLEY_E_INVALID_JSON;
    snprintf(in->why, sizeof in->why, "%s", why);
    return NULL;
}
static int host_bad(parley_input *pin, parley_code code, const char *text)
{
    struct input *in = (struct input *)pin;

    in->code = code;
    snprintf(in->why, sizeof in->why, "%s", text);
    return -EINVAL;
}
static void host_add(parley_bytes *b, const void *p, size_t n)
{
    buf_add(&((struct bytes *)b)->text, p, n);
}
static void host_add_json(parley_bytes *b, parley_str s)
{
    buf_add_json(&((struct bytes *)b)->text, s);
}
const parley_api parley_host_api = {.struct_size = sizeof parley_host_api,
                                    .input_json = host_json,
                                    .input_bad = host_bad,
                                    .bytes_add = host_add,
                                    .bytes_add_json = host_add_json,
                                    .get = value_get,
                                    .as_str = value_as_str,
                                    .refuse = out_refuse,
                                    .put_str = out_put_str};

static const char *fake_decoded; /* where the last one lay */
static int fake_decode(const void *options, parley_str frame, parley_input *in)
{
    const parley_value *v = parley_input_json(in, frame);

    fake_decoded = frame.p;
    (void)options;
    if (!v)
        return -EINVAL;
    in->id = parley_as_str(parley_get(v, "id"));
    in->type = parley_as_str(parley_get(v, "type"));
    if (!in->type.p)
        return parley_input_bad(in, PARLEY_E_INVALID_MESSAGE, "'type' is required");
    in->fields = v;
    return 0;
}
static int fake_encode(const void *options, const parley_event *e, parley_bytes *b)
{
    static const char *const kinds[] = {"message ", "ack ", "error "};

    (void)options;
    parley_bytes_add_str(b, str_of(kinds[e->kind]));
    parley_bytes_add_str(b, e->kind == PARLEY_EVENT_MESSAGE ? e->type : e->id);
    if (e->kind == PARLEY_EVENT_ERROR) {
        parley_bytes_add_str(b, PARLEY_STR(" "));
        parley_bytes_add_str(b, e->code);
        parley_bytes_add_str(b, PARLEY_STR(": "));
        parley_bytes_add_str(b, e->text);
    } else if (e->kind == PARLEY_EVENT_MESSAGE) {
        parley_bytes_add_str(b, PARLEY_STR(" "));
        parley_bytes_add_str(b, e->payload);
    }
    return 0;
}
static int say_construct(const void *options, const parley_value *in, parley_out *out)
{
    parley_str text = parley_as_str(parley_get(in, "text"));

    (void)options;
    if (str_is(text, "swear"))
        return parley_refuse(out, "we do not swear here");
    if (str_is(text, "crash"))
        return -EIO;
    for (int i = 0; i < 10000 && str_is(text, "flood"); i++)
        parley_put_str(out, "again", text);
    parley_put_str(out, "said", text);
    return 0;
}
static const parley_field say_fields[] = {
    PARLEY_FIELD("room", PARLEY_STRING, "1..20", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL, "Where."),
    PARLEY_FIELD("text", PARLEY_STRING, "1..100000", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "What."),
};
static const parley_field whisper_fields[] = {
    PARLEY_FIELD("to", PARLEY_STRING, "1..20", NULL, PARLEY_REQUIRED | PARLEY_USER, "Whom."),
};
static struct plugin_type fake_types[] = {
    {.type = {.type = "say", .fields = PARLEY_TABLE(say_fields), .construct = say_construct},
     .name = PARLEY_STR("say"),
     .channel_field = &say_fields[0],
     .has_text = true},
    {.type = {.type = "whisper", .fields = PARLEY_TABLE(whisper_fields)},
     .name = PARLEY_STR("whisper"),
     .user_field = &whisper_fields[0]},
    {.type = {.type = "notice"}, .name = PARLEY_STR("notice")},
};
struct plugin_type *registry_type(const struct registry *r, parley_str name)
{
    (void)r;
    for (size_t i = 0; i < sizeof fake_types / sizeof *fake_types; i++)
        if (str_eq(fake_types[i].name, name))
            return &fake_types[i];
    return NULL;
}

/* --- the hub, and all of it together --- */

#define FAKE_CLIENTS 16
struct fake {
    struct pump pump; /* the actor that is tested */
    struct actor hub;
    struct loop loop;
    struct settings settings;
    struct registry registry;
    struct plugin_instance instance;
    unsigned connects, gones, identities, drained;
    int gone_reason;
    client_handle gone_client;
    struct message *messages[4096]; /* that the hub has not settled, in order */
    unsigned message_count;
    char last_identity[64];
};
static struct fake fake;

static void fake_hub_mail(struct actor *a, struct mail *m)
{
    struct fake *f = (struct fake *)((char *)a - offsetof(struct fake, hub));

    switch (m->kind) {
    case MAIL_CONNECT:
        f->connects++;
        identity_unref(((struct mail_connect *)m)->identity);
        break;
    case MAIL_IDENTITY: {
        struct identity *i = ((struct mail_connect *)m)->identity;

        f->identities++;
        snprintf(f->last_identity, sizeof f->last_identity, "%s", identity_username(i).p);
        identity_unref(i);
        break;
    }
    case MAIL_GONE:
        f->gones++;
        f->gone_reason = ((struct mail_gone *)m)->reason;
        f->gone_client = ((struct mail_gone *)m)->client;
        return; /* part of the client: it goes back as FORGOTTEN */
    case MAIL_MESSAGE:
        FAKE_CHECK(f->message_count < 4096, "more messages than the fake hub holds");
        f->messages[f->message_count++] = message_of_mail(m);
        return;
    case MAIL_PUMP_DRAINED:
        f->drained++;
        break;
    default:
        ck_abort_msg("the hub got mail of kind %u", m->kind);
    }
    free(m);
}
/* Turns of the loop: mail is delivered, and flushed behind the turn that brought nothing. */
static inline void turn(void)
{
    loop_drain(&fake.loop);
    loop_drain(&fake.loop);
}
static void *made(void *p)
{
    ck_assert_ptr_nonnull(p);
    return p;
}
static inline void post_admitted(client_handle c, uint64_t user)
{
    struct mail_client *m = made(calloc(1, sizeof *m));

    m->client = c;
    m->user = user;
    actor_post(&fake.pump.actor, &m->mail, MAIL_ADMITTED);
}
static inline void post_forgotten(client_handle h) /* the hub was told GONE, if ever CONNECT */
{
    struct client *c = client_find(&fake.pump, h);

    if (c)
        actor_post(&fake.pump.actor, &c->gone.mail, MAIL_FORGOTTEN);
}
static inline void post_member(client_handle c, uint32_t kind, uint32_t channel)
{
    struct mail_member *m = made(calloc(1, sizeof *m));

    m->client = c;
    m->channel = channel;
    actor_post(&fake.pump.actor, &m->mail, kind);
}
static inline struct frame *text_frame(const char *text)
{
    return made(frame_new(FRAME_TEXT, str_of(text)));
}
static inline void post_frame(client_handle c, const char *text, enum lane lane, bool greeting)
{
    struct mail_frame *m = made(calloc(1, sizeof *m));

    m->client = c;
    m->frame = text_frame(text);
    m->lane = lane;
    m->greeting = greeting;
    actor_post(&fake.pump.actor, &m->mail, MAIL_FRAME);
}
static inline struct mail_publish *new_publish(uint32_t channel, const char *text, enum lane lane)
{
    struct mail_publish *m = made(calloc(1, sizeof *m));

    m->channel = channel;
    m->lane = (uint8_t)lane;
    for (size_t i = 0; i < fake.registry.protocol_count; i++)
        m->frames[i] = text_frame(text);
    return m;
}
static inline void post_publish(uint32_t channel, const char *text)
{
    actor_post(&fake.pump.actor, &new_publish(channel, text, LANE_ORDERED)->mail, MAIL_PUBLISH);
}
static inline void post_typing(uint32_t channel, const char *text)
{
    actor_post(&fake.pump.actor, &new_publish(channel, text, LANE_EPHEMERAL)->mail, MAIL_PUBLISH);
}
static inline void post_close(client_handle c, uint16_t code, int reason, const char *text)
{
    struct mail_close *m = made(calloc(1, sizeof *m));

    m->client = c;
    m->code = code;
    m->reason = reason;
    snprintf(m->text, sizeof m->text, "%s", text);
    actor_post(&fake.pump.actor, &m->mail, MAIL_CLOSE);
}
static inline void post_plain(uint32_t kind)
{
    struct mail *m = made(calloc(1, sizeof *m));

    actor_post(&fake.pump.actor, m, kind);
}
/* The hub is done with the oldest message. */
static inline void settle(void)
{
    struct message *m = fake.messages[0];

    ck_assert_uint_gt(fake.message_count, 0);
    memmove(fake.messages, fake.messages + 1, --fake.message_count * sizeof *fake.messages);
    actor_post(&fake.pump.actor, &m->mail, MAIL_SETTLED);
}

static inline struct lws *new_socket(void)
{
    struct lws *w = made(calloc(1, sizeof *w));

    w->room = ROOM_FOR_ALL;
    w->reading = true;
    return w;
}
static inline void free_socket(struct lws *w)
{
    buf_finish(&w->got);
    free(w);
}
static inline struct client *open_with(struct lws *w, struct identity *i, struct login *l)
{
    struct handshake hs = {.fd = fake_fd(w),
                           .wsi = w,
                           .corked = w->corked,
                           .address = fake_address(),
                           .identity = i,
                           .login = l,
                           .protocol = 0};

    fake_addresses++;
    fake_users += i ? 1 : 0;
    w->client = client_open(&fake.pump, &hs);
    return w->client;
}
static inline struct identity *new_identity(const char *user)
{
    struct parley_identity who = {.struct_size = sizeof who,
                                  .user = str_of(user),
                                  .username = str_of(user),
                                  .issuer = PARLEY_STR("https://issuer.example")};

    return made(identity_new(&who, NULL));
}
/* Through the door, known to the hub, and admitted as that user. */
static inline struct client *open_client(struct lws *w, const char *name, uint64_t user)
{
    struct client *c = open_with(w, new_identity(name), NULL);

    ck_assert_ptr_nonnull(c);
    turn();
    post_admitted(c->handle, user);
    turn();
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    return c;
}
/* The socket takes `room` more bytes; lws says so, as often as it was asked to. -1: it closes. */
static inline int give_room(struct lws *w, size_t room)
{
    int r = 0;

    w->tail = false;
    w->room = room;
    for (int i = 0; i < 1000 && r == 0 && w->wants && !w->tail && w->room; i++) {
        w->wants = false;
        r = client_writable(w->client);
    }
    return r;
}
/* Payloads of the text frames that it got, each followed by a newline; forgets them. */
static inline const char *heard(struct lws *w)
{
    static struct buf text;
    size_t n;

    buf_clear(&text);
    for (size_t at = 0; w->got.n && (n = frame_length(w->got.p + at, w->got.n - at)); at += n) {
        unsigned char size = (unsigned char)w->got.p[at + 1];
        size_t head = size < 126 ? 2 : size == 126 ? 4 : 10;

        if ((w->got.p[at] & 15) == FRAME_PING) {
            FAKE_CHECK(n > head, "of a pong without payload lws says nothing");
            buf_add_cstr(&text, "(ping)");
        } else {
            buf_add(&text, w->got.p + at + head, n - head);
        }
        buf_add_char(&text, '\n');
    }
    buf_clear(&w->got);
    return text.n ? text.p : "";
}
static inline int say(struct client *c, const char *text) /* one frame in one piece */
{
    return client_receive(c, text, strlen(text), 0, true, true, false);
}
/* lws is done with it, and the hub has forgotten it: the slot is free again. */
static inline void end_client(struct lws *w)
{
    client_handle h = w->client->handle;

    client_closed(w->client);
    turn();
    post_forgotten(h);
    turn();
    ck_assert_ptr_null(client_find(&fake.pump, h));
    free_socket(w);
}

static inline void fake_defaults(struct settings_server *s)
{
    *s = (struct settings_server){.pumps = 1,
                                  .pending = 3,
                                  .message_bytes = 1000,
                                  .fragments = 8,
                                  .message_ms = 10000,
                                  .depth = 8,
                                  .tokens = 64,
                                  .credit_messages = 4,
                                  .credit_bytes = 2000,
                                  .queue_messages = 8,
                                  .queue_bytes = 4096,
                                  .stalled_ms = 10000,
                                  .greeting_ms = 30000,
                                  .authentication_ms = 5000,
                                  .ping_ms = 25000,
                                  .hangup_ms = 35000,
                                  .close_ms = 5000,
                                  .drain_ms = 30000,
                                  .flush_window = "0"};
}
static inline void fake_start(void) /* fake.settings.server is filled */
{
    struct settings s = fake.settings;

    fake = (struct fake){.settings = s};
    fake_addresses = fake_users = 0;
    fake_checks = fake_logins = fake_stopped = 0;
    fake_answer = PARLEY_LATER;
    fake_user_refusal = ADMIT_OK;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    fake.instance.name = (char *)"fake";
    fake.registry.protocol_count = 1;
    for (int i = 0; i < PROTOCOLS_MAX; i++)
        fake.registry.protocols[i] =
            (struct plugin_protocol){.protocol = {.struct_size = sizeof(parley_protocol),
                                                  .decode = fake_decode,
                                                  .encode = fake_encode},
                                     .instance = &fake.instance};
    fake.hub = (struct actor){.name = "hub", .domain = DOMAIN_HUB, .on_mail = fake_hub_mail};
    ck_assert_int_eq(loop_init(&fake.loop, false), 0);
    ck_assert_int_eq(pump_init(&fake.pump, 0, &fake.settings, &fake.registry, NULL, &fake.hub), 0);
    fake.pump.admission = (struct admission *)&fake; /* only passed on to the fakes above */
    fake.pump.net = (struct net *)&fake;
    loop_add(&fake.loop, &fake.pump.actor);
    loop_add(&fake.loop, &fake.hub);
}
static inline void fake_begin(void)
{
    fake_defaults(&fake.settings.server);
    fake_start();
}
static inline void fake_end(void)
{
    turn();
    while (fake.message_count)
        message_destroy(fake.messages[--fake.message_count]);
    pump_finish(&fake.pump);
    loop_finish(&fake.loop);
}
static inline void tick(int64_t after_ms)
{
    enum domain before = domain_enter(DOMAIN_PUMP);

    clock_advance_ms(after_ms);
    fake.pump.actor.on_tick(&fake.pump.actor, clock_mono_ms());
    domain_leave(before);
    turn();
}
#endif
