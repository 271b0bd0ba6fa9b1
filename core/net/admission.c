/* Who may come in, by numbers. Counted across all pumps, so under one lock, which is held for a
 * look-up in a hash table and nothing else.
 *
 * Addresses are counted as networks of one customer: an IPv4 address, and a /64 of IPv6, whose
 * addresses anybody has by the billion. Entries live as long as their counts.
 */
#include "net/admission.h"

#include "base/set.h"
#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>

#define RAW_SLACK \
    16 /* sockets of one address beyond its cap, so that a refusal can be told by HTTP */

struct network {
    struct ip ip;
    uint8_t bits; /* of its 128 */
};
struct count {
    struct set_link link;
    unsigned clients, sockets;
    uint16_t key_bytes;
    char key[]; /* 16 bytes of an address; or issuer, 0, user */
};
struct admission {
    pthread_mutex_t lock;
    int64_t most, most_per_address, most_per_user;
    int64_t connections;
    struct set addresses, users;
    struct network *proxies;
    size_t proxy_count;
};

/* --- addresses --- */

/* "10.0.0.0/8", "::1" */
static bool parse_network(parley_str s, struct network *ret)
{
    char text[64], *slash;
    unsigned long bits = 128;

    if (!s.p || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    slash = strchr(text, '/');
    if (slash)
        *slash++ = 0;
    if (!ip_parse(text, &ret->ip))
        return false;
    if (slash) {
        char *end;
        bits = strtoul(slash, &end, 10);
        if (*end || end == slash)
            return false;
        if (ip_is_v4(&ret->ip))
            bits += 96;
    }
    ret->bits = (uint8_t)(bits < 128 ? bits : 128);
    return bits <= 128;
}

static bool in_network(const struct ip *ip, const struct network *n)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (memcmp(ip->bytes, n->ip.bytes, whole) != 0)
        return false;
    return !rest || ((ip->bytes[whole] ^ n->ip.bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

bool admission_is_proxy(const struct admission *a, const struct ip *peer)
{
    for (size_t i = 0; i < a->proxy_count; i++)
        if (in_network(peer, &a->proxies[i]))
            return true;
    return false;
}

/* One element of X-Forwarded-For: an address, perhaps "[v6]:port" or "v4:port". */
static bool read_hop(parley_str hop, struct ip *ret)
{
    char text[IP_TEXT];
    const char *end;

    hop = str_trim(hop);
    if (hop.n && hop.p[0] == '[') {
        end = memchr(hop.p, ']', hop.n);
        if (!end)
            return false;
        hop = str_n(hop.p + 1, (size_t)(end - hop.p - 1));
    } else if ((end = memchr(hop.p, ':', hop.n)) &&
               !memchr(end + 1, ':', hop.n - (size_t)(end + 1 - hop.p))) {
        hop.n = (size_t)(end - hop.p);
    }
    if (!hop.n || hop.n >= sizeof text)
        return false;
    memcpy(text, hop.p, hop.n);
    text[hop.n] = 0;
    return ip_parse(text, ret);
}

void admission_forwarded(const struct admission *a, const struct ip *peer,
                         parley_str x_forwarded_for, struct ip *ret)
{
    size_t end = x_forwarded_for.n;
    struct ip hop;

    *ret = *peer;
    if (!x_forwarded_for.p || !admission_is_proxy(a, peer))
        return;
    /* From the right: what a proxy of ours wrote is true, what stands before it is only claimed. */
    for (;;) {
        size_t from = end;
        while (from && x_forwarded_for.p[from - 1] != ',')
            from--;
        if (!read_hop(str_n(x_forwarded_for.p + from, end - from), &hop))
            return;
        *ret = hop;
        if (!from || !admission_is_proxy(a, &hop))
            return;
        end = from - 1;
    }
}

/* --- counts --- */

static struct count *count_of(struct set_link *l)
{
    return (struct count *)l; /* its first member */
}

static parley_str key_of(const struct set_link *l)
{
    const struct count *c = (const struct count *)l;

    return str_n(c->key, c->key_bytes);
}

struct admission *admission_new(const struct settings_server *s)
{
    struct admission *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->proxies = calloc(s->trusted_proxies.n + 1, sizeof *a->proxies);
    if (!a->proxies || pthread_mutex_init(&a->lock, NULL)) {
        free(a->proxies);
        free(a);
        return NULL;
    }
    for (size_t i = 0; i < s->trusted_proxies.n; i++)
        if (parse_network(s->trusted_proxies.items[i], &a->proxies[a->proxy_count]))
            a->proxy_count++;
    a->addresses.key = a->users.key = key_of;
    a->most = s->connections;
    a->most_per_address = s->connections_per_address;
    a->most_per_user = s->connections_per_user;
    return a;
}

static void free_count(void *arg, struct set_link *l)
{
    (void)arg;
    free(count_of(l));
}

static void free_counts(struct set *table)
{
    set_each(table, free_count, NULL);
    set_finish(table);
}

void admission_free(struct admission *a)
{
    if (!a)
        return;
    free_counts(&a->addresses);
    free_counts(&a->users);
    pthread_mutex_destroy(&a->lock);
    free(a->proxies);
    free(a);
}

enum admission_refusal admission_connect(struct admission *a)
{
    enum admission_refusal r = ADMIT_OK;

    pthread_mutex_lock(&a->lock);
    if (a->connections >= a->most)
        r = ADMIT_FULL;
    else
        a->connections++;
    pthread_mutex_unlock(&a->lock);
    return r;
}

void admission_disconnected(struct admission *a)
{
    pthread_mutex_lock(&a->lock);
    a->connections--;
    pthread_mutex_unlock(&a->lock);
}

/* The entry, made if need be; NULL: no memory. */
static struct count *entry(struct set *table, parley_str key)
{
    struct count *c = count_of(set_find(table, key));

    if (c)
        return c;
    c = calloc(1, sizeof *c + key.n);
    if (!c)
        return NULL;
    c->key_bytes = (uint16_t)key.n;
    memcpy(c->key, key.p, key.n);
    if (set_add(table, &c->link) < 0) {
        free(c);
        return NULL;
    }
    return c;
}

static void drop_if_unused(struct set *table, struct count *c)
{
    if (c->clients || c->sockets)
        return;
    set_remove(table, &c->link);
    free(c);
}

/* One more client, or socket, of this key unless that would be more than `most`. Where there is no
 * cap nothing is counted, so that it costs no memory either. */
static bool take(struct admission *a, struct set *table, parley_str key, bool socket, int64_t most)
{
    bool ok = false;

    if (!most)
        return true;
    pthread_mutex_lock(&a->lock);
    struct count *c = entry(table, key);
    if (c) {
        unsigned *counter = socket ? &c->sockets : &c->clients;
        ok = *counter < most;
        if (ok)
            ++*counter;
        drop_if_unused(table, c);
    }
    pthread_mutex_unlock(&a->lock);
    return ok;
}

static void give_back(struct admission *a, struct set *table, parley_str key, bool socket)
{
    pthread_mutex_lock(&a->lock);
    struct count *c = count_of(set_find(table, key));
    if (c) {
        unsigned *counter = socket ? &c->sockets : &c->clients;
        if (*counter)
            --*counter;
        drop_if_unused(table, c);
    }
    pthread_mutex_unlock(&a->lock);
}

/* What one customer has: an IPv4 address, or a /64. */
static struct ip customer(const struct ip *address)
{
    struct ip c = *address;

    if (!ip_is_v4(&c))
        memset(c.bytes + 8, 0, 8);
    return c;
}

static parley_str address_key(const struct ip *c)
{
    return str_n((const char *)c->bytes, sizeof c->bytes);
}

enum admission_refusal admission_address(struct admission *a, const struct ip *address)
{
    struct ip c = customer(address);

    return take(a, &a->addresses, address_key(&c), false, a->most_per_address) ? ADMIT_OK
                                                                               : ADMIT_ADDRESS;
}

void admission_address_left(struct admission *a, const struct ip *address)
{
    struct ip c = customer(address);

    if (a->most_per_address)
        give_back(a, &a->addresses, address_key(&c), false);
}

bool admission_socket(struct admission *a, const struct ip *address)
{
    struct ip c = customer(address);

    return take(a, &a->addresses, address_key(&c), true,
                a->most_per_address ? a->most_per_address + RAW_SLACK : 0);
}

void admission_socket_left(struct admission *a, const struct ip *address)
{
    struct ip c = customer(address);

    if (a->most_per_address)
        give_back(a, &a->addresses, address_key(&c), true);
}

/* Issuer and user are bounded by the identity: 255 bytes of sub; an issuer is a URL. */
#define USER_KEY_BYTES 1024
static parley_str user_key(parley_str issuer, parley_str user, char out[USER_KEY_BYTES])
{
    size_t a = issuer.n < USER_KEY_BYTES / 2 ? issuer.n : USER_KEY_BYTES / 2 - 1;
    size_t b = user.n < USER_KEY_BYTES / 2 ? user.n : USER_KEY_BYTES / 2 - 1;

    if (a)
        memcpy(out, issuer.p, a);
    out[a] = 0;
    if (b)
        memcpy(out + a + 1, user.p, b);
    return str_n(out, a + 1 + b);
}

enum admission_refusal admission_user(struct admission *a, parley_str issuer, parley_str user)
{
    char key[USER_KEY_BYTES];

    return take(a, &a->users, user_key(issuer, user, key), false, a->most_per_user) ? ADMIT_OK
                                                                                    : ADMIT_USER;
}

void admission_user_left(struct admission *a, parley_str issuer, parley_str user)
{
    char key[USER_KEY_BYTES];

    if (a->most_per_user)
        give_back(a, &a->users, user_key(issuer, user, key), false);
}
