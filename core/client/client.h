/* A client, as its pump knows it: one WebSocket connection from upgrade to close.
 *
 *   upgraded -> PENDING (a login waits) or CONNECTING (the hub is told) -> OPEN -> CLOSING -> gone
 *
 * Reading is on in OPEN alone, and while its credit lasts. From the moment closing is decided or
 * seen it is in no channel, and GONE is posted, once. The slot is used again when the socket is
 * closed and the hub said FORGOTTEN. [pump]
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H
#include "base/ip.h"
#include "loop/mail.h"
#include "net/reader.h"

struct pump;
struct lws;
struct login;
struct incoming;
struct login_wait;
struct send_queue;
struct pump_channel;

enum client_state { CLIENT_PENDING, CLIENT_CONNECTING, CLIENT_OPEN, CLIENT_CLOSING };
struct membership {
    struct pump_channel *channel;
    uint32_t index; /* in the channel's array of members */
};
/* There is one of these for each connection, and most of them are idle: so what only few need at a
 * time (who is choked, sends in pieces, waits for a verdict) hangs on a pointer and goes again. */
struct client {
    struct pump *pump;
    struct lws *wsi;      /* NULL: the socket is closed */
    struct reader reader; /* net/'s; without TLS */
    int fd; /* of a socket that lws neither reads nor sends to by itself; 0: it does */
    uint32_t membership_count;
    client_handle handle;
    uint64_t user;             /* the hub's number, once admitted */
    struct identity *identity; /* NULL while PENDING */
    struct login_wait *wait;   /* PENDING, or refreshed its token not long ago. login_wait.h */
    struct incoming *in;       /* has sent part of a message, or too early. read_pump.h */
    struct send_queue *queue;  /* choked: the socket was full, and all goes through here until it
                                  has run empty */
    struct membership *memberships;        /* there is room for 1 << membership_bits */
    struct membership first[2];            /* room for everyone's channel and another one */
    int32_t credit_messages, credit_bytes; /* left; below 0: lws handed over what it had read */
    int64_t heard_ms, pinged_ms;           /* last sign of life; last ping sent */
    int64_t since_ms;                      /* of the present state, for its deadline */
    int64_t opened_ms;
    int64_t expires_ms; /* of the identity, 0: never. Monotonic: a jump of the clock ends none */
    struct ip address;
    uint8_t state, protocol;
    uint8_t pings; /* that it sent since the last tick */
    uint8_t membership_bits;
    uint16_t close_code;
    bool tls : 1;
    bool reading : 1;        /* data is asked for */
    bool socket_counted : 1; /* for net/: by that address */
    bool user_counted : 1;   /* admission_user was called: to be given back */
    bool gone_due : 1;       /* the hub was told CONNECT, and not yet GONE */
    bool forgotten : 1;      /* the hub never knew it, or has forgotten it */
    bool peer_closing : 1;   /* lws answers the peer's CLOSE itself */
    bool close_given : 1;    /* client_writable said -1: lws says goodbye */
    bool aborted : 1;        /* wire_abort was called */
    bool expiring_told : 1;  /* token_expiring was sent */
    bool corked : 1;         /* until it is admitted. cork.h */
    char *close_text;
    struct mail_gone gone; /* part of it, so that it cannot fail; it comes back as FORGOTTEN */
};
struct client_slot {
    struct client *client;          /* NULL: free */
    uint32_t generation, next_free; /* the next one's number + 1; 0: none */
};

/* --- what net/ tells (from lws's callbacks) --- */
struct handshake { /* what the upgrade found out, borrowed */
    struct lws *wsi;
    bool tls;
    int fd;                    /* 0 under TLS */
    uint8_t protocol;          /* index of the protocol whose path it asked for */
    const struct ip *address;  /* the client's, proxies seen through */
    bool socket_counted;       /* kept for net/, which gives that count back itself */
    bool corked;               /* by wire_cork; a client that is opened uncorks it */
    struct identity *identity; /* taken over; NULL: `login` waits */
    struct login *login;       /* taken over */
};
/* At ESTABLISHED. From here on it gives back what admission counted for this client: the address,
 * and the user if there is an identity; also when it returns NULL (no memory, draining, or too many
 * wait): then net closes with 1013, and hears of no client any more. */
struct client *client_open(struct pump *p, const struct handshake *hs);
/* A piece of a data frame. `remaining`: payload bytes of this WebSocket frame that are still to
 * come.
 * @return 0, or the code with which it is now closing (1003 binary, 1009, 1007, 1008 too many
 * fragments …): client_writable will be asked. What comes for one that is closing is discarded. */
int client_receive(struct client *c, const char *p, size_t n, size_t remaining, bool first,
                   bool final, bool binary);
void client_heard(struct client *c); /* a pong, or any other sign of life */
/* The socket takes more. 0; or -1: close it now with c->close_code and c->close_text. */
int client_writable(struct client *c);
void client_peer_closing(struct client *c); /* the peer sent CLOSE, or the connection broke */
/* The same where lws does not read: answers with that code (0: none), and ends the connection. */
void client_peer_closed(struct client *c, uint16_t code);
void client_pinged(struct client *c, parley_str payload); /* where lws does not read: a PONG */
void client_broken(struct client *c);                     /* hung up, or an error of the socket */
/* lws is done with the socket: wsi is invalid from now on, and so may be c. */
void client_closed(struct client *c);
/* --- what the hub tells (mail), and the pump itself decides --- */
struct client *client_find(struct pump *p, client_handle h); /* NULL: stale */
/* Begins closing; once. 4408 and 1006 (broken, or no sign of life) drop the queue. */
void client_close(struct client *c, uint16_t code, int left_reason, const char *text);
void client_admitted(struct client *c, uint64_t user);
/* One frame for this client. First sends what is pending for it in batches, then the frame, in one
 * send. Takes the reference. */
void client_send(struct client *c, struct frame *take_frame, enum lane lane, bool greeting);
void client_credit(struct client *c, uint32_t messages, uint32_t bytes);
void client_unchoke(struct client *c);              /* drops its queue, if it has one */
void client_tick(struct client *c, int64_t now_ms); /* deadlines, pings, expiry */
/* Its identity is known: tells the hub, which admits or closes it. Takes the reference. */
void client_connect(struct client *c, struct identity *take_identity);
void client_set_identity(struct client *c, struct identity *take_identity);
/* Reads, or lets the peer wait, as state and credit say. */
void client_reading(struct client *c);
/* An error or an ack: his answer to what he sent. */
void client_error(struct client *c, parley_str id, int code, const char *text,
                  int64_t retry_after_ms);
void client_ack(struct client *c, parley_str id);
/* Frees the slot when the socket is closed and the hub has forgotten it (or never knew). */
void client_release(struct client *c);
#endif
