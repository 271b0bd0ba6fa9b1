/* <parley/plugin.h>: what a plugin is made of, and what it may ask of its host. C11, and C++20.
 *
 * A plugin exports one constant, PARLEY_PLUGIN, and imports nothing: what reads as a function below is inline over the table
 * that the host passes. Threads: [control] the main thread; [hub] the one thread of all hubs, never block it; [pump] many at
 * once, without your state; [worker] may block; [any]. Unless it says otherwise a function is [hub].
 * What you are given is borrowed for the call. What you give is copied; what a name calls take_ is handed over, whatever is
 * returned. Errors are 0 or -Exxx; -ENOMEM where memory is taken is not repeated below. What changes the world (send, join,
 * leave, close) is queued, and done in the order of your calls once your hook has returned: no hook runs within a hook.
 * All of it since 1.0; what comes later says "since 1.1": ask for that by PARLEY_TARGET_MINOR, or look at h->abi_minor.
 */
#ifndef PARLEY_PLUGIN_H
#define PARLEY_PLUGIN_H
#include <parley/base.h>

typedef struct { uint64_t v; } parley_client, parley_hold;   /* 0: none. A handle goes stale when its connection is gone */
typedef struct parley_message parley_message;                /* a BaseMessage on the road */
typedef struct parley_packet parley_packet;                  /* a message as its receivers get it: immutable, counted */
typedef struct parley_value parley_value;                    /* JSON to read; NULL is absent, and every reader takes it */
typedef struct parley_out parley_out;                        /* JSON to write; never NULL; its first error sticks */
typedef struct parley_request parley_request;                /* an HTTP request to one of your routes */

typedef int32_t parley_verdict;
enum { PARLEY_PASS, PARLEY_REJECT,            /* REJECT: by parley_reject, which says why */
       PARLEY_DROP,                           /* its author, and he alone, still sees it */
       PARLEY_HOLD, PARLEY_DONE,              /* DONE: dealt with, nothing to deliver; the author is told that it worked */
       PARLEY_FAIL };                         /* could not judge: on_error of the section decides */
typedef int32_t parley_code;                  /* error.code of the wire */
enum { PARLEY_E_INVALID_MESSAGE = 1, PARLEY_E_FORBIDDEN, PARLEY_E_RATE_LIMITED, PARLEY_E_MUTED, PARLEY_E_REJECTED,
       PARLEY_E_UNAVAILABLE, PARLEY_E_INTERNAL, PARLEY_E_INVALID_JSON, PARLEY_E_UNKNOWN_TYPE, PARLEY_E_TOO_LARGE,
       PARLEY_E_UNKNOWN_CHANNEL, PARLEY_E_UNKNOWN_RECIPIENT };
typedef int32_t parley_phase;                 /* the order of the chain; within a phase, that of the sections in the INI */
enum { PARLEY_PHASE_ADMIT = 100, PARLEY_PHASE_MODERATE = 200, PARLEY_PHASE_TRANSFORM = 300,
       PARLEY_PHASE_ROUTE = 400, PARLEY_PHASE_STORE = 500 };
enum { PARLEY_DEBUG, PARLEY_INFO, PARLEY_WARNING, PARLEY_ERROR };                /* levels of parley_log */

/* One table for options in the INI, fields of a message and query parameters: the host checks, explains, documents them. */
enum { PARLEY_BOOL = 1,                       /* bool */
       PARLEY_INT, PARLEY_NUMBER,             /* int64_t, double */
       PARLEY_STRING,                         /* const char *, NULL when absent; in a message a string of Unicode characters */
       PARLEY_SIZE, PARLEY_DURATION,          /* int64_t bytes ("16KiB"), int64_t milliseconds ("60s") */
       PARLEY_LIST };                         /* parley_list ("a, b"); in a message a list of strings */
enum { PARLEY_REQUIRED = 1, PARLEY_SECRET = 2,
       PARLEY_PER_CHANNEL = 4,                /* may stand in [hub x in CHANNEL] */
       PARLEY_TEXT = 8,                       /* people read it: moderators are shown it */
       PARLEY_CHANNEL = 16,                   /* names the channel: the host checks that it exists and its author is in it */
       PARLEY_USER = 32,                      /* names the user it is for: the host checks that he is there */
       PARLEY_OPEN = 64,                      /* with PARLEY_CHANNEL: its author need not be a member */
       PARLEY_FILE = 128 };                   /* names files that you read: when one changed, a reload takes your section along */
typedef struct { const char *name; int32_t kind; uint32_t flags; const char *range, *dflt, *doc;
                 uint32_t offset, size; } parley_field;      /* range: "1..300", "2..10 of 1..80", "reject|mask" */

typedef struct { uint32_t struct_size;        /* "parley.type/1" */
    const char *type; uint32_t flags;
    parley_table fields;                      /* of parley_field; empty: clients may not send it */
    /* [pump] The fields were checked. Write the payload, return 0; or return parley_refuse(). NULL: the fields as they came. */
    int (*construct)(const void *options, const parley_value *in, parley_out *payload);
} parley_type;
enum { PARLEY_SIGNED = 1,                     /* the host adds owner_id, username, authored_at */
       PARLEY_EPHEMERAL = 2 };                /* no cacheID, no offset, not stored; a slow client may never see it */

typedef struct { uint32_t struct_size, tag;     /* tag: the one you asked with */
    int error, status;                        /* error: 0, or -Exxx and no answer; status: of HTTP */
    parley_str body; const parley_value *json; } parley_answer; /* json: NULL when it is none */
typedef struct { uint32_t struct_size; parley_verdict verdict; parley_code code; const char *section, *rule; } parley_outcome;
                                              /* verdict: PASS delivered, DONE, DROP, REJECT; section: who decided so */

typedef struct { uint32_t struct_size;        /* "parley.hub/1"; every hook [hub], each may be NULL */
    parley_phase phase; const char *types;    /* "a, b": only these; NULL: all */
    const char *before, *after;               /* sections within the phase, against the order of the INI: "x, y" */
    parley_verdict (*on_message)(parley_host *h, parley_message *m);       /* judge it, change it, say where it goes */
    parley_verdict (*on_answer)(parley_host *h, parley_message *m, const parley_answer *a); /* m: the same, or NULL */
    void (*on_settled)(parley_host *h, const parley_message *m, const parley_outcome *o);   /* every message, refused ones too */
    parley_verdict (*on_connect)(parley_host *h, parley_client c);        /* may refuse; joins asked here come before on_greet */
    void (*on_disconnect)(parley_host *h, parley_client c, int reason);   /* once for each PASSed on_connect, before quiesce; c still readable */
    parley_verdict (*on_join)(parley_host *h, parley_client c, parley_str channel);         /* may refuse */
    void (*on_leave)(parley_host *h, parley_client c, parley_str channel);/* also when it closes; a disconnect: on_disconnect alone */
    void (*on_greet)(parley_host *h, parley_client c);                    /* admitted, and in its channels: parley_greet() */
} parley_hub;
enum { PARLEY_LEFT_NORMALLY, PARLEY_LEFT_LOST, PARLEY_LEFT_SLOW, PARLEY_LEFT_KICKED, PARLEY_LEFT_EXPIRED,
       PARLEY_LEFT_RESTART, PARLEY_LEFT_REFUSED, PARLEY_LEFT_VIOLATION };        /* reason of on_disconnect */

typedef struct { const char *name; uint32_t version, bytes; } parley_slot; /* zeroed host bytes; survive reload (if version and bytes stay), not restart */
typedef struct { const char *name; int32_t kind; const char *doc; } parley_metric; /* "messages", or with its one label "messages{type}" */
enum { PARLEY_COUNTER, PARLEY_GAUGE, PARLEY_SECONDS };       /* parley_metric_add: adds; adds; observes a duration */
typedef struct { const char *method, *path, *role, *doc;     /* "/x": as it is; "x": /admin/SECTION/x. role NULL: anyone */
    int (*serve)(parley_host *h, const parley_request *q, parley_out *answer); } parley_route; /* [hub] returns the status */

struct parley_plugin { parley_preamble preamble; const char *id, *version, *doc; /* "org.example.wordban", "1.0.0", a sentence */
    const char *needs;                                       /* services, "org.parley.mute/1?": ? may be absent */
    uint32_t options_size; parley_table options, slots, metrics, routes, provides; /* of parley_field … parley_provided */
    int (*create)(parley_host *h);                           /* [control] sets h->self; options are filled. 0, or refused. NULL: you need none */
    void (*on_timer)(parley_host *h, const char *key);       /* [hub] it is no longer pending, and may be set again */
    int (*start)(parley_host *h, const parley_value *saved); /* [hub] before the first message; saved by the old generation, or NULL. 0, or refused */
    int (*save)(parley_host *h, parley_out *to);             /* [hub] for the next generation. Below 0: it is not reloaded */
    void (*quiesce)(parley_host *h), (*destroy)(parley_host *h); }; /* [hub] no hook after it; [control] */
struct parley_host { uint32_t struct_size; uint16_t abi_major, abi_minor; const char *version; /* of the server */
    const char *section;                                     /* "rate_limit": scopes store, slots, timers, metrics, routes */
    parley_own self; const parley_api *api; };               /* self: yours */

#define API static inline
/* Say so. In any hook; end with return. code is told on the wire, rule in logs and counts (may be NULL), the text to the author. */
API parley_verdict parley_reject(parley_host *h, parley_code c, const char *rule, const char *format, ...) PARLEY_PRINTF(4); /* refused */
API parley_verdict parley_reject_for(parley_host *h, parley_code c, const char *rule, int64_t retry_after_ms, const char *format, ...)
    PARLEY_PRINTF(5);                                               /* tells when it may be tried again */
API parley_verdict parley_fail(parley_host *h, const char *format, ...) PARLEY_PRINTF(2);       /* could not judge: logged, counted */
API int  parley_refuse(parley_out *payload, const char *format, ...) PARLEY_PRINTF(2);          /* [pump] construct: -EINVAL */
API int  parley_bad_option(parley_host *h, const char *option, const char *format, ...) PARLEY_PRINTF(3); /* [control] create: file:line, -EINVAL */
API void parley_log(parley_host *h, int level, const char *event, const char *format, ...) PARLEY_PRINTF(4); /* [any] event: "one_word" */
/* The message. Strings live as long as it does. */
API parley_str parley_message_type(const parley_message *m);        /* "chat_message" */
API uint32_t parley_message_flags(const parley_message *m);         /* of its type: PARLEY_SIGNED, PARLEY_EPHEMERAL */
API parley_str parley_message_channel(const parley_message *m);     /* in the catalogue's spelling; absent: it goes to none */
API parley_str parley_message_recipient(const parley_message *m);   /* the user it is for */
API parley_str parley_message_user(const parley_message *m);        /* author's sub; outlives his connection; absent: Server */
API parley_str parley_message_username(const parley_message *m);    /* the author's name when he sent it */
API parley_client parley_message_author(const parley_message *m);   /* none: Server, or gone while it was held */
API int64_t parley_message_cache_id(const parley_message *m);       /* after ROUTE; 0 before, and for EPHEMERAL */
API int64_t parley_message_offset(const parley_message *m);         /* likewise: its place in its channel, from 1 */
API bool parley_message_has_role(const parley_message *m, parley_list any);      /* of the author, when he sent it */
API bool parley_message_may_see(const parley_message *m, parley_str channel);    /* the author is in it now */
API const parley_value *parley_message_payload(const parley_message *m);         /* after ROUTE with what the host adds. NULL: no memory */
API parley_out *parley_message_edit(parley_message *m);             /* members put replace or join the payload's, on return; or you FAILed */
API parley_str parley_message_text(const parley_message *m, unsigned i);         /* i-th PARLEY_TEXT; absent past the last */
API int parley_message_set_text(parley_message *m, unsigned i, parley_str text); /* -ENOENT: none, or it is after ROUTE. -EINVAL, -E2BIG */
/* Wait, in on_message or on_answer up to ROUTE: return what it returns, HOLD, or FAIL (the log says why: 4,096 waits of a section,
 * 64 messages of an author, a deadline not of 1 ms to 30 days). The message goes on behind you, with its place and its author's name,
 * though he may have gone. ask, work: his later messages in that channel (whispers: in none) wait behind it, others pass; hold: all
 * pass. When the server stops, what waits is refused, and no answer comes.
 * ask sends what was put, as JSON (nothing put: GET and HEAD have no body), once, 64 of a section at a time. Its answer has error
 * (-ETIMEDOUT: the deadline; -ECONNREFUSED, -EHOSTUNREACH, -EACCES: certificate, -E2BIG: past 1 MiB, -EINVAL: method or URL, -EIO),
 * or status, body, and json, NULL when it is none. m NULL: ask, hold nothing; the first of your hubs with on_answer is told.
 * work's job returns the status, or -Exxx as the error, and puts what is to be json. on_answer comes once, behind it, and arg is yours
 * again; past the deadline the message FAILed, and m is NULL. A held message FAILs at its deadline. */
API parley_out *parley_http_request(parley_host *h, const char *method, const char *url); /* [hub], [control] what you put is its JSON body */
API parley_verdict parley_ask(parley_message *m, parley_out *take_request, int64_t deadline_ms, uint32_t tag); /* return it; on_answer follows */
API parley_verdict parley_work(parley_message *m, int (*job)(void *arg, parley_out *answer), void *arg, /* [worker] job: the status, or -Exxx */
                               int64_t deadline_ms, uint32_t tag);               /* return it; on_answer follows */
API parley_verdict parley_hold_message(parley_message *m, int64_t deadline_ms, parley_hold *ret_hold); /* return it; parley_resume ends it */
API parley_message *parley_hold_peek(parley_host *h, parley_hold held);          /* NULL: no longer held */
API int parley_resume(parley_host *h, parley_hold held, parley_verdict v);       /* v may be parley_reject(...); done when your hook
                                                                   has returned; whoever has the handle may. -ENOENT: no longer held; -EINVAL: v */
/* Read and write JSON. [any] Keys are names, never paths; in a list the key is NULL. What is read lives as long as what it was read of.
 * What goes wrong in writing (a key in a list, bad UTF-8, too much) sticks, and is the result of handing it over. */
API const parley_value *parley_get(const parley_value *v, const char *key);      /* a member. NULL: absent, or v is no object */
API const parley_value *parley_at(const parley_value *v, size_t i); /* of a list; of an object the i-th member */
API parley_str parley_key(const parley_value *member);              /* its name; absent: an item of a list */
API size_t parley_length(const parley_value *v);                    /* items, members; 0 of all else */
API parley_str parley_as_str(const parley_value *v);                /* absent: not a string */
API int64_t parley_as_int(const parley_value *v, int64_t otherwise);             /* otherwise: not a whole number that fits */
API double parley_as_number(const parley_value *v, double otherwise);            /* otherwise: not a number */
API bool parley_as_bool(const parley_value *v, bool otherwise);     /* otherwise: not true or false */
API void parley_put_str(parley_out *o, const char *key, parley_str v);           /* absent: nothing is put */
API void parley_put_int(parley_out *o, const char *key, int64_t v); /* 1 */
API void parley_put_number(parley_out *o, const char *key, double v);            /* 1.0; neither infinite nor NaN */
API void parley_put_bool(parley_out *o, const char *key, bool v);   /* true */
API void parley_put_value(parley_out *o, const char *key, const parley_value *v); /* a copy; NULL: nothing is put */
API void parley_put_payload(parley_out *o, const char *key, const parley_packet *p); /* the packet's payload, as it is; NULL: nothing */
API void parley_open_list(parley_out *o, const char *key);          /* what follows goes into it, until parley_close */
API void parley_open_object(parley_out *o, const char *key);        /* likewise; 32 deep at most */
API void parley_close(parley_out *o);                               /* the list or object that was opened last */
/* Tell. Queued; sender is Server; STORE and observers see it, moderators do not. What you made and did not hand over goes when
 * your hook returns; of a message for those of a role alone the channel keeps no place. Packets may be NULL. -EINVAL: a bad address,
 * or handed over twice; -E2BIG. Users and clients that are not there are no error. */
enum { PARLEY_TO_ALL = 1, PARLEY_TO_CLIENT, PARLEY_TO_USER, PARLEY_TO_CHANNEL };  /* an empty name is -EINVAL, never "all" */
enum { PARLEY_NOT_DASHBOARDS = 1,
       PARLEY_CATCH_UP = 2 };                 /* to a client: what it asked for; has the deadline of a greeting, not the bound of a queue */
typedef struct { uint32_t struct_size; int32_t kind; parley_client client, but; parley_str name, but_user, role;
                 uint32_t flags; } parley_to;                       /* but, but_user: all of them save these */
API parley_to parley_to_all(void);                                  /* [any] every client; set but, role, flags in what it gives */
API parley_to parley_to_client(parley_client c);                    /* [any] one connection */
API parley_to parley_to_user(parley_str sub);                       /* [any] all connections of one; borrows the name until it is sent */
API parley_to parley_to_channel(parley_str name);                   /* [any] its members; likewise */
API parley_out *parley_message_new(parley_host *h, const char *type);            /* put its payload, then send or pack it */
API int parley_send(parley_out *take_message, parley_to to);        /* a message of its own: numbered, stored, delivered. -ENOENT: no such channel */
API int parley_deliver(parley_message *m, parley_to to);            /* ROUTE: this too gets it; as often as you like, each once. -EBUSY: later */
API parley_packet *parley_pack(parley_out *take_message);           /* encoded once, sent often; yours: release it. NULL: an error, logged */
API parley_packet *parley_message_packet(const parley_message *m);  /* after ROUTE; borrowed; NULL: it is not delivered */
API parley_packet *parley_packet_keep(parley_packet *p);            /* [any] one more reference; release it */
API void parley_packet_release(parley_packet *p);                   /* [any] takes NULL */
API int64_t parley_packet_offset(const parley_packet *p);           /* [any] 0: of no channel */
API size_t parley_packet_bytes(const parley_packet *p);             /* [any] of its payload as JSON */
API int parley_send_packet(parley_host *h, parley_packet *p, parley_to to);      /* no number, not stored. -EINVAL: NULL */
enum { PARLEY_GREET_CHANNELS_HISTORY = 100, PARLEY_GREET_CATALOGUE = 200, PARLEY_GREET_PRIVATE_HISTORY = 300,
       PARLEY_GREET_PRESENCE = 400, PARLEY_GREET_OTHER = 500 };
API int parley_greet(parley_host *h, parley_client c, int32_t order, parley_packet *p); /* on_greet: sent in this order, before all else. -EBUSY: later */
/* Clients, users, channels. Readers of a stale client say absent, 0, false; what is to be done with one is -ESTALE. -ENOENT: no such channel. */
API parley_str parley_client_user(parley_host *h, parley_client c); /* sub */
API parley_str parley_client_username(parley_host *h, parley_client c);          /* what others read */
API parley_str parley_client_app(parley_host *h, parley_client c);  /* OAuth client id, "ChatClient"; absent under open */
API int64_t parley_client_connected_at(parley_host *h, parley_client c);         /* Unix milliseconds */
API bool parley_client_is_dashboard(parley_host *h, parley_client c);            /* its app is listed in [server] dashboards */
API bool parley_client_has_role(parley_host *h, parley_client c, parley_list any); /* as its credentials say */
API bool parley_client_in(parley_host *h, parley_client c, parley_str channel);  /* a member, now */
API int parley_close_client(parley_host *h, parley_client c, int code, const char *reason); /* 4403: kicked. -EINVAL: not a code to send */
API parley_str parley_user_name(parley_host *h, parley_str sub);    /* absent: no connection of his is open */
typedef struct { uint32_t struct_size; int32_t sort_order; const char *description; } parley_channel_info;
API int parley_channel_open(parley_host *h, parley_str name, const parley_channel_info *info); /* -EEXIST, in any case; -EINVAL: no name */
API int parley_channel_close(parley_host *h, parley_str name);      /* its members leave */
API parley_str parley_channel_name(parley_host *h, parley_str any_case);         /* the catalogue's spelling; absent: unknown */
API int parley_channel_position(parley_host *h, parley_str name, parley_str *ret_epoch, int64_t *ret_offset); /* of its latest message */
API int parley_join(parley_host *h, parley_client c, parley_str channel);        /* queued; on_join of the others may refuse */
API int parley_leave(parley_host *h, parley_client c, parley_str channel);       /* queued; nobody is asked */
API int64_t parley_joined_at(parley_host *h, parley_client c, parley_str channel); /* offset after which it gets them live; -1: it is not in */
/* Keep. The store is read from memory; writes of one call are one transaction; an ack waits for them (ack = stored). A record
 * is an object, or an integer by add; its key 1 to 510 bytes, its JSON 1 MiB. What get gave stays as it was till your hook returns.
 * -ENOSPC, -EIO: the disk is full or fails (or your share of memory is used up): reads go on, try again later. -EAGAIN: too much
 * waits to be written. -EINVAL, -ENAMETOOLONG, -E2BIG: of key or record. A sum below 0 looks like an error: read what may be one. */
API const parley_value *parley_store_get(parley_host *h, const char *key, ...) PARLEY_PRINTF(2); /* NULL: there is none, or it expired */
API parley_out *parley_store_edit(parley_host *h, const char *key, ...) PARLEY_PRINTF(2);       /* creates; members put replace or join */
API int parley_store_put(parley_out *take_record);                  /* keeps what edit began; an expiry stays */
API int64_t parley_store_add(parley_host *h, int64_t n, const char *key, ...) PARLEY_PRINTF(3); /* returns the sum; creates; an expiry stays */
API int parley_store_expire(parley_host *h, int64_t after_ms, const char *key, ...) PARLEY_PRINTF(3); /* from now on; 0: never. -ENOENT */
API int parley_store_delete(parley_host *h, const char *key, ...) PARLEY_PRINTF(2);             /* -ENOENT */
API int parley_store_delete_all(parley_host *h, const char *prefix, ...) PARLEY_PRINTF(2);      /* an empty prefix is -EINVAL, never "all" */
API parley_own parley_client_slot(parley_host *h, parley_client c, const parley_slot *slot);    /* NULL: stale, or no memory */
API parley_own parley_user_slot(parley_host *h, parley_str sub, const parley_slot *slot);       /* NULL: not remembered, or no memory */
API parley_own parley_channel_slot(parley_host *h, parley_str channel, const parley_slot *slot); /* NULL: unknown, or no memory */
/* The rest. Timers have names, not pointers: they survive reload; those of timer_at survive restart (not in [control]), are kept as
 * records are, with the same errors, and never come before the wall clock says so; overdue ones come soon after start. */
API parley_any parley_options(parley_host *h, parley_str channel);  /* [any] your struct, filled; PARLEY_NONE: the section's */
API int64_t parley_unix_ms(parley_host *h);                         /* [any] the clock that the testkit moves */
API int64_t parley_uptime_ms(parley_host *h);                       /* [any] monotonic */
API int parley_timer_after(parley_host *h, int64_t ms, const char *key, ...) PARLEY_PRINTF(3);  /* [hub], [control] a pending one stays. -EINVAL */
API int parley_timer_at(parley_host *h, int64_t unix_ms, const char *key, ...) PARLEY_PRINTF(3); /* [hub], [control] replaces a pending one */
API int parley_timer_cancel(parley_host *h, const char *key, ...) PARLEY_PRINTF(2);             /* [hub], [control] -ENOENT: none is pending */
API void parley_metric_add(parley_host *h, const parley_metric *m, double v);    /* [any] m: of your table */
API void parley_metric_add_for(parley_host *h, const parley_metric *m, parley_str label, double v); /* [any] bounded number of labels */
API parley_str parley_request_query(const parley_request *q, const char *name);  /* decoded; absent: not given */
API const parley_value *parley_request_json(const parley_request *q);            /* its body. NULL: it has none */
API parley_any parley_service(parley_host *h, const char *id, parley_host **ret_provider); /* this call only; never keep. NULL: nobody provides it */
#undef API
#include <parley/inline.h>
#endif
