/* The client side that net/ tells, and the logins that it asks: pretended, so that a test sees what
 * it was told. Text messages come back as they are; "flood N" is answered by N frames of many
 * sizes, by wire_send as the write pump uses it; "alone" ends all others at once.
 */
#ifndef TESTS_NET_FAKE_CLIENT_H
#define TESTS_NET_FAKE_CLIENT_H
#include "base/str.h"
#include "client/client.h"
#include "client/login.h"
#include "client/pump.h"
#include "message/value.h"
#include "net/admission.h"
#include "net/wire.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

const parley_api parley_host_api = {.struct_size = sizeof(parley_api)};

/* --- the client side --- */

struct fake {
    struct client client; /* first */
    struct fake *next;    /* of those that are open */
    struct login *login;
    char *out; /* frames that are not sent yet */
    size_t out_bytes, out_at, out_cap;
    char in[1 << 20];
    size_t in_bytes;
    unsigned pieces;
};
static struct seen {
    _Atomic int opened, closed, receives, messages, too_big, firsts, finals, pongs, writables,
        peer_closing, later, freed_logins;
    _Atomic uint64_t most_remaining;
    char address[46], bearer[8192]; /* under seen_lock */
    _Atomic size_t bearer_bytes;
} seen;
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void note(char *where, size_t cap, parley_str what)
{
    pthread_mutex_lock(&seen_lock);
    snprintf(where, cap, "%.*s", (int)what.n, what.p ? what.p : "");
    pthread_mutex_unlock(&seen_lock);
}

static inline bool noted(const char *where, const char *what)
{
    pthread_mutex_lock(&seen_lock);
    bool same = strcmp(where, what) == 0;
    pthread_mutex_unlock(&seen_lock);
    return same;
}
static _Atomic bool refuse_open; /* client_open says NULL */
static _Atomic int close_with;   /* the next message closes with this code */
static struct client *_Atomic last_client;

static void fake_send(struct fake *f)
{
    while (f->out_at < f->out_bytes) {
        size_t left = f->out_bytes - f->out_at, most = left;
        ssize_t n;

        /* in pieces of about 64 KiB, at frame boundaries, as the write pump does */
        if (most > 65536)
            for (most = 0; most < 65536;)
                most += frame_length(f->out + f->out_at + most, left - most);
        n = wire_send(f->client.wsi, f->client.tls, f->out + f->out_at, most);
        ck_assert_int_ge(n, 0);
        f->out_at += (size_t)n;
        if (n < (ssize_t)most)
            return;
    }
    free(f->out);
    f->out = NULL;
    f->out_bytes = f->out_at = f->out_cap = 0;
}

static void fake_frame(struct fake *f, int opcode, const char *p, size_t n)
{
    char head[FRAME_HEADER_BYTES];
    size_t h = frame_header(head, opcode, n);

    if (f->out_bytes + h + n > f->out_cap)
        f->out = realloc(f->out, f->out_cap = 2 * (f->out_bytes + h + n));
    memcpy(f->out + f->out_bytes, head, h);
    memcpy(f->out + f->out_bytes + h, p, n);
    f->out_bytes += h + n;
}

/* The i-th frame of a flood: sizes around every border, bytes that tell where they are. */
static size_t flood_frame(unsigned i, char *out)
{
    static const size_t sizes[] = {0,    1,     7,     125,   126,   127,   500,
                                   4000, 16380, 16384, 30000, 65535, 65536, 100000};
    size_t n = sizes[i % (sizeof sizes / sizeof *sizes)];

    for (size_t k = 0; k < n; k++)
        out[k] = (char)('a' + (i * 7 + k * 3 + k / 251) % 26);
    return n;
}

static void fake_flood(struct fake *f, unsigned count)
{
    static char bytes[100000];

    for (unsigned i = 0; i < count; i++)
        fake_frame(f, FRAME_TEXT, bytes, flood_frame(i, bytes));
    fake_send(f);
}

static struct fake *fakes;

static inline void end_others(const struct fake *but)
{
    struct fake *f, *next;

    for (f = fakes; f; f = next) {
        next = f->next;
        if (f != but)
            wire_close_now(f->client.wsi);
    }
}

/* Once the handshake is over, as an admission comes by mail. It may have closed meanwhile. */
static void fake_admitted(void *arg)
{
    struct fake *f = fakes;

    while (f && f != arg)
        f = f->next;
    if (!f)
        return;
    f->client.reading = true;
    wire_read(f->client.wsi, true);
}

struct client *client_open(struct pump *p, const struct handshake *hs)
{
    char address[IP_TEXT];
    struct fake *f;

    ck_assert_int_eq(domain_current, DOMAIN_PUMP);
    note(seen.address, sizeof seen.address, str_of(ip_print(hs->address, address)));
    if (hs->login)
        seen.later++;
    if (refuse_open || !(f = calloc(1, sizeof *f))) {
        identity_unref(hs->identity);
        login_free(hs->login);
        admission_address_left(p->admission, hs->address);
        return NULL;
    }
    f->client = (struct client){.pump = p,
                                .wsi = hs->wsi,
                                .tls = hs->tls,
                                .fd = hs->fd,
                                .identity = hs->identity,
                                .address = *hs->address,
                                .socket_counted = hs->socket_counted,
                                .protocol = hs->protocol};
    f->login = hs->login;
    last_client = &f->client;
    f->next = fakes;
    fakes = f;
    if (hs->corked)
        wire_uncork(hs->wsi);
    if (hs->login)
        wire_read(hs->wsi, false);
    else
        ck_assert_int_eq(actor_call(&p->actor, fake_admitted, f), 0);
    seen.opened++; /* last: what a test asks for then comes behind the admission */
    return &f->client;
}

int client_receive(struct client *c, const char *p, size_t n, size_t remaining, bool first,
                   bool final, bool binary)
{
    struct fake *f = (struct fake *)c;
    unsigned count;

    seen.receives++;
    seen.firsts += first;
    seen.finals += final;
    if (first) {
        f->in_bytes = 0;
        f->pieces = 0;
        if (remaining > seen.most_remaining)
            seen.most_remaining = remaining;
    }
    f->pieces++;
    if (f->in_bytes + n + remaining > sizeof f->in - 1) {
        seen.too_big++;
        c->close_code = 1009;
        wire_want_writable(c->wsi);
        return 1009;
    }
    memcpy(f->in + f->in_bytes, p, n);
    f->in_bytes += n;
    if (!final)
        return 0;
    seen.messages++;
    f->in[f->in_bytes] = 0;
    if (close_with) {
        c->close_code = (uint16_t)close_with;
        c->close_text = (char *)(uintptr_t) "because";
        wire_want_writable(c->wsi);
    } else if (sscanf(f->in, "flood %u", &count) == 1) {
        fake_flood(f, count);
    } else if (strcmp(f->in, "abort") == 0) {
        wire_abort(c->wsi);
    } else if (strcmp(f->in, "alone") == 0) {
        end_others(f);
    } else {
        fake_frame(f, binary ? 2 : FRAME_TEXT, f->in, f->in_bytes);
        fake_send(f);
    }
    return 0;
}

void client_pinged(struct client *c, parley_str payload)
{
    fake_frame((struct fake *)c, FRAME_PONG, payload.p, payload.n);
    fake_send((struct fake *)c);
}

void client_broken(struct client *c)
{
    if (!c->aborted)
        wire_abort(c->wsi);
    c->aborted = true;
}

void client_peer_closed(struct client *c, uint16_t code)
{
    struct fake *f = (struct fake *)c;
    char text[2] = {(char)(code >> 8), (char)code};

    seen.peer_closing++;
    if (!c->close_given) {
        fake_frame(f, FRAME_CLOSE, text, code ? 2 : 0);
        fake_send(f);
    }
    client_broken(c);
}

void client_close(struct client *c, uint16_t code, int left_reason, const char *text)
{
    (void)left_reason;
    (void)text;
    c->state = CLIENT_CLOSING;
    c->close_code = code;
    wire_want_writable(c->wsi);
}

void client_heard(struct client *c)
{
    (void)c;
    seen.pongs++;
}

int client_writable(struct client *c)
{
    seen.writables++;
    fake_send((struct fake *)c);
    if (!c->close_code || ((struct fake *)c)->out_bytes)
        return 0;
    c->close_given = true;
    return -1;
}

void client_peer_closing(struct client *c)
{
    (void)c;
    seen.peer_closing++;
}

void client_closed(struct client *c)
{
    struct fake *f = (struct fake *)c;

    ck_assert_int_eq(domain_current, DOMAIN_PUMP);
    seen.closed++;
    admission_address_left(c->pump->admission, &c->address);
    if (c->identity)
        admission_user_left(c->pump->admission, identity_issuer(c->identity),
                            identity_user(c->identity));
    identity_unref(c->identity);
    login_free(f->login);
    if (last_client == c)
        last_client = NULL;
    for (struct fake **at = &fakes; *at; at = &(*at)->next)
        if (*at == f) {
            *at = f->next;
            break;
        }
    free(f->out);
    free(f);
}

/* --- who may come in: the token is the verdict --- */

static struct identity *fake_identity(const char *user, bool admin)
{
    const parley_str role = PARLEY_STR("admin");
    struct parley_identity who = {.struct_size = sizeof who,
                                  .user = str_of(user),
                                  .username = str_of(user),
                                  .issuer = PARLEY_STR("test"),
                                  .roles = {&role, admin}};

    return identity_new(&who, NULL);
}

struct login *login_new(parley_str bearer, const struct login_query *query, size_t query_count,
                        const char *address)
{
    struct login *l = calloc(1, sizeof *l);

    (void)address;
    arena_init(&l->arena, 4096);
    l->bearer = arena_str(&l->arena, bearer);
    for (size_t i = 0; i < query_count; i++)
        if (!l->bearer.p && str_is(query[i].name, "token"))
            l->bearer = arena_str(&l->arena, query[i].value);
    seen.bearer_bytes = l->bearer.n;
    note(seen.bearer, sizeof seen.bearer, l->bearer);
    return l;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    seen.freed_logins++;
    identity_unref(l->identity);
    arena_finish(&l->arena);
    free(l);
}

/* "banned", "later", "admin", "user..."; none at all is let in where nobody asks for it. */
static bool needs_token;
parley_answer_at_door login_check(struct logins *logins, struct login *l)
{
    (void)logins;
    if (!l->bearer.p && needs_token)
        return PARLEY_NOT_MINE;
    if (str_is(l->bearer, "banned")) {
        snprintf(l->why, sizeof l->why, "User is banned.");
        return PARLEY_REFUSE;
    }
    if (str_is(l->bearer, "later"))
        return PARLEY_LATER;
    if (l->bearer.n >= 5 && memcmp(l->bearer.p, "wrong", 5) == 0) {
        snprintf(l->why, sizeof l->why, "This token is no good.");
        return PARLEY_REFUSE;
    }
    l->identity =
        fake_identity(str_is(l->bearer, "admin") ? "admin" : "user", str_is(l->bearer, "admin"));
    return PARLEY_ADMIT;
}

struct identity *ticket_redeem(struct logins *l, parley_str ticket)
{
    (void)l;
    return str_is(ticket, "good") ? fake_identity("ticket", false) : NULL;
}
#endif
