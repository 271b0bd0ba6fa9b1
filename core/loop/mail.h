/* Everything that travels between hub and pumps: the two directions of the main road, and the lives
 * of clients.
 *
 * A client is known to others by its handle (pump, generation, slot), never by a pointer; a handle
 * of one that is gone is passed over in silence. The life of a client, each step once: pump:
 * CONNECT ->  hub: on_connect, on_greet  -> ADMITTED, or CLOSE pump: GONE (closing was decided or
 * seen)     ->  hub: on_disconnect -> FORGOTTEN: the slot may be used again
 */
#ifndef LOOP_MAIL_H
#define LOOP_MAIL_H
#include "client/frame.h"
#include "client/identity.h"
#include "loop/loop.h"

#include <parley/plugin.h>

typedef uint64_t client_handle; /* parley_client.v; 0: none */
static inline client_handle client_handle_make(uint32_t pump, uint32_t generation, uint32_t slot)
{
    return (uint64_t)(pump + 1) << 56 | (uint64_t)(generation & 0xffffff) << 32 | slot;
}
static inline uint32_t client_handle_pump(client_handle h)
{
    return (uint32_t)(h >> 56) - 1;
}
static inline uint32_t client_handle_generation(client_handle h)
{
    return (uint32_t)(h >> 32) & 0xffffff;
}
static inline uint32_t client_handle_slot(client_handle h)
{
    return (uint32_t)h;
}

#define PROTOCOLS_MAX 4
enum lane { LANE_ORDERED, LANE_EPHEMERAL };

enum mail_kind {
    /* pump to hub */
    MAIL_CONNECT = MAIL_FIRST, /* struct mail_connect */
    MAIL_MESSAGE,              /* struct message (message/message.h), the hub's until SETTLED */
    MAIL_GONE,                 /* struct mail_gone */
    MAIL_IDENTITY,             /* struct mail_connect: a refresh was accepted; same user */
    MAIL_REQUEST,              /* struct http_request (http/http.h): one of a plugin's routes */
    MAIL_PUMP_DRAINED,         /* struct mail: this pump's mailbox fell below its low-water mark */
    /* the store to the hub */
    MAIL_STORED, /* struct mail, the store's: something was committed */
    /* hub to control, and back */
    MAIL_ASK,      /* struct ask (control/ask.h) */
    MAIL_ANSWERED, /* the same */
    /* hub to pump; ADMITTED is the mail that was CONNECT, FORGOTTEN the one that was GONE: where
       there is no memory, everybody still comes and goes */
    MAIL_ADMITTED, /* struct mail_client */
    MAIL_FRAME,    /* struct mail_frame: for one client */
    MAIL_PUBLISH,  /* struct mail_publish: for the members of a channel, one entry a pump */
    MAIL_JOIN,
    MAIL_LEAVE,          /* struct mail_member */
    MAIL_CHANNEL_CLOSED, /* struct mail_member, client 0: the number may be used again */
    MAIL_CLOSE,          /* struct mail_close */
    MAIL_SETTLED,        /* struct message: goes home; its credit is given back */
    MAIL_CREDIT,         /* struct mail_credit: before that, since it waits for a person */
    MAIL_FORGOTTEN,      /* struct mail_client */
    MAIL_ANSWER,         /* struct http_request, answered */
    /* control to pump */
    MAIL_DRAIN,   /* struct mail: 1012 to all; accept no more */
    MAIL_RECHECK, /* struct mail: an authenticator published; ask again about who waits */
    MAIL_FIRST_PRIVATE = 64
};

struct mail_connect {
    struct mail mail;
    client_handle client;
    struct identity *identity; /* a reference, the receiver's */
    uint8_t protocol;          /* index */
    char room[120];            /* CONNECT comes back as ADMITTED, or as CLOSE, which is longer */
};
struct mail_gone {
    struct mail mail;
    client_handle client;
    int reason; /* PARLEY_LEFT_… */
};
struct mail_client {
    struct mail mail;
    client_handle client;
    uint64_t user; /* ADMITTED: the hub's number of the user, for `but_user` */
};
struct mail_frame {
    struct mail mail;
    client_handle client;
    struct frame *frame; /* a reference, the receiver's */
    enum lane lane;
    bool greeting; /* not counted against the bound of the queue; has a deadline of its own */
};
struct mail_publish {
    struct mail mail;
    uint32_t channel; /* the hub's number; 0: everyone */
    uint8_t lane;
    bool not_dashboards;
    client_handle but; /* 0: none left out */
    uint64_t but_user; /* 0: none left out */
    struct frame *
        frames[PROTOCOLS_MAX]; /* by protocol; NULL: nobody speaks it. References, the receiver's */
};
struct mail_member {
    struct mail mail;
    client_handle client;
    uint32_t channel;
};
struct mail_credit {
    struct mail mail;
    client_handle client;
    uint32_t bytes;
};
struct mail_close {
    struct mail mail;
    client_handle client;
    uint16_t code; /* WebSocket close code */
    int reason;    /* PARLEY_LEFT_… */
    char text[124];
};
#endif
