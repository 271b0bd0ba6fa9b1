/* Listening sockets: one a pump for each address, by SO_REUSEPORT, so that the kernel spreads the
 * connections.
 *
 * SO_REUSEPORT lets every process of the same user join in, another Parley too; so the first bind
 * of each address is made without it, and thrown away: it fails if anybody listens there.
 */
#include "base/str.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARED_PORTS 64
#define UNSENT_BYTES \
    (64 *            \
     1024) /* beyond it a socket is not writable: what waits longer waits in our bounded queues */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The ports that the kernel chose for entries with port 0, by the entry's text as a pointer: the
 * same text in another list is another entry. [control] alone */
static struct {
    const char *entry;
    in_port_t port;
} shared_ports[SHARED_PORTS];
static unsigned shared_count;

/* "permission denied", to go on in a sentence */
static const char *error_words(int error, char out[128])
{
    snprintf(out, 128, "%s", strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error");
    if (out[0] && !isupper((unsigned char)out[1]))
        out[0] = (char)tolower((unsigned char)out[0]);
    return out;
}

static bool parse_port(const char *s, in_port_t *ret)
{
    unsigned port = 0;

    if (!*s || strlen(s) > 5)
        return false;
    for (; *s; s++) {
        if (!isdigit((unsigned char)*s))
            return false;
        port = port * 10 + (unsigned)(*s - '0');
    }
    *ret = htons((in_port_t)port);
    return port <= 65535;
}

/* "127.0.0.1:8080", "[::1]:8080" */
static bool parse_address(parley_str s, union address *ret, socklen_t *ret_n)
{
    char host[64], *colon, *end;
    in_port_t port;

    memset(ret, 0, sizeof *ret);
    if (!s.p || s.n >= sizeof host)
        return false;
    memcpy(host, s.p, s.n);
    host[s.n] = 0;
    colon = strrchr(host, ':');
    if (!colon || !parse_port(colon + 1, &port))
        return false;
    *colon = 0;
    if (host[0] == '[') {
        end = colon - 1;
        if (*end != ']')
            return false;
        *end = 0;
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = port;
        *ret_n = sizeof ret->v6;
        return inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1;
    }
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = port;
    *ret_n = sizeof ret->v4;
    return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1;
}

static in_port_t *port_of(union address *a)
{
    return a->any.sa_family == AF_INET6 ? &a->v6.sin6_port : &a->v4.sin_port;
}

static void print_address(union address *a, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
    else
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
    snprintf(out, 64, a->any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)ntohs(*port_of(a)));
}

/* A bound socket, or -Exxx. */
static int open_bound(const union address *a, socklen_t n, bool shared)
{
    int yes = 1;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) < 0) ||
        (a->any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) < 0) ||
        bind(fd, &a->any, n) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* Accepted sockets inherit what is set here. 0 or -Exxx */
static int begin_listening(int fd)
{
    int yes = 1, unsent = UNSENT_BYTES;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) < 0 ||
        listen(fd, SOMAXCONN) < 0)
        return -errno;
    return 0;
}

static void remember_port(const char *entry, in_port_t port)
{
    unsigned i = 0;

    while (i < shared_count && shared_ports[i].entry != entry)
        i++;
    if (i == SHARED_PORTS)
        return;
    if (i == shared_count)
        shared_count++;
    shared_ports[i].entry = entry;
    shared_ports[i].port = port;
}

static in_port_t recall_port(const char *entry)
{
    for (unsigned i = 0; i < shared_count; i++)
        if (shared_ports[i].entry == entry)
            return shared_ports[i].port;
    return 0;
}

static int listen_one(parley_str entry, bool first, struct listener_socket *ret)
{
    union address a;
    socklen_t n = 0;
    int fd, error;

    if (!parse_address(entry, &a, &n))
        return -EINVAL;
    if (*port_of(&a) == 0 && !first)
        *port_of(&a) = recall_port(entry.p);
    if (first && *port_of(&a)) {
        fd = open_bound(&a, n, false);
        if (fd < 0)
            return fd;
        close(fd);
    }
    fd = open_bound(&a, n, true);
    if (fd < 0)
        return fd;
    error = begin_listening(fd);
    if (!error && getsockname(fd, &a.any, &n) < 0)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    if (first)
        remember_port(entry.p, *port_of(&a));
    ret->fd = fd;
    print_address(&a, ret->address);
    return 0;
}

int net_listen(const parley_list *addresses, bool first, struct listener_socket **sockets,
               size_t *count, char why[256])
{
    struct listener_socket *list = calloc(addresses->n ? addresses->n : 1, sizeof *list);
    char words[128], name[80];

    if (!list) {
        snprintf(why, 256, "cannot listen: out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < addresses->n; i++) {
        int error = listen_one(addresses->items[i], first, &list[i]);
        if (!error)
            continue;
        str_printable(addresses->items[i], name, sizeof name);
        if (error == -EINVAL)
            snprintf(why, 256, "cannot listen on %s: not an address and a port", name);
        else
            snprintf(why, 256, "cannot listen on %s: %s", name, error_words(-error, words));
        while (i--)
            close(list[i].fd);
        free(list);
        return error;
    }
    *sockets = list;
    *count = addresses->n;
    return 0;
}
