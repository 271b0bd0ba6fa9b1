/* A channel as one pump sees it: its own clients that are members, and the batches that wait for
 * the next flush.
 *
 * A batch belongs to (channel, protocol, lane). A publication is appended once; the flush sends it
 * to every member with one send each. Members joined after an append do not get what came before:
 * their cursor says so. Runs remember in which order channels were published to, so that who is in
 * several of them sees the hub's order. [pump]
 */
#ifndef CLIENT_CHANNEL_MIRROR_H
#define CLIENT_CHANNEL_MIRROR_H
#include "client/client.h"

#define LANES 2
struct batch_except { /* bytes that some do not get */
    uint32_t from, to;
    client_handle but;
    uint64_t but_user;
    bool not_dashboards;
};
struct batch_run { /* bytes that were published without another channel in between */
    uint32_t from;
    uint64_t serial;
};
struct batch {
    struct frame *frame; /* what is pending; NULL: nothing */
    uint32_t cap; /* bytes allocated in frame; 0: it is a publication's own, shared with others */
    struct batch_except *excepts; /* in the order of their bytes; `first`, until more are needed */
    struct batch_except first;
    uint32_t except_count, except_cap;
    uint64_t serial;        /* of its first run; ordered lane only, as are the others */
    struct batch_run *runs; /* after the first */
    uint32_t run_count, run_cap;
};
struct member {
    struct client *client;
    uint32_t membership; /* index in client->memberships */
    int fd;     /* to send to past all else; 0: not now (choked, or TLS). See mirror_refresh */
    bool alone; /* it is in no other channel but everyone's */
    uint32_t cursor[LANES]; /* bytes of the pending batch that are not for it (it joined later), or
                               already sent; 0 again when that batch has left */
};
struct pump_channel {
    uint32_t number;
    struct member *members[PROTOCOLS_MAX];
    uint32_t member_count[PROTOCOLS_MAX], member_cap[PROTOCOLS_MAX];
    struct batch batches[PROTOCOLS_MAX][LANES];
    bool is_dirty;
    struct pump_channel *next_dirty;
    uint64_t window;   /* the flush window in which it was last published to, */
    uint64_t batch_of; /* and with what else it was read */
};
/* channel_mirror.c: who is in it */
void mirror_client(struct client *c); /* a new one, which is in none */
/* Tells its channels what a flush wants to know without looking at the client: whether it is
 * choked, and in how many of them it is. */
void mirror_refresh(struct client *c);
int mirror_join(struct pump *p, struct client *c,
                uint32_t channel); /* twice is once. 0 or -ENOMEM */
/* First flushes this member's part. */
void mirror_leave(struct pump *p, struct client *c, uint32_t channel);
void mirror_leave_all(struct pump *p, struct client *c, bool flush);
void mirror_channel_closed(struct pump *p, uint32_t channel);          /* all members leave */
struct pump_channel *mirror_channel(struct pump *p, uint32_t channel); /* NULL: nobody is in it */
void mirror_release(struct pump *p, struct pump_channel *ch); /* frees it, if nothing needs it */
void mirror_finish(struct pump *p);
/* batch.c: what goes to them */
void mirror_publish(struct pump *p,
                    struct mail_publish *m); /* appends; takes the frames' references */
/* Sends what is pending for this one client, followed by `last` (borrowed; may be NULL), in as few
 * sends as the scratch buffer allows. */
void mirror_flush_client(struct client *c, struct frame *last, enum lane lane, bool counted);
void mirror_flush_channel(struct pump *p, struct pump_channel *ch); /* to all its members */
void mirror_flush_now(struct pump *p);                              /* all dirty channels */
/* flush_window.c: all dirty channels, if it is time; else it is called again when it may be. */
void flush_window_pass(struct pump *p);
#endif
