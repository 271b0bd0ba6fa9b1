/* The hub's own records, shared by the files of this folder and by plugin/api_*.c, which serve
 * plugins from them. [hub] */
#ifndef HUB_INTERNAL_H
#define HUB_INTERNAL_H
#include "base/clock.h"
#include "base/metrics.h"
#include "base/set.h"
#include "channel/channel.h"
#include "hub/hub.h"
#include "hub/judge.h"
#include "message/encode.h"
#include "message/message.h"
#include "message/packet.h"

struct slot_kind { /* what a section keeps under a name, for whomever it is: the same bytes */
    struct slot_kind *next;
    uint32_t version, bytes;
    bool outdated; /* nothing that serves asks for it: goes when a newer one is made there */
    char name[];
};
struct hub_slot { /* a plugin's bytes, kept for a client, a user or a channel */
    struct hub_slot *next;
    const struct slot_kind *kind;
    max_align_t data[];
};

struct hub_membership {
    struct hub_channel *channel;
    int64_t joined_at; /* the channel's offset then */
};
struct hub_greeting {
    int32_t order;
    uint32_t asked; /* of those of the same order the first comes first */
    struct packet *packet;
};

enum hub_client_state { HUB_CLIENT_CONNECTING, HUB_CLIENT_OPEN, HUB_CLIENT_CLOSING };
struct hub_arrival {           /* of a client that is CONNECTING, for one turn of the hub */
    struct mail_connect *mail; /* that brought it, and becomes ADMITTED or CLOSE */
    struct hub_greeting *greetings;
    uint32_t greeting_count, greeting_cap;
    struct hub_early *early, **early_end; /* what waits for the greeting */
};
struct hub_client {
    client_handle handle;
    struct identity *identity; /* a reference */
    struct hub_user *user;
    struct hub_client *next_of_user, **at_of_user; /* at: what points to it */
    int64_t connected_at;                          /* Unix milliseconds */
    struct hub_slot *slots;
    struct hub_arrival *arrival; /* NULL: it has arrived */
    uint64_t delivery;           /* number of the latest delivery that reached it */
    union {
        struct hub_membership one; /* while membership_cap is 1 */
        struct hub_membership *many;
    } memberships;
    uint32_t membership_count, membership_cap;
    uint32_t passed; /* these are told of the disconnect: hubs with a seat up to that number; or,
                        when one refused it, so many of the chain */
    uint8_t state, protocol;
    bool refused; /* not by the first */
    bool untold;  /* CLOSING, and there was no memory to tell its pump */
};
struct hub_early {
    struct hub_early *next;
    struct packet *packet;
};

struct hub_user {         /* all connections of one user; stays for a while after the last one */
    struct set_link link; /* in hub.users */
    uint64_t number;
    struct identity *newest; /* of the latest token: its username is the user's */
    struct hub_slot *slots;
    struct hub_client *clients;
    uint32_t client_count, people_count; /* people: connections that are no dashboards */
    int64_t away_since_ms;               /* while client_count is 0 */
    struct hub_user *away_prev, *away_next;
};

enum op_kind { OP_SEND, OP_PACKET, OP_JOIN, OP_LEAVE, OP_CLOSE, OP_CHANNEL_CLOSE };
struct op { /* what a hook asked for: done in order, when it has returned */
    struct op *next;
    enum op_kind kind;
    struct plugin_instance *instance;
    client_handle client;
    struct message *message; /* SEND: to be judged by STORE hubs and delivered */
    struct message *judged;  /* JOIN: of its author, asked for while it was judged; else NULL */
    struct packet *packet;   /* PACKET: a reference */
    parley_to to;            /* PACKET; its strings lie in `text` */
    int32_t number;          /* CLOSE: code */
    char text[];             /* JOIN, LEAVE, CHANNEL_CLOSE: the channel's name; CLOSE: the words */
};

struct hub_instance { /* one a plugin instance: the hub's side of it */
    struct metric *waiting;
    uint32_t holds;               /* holds.h: of this instance */
    uint32_t asking;              /* of these, asks that are with the control loop, */
    struct ask *asks, **asks_end; /* and those that wait for one of them to come back */
    struct judge judge;
};

struct hub_list { /* indexes into registry->hubs */
    uint16_t *hubs;
    uint16_t count;
};
struct hub_chain { /* of a type: the hubs that want it, and have that hook */
    struct hub_list on_message, on_settled;
};
struct hub_chains {
    size_t count;
    struct hub_chain of[]; /* by plugin_type.index */
};

struct out_message;
struct holds;
struct hold_end;
struct timers;
struct dedupe;
struct store;
struct hub {
    struct actor actor;
    const struct settings *settings;
    const struct registry *registry;
    struct actor *const *pumps;
    uint32_t pump_count;
    struct channels channels;
    struct hub_client ***clients; /* by pump, by slot */
    uint32_t *client_caps;
    uint32_t client_count;
    uint32_t protocol_clients[PROTOCOLS_MAX];
    uint32_t untold;                         /* clients that are */
    struct set users;                        /* by id */
    struct hub_user *away_first, *away_last; /* oldest first */
    uint32_t users_away;
    uint64_t next_user;
    struct hub_chains *chains;
    uint32_t seats;                  /* given to hubs of the chain so far */
    uint32_t clients_refused;        /* clients that are `refused` */
    struct plugin_instance *leaving; /* another generation serves; not gone yet */
    int64_t cache_ids[2];            /* channel messages, private ones */
    struct clock_stamp stamp;        /* of the latest message */
    uint64_t deliveries;             /* counted, for hub_client.delivery */
    struct op *ops, **ops_end;
    bool running_ops;
    unsigned ops_held;        /* above 0: what is asked for waits */
    struct out_message *outs; /* that the hook which runs was given */
    struct message *deferred,
        **deferred_end; /* taken from the mailbox above a high-water mark of a pump */
    ev_timer retry_event;
    struct timers *timers;
    ev_timer timer_event;
    int64_t clocks_apart_ms; /* the wall clock before the monotonic one, when that was last seen */
    struct dedupe *dedupe;
    struct store *store; /* NULL: there is none */
    bool ack_stored;
    bool wrote; /* the hook which runs, or ran: the store wants to know when it is over */
    struct message *unstored, **unstored_end; /* whose acks wait for the store */
    /* the hook that runs now */
    struct plugin_instance *current;
    struct message *current_message;
    struct outcome *refusal; /* where parley_reject writes; arena in refusal_arena */
    struct arena hook_arena; /* texts of refusals outside a message, until the end of the turn */
    struct message *join_refused; /* its author may not enter what a hook asked for */
    struct outcome join_outcome;  /* why */
    struct outcome loose;         /* of a hook that judges nothing, for parley_resume */
    struct holds *holds;          /* what waits: holds.h */
    uint32_t lines;               /* authors whose messages may have to wait in order: lines.c */
    bool stopping;                /* no message is judged any more */
    bool quiesced;                /* no hook runs any more */
    struct watch watch;
    struct verdicts *verdicts;
    /* of the message that a shadowed hub judges, from its first edit on: as it was */
    bool kept;
    struct buf kept_payload;
    const parley_value *kept_parsed;
    struct {
        struct metric *messages, *settled[8], *clients, *dropped;
    } metrics;
};

/* hub.c */
void hub_post(struct hub *h, uint32_t pump, struct mail *m, uint32_t kind);
/* What a pump that gathers need not see before it flushes. */
void hub_post_patient(struct hub *h, uint32_t pump, struct mail *m, uint32_t kind);
/* Whether a name was read of the message itself, whose channel was found before: that is known by
 * where it lies. */
static inline bool hub_is_channel_of(const struct message *m, parley_str name)
{
    return m->to && !m->to->closed && name.p == m->channel.p && name.n == m->channel.n;
}
static inline struct hub_channel *hub_channel(const struct hub *h, const struct message *m,
                                              parley_str name)
{
    return m && hub_is_channel_of(m, name) ? m->to : channel_find(&h->channels, name);
}
/* road.c: the main road, from the mailbox to settled */
void road_message(struct hub *h, struct message *take_message);
void road_judge(struct hub *h, struct message *take_message); /* it is no repeat, and its turn */
/* What waited at a link goes on, as its wait ended. */
void road_resume(struct hub *h, struct message *take_message, const struct plugin_hub *link,
                 const struct hold_end *end);
void road_refuse_stopping(struct hub *h, struct message *take_message);
void road_server_message(struct hub *h, struct message *take_message);
void road_settle(struct hub *h, struct message *take_message);
void road_answer(struct hub *h, struct message *m); /* to its author, and to who repeated it */
void road_home(struct hub *h, struct message *take_message);
/* chain.c */
struct hub_chains *chain_new(const struct registry *r); /* [any] NULL: no memory */
void chain_free(struct hub_chains *c);                  /* takes NULL */
/* Runs the hubs of the phases from..until, `until` not included. The verdict that ended it, or
 * PASS; m->outcome says why. HOLD: it waits, and holds.c has it. */
parley_verdict chain_run(struct hub *h, struct message *m, parley_phase from, parley_phase until);
/* On from a link where it waited, up to STORE. */
parley_verdict chain_resume(struct hub *h, struct message *m, const struct plugin_hub *link,
                            const struct hold_end *end);
/* The hub has another registry than when m came to wait: it goes on behind the same link, or, if
 * that is gone, behind the last one before it that is not. */
void chain_move(struct hub *h, struct message *m, const struct registry *old,
                const struct hub_chains *old_chains);
void chain_settled(struct hub *h, struct message *m);
/* PASS; REJECT, and why; DONE: it was closed meanwhile. */
parley_verdict chain_connect(struct hub *h, struct hub_client *c, struct outcome *ret_why);
void chain_greet(struct hub *h, struct hub_client *c);
void chain_disconnect(struct hub *h, struct hub_client *c, int reason);
parley_verdict chain_join(struct hub *h, struct hub_client *c, struct hub_channel *ch,
                          const struct plugin_instance *asker, struct outcome *ret_why);
void chain_leave(struct hub *h, struct hub_client *c, struct hub_channel *ch,
                 const struct plugin_instance *asker);
/* sequencer.c */
int sequencer_seal(struct hub *h, struct message *m);
void sequencer_give_back(struct hub *h, struct message *m);
/* deliver.c */
void deliver_message(struct hub *h, struct message *m);
int deliver_packet(struct hub *h, struct packet *p, const parley_to *to);
void deliver_to_client(struct hub *h, struct hub_client *c, struct packet *p, bool greeting);
void deliver_error(struct hub *h, client_handle c, parley_str id, parley_code code,
                   const char *text, int64_t retry_after_ms);
struct ack_of {
    int64_t cache_id, offset;
    char epoch[17];
};
void deliver_ack(struct hub *h, client_handle c, parley_str id, const struct ack_of *of);
/* clients.c, users.c */
void clients_connect(struct hub *h, struct mail_connect *take);
void clients_gone(struct hub *h, struct mail_gone *take);
void clients_identity(struct hub *h, const struct mail_connect *m);
void clients_quiesce(struct hub *h);      /* tells the hubs that everybody leaves */
void clients_tell_refused(struct hub *h); /* tells hubs that let one in whom a later one refused,
                                             while the chain is still the one by which he came */
void clients_tell(struct hub *h);         /* those that are untold, if there is memory now */
int clients_greet(struct hub_client *c, int32_t order, struct packet *p); /* while CONNECTING */
struct hub_client *clients_find(struct hub *h, client_handle c);
void clients_finish(struct hub *h);
struct hub_membership *clients_membership(struct hub_client *c, const struct hub_channel *ch);
int clients_join(struct hub *h, struct hub_client *c, struct hub_channel *ch);
void clients_leave(struct hub *h, struct hub_client *c, struct hub_channel *ch);
void clients_close(struct hub *h, client_handle c, uint16_t code, int reason, const char *text);
void users_init(struct hub *h);
struct hub_user *users_get(struct hub *h, struct identity *i); /* made when new. NULL: no memory */
struct hub_user *users_find(struct hub *h, parley_str id);
/* Whose message it is, also when he is gone; NULL: the server's, or he is forgotten. */
struct hub_user *users_author(struct hub *h, const struct message *m);
void users_attach(struct hub *h, struct hub_user *u, struct hub_client *c);
void users_identity(struct hub_user *u, struct identity *newest);
void users_detach(struct hub *h, struct hub_client *c);
void users_tick(struct hub *h, int64_t now_ms);
void users_finish(struct hub *h);
/* ops.c */
struct op *op_new(struct hub *h, enum op_kind kind, struct plugin_instance *by,
                  size_t text_bytes);            /* queued; NULL: no memory */
void ops_run(struct hub *h);                     /* does what was asked for, unless it is held */
void ops_hold(struct hub *h);                    /* from here on nothing is done, */
void ops_release(struct hub *h);                 /* until here */
void ops_to(struct op *op, const parley_to *to); /* copies; text must have room for ops_to_bytes */
size_t ops_to_bytes(const parley_to *to);
void ops_finish(struct hub *h);
/* slots.c */
void *slot_get(struct hub_slot **list, const struct plugin_instance *i, const parley_slot *slot);
void slots_free(struct hub_slot **list);
void slots_outdate(struct plugin_section *s, const parley_plugin *serves);
void slots_finish(struct plugin_section *s); /* no slot of it is left */
/* generations.c */
int instance_attach(struct hub *h, struct plugin_instance *i); /* its hub side. 0, -ENOMEM */
void instance_detach(struct plugin_instance *i);
int instance_start(struct hub *h, struct plugin_instance *i, const parley_value *saved,
                   char why[256]);
void instance_quiesce(struct hub *h, struct plugin_instance *i);
/* timers.c */
struct timers *timers_new(void);
void timers_free(struct timers *t);
int timers_set(struct timers *t, struct plugin_instance *i, const char *key,
               int64_t at_mono_ms); /* a pending one stays */
/* For a moment of the wall clock, which is expected then: a durable one. Replaces a pending one. */
int timers_set_at(struct timers *t, struct plugin_instance *i, const char *key, int64_t at_unix_ms,
                  int64_t at_mono_ms);
bool timers_is_durable(const struct timers *t, struct plugin_instance *i, const char *key);
int timers_cancel(struct timers *t, struct plugin_instance *i, const char *key);
int64_t timers_next(const struct timers *t); /* INT64_MAX: none */
/* Takes the first that is due; false: none. *ret_i NULL: its section is gone. *ret_key is free()d
 * by the caller. */
bool timers_take(struct timers *t, int64_t now_ms, struct plugin_instance **ret_i, char **ret_key,
                 bool *ret_durable);
/* The wall clock was set: durable ones are expected anew. */
void timers_follow(struct timers *t, int64_t now_mono_ms, int64_t now_unix_ms);
void hub_arm_timer(struct hub *h);
int64_t hub_next_ms(const struct hub *h); /* when the next timer or deadline is due */
/* stored.c */
int stored_attach(struct hub *h, struct store *s, char why[256]);
int stored_attach_one(struct hub *h, struct plugin_instance *i, char why[256]);
void stored_turn(struct hub *h, struct message *m); /* a hook wrote, and is over; m: or NULL */
void stored_fired(struct hub *h, struct plugin_instance *i, const char *key); /* a durable timer */
void stored_tick(struct hub *h);
/* Whether its ack has to wait; then, once it is otherwise settled: here it stays until it goes. */
bool stored_waits(struct hub *h, const struct message *m);
void stored_wait(struct hub *h, struct message *take_message);
void stored_told(struct hub *h); /* MAIL_STORED */
void stored_quiesce(struct hub *h);
/* dedupe.c */
enum dedupe_answer { DEDUPE_NEW, DEDUPE_WAITS, DEDUPE_TOLD };
struct dedupe *dedupe_new(int64_t window_ms);
void dedupe_free(struct dedupe *d);
enum dedupe_answer dedupe_begin(struct hub *h, struct message *m);
void dedupe_settle(struct hub *h, struct message *m);
void dedupe_tick(struct hub *h);
uint32_t dedupe_count(const struct dedupe *d); /* ids that it remembers */
/* api_send.c: frees what the hook that ran made and did not hand over */
void outs_free(struct hub *h);
/* hooks: set what runs, call, then do what was asked for */
struct hook_before {
    struct crumb_before crumb;
    struct plugin_instance *instance;
    struct message *message;
    struct outcome *refusal;
    enum domain domain;
};
struct hook_before hook_enter(struct hub *h, struct plugin_instance *i, const char *hook,
                              struct message *m, struct outcome *refusal);
void hook_leave(struct hub *h, struct hook_before before);
#endif
