/* What the core itself understands of the INI: [server], [admin], [control], [discovery], [log].
 * One table each, the same kind that plugins use. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H
#include "config/config.h"

struct settings_server {
    parley_list listen;      /* "127.0.0.1:8080", "[::1]:8080"; port 0: any free one */
    int64_t pumps;           /* 1..64 */
    const char *plugin_path; /* NULL: ../lib/parley/plugins from the executable */
    const char *tls_certificate, *tls_key; /* PEM files */
    parley_list trusted_proxies;     /* addresses or CIDR networks whose X-Forwarded-For counts */
    parley_list origins;             /* besides the Host itself; "https://chat.example.org" */
    parley_list dashboards;          /* OAuth client ids; default WebClient */
    int64_t connections;             /* in all; default 10000 */
    int64_t connections_per_address; /* 0: no cap; default 50 */
    int64_t connections_per_user;    /* 0: no cap; default 10 */
    int64_t pending;                 /* logins that wait at a time; default 1000 */
    int64_t accept_rate;   /* new connections a second and daemon, delayed beyond; 0: no pacing;
                              default 200 */
    int64_t message_bytes; /* default 16KiB */
    int64_t fragments;     /* default 64 */
    int64_t message_ms;    /* longest time from first to last fragment; default 10s */
    int64_t depth;         /* of JSON; default 32 */
    int64_t tokens;        /* of JSON; default 2048 */
    int64_t credit_messages, credit_bytes;   /* 32, 64KiB */
    int64_t queue_messages, queue_bytes;     /* 256, 256KiB */
    int64_t stalled_ms;                      /* 10s */
    int64_t greeting_ms;                     /* deadline for a greeting to be taken; default 30s */
    int64_t handshake_ms, authentication_ms; /* 10s, 5s */
    int64_t ping_ms, hangup_ms;              /* 25s, 35s */
    int64_t close_ms;                        /* how long a close may take; 5s */
    int64_t drain_ms, stop_ms; /* 30s: how far the hint of 1012 spreads the return; 45s */
    const char *flush_window;  /* "auto", or a duration; 0: off */
    int64_t dedupe_ms;         /* how long an id is remembered; default 2m */
    int64_t user_memory_ms;    /* how long a user is remembered who is away; default 10m */
    const char *store;         /* the store's file; NULL: in memory alone */
    int64_t store_bytes, store_section_bytes; /* of memory, in all and a section; 256MiB, 64MiB */
    int64_t store_keep_free_bytes; /* the disk's room below which nothing is kept; 256MiB */
    int64_t verdicts;              /* how many of the latest are kept; default 1000 */
    const char *ack;               /* "stored" (default): an ack waits for the disk; "accepted" */
};
struct settings_admin {
    parley_list listen; /* default 127.0.0.1:8081; "none": no admin listener */
    const char *tls_certificate, *tls_key;
    const char *auth;       /* "token" (default) or "none" (loopback only) */
    const char *role;       /* of an admin's access token; default "admin" */
    const char *token_file; /* local token, made if missing; NULL: in the runtime directory */
};
struct settings_control {
    const char *socket; /* path; "none": no control socket; NULL: in the runtime directory */
    const char *group;  /* whose members may use it too; NULL: nobody's */
    int64_t group_id;   /* that group's; -1: none */
};
struct settings_discovery {
    const char *name; /* server_name; default "Parley" */
    const char *id;   /* server_id, a UUID; NULL: derived from the machine and the address */
    const char *auth_url, *token_url, *chat_client; /* NULL: absent */
    const char *public_url; /* "https://chat.example.org"; NULL: from Host */
};
struct settings_log {
    const char *level, *format; /* info; auto, json, text */
};
struct settings {
    struct settings_server server;
    struct settings_admin admin;
    bool has_admin; /* there is an [admin] section: then its listener must come up */
    struct settings_control control;
    bool has_control; /* there is a [control] section: then its socket must be there */
    struct settings_discovery discovery;
    struct settings_log log;
};
/* Fills all of it, notes faults that one table cannot see: addresses and networks that do not
 * parse, tls_key without certificate, auth = none or no TLS on an admin address that is not
 * loopback, hangup <= ping. Relative file names become relative to the INI's folder. The texts live
 * as long as the config.
 * @retval 0 Filled.  @retval -EINVAL Faults were noted.  @retval -ENOMEM */
int settings_read(struct config *c, struct settings *ret);
#endif
