/* Who may come in, by numbers. Counted across all pumps, so under one lock, which is held for a
 * look-up in a hash table and nothing else.
 *
 * Addresses are counted as networks of one customer: an IPv4 address, and a /64 of IPv6, whose
 * addresses anybody has by the billion. Entries live as long as their counts.
 */
#include "net/admission.h"

#include "base/str.h"
#include "net/conn.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

/* Seeded, so that nobody can choose addresses or names that collide; and without memory a count is
 * refused, not the daemon ended. */
#define HASH_FUNCTION(key, bytes, hash) ((hash) = (unsigned)str_hash(str_n((key), (bytes))))
#define HASH_NONFATAL_OOM               1
#define uthash_nonfatal_oom(c)          ((c)->not_added = true)
#include <uthash.h>

#define RAW_SLACK \
    16 /* sockets of one address beyond its cap, so that a refusal can be told by HTTP */

struct network {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;
};
struct count {
    UT_hash_handle hh;
    unsigned clients, sockets;
    bool not_added;
    char key[]; /* 16 bytes of an address; or issuer, 0, user */
};
struct admission {
    pthread_mutex_t lock;
    int64_t most, most_per_address, most_per_user;
    int64_t connections;
    struct count *addresses, *users;
    struct network *proxies;
    size_t proxy_count;
};

/* --- addresses --- */

static bool parse_ip(const char *text, uint8_t out[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        memcpy(out, mapped, 12);
        memcpy(out + 12, &v4, 4);
        return true;
    }
    return inet_pton(AF_INET6, text, out) == 1;
}

static bool is_v4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(ip, mapped, 12) == 0;
}

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
    if (!parse_ip(text, ret->bytes))
        return false;
    if (slash) {
        char *end;
        bits = strtoul(slash, &end, 10);
        if (*end || end == slash)
            return false;
        if (is_v4(ret->bytes))
            bits += 96;
    }
    ret->bits = (uint8_t)(bits < 128 ? bits : 128);
    return bits <= 128;
}

static bool in_network(const uint8_t ip[16], const struct network *n)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (memcmp(ip, n->bytes, whole) != 0)
        return false;
    return !rest || ((ip[whole] ^ n->bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

bool admission_is_proxy(const struct admission *a, const char *peer)
{
    uint8_t ip[16];

    if (!a->proxy_count || !parse_ip(peer, ip))
        return false;
    for (size_t i = 0; i < a->proxy_count; i++)
        if (in_network(ip, &a->proxies[i]))
            return true;
    return false;
}

/* One element of X-Forwarded-For: an address, perhaps "[v6]:port" or "v4:port". */
static bool read_hop(parley_str hop, char out[46])
{
    const char *end;
    uint8_t ip[16];

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
    if (!hop.n || hop.n >= 46)
        return false;
    memcpy(out, hop.p, hop.n);
    out[hop.n] = 0;
    if (!parse_ip(out, ip))
        return false;
    inet_ntop(is_v4(ip) ? AF_INET : AF_INET6, is_v4(ip) ? ip + 12 : ip, out, 46);
    return true;
}

void admission_forwarded(const struct admission *a, const char *peer, parley_str x_forwarded_for,
                         char out[46])
{
    size_t end = x_forwarded_for.n;
    char hop[46];

    snprintf(out, 46, "%s", peer);
    if (!x_forwarded_for.p || !admission_is_proxy(a, peer))
        return;
    /* From the right: what a proxy of ours wrote is true, what stands before it is only claimed. */
    for (;;) {
        size_t from = end;
        while (from && x_forwarded_for.p[from - 1] != ',')
            from--;
        if (!read_hop(str_n(x_forwarded_for.p + from, end - from), hop))
            return;
        memcpy(out, hop, sizeof hop);
        if (!from || !admission_is_proxy(a, hop))
            return;
        end = from - 1;
    }
}

/* --- counts --- */

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
    a->most = s->connections;
    a->most_per_address = s->connections_per_address;
    a->most_per_user = s->connections_per_user;
    return a;
}

static void free_counts(struct count **table)
{
    struct count *c = *table, *next;

    HASH_CLEAR(hh, *table); /* the entries stay linked in the order of their making */
    for (; c; c = next) {
        next = c->hh.next;
        free(c);
    }
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

static struct count *find(struct count *table, const char *key, size_t n)
{
    struct count *c;

    HASH_FIND(hh, table, key, n, c);
    return c;
}

/* The entry, made if need be; NULL: no memory. */
static struct count *entry(struct count **table, const char *key, size_t n)
{
    struct count *c = find(*table, key, n);

    if (c)
        return c;
    c = calloc(1, sizeof *c + n);
    if (!c)
        return NULL;
    memcpy(c->key, key, n);
    HASH_ADD_KEYPTR(hh, *table, c->key, n, c);
    if (c->not_added) {
        free(c);
        return NULL;
    }
    return c;
}

static void drop_if_unused(struct count **table, struct count *c)
{
    if (c->clients || c->sockets)
        return;
    HASH_DEL(*table, c);
    free(c);
}

static void address_key(const char *address, char out[16])
{
    uint8_t ip[16] = {0};

    if (parse_ip(address, ip) && !is_v4(ip))
        memset(ip + 8, 0, 8);
    memcpy(out, ip, 16);
}

/* One more client, or socket, of this key unless that would be more than `most`. */
static bool take(struct admission *a, struct count **table, const char *key, size_t n, bool socket,
                 int64_t most)
{
    bool ok = false;

    pthread_mutex_lock(&a->lock);
    struct count *c = entry(table, key, n);
    if (c) {
        unsigned *counter = socket ? &c->sockets : &c->clients;
        ok = !most || *counter < most;
        if (ok)
            ++*counter;
        drop_if_unused(table, c);
    }
    pthread_mutex_unlock(&a->lock);
    return ok;
}

static void give_back(struct admission *a, struct count **table, const char *key, size_t n,
                      bool socket)
{
    pthread_mutex_lock(&a->lock);
    struct count *c = find(*table, key, n);
    if (c) {
        unsigned *counter = socket ? &c->sockets : &c->clients;
        if (*counter)
            --*counter;
        drop_if_unused(table, c);
    }
    pthread_mutex_unlock(&a->lock);
}

enum admission_refusal admission_address(struct admission *a, const char *address)
{
    char key[16];

    address_key(address, key);
    return take(a, &a->addresses, key, sizeof key, false, a->most_per_address) ? ADMIT_OK
                                                                               : ADMIT_ADDRESS;
}

void admission_address_left(struct admission *a, const char *address)
{
    char key[16];

    address_key(address, key);
    give_back(a, &a->addresses, key, sizeof key, false);
}

bool admission_socket(struct admission *a, const char *address)
{
    char key[16];

    address_key(address, key);
    return take(a, &a->addresses, key, sizeof key, true,
                a->most_per_address ? a->most_per_address + RAW_SLACK : 0);
}

void admission_socket_left(struct admission *a, const char *address)
{
    char key[16];

    address_key(address, key);
    give_back(a, &a->addresses, key, sizeof key, true);
}

/* Issuer and user are bounded by the identity: 255 bytes of sub; an issuer is a URL. */
#define USER_KEY_BYTES 1024
static size_t user_key(parley_str issuer, parley_str user, char out[USER_KEY_BYTES])
{
    size_t a = issuer.n < USER_KEY_BYTES / 2 ? issuer.n : USER_KEY_BYTES / 2 - 1;
    size_t b = user.n < USER_KEY_BYTES / 2 ? user.n : USER_KEY_BYTES / 2 - 1;

    if (a)
        memcpy(out, issuer.p, a);
    out[a] = 0;
    if (b)
        memcpy(out + a + 1, user.p, b);
    return a + 1 + b;
}

enum admission_refusal admission_user(struct admission *a, parley_str issuer, parley_str user)
{
    char key[USER_KEY_BYTES];
    size_t n = user_key(issuer, user, key);

    return take(a, &a->users, key, n, false, a->most_per_user) ? ADMIT_OK : ADMIT_USER;
}

void admission_user_left(struct admission *a, parley_str issuer, parley_str user)
{
    char key[USER_KEY_BYTES];
    size_t n = user_key(issuer, user, key);

    give_back(a, &a->users, key, n, false);
}
