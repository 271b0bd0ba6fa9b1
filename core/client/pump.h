/* A pump: the loop that owns a share of the clients and their sockets. It reads, asks the message
 * types to construct, hands to the hub; and it carries what the hub publishes into sockets, a batch
 * at a time.
 *
 * Everything here is [pump], of this pump alone. What of it others may know, they know by mail.
 */
#ifndef CLIENT_PUMP_H
#define CLIENT_PUMP_H
#include "base/metrics.h"
#include "client/client.h"
#include "config/settings.h"
#include "loop/mail.h"
#include "message/out.h"

struct admission; /* net/admission.h */
struct net;       /* net/net.h: this pump's lws context and listeners */
struct registry;  /* plugin/registry.h */
struct logins;    /* client/login.h */
struct message;
struct pump_channel;

/* Why messages did not reach a client. CHOKED: ephemeral, and it is behind. FULL: ephemeral, and
 * its queue is full. SLOW, LOST: in the queue of one that was closed with 4408, or whose connection
 * is gone. */
enum pump_drop {
    PUMP_DROP_CHOKED,
    PUMP_DROP_FULL,
    PUMP_DROP_SLOW,
    PUMP_DROP_LOST,
    PUMP_DROP_MEMORY,
    PUMP_DROPS
};
#define PUMP_SCRATCH_BYTES ((size_t)64 * 1024)
#define PUMP_LEFT_REASONS  (PARLEY_LEFT_VIOLATION + 1)
#define PUMP_CODES         (PARLEY_E_UNKNOWN_RECIPIENT + 1)
#define PUMP_LOW_WATER     16384 /* mails; below the hub's high-water mark of a pump's mailbox */

struct flush_window {  /* flush_window.c's: when what is pending may leave */
    int64_t fixed_us;  /* the setting; -1: auto */
    int64_t until_us;  /* it is open until then */
    uint64_t serial;   /* of the window, for pump_channel.window */
    uint64_t batch;    /* counts what was read in one go, for pump_channel.batch_of */
    uint32_t gathered; /* publications that found one of their channel which had been read before */
    bool published;    /* something was, in this turn of the loop */
    int64_t reading_since_us; /* turns have brought something ever since; 0: not */
    bool waiting;             /* what is published in this window waits for its end */
    bool waited;              /* something did */
    bool full;                /* too much is pending to wait longer */
    uint32_t vain;            /* windows to let pass before waiting is tried again */
    uint32_t skip;            /* how many of them are left */
    uint64_t pending_bytes;
};
struct corked { /* whom the next flush uncorks. cork.h */
    client_handle *clients;
    uint32_t count, cap;
};
struct pump {
    struct actor actor;
    char name[16]; /* of the actor */
    uint32_t index;
    bool draining; /* new ones are refused */
    const struct settings *settings;
    const struct registry *registry; /* message types and protocols: constant while the pump runs */
    struct logins *logins;
    struct actor *hub;
    struct net *net;
    struct admission *admission; /* given back to, by client_closed; NULL: nothing is counted */
    /* Mail that is not the pump's own (MAIL_ANSWER): for whoever sits on its loop. NULL: it is
     * logged, and lost. */
    void (*on_other_mail)(struct pump *p, struct mail *take_mail);
    struct client_slot *slots;      /* by slot number; grows */
    uint32_t slot_count, slot_free; /* slot_free: number + 1; 0: none */
    uint32_t client_count;          /* sockets that are upgraded, whatever their state */
    uint32_t pending_count;         /* of them PENDING */
    uint32_t channel_count;         /* of channels */
    uint32_t pings_left;            /* in this tick */
    struct pump_channel **channels; /* by the hub's number; grows; NULL: nobody here is in it */
    const struct pump_channel *run_channel; /* last published to, and the serial of that run */
    uint64_t run_serial;
    struct pump_channel *dirty; /* with a batch that waits for the flush */
    struct corked corked;
    struct flush_window window;
    ev_timer flush_timer;
    struct frame *spare; /* memory of the last batch, for the next */
    char *scratch;       /* PUMP_SCRATCH_BYTES, to gather parts of one send */
    char *joint;         /* as many, for both lanes of a channel together */
    struct out out;      /* what types construct into; its text changes places with a message's */
    struct message *spares; /* that came home, for the next */
    uint32_t spare_count;
    uint32_t spare_cap; /* of `spare` */
    int64_t depth_seen; /* the fullest that the mailbox was since the last flush */
    uint64_t random;    /* state of the jitter */
    struct {            /* since the last flush: counted here, told in one go */
        uint64_t deliveries, bytes, sends;
    } told;
    struct {
        struct metric *messages_in, *deliveries, *bytes_out, *flushes, *sends, *clients;
        struct metric *drops[PUMP_DROPS], *left[PUMP_LEFT_REASONS], *refused[PUMP_CODES];
    } metrics;
};

/* Fills the actor's callbacks (mail, flush, tick); the caller adds it to a loop, and sets net,
 * admission and on_other_mail before that loop runs. 0; -ENOMEM; -EINVAL: the flush_window is no
 * duration. */
int pump_init(struct pump *p, uint32_t index, const struct settings *s, const struct registry *r,
              struct logins *l, struct actor *hub);
/* After its loop ended, and after net_free, which still tells of sockets that close. Clients that
 * are left are dropped without a word. */
void pump_finish(struct pump *p);
bool pump_empty(const struct pump *p); /* no socket is open: a drain is over */
/* Counts what was dropped, and logs it. */
void pump_dropped(struct client *c, enum pump_drop why, uint32_t messages);
uint64_t pump_random(struct pump *p); /* for spreading things, not for secrets */
#endif
