/* The load generator: one thread, one epoll, thousands of WebSocket clients of its own.
 *
 *   load.c      arguments, what a workload is, the result
 *   run.c       the load: who publishes when, what was delivered, when it is over
 *   conn.c      a connection: TCP, TLS, upgrade, frames in and out
 *   dialect_*.c what a server wants to hear: how one joins, how one publishes
 *   measure.c   clocks, the server's CPU and memory, latencies
 *
 * Deliveries are counted by content: a message carries a mark with its channel and number, and what
 * carries none (presence, acks, greetings) is no delivery, whatever frame it comes in.
 */
#ifndef LOAD_H
#define LOAD_H
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define MARK        "~#"
#define MARK_DIGITS 12 /* hex: 4 of the channel, 8 of the number */

/* --- what is wanted --- */

struct workload {
    const char *name;
    unsigned channels, members; /* members of each channel; they publish, too */
    unsigned authors;           /* of each channel */
    unsigned in_flight; /* closed loop: messages of a channel not yet with all its members */
    unsigned rate;      /* open loop: messages a second, in all; then in_flight is 0 */
    unsigned text_bytes;
    unsigned idle;     /* further connections, members of a channel of their own */
    unsigned stalled;  /* percent of the members that stop reading */
    unsigned visitors; /* a second, that come, stay for half a second and go */
    bool handshakes;   /* nothing is published: what is measured is coming in */
};
struct options {
    const struct dialect *dialect;
    struct workload load;
    const char *host;
    unsigned short port;
    pid_t pids[8];
    unsigned pid_count;
    double seconds, warm_up;
    bool tls;
    bool bare;   /* dialect_relay.c */
    char *token; /* NULL: everybody is somebody by name */
};

/* --- connections --- */

enum conn_state { CONN_FREE, CONN_CONNECTING, CONN_SHAKING, CONN_ENTERING, CONN_OPEN };
struct conn {
    int fd;
    uint8_t state;
    bool stalled;      /* is not read from any more */
    bool dirty;        /* has something to send at the end of this turn */
    bool want_out;     /* epoll tells when it may send again */
    unsigned number;   /* of the client: its name */
    unsigned channel;  /* that it is a member of */
    unsigned enters;   /* answers that it waits for before it is in */
    uint32_t expected; /* number of the next message, where one author numbers them all */
    int64_t until_us;  /* a visitor leaves then; 0: it stays */
    SSL *ssl;
    char *in; /* a frame that is not complete yet */
    size_t in_n, in_cap;
    char *out;
    size_t out_n, out_cap;
    struct conn *next; /* among the dirty ones, or the free ones */
};

struct load;

/* What a server wants to hear. */
struct dialect {
    const char *name;
    /* The request's path. */
    void (*path)(const struct load *l, const struct conn *c, char *out, size_t cap);
    /* After the upgrade: asks for what is needed and sets c->enters, or leaves it 0. NULL: path did
     * it all. */
    void (*enter)(struct load *l, struct conn *c);
    /* A frame while c->enters is not 0: lowers it when that was an answer. */
    void (*entering)(struct load *l, struct conn *c, const char *text, size_t n);
    /* A text frame of an open connection that carries no mark: a ping of the server's own. NULL:
     * nothing ever has to be answered. */
    void (*other)(struct load *l, struct conn *c, const char *text, size_t n);
    /* The frame's text that publishes `message`; its length. */
    size_t (*publish)(const struct load *l, const struct conn *c, const char *message, char *out,
                      size_t cap);
    /* Members do not publish: each author has a second connection that does. */
    void (*author_path)(const struct load *l, const struct conn *c, char *out, size_t cap);
};
extern const struct dialect dialect_parley, dialect_relay, dialect_socketio, dialect_nchan;

/* --- the load --- */

struct histogram { /* microseconds: exact to 1/32 */
    uint64_t counts[64 * 32];
    uint64_t n, max;
};
struct flight { /* a message that is not with all members yet */
    int64_t sent_us;
    uint32_t missing;
};
#define FLIGHTS 65536 /* of a channel; a power of two */
struct channel {
    uint32_t next;    /* number of the next message */
    uint32_t readers; /* members that read */
    uint32_t due;     /* to be published in this turn */
    unsigned author;  /* whose turn it is */
    struct conn **authors;
    struct flight *flights;
};
struct load {
    struct options o;
    int epoll;
    SSL_CTX *ssl;
    struct conn *conns; /* all that there will be, members first, channel by channel */
    unsigned conn_count;
    struct conn *dirty;
    struct channel *channels;
    char *buffer;                    /* what is read */
    unsigned coming, opened, closed; /* conns on their way; that are in; that the server closed */
    bool publishing, measuring;
    uint64_t messages, deliveries; /* while measuring */
    uint64_t outstanding;          /* deliveries that have not come */
    uint64_t disorder;             /* a number that was not the next */
    int64_t published_us;          /* open loop: up to when */
    struct histogram latencies;
};

void conn_open(struct load *l, struct conn *c, const char *path);
void conn_event(struct load *l, struct conn *c, uint32_t events);
void conn_send(struct load *l, struct conn *c, int opcode, const char *text, size_t n);
void conn_flush_all(struct load *l);
void conn_close(struct load *l, struct conn *c);

/* conn.c tells */
void run_opened(struct load *l, struct conn *c); /* upgraded, and in */
void run_text(struct load *l, struct conn *c, const char *text, size_t n, int64_t now_us);
void run_closed(struct load *l, struct conn *c);
int run(struct options *o, FILE *out); /* 0, or an exit status */

/* measure.c */
int64_t now_us(void);
double cpu_seconds(const pid_t *pids, unsigned n); /* that those processes have used */
double own_cpu_seconds(void);
int64_t resident_bytes(const pid_t *pids, unsigned n);
void histogram_add(struct histogram *h, int64_t us);
int64_t histogram_at(const struct histogram *h, double quantile);
int measure_signature(const char *key_file, const char *token, FILE *out);
#define FAIL(...) load_fail(__VA_ARGS__)
_Noreturn void load_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
