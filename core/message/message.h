/* A BaseMessage on its way: made by a pump from a frame, judged and sequenced by the hub, and sent
 * home to its pump.
 *
 * One allocation block (an arena that begins inside it) holds all that belongs to it; the block is
 * freed, or used again, by the pump that made it, when it comes home as MAIL_SETTLED. Messages of
 * the server itself are made and freed by the hub.
 */
#ifndef MESSAGE_MESSAGE_H
#define MESSAGE_MESSAGE_H
#include "loop/mail.h"
#include "message/out.h"
#include "message/value.h"

struct packet;
struct plugin_type; /* plugin/registry.h */
struct hub;
struct hub_channel;
struct plugin_instance;

struct outcome { /* how it ended, and who said so */
    parley_verdict verdict;
    parley_code code;
    int64_t retry_after_ms; /* 0: not told */
    const char *section;    /* the hub's, or NULL: the core */
    parley_str rule, text;  /* in the message's arena */
    const char *version;    /* of the section's plugin, or NULL */
    int64_t us;             /* that it took to say so */
};
enum message_state { MESSAGE_NEW, MESSAGE_SEALED, MESSAGE_SETTLED };
struct message {
    struct parley_message pub; /* first: what a plugin holds */
    struct mail mail;          /* MAIL_MESSAGE out, MAIL_SETTLED back; see message_of_mail */
    struct hub *hub;           /* that works on it; NULL on a pump */
    struct arena arena;
    const struct plugin_type *type; /* NULL: of the server alone, known by type_name */
    parley_str type_name;
    uint32_t flags;            /* PARLEY_SIGNED, PARLEY_EPHEMERAL */
    const char *dropped_by;    /* the section that said DROP: only its author gets it; or NULL */
    client_handle author;      /* 0: the server */
    struct identity *identity; /* of the author, when he sent it: a reference; NULL: the server */
    parley_str id;             /* asked for by the client; absent: none. At most 64 bytes */
    parley_str channel;        /* as the client wrote it until the hub has looked it up; then the
                                  catalogue's spelling */
    parley_str recipient;      /* sub */
    struct buf payload; /* JSON text of an object: what the type constructed. Once it is sealed the
                           packet's is the one that counts */
    const parley_value *parsed; /* of it; NULL: not parsed since it changed. In arena */
    uint32_t cost_bytes;        /* of the client's credit */
    bool last_credit;           /* its author is not read again before it is home */
    uint8_t protocol;           /* the author's */
    uint8_t state;              /* enum message_state */
    int64_t cache_id, offset;   /* 0 until the sequencer */
    struct packet *packet;      /* as receivers get it; a reference; NULL until sealed */
    struct hub_channel *to;     /* the hub's, looked up from channel: a reference; NULL: to none */
    /* The hub's, while it works on it. */
    struct message *next;
    struct hold *hold;     /* it waits, or was told to by the hook that runs; NULL: it goes on */
    uint16_t chain_at;     /* the first hub of its chain that has not been asked yet */
    uint64_t user;         /* whose id it took (dedupe.c); 0: it is remembered by none */
    bool credited;         /* its author's credit was given back: it waits for a person */
    bool was_member;       /* its author was in its channel when it came; used once he is gone */
    bool author_closed;    /* he was thrown out while it waited its turn */
    struct out *edit;      /* of parley_message_edit, until the hook returns */
    bool edit_failed;      /* what it wanted changed stands as it was */
    uint64_t stored;       /* the store's number of the latest transaction of hubs that judged it */
    parley_to *deliveries; /* in arena */
    uint32_t delivery_count, delivery_cap;
    struct outcome outcome;
};
static inline struct message *message_of_mail(struct mail *m)
{
    return (struct message *)((char *)m - offsetof(struct message, mail));
}
struct message *message_new(void);       /* all zero, arena ready; NULL: no memory. [pump] [hub] */
void message_destroy(struct message *m); /* takes NULL; drops identity, packet, payload */
void message_reset(struct message *m);   /* as new, keeping its memory: for a pool */
/* As a hub has it before its number is given, for somebody who looks at it aside: it goes nowhere,
 * and is message_destroy()ed by who made it. NULL: no memory. [hub] */
struct message *message_copy(const struct message *m);
const parley_value *message_parsed(
    struct message *m); /* the payload as a tree, parsed when first asked for; NULL: no memory */
/* The payload becomes what `take` holds; or stays, on error (0, or the error of the out). */
int message_replace_payload(struct message *m, struct out *take);
/* The members of `take` replace those of their name in the payload, or join it. */
int message_merge(struct message *m, struct out *take);
#endif
