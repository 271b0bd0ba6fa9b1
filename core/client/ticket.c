/* Tickets: single use, 30 s, 192 random bits.
 *
 * A ticket is looked up by its SHA-256: how long the look-up takes tells about the hash alone, and
 * a dump of the memory holds no ticket that could be used. All live equally long, so the list in
 * the order of issue is also the order of expiry, and every call begins by dropping its old end.
 */
#include "client/ticket.h"

#include "base/clock.h"
#include "base/str.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>

#define RANDOM_BYTES   24
#define BUCKETS        4096 /* of tickets and of users: a power of two */
#define TICKET_LONGEST 100  /* what the handshake could carry */

_Static_assert(RANDOM_BYTES % 3 == 0, "base64url without a rest");
_Static_assert(RANDOM_BYTES / 3 * 4 < TICKET_BYTES, "a ticket fits its buffer");

struct holder { /* one a user with tickets out */
    struct holder *next;
    uint64_t hash;
    unsigned count;
    struct identity *identity; /* of its first ticket, for who it is */
};

struct ticket {
    struct ticket *next;          /* in its bucket */
    struct ticket *older, *newer; /* in the order of issue */
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct identity *identity;
    struct holder *holder;
    int64_t until_ms;
};

struct tickets {
    pthread_mutex_t lock;
    struct ticket *buckets[BUCKETS];
    struct holder *holders[BUCKETS];
    struct ticket *oldest, *newest;
    size_t count;
};

struct tickets *tickets_new(void)
{
    struct tickets *t = calloc(1, sizeof *t);

    if (t)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

static size_t bucket_of(const unsigned char hash[SHA256_DIGEST_LENGTH])
{
    return ((size_t)hash[0] << 8 | hash[1]) & (BUCKETS - 1);
}

static uint64_t holder_hash(const struct identity *i)
{
    return str_hash(identity_user(i)) ^
           (identity_issuer(i).p ? str_hash(identity_issuer(i)) * 31 : 0);
}

/* The user's entry, made when missing. NULL: no memory. */
static struct holder *holder_of(struct tickets *t, struct identity *i)
{
    uint64_t hash = holder_hash(i);
    struct holder **head = &t->holders[hash & (BUCKETS - 1)], *h;

    for (h = *head; h; h = h->next)
        if (h->hash == hash && str_eq(identity_user(h->identity), identity_user(i)) &&
            str_eq(identity_issuer(h->identity), identity_issuer(i)))
            return h;
    h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->hash = hash;
    h->identity = identity_ref(i);
    h->next = *head;
    *head = h;
    return h;
}

static void holder_release(struct tickets *t, struct holder *h)
{
    struct holder **at = &t->holders[h->hash & (BUCKETS - 1)];

    if (h->count > 0)
        return;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    identity_unref(h->identity);
    free(h);
}

static void drop(struct tickets *t, struct ticket *k)
{
    struct ticket **at = &t->buckets[bucket_of(k->hash)];

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    *(k->older ? &k->older->newer : &t->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &t->newest) = k->older;
    t->count--;
    k->holder->count--;
    holder_release(t, k->holder);
    identity_unref(k->identity);
    free(k);
}

static void drop_expired(struct tickets *t, int64_t now_ms)
{
    for (struct ticket *k = t->oldest, *newer; k && k->until_ms <= now_ms; k = newer) {
        newer = k->newer;
        drop(t, k);
    }
}

void tickets_free(struct tickets *t)
{
    if (!t)
        return;
    drop_expired(t, INT64_MAX);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

size_t tickets_out(struct tickets *t)
{
    size_t n;

    pthread_mutex_lock(&t->lock);
    drop_expired(t, clock_mono_ms());
    n = t->count;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* A ticket travels in a header whose values are tokens (RFC 9110): base64url is one. */
static void write_ticket(const unsigned char random[RANDOM_BYTES], char out[TICKET_BYTES])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < RANDOM_BYTES; i += 3) {
        uint32_t v = (uint32_t)random[i] << 16 | (uint32_t)random[i + 1] << 8 | random[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *out++ = alphabet[v >> shift & 63];
    }
    *out = 0;
}

static int add(struct tickets *t, struct ticket *k, struct identity *i)
{
    int64_t now_ms = clock_mono_ms();
    struct ticket **head = &t->buckets[bucket_of(k->hash)];

    drop_expired(t, now_ms);
    if (t->count >= TICKETS_MAX)
        return -EAGAIN;
    k->holder = holder_of(t, i);
    if (!k->holder)
        return -ENOMEM;
    if (k->holder->count >= TICKETS_USER_MAX)
        return -EAGAIN;
    k->holder->count++;
    k->identity = identity_ref(i);
    k->until_ms = now_ms + TICKET_LIFE_MS;
    k->next = *head;
    *head = k;
    k->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = k;
    t->newest = k;
    t->count++;
    return 0;
}

int ticket_issue(struct logins *l, struct identity *i, char out[TICKET_BYTES])
{
    struct tickets *t = logins_tickets(l);
    unsigned char random[RANDOM_BYTES];
    char text[TICKET_BYTES] = "";
    struct ticket *k = calloc(1, sizeof *k);
    int r;

    if (!k)
        return -ENOMEM;
    if (!str_random(random, sizeof random)) {
        free(k);
        return -EIO;
    }
    write_ticket(random, text);
    if (!SHA256((const unsigned char *)text, strlen(text), k->hash)) {
        free(k);
        return -ENOMEM;
    }
    pthread_mutex_lock(&t->lock);
    r = add(t, k, i);
    pthread_mutex_unlock(&t->lock);
    if (r == 0)
        memcpy(out, text, sizeof text);
    else
        free(k);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(text, sizeof text);
    return r;
}

struct identity *ticket_redeem(struct logins *l, parley_str ticket)
{
    struct tickets *t = logins_tickets(l);
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct identity *i = NULL;
    struct ticket *k;

    if (!ticket.p || ticket.n == 0 || ticket.n > TICKET_LONGEST)
        return NULL;
    if (!SHA256((const unsigned char *)ticket.p, ticket.n, hash))
        return NULL;
    pthread_mutex_lock(&t->lock);
    drop_expired(t, clock_mono_ms());
    for (k = t->buckets[bucket_of(hash)]; k; k = k->next)
        if (CRYPTO_memcmp(k->hash, hash, sizeof hash) == 0)
            break;
    if (k) {
        i = identity_ref(k->identity);
        drop(t, k);
    }
    pthread_mutex_unlock(&t->lock);
    /* What it was issued for may have ended meanwhile: a ticket prolongs nothing. */
    if (i && i->close_on_expiry && i->expires_unix_ms && i->expires_unix_ms <= clock_unix_ms()) {
        identity_unref(i);
        i = NULL;
    }
    return i;
}
