/* parley-limit: the limit to compare with. It does as little as a relay over WebSockets can do.
 *
 * No authentication, no JSON, no policy: the path of the request is the channel, and what a member
 * sends goes to all members as it is. One thread on epoll. A frame is made once; what one turn of
 * the loop brought for a channel leaves in one send a member, and nothing ever waits to gather
 * more. A member whose socket is full has a queue, and is closed when that passes 256 KiB.
 *
 * It is a yardstick: do not serve anybody with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 1024,
    READ_BYTES = 256 * 1024,
    QUEUE_BYTES = 256 * 1024,
    MESSAGE_BYTES = 64 * 1024,
    PATH_BYTES = 64,
    BACKLOG = 4096,
};

struct room {
    struct room *next, *next_dirty;
    struct peer **members;
    unsigned count, cap;
    bool dirty;
    char *batch;
    size_t batch_n, batch_cap;
    char path[PATH_BYTES];
};
struct peer {
    int fd;
    unsigned index;    /* in the room */
    struct room *room; /* NULL: not upgraded yet */
    char *in, *out;
    unsigned in_n, out_n;
    bool want_out;
};

static int epoll_fd;
static struct room *rooms, *dirty;
static char read_buffer[READ_BYTES + MESSAGE_BYTES];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "parley-limit: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *grow(void *p, size_t n)
{
    p = realloc(p, n);
    if (!p)
        fail("memory");
    return p;
}

static void watch(struct peer *p, int how, bool out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = p};

    p->want_out = out;
    if (epoll_ctl(epoll_fd, how, p->fd, &e) < 0)
        fail("epoll_ctl");
}

/* --- rooms --- */

static struct room *room_of(const char *path, size_t n)
{
    struct room *r;

    if (n >= PATH_BYTES)
        n = PATH_BYTES - 1;
    for (r = rooms; r; r = r->next)
        if (strncmp(r->path, path, n) == 0 && !r->path[n])
            return r;
    r = grow(NULL, sizeof *r);
    *r = (struct room){.next = rooms};
    memcpy(r->path, path, n);
    rooms = r;
    return r;
}

static void join(struct peer *p, struct room *r)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->members = grow(r->members, r->cap * sizeof *r->members);
    }
    p->room = r;
    p->index = r->count;
    r->members[r->count++] = p;
}

static void drop(struct peer *p)
{
    struct room *r = p->room;

    if (r) {
        struct peer *last = r->members[--r->count];

        r->members[p->index] = last;
        last->index = p->index;
    }
    close(p->fd);
    free(p->in);
    free(p->out);
    free(p);
}

/* --- out --- */

/* False: it is gone. */
static bool queue(struct peer *p, const char *bytes, size_t n)
{
    if (p->out_n + n > QUEUE_BYTES) {
        drop(p);
        return false;
    }
    p->out = grow(p->out, p->out_n + n);
    memcpy(p->out + p->out_n, bytes, n);
    p->out_n += (unsigned)n;
    if (!p->want_out)
        watch(p, EPOLL_CTL_MOD, true);
    return true;
}

static bool give(struct peer *p, const char *bytes, size_t n)
{
    ssize_t sent = 0;

    if (!p->out_n) {
        sent = send(p->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)n)
            return true;
        if (sent < 0 && errno != EAGAIN) {
            drop(p);
            return false;
        }
        if (sent < 0)
            sent = 0;
    }
    return queue(p, bytes + sent, n - (size_t)sent);
}

static void writable(struct peer *p)
{
    ssize_t sent = send(p->fd, p->out, p->out_n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0)
        return; /* what is wrong with it, the next read tells */
    p->out_n -= (unsigned)sent;
    memmove(p->out, p->out + sent, p->out_n);
    if (p->out_n)
        return;
    free(p->out);
    p->out = NULL;
    watch(p, EPOLL_CTL_MOD, false);
}

static void flush_rooms(void)
{
    struct room *r;

    while ((r = dirty)) {
        dirty = r->next_dirty;
        r->dirty = false;
        for (unsigned i = r->count; i-- > 0;) /* the last one takes the place of who is dropped */
            give(r->members[i], r->batch, r->batch_n);
        r->batch_n = 0;
    }
}

/* --- in --- */

static void unmask(char *to, const char *from, size_t n, const char key[4])
{
    uint64_t wide;
    uint32_t narrow;
    size_t i;

    memcpy(&narrow, key, 4);
    wide = (uint64_t)narrow << 32 | narrow;
    for (i = 0; i + 8 <= n; i += 8) {
        uint64_t v;

        memcpy(&v, from + i, 8);
        v ^= wide;
        memcpy(to + i, &v, 8);
    }
    for (; i < n; i++)
        to[i] = from[i] ^ key[i & 3];
}

/* Appends the frame as receivers get it. */
static void publish(struct room *r, const char *payload, size_t n, const char key[4])
{
    char *p;

    if (r->batch_n + n + 10 > r->batch_cap) {
        r->batch_cap = 2 * (r->batch_n + n + 10);
        r->batch = grow(r->batch, r->batch_cap);
    }
    p = r->batch + r->batch_n;
    *p++ = (char)0x81;
    if (n < 126) {
        *p++ = (char)n;
    } else {
        *p++ = 126;
        *p++ = (char)(n >> 8);
        *p++ = (char)n;
    }
    unmask(p, payload, n, key);
    r->batch_n = (size_t)(p + n - r->batch);
    if (!r->dirty) {
        r->dirty = true;
        r->next_dirty = dirty;
        dirty = r;
    }
}

static bool upgrade(struct peer *p, const char *head, size_t n)
{
    static const char name[] = "Sec-WebSocket-Key: ",
                      guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *key = memmem(head, n, name, sizeof name - 1), *path = memchr(head, ' ', n), *end;
    unsigned char seed[24 + sizeof guid], hash[SHA_DIGEST_LENGTH], accept[32];
    char answer[256];
    int length;

    if (!key || !path || key + sizeof name - 1 + 24 > head + n)
        return false;
    end = memchr(path + 1, ' ', (size_t)(head + n - path - 1));
    if (!end)
        return false;
    memcpy(seed, key + sizeof name - 1, 24);
    memcpy(seed + 24, guid, sizeof guid - 1);
    SHA1(seed, 24 + sizeof guid - 1, hash);
    EVP_EncodeBlock(accept, hash, sizeof hash);
    length = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      accept);
    if (send(p->fd, answer, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length)
        return false;
    join(p, room_of(path + 1, (size_t)(end - path - 1)));
    return true;
}

/* Takes what is whole of the n bytes; -1: close it. */
static ssize_t take(struct peer *p, const char *bytes, size_t n)
{
    size_t done = 0;

    if (!p->room) {
        const char *end = memmem(bytes, n, "\r\n\r\n", 4);

        if (!end)
            return n > 8192 ? -1 : 0;
        done = (size_t)(end - bytes) + 4;
        if (!upgrade(p, bytes, done))
            return -1;
    }
    for (;;) {
        const unsigned char *b = (const unsigned char *)bytes + done;
        size_t left = n - done, head = 6, length;

        if (left < 2)
            return (ssize_t)done;
        length = b[1] & 127;
        if (length == 127)
            return -1;
        if (length == 126) {
            head = 8;
            if (left < head)
                return (ssize_t)done;
            length = (size_t)b[2] << 8 | b[3];
        }
        if (left < head + length)
            return (ssize_t)done;
        if ((b[0] & 15) == 8)
            return -1;
        if ((b[0] & 15) == 1)
            publish(p->room, (const char *)b + head, length, (const char *)b + head - 4);
        done += head + length;
    }
}

static void readable(struct peer *p)
{
    size_t had = p->in_n;
    ssize_t n, done;

    if (had)
        memcpy(read_buffer, p->in, had);
    n = recv(p->fd, read_buffer + had, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    done = n > 0 ? take(p, read_buffer, had + (size_t)n) : -1;
    if (done < 0) {
        drop(p);
        return;
    }
    p->in_n = (unsigned)(had + (size_t)n - (size_t)done);
    if (p->in_n) {
        p->in = grow(p->in, p->in_n);
        memcpy(p->in, read_buffer + done, p->in_n);
    } else if (p->in) {
        free(p->in);
        p->in = NULL;
    }
}

/* --- the loop --- */

static void accept_all(int listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *p = grow(NULL, sizeof *p);

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        *p = (struct peer){.fd = fd};
        watch(p, EPOLL_CTL_ADD, false);
    }
}

static int listen_on(unsigned short port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        fail("listen");
    printf("listening on 127.0.0.1:%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS], e = {.events = EPOLLIN, .data.ptr = NULL};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e) < 0)
        fail("epoll_ctl");
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;

            if (!p)
                accept_all(listener);
            else if (events[i].events & ~(unsigned)EPOLLOUT)
                readable(p);
            else
                writable(p);
        }
        flush_rooms();
    }
}

int main(int argc, char **argv)
{
    unsigned short port = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            port = (unsigned short)atoi(argv[i + 1]);
        } else if (strcmp(argv[i], "--cpu") == 0) {
            cpu_set_t set;

            CPU_ZERO(&set);
            CPU_SET(atoi(argv[i + 1]), &set);
            if (sched_setaffinity(0, sizeof set, &set) < 0)
                fail("--cpu");
        } else {
            fprintf(stderr, "usage: parley-limit [--port N] [--cpu CORE]\n");
            return 2;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail("epoll");
    serve(listen_on(port));
}
