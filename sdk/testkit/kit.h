/* The testkit: your plugin on the daemon's own hub, with clients that exist only here, and a clock
 * that you move.
 *
 * INI text is read as the daemon reads it; what it names is loaded from the folders of
 * $PARLEY_PLUGIN_PATH, the test program's own and that of the server's plugins, or from `plugins`
 * when these are built into the test. Nothing runs in the background: every call
 * returns when all that it set in motion has come to rest. One thread.
 */
#ifndef KIT_H
#define KIT_H
#include <parley/plugin.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct kit kit;

/**
 * Start a hub.
 *
 * @param ini      Sections as in parley.ini; [server] may be left out. Without a [protocol] one
 * that reads and writes as `native` does is used.
 * @param plugins  NULL-ended, known by id or its last word; NULL: files alone.
 * @return NULL on failure; kit_refusal() says why.
 */
kit *kit_start(const char *ini, const parley_plugin *const *plugins);
const char *kit_refusal(void); /* every fault, a line each: "test.ini:3: unknown key …" */
int kit_close(kit *k); /* takes NULL; what was left: messages, asks and jobs that still waited, and
                          messages that never came back from the road */

/* Clients. kit_connect: the user's id is his name; roles "a, b". A refused one is a handle whose
 * kit_closed() says the code. */
parley_client kit_connect(kit *k, const char *name, const char *roles);
parley_client kit_connect_as(kit *k, const char *user, const char *username, const char *app,
                             const char *roles);
void kit_disconnect(kit *k, parley_client c);
void kit_disconnect_for(kit *k, parley_client c, int reason); /* PARLEY_LEFT_… */
int kit_closed(kit *k, parley_client c); /* 0: open; else the close code that it was given */
const char *kit_close_text(kit *k, parley_client c);         /* and the words with it; "" */
void kit_join(kit *k, parley_client c, const char *channel); /* opens the channel when nobody did */
void kit_leave(kit *k, parley_client c, const char *channel);

/* What he sends, and what he gets. Frames are the text of the wire. */
parley_verdict kit_input(
    kit *k, parley_client c,
    const char *json); /* how it was settled; REJECT also when it is not valid; HOLD: not yet */
const char *
kit_last(kit *k, parley_client c,
         const char *type); /* the latest frame of that type that was not asked for yet, or NULL */
const char *kit_next(kit *k, parley_client c, const char *type); /* the earliest; type NULL: any */
int kit_frames(kit *k, parley_client c,
               const char *type); /* how many since he connected; NULL: all */
/* A member of a frame by path, "payload.code", as text: strings as they are, all else as JSON;
 * NULL: there is none. Valid until the next call. */
const char *kit_member(const char *frame, const char *path);

/* Ask the authenticators as a handshake does, with a bearer token and a query ("name=ann"), of
 * which each may be NULL. PARLEY_ADMIT and the user's id; PARLEY_REFUSE and why, also of a token
 * that no section knows; PARLEY_LATER; PARLEY_NOT_MINE: he shows nothing. What is said is valid
 * until the next call. */
int32_t kit_login(kit *k, const char *bearer, const char *query, const char **ret_said);

int kit_admin(kit *k, const char *method, const char *path, const char *json,
              const char **ret_json); /* path with its query; the status */
void kit_advance_ms(kit *k, int64_t ms);
/* The latest verdict of a section that was put down, as JSON for kit_member: "verdict", "rule",
 * "mode" …; NULL: there is none. Valid until the next call. */
const char *kit_verdict(kit *k, const char *section);
double kit_metric(kit *k, const char *section,
                  const char *name); /* of all its labels; 0: never counted */

/* What your plugin waits for. An answer of the web goes to the next request that comes, after that
 * time of the test's clock; of the same time, requests are answered in their order. status 0: none
 * ever comes, so its deadline decides; below 0: that error, -ECONNREFUSED. Who asks and finds no
 * answer is refused the connection. json may be anything, as on the web. */
void kit_web(kit *k, int64_t delay_ms, int status, const char *json);
const char *kit_web_seen(kit *k);        /* the body of the latest request; NULL: there was none */
const char *kit_web_asked(kit *k);       /* its method and URL, "POST http://…" */
int kit_web_count(kit *k);               /* requests so far */
void kit_work_later(kit *k, bool later); /* jobs wait for kit_work; else they run at once */
int kit_work(kit *k);                    /* runs those that wait; how many */

/* All in memory is gone, clients too; the store and durable timers stay. What fails ends the test.
 */
void kit_restart(kit *k);
/* Every section is made anew from that INI (NULL: the same), as a reload does it: save, start,
 * quiesce; nobody is dropped. 0; -EINVAL: kit_refusal() says why, and all is as it was. */
int kit_reload(kit *k, const char *ini);
int kit_generations(kit *k, const char *section); /* alive: 1, or more while an old one is held */
/* ENOSPC, EIO: from now on nothing is kept, and who tries is told so; 0: all is well again. */
void kit_store_fails(kit *k, int error);
#ifdef __cplusplus
}
#endif
#endif
