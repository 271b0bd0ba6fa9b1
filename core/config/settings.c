/* The core's own sections: four tables, and the checks that no single table can make.
 *
 * The tables are the one place of names, ranges and defaults; etc/parley.ini and
 * docs/configuration.md repeat them, and a test compares. File names are taken from the folder of
 * the INI, not from where the daemon happens to be started.
 */
#include "config/settings.h"

#include "base/str.h"
#include "base/units.h"

#include <arpa/inet.h>
#include <grp.h>
#include <sys/un.h>

#define SOCKET_BYTES sizeof((struct sockaddr_un){0}).sun_path

#define OPTION_INT(S, name, member, range, dflt, doc) \
    PARLEY_OPTION(name, PARLEY_INT, S, member, range, dflt, 0, doc)
#define OPTION_SIZE(S, name, member, range, dflt, doc) \
    PARLEY_OPTION(name, PARLEY_SIZE, S, member, range, dflt, 0, doc)
#define OPTION_TIME(S, name, member, range, dflt, doc) \
    PARLEY_OPTION(name, PARLEY_DURATION, S, member, range, dflt, 0, doc)
#define OPTION_TEXT(S, name, member, range, dflt, doc) \
    PARLEY_OPTION(name, PARLEY_STRING, S, member, range, dflt, 0, doc)
#define OPTION_LIST(S, name, member, range, dflt, doc) \
    PARLEY_OPTION(name, PARLEY_LIST, S, member, range, dflt, 0, doc)

#define S struct settings_server
static const parley_field server_fields[] = {
    OPTION_LIST(S, "listen", listen, "1..16", "127.0.0.1:8080", "Addresses and ports for clients"),
    OPTION_INT(S, "pumps", pumps, "1..64", "1", "Loops that share the clients, each a thread"),
    OPTION_TEXT(S, "plugin_path", plugin_path, "1..4095", NULL,
                "Folder of the plugins that are named without a path"),
    OPTION_TEXT(S, "tls_certificate", tls_certificate, "1..4095", NULL,
                "PEM file: certificate and its chain"),
    OPTION_TEXT(S, "tls_key", tls_key, "1..4095", NULL, "PEM file: its private key"),
    OPTION_LIST(S, "trusted_proxies", trusted_proxies, "0..100", "",
                "Whose X-Forwarded-For counts: addresses, networks"),
    OPTION_LIST(S, "origins", origins, "0..100 of http://*|https://*", "",
                "Origins of web pages that may connect"),
    OPTION_LIST(S, "dashboards", dashboards, "0..100 of 1..128", "WebClient",
                "OAuth client ids of dashboards"),
    OPTION_INT(S, "max_connections", connections, "1..1000000", "10000", "Connections in all"),
    OPTION_INT(S, "max_per_address", connections_per_address, "0..1000000", "50",
               "Connections an address; 0: no cap"),
    OPTION_INT(S, "max_per_user", connections_per_user, "0..1000000", "10",
               "Connections a user; 0: no cap"),
    OPTION_INT(S, "max_pending", pending, "1..1000000", "1000",
               "Logins that wait for an answer at a time"),
    OPTION_INT(S, "accept_rate", accept_rate, "0..1000000", "200",
               "New connections a second; 0: no pacing"),
    OPTION_SIZE(S, "max_message", message_bytes, "64B..16MiB", "16KiB",
                "Largest message of a client"),
    OPTION_INT(S, "max_fragments", fragments, "1..10000", "64", "Most frames of one message"),
    OPTION_TIME(S, "message_timeout", message_ms, "10ms..10m", "10s",
                "Longest time from its first frame to its last"),
    OPTION_INT(S, "max_depth", depth, "1..1000", "32", "Deepest nesting of JSON"),
    OPTION_INT(S, "max_tokens", tokens, "8..1000000", "2048", "Most tokens of JSON in a message"),
    OPTION_INT(S, "credit_messages", credit_messages, "1..100000", "32",
               "Messages of a client that wait in the hub"),
    OPTION_SIZE(S, "credit_bytes", credit_bytes, "1KiB..1GiB", "64KiB", "Likewise, their bytes"),
    OPTION_INT(S, "queue_messages", queue_messages, "1..1000000", "256",
               "Messages that wait to be sent to a client"),
    OPTION_SIZE(S, "queue_bytes", queue_bytes, "1KiB..1GiB", "256KiB", "Likewise, their bytes"),
    OPTION_TIME(S, "stalled_timeout", stalled_ms, "10ms..1h", "10s",
                "A client that takes nothing for so long is out"),
    OPTION_TIME(S, "greeting_timeout", greeting_ms, "10ms..1h", "30s",
                "Longest time to take the greeting"),
    OPTION_TIME(S, "handshake_timeout", handshake_ms, "10ms..10m", "10s",
                "From the connection to the whole request"),
    OPTION_TIME(S, "authentication_timeout", authentication_ms, "10ms..10m", "5s",
                "Longest wait for an authenticator"),
    OPTION_TIME(S, "ping", ping_ms, "10ms..1h", "25s",
                "A client that was silent for so long is pinged"),
    OPTION_TIME(S, "hangup", hangup_ms, "10ms..2h", "35s",
                "A client that was silent for so long is gone"),
    OPTION_TIME(S, "close_timeout", close_ms, "10ms..10m", "5s",
                "How long a client may take to answer a close"),
    OPTION_TIME(S, "drain", drain_ms, "0..1h", "30s", "Over how long clients return after a stop"),
    OPTION_TIME(S, "stop", stop_ms, "0..2h", "45s", "A stop that takes longer is cut short"),
    OPTION_TEXT(S, "flush_window", flush_window, "1..16", "auto",
                "How long messages are gathered; 'auto' or a duration"),
    OPTION_TIME(S, "dedupe_window", dedupe_ms, "0..1d", "2m",
                "How long a message's id is remembered"),
    OPTION_TIME(S, "user_memory", user_memory_ms, "0..30d", "10m",
                "How long a user who is away is remembered"),
    OPTION_TEXT(S, "store", store, "1..4095", NULL,
                "File of what plugins keep; without it, in memory alone"),
    OPTION_SIZE(S, "store_max", store_bytes, "64KiB..64GiB", "256MiB",
                "Most memory for what plugins keep"),
    OPTION_SIZE(S, "store_section_max", store_section_bytes, "64KiB..64GiB", "64MiB",
                "Likewise, for one section"),
    OPTION_SIZE(S, "store_keep_free", store_keep_free_bytes, "0..1024GiB", "256MiB",
                "When the disk has less room, no more is kept"),
    OPTION_INT(S, "verdicts", verdicts, "0..100000", "1000",
               "Verdicts that are kept for operators to look at"),
    OPTION_TEXT(S, "ack", ack, "stored|accepted", "stored",
                "Whether an ack waits until what plugins kept of it is on the disk"),
};
#undef S
#define S struct settings_admin
static const parley_field admin_fields[] = {
    OPTION_LIST(S, "listen", listen, "1..16", "127.0.0.1:8081",
                "Addresses and ports for operators; 'none': none"),
    OPTION_TEXT(S, "tls_certificate", tls_certificate, "1..4095", NULL,
                "PEM file: certificate and its chain"),
    OPTION_TEXT(S, "tls_key", tls_key, "1..4095", NULL, "PEM file: its private key"),
    OPTION_TEXT(S, "auth", auth, "token|none", "token",
                "'none' lets everyone in: on loopback addresses alone"),
    OPTION_TEXT(S, "role", role, "1..128", "admin",
                "The role that an operator's access token must hold"),
    OPTION_TEXT(S, "token_file", token_file, "1..4095", NULL,
                "File of the local token; made when it is missing"),
};
#undef S
#define S struct settings_control
static const parley_field control_fields[] = {
    OPTION_TEXT(S, "socket", socket, "1..4095", NULL,
                "Path of the socket that parleyctl uses; 'none': none"),
    OPTION_TEXT(S, "group", group, "1..128", NULL, "Unix group whose members may use it too"),
};
#undef S
#define S struct settings_discovery
static const parley_field discovery_fields[] = {
    OPTION_TEXT(S, "name", name, "1..128", "Parley", "Name of the server, for people"),
    OPTION_TEXT(S, "id", id, NULL, NULL, "A UUID that stays the same"),
    OPTION_TEXT(S, "auth_url", auth_url, "http://*|https://*", NULL,
                "Where users log in (OAuth 2 authorization)"),
    OPTION_TEXT(S, "token_url", token_url, "http://*|https://*", NULL,
                "Where clients get tokens (OAuth 2 token)"),
    OPTION_TEXT(S, "chat_client", chat_client, "1..128", NULL,
                "OAuth client id that chat clients use"),
    OPTION_TEXT(S, "public_url", public_url, "http://*|https://*", NULL,
                "This server, as clients reach it"),
};
#undef S
#define S struct settings_log
static const parley_field log_fields[] = {
    OPTION_TEXT(S, "level", level, "debug|info|warning|error", "info", "The least that is logged"),
    OPTION_TEXT(S, "format", format, "auto|json|text", "auto",
                "'auto': text on a terminal, else JSON"),
};
#undef S
static const parley_table server_table = PARLEY_TABLE(server_fields),
                          admin_table = PARLEY_TABLE(admin_fields),
                          control_table = PARLEY_TABLE(control_fields),
                          discovery_table = PARLEY_TABLE(discovery_fields),
                          log_table = PARLEY_TABLE(log_fields);

static struct config_section *find(struct config *c, const char *kind)
{
    struct config_section *s = c->sections;
    while (s != NULL && !str_is(s->kind, kind))
        s = s->next;
    return s;
}

/* Line of a key, or of its section where the value is a default. */
static int line_of(const struct config_section *s, const char *name)
{
    const struct config_key *k = config_key(s, name);
    return k != NULL ? k->line : s != NULL ? s->line : 0;
}

static bool is_port(const char *p)
{
    int64_t port;
    return units_int(str_of(p), &port) == 0 && port >= 0 && port <= 65535;
}

/* An address as numbers. *ret_loopback: nobody but this machine reaches it. */
static bool is_address(const char *text, bool *ret_loopback)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *ret_loopback = ntohl(v4.s_addr) >> 24 == 127;
        return true;
    }
    bool valid = inet_pton(AF_INET6, text, &v6) == 1;
    *ret_loopback = valid && IN6_IS_ADDR_LOOPBACK(&v6);
    return valid;
}

/* "127.0.0.1:8080", "[::1]:8080" */
static bool is_endpoint(parley_str text, bool *ret_loopback)
{
    char address[64];
    const char *colon = memrchr(text.p, ':', text.n);
    size_t n = colon == NULL ? 0 : (size_t)(colon - text.p);
    bool bracketed = n > 1 && text.p[0] == '[' && text.p[n - 1] == ']';
    if (n == 0 || n >= sizeof address || !is_port(colon + 1))
        return false;
    snprintf(address, sizeof address, "%.*s", (int)(bracketed ? n - 2 : n), text.p + bracketed);
    return bracketed == (strchr(address, ':') != NULL) && is_address(address, ret_loopback);
}

/* "10.0.0.0/8", "2001:db8::/32", or an address alone */
static bool is_network(parley_str text)
{
    char address[64];
    bool loopback;
    int64_t bits = 0;
    const char *slash = memchr(text.p, '/', text.n);
    size_t n = slash == NULL ? text.n : (size_t)(slash - text.p);
    if (n >= sizeof address ||
        (slash != NULL && (units_int(str_of(slash + 1), &bits) != 0 || bits < 0)))
        return false;
    snprintf(address, sizeof address, "%.*s", (int)n, text.p);
    return is_address(address, &loopback) && bits <= (strchr(address, ':') != NULL ? 128 : 32);
}

/* Notes a fault for each that is no address; whether all are on a loopback. */
static bool check_listen(struct config *c, const char *section, int line, const parley_list *listen)
{
    bool all_loopback = true;
    for (size_t i = 0; i < listen->n; i++) {
        bool loopback = true;
        if (!is_endpoint(listen->items[i], &loopback))
            config_fault(c, line,
                         "[%s]: 'listen' must be addresses with ports, such as '127.0.0.1:8080' or "
                         "'[::1]:8080', not '%s'",
                         section, listen->items[i].p);
        all_loopback &= loopback;
    }
    return all_loopback;
}

/* An origin has neither path nor trailing slash: browsers send none, and it is compared as it is.
 */
static void check_origin(struct config *c, const char *section, const char *key, int line,
                         const char *text)
{
    const char *host = strstr(text, "://");
    size_t n = host == NULL ? 0 : strcspn(host + 3, "/?#@ ");
    if (host == NULL || (n > 0 && host[3 + n] == '\0'))
        return; /* the table says so if there is no scheme */
    char whole[128];
    snprintf(whole, sizeof whole, "%.*s", (int)((size_t)(host - text) + 3 + n), text);
    if (n > 0 && strcmp(host + 3 + n, "/") == 0)
        config_fault(c, line,
                     "[%s]: '%s' is scheme, host and port alone, not '%s' (did you mean '%s'?)",
                     section, key, text, whole);
    else
        config_fault(c, line,
                     "[%s]: '%s' is scheme, host and port alone, such as "
                     "'https://chat.example.org', not '%s'",
                     section, key, text);
}

static void check_tls(struct config *c, const struct config_section *s, const char *certificate,
                      const char *key)
{
    if (certificate != NULL && key == NULL)
        config_fault(c, line_of(s, "tls_certificate"),
                     "[%s]: 'tls_certificate' needs 'tls_key' beside it", s->kind.p);
    if (key != NULL && certificate == NULL)
        config_fault(c, line_of(s, "tls_key"), "[%s]: 'tls_key' needs 'tls_certificate' beside it",
                     s->kind.p);
}

static void check_server(struct config *c, const struct config_section *s,
                         const struct settings_server *v)
{
    check_listen(c, "server", line_of(s, "listen"), &v->listen);
    check_tls(c, s, v->tls_certificate, v->tls_key);
    for (size_t i = 0; i < v->trusted_proxies.n; i++)
        if (!is_network(v->trusted_proxies.items[i]))
            config_fault(c, line_of(s, "trusted_proxies"),
                         "[server]: 'trusted_proxies' must be addresses or networks, such as "
                         "'10.0.0.0/8' or '::1', not '%s'",
                         v->trusted_proxies.items[i].p);
    for (size_t i = 0; i < v->origins.n; i++)
        check_origin(c, "server", "origins", line_of(s, "origins"), v->origins.items[i].p);
    if (v->hangup_ms <= v->ping_ms && v->ping_ms != 0)
        config_fault(c, line_of(s, config_key(s, "hangup") != NULL ? "hangup" : "ping"),
                     "[server]: 'hangup' must be longer than 'ping', or every silent client is cut "
                     "before it was asked");
    int64_t window;
    parley_str flush = str_of(v->flush_window);
    if (flush.p != NULL && !str_is(flush, "auto") &&
        (units_duration(flush, &window) != 0 || window > 1000))
        config_fault(c, line_of(s, "flush_window"),
                     "[server]: 'flush_window' must be 'auto' or a duration up to '1s', such as "
                     "'5ms', not '%s'",
                     v->flush_window);
}

static void check_admin(struct config *c, const struct config_section *s,
                        const struct settings_admin *v)
{
    int line = line_of(s, "listen");
    check_tls(c, s, v->tls_certificate, v->tls_key);
    if (v->listen.n == 1 && str_is(v->listen.items[0], "none"))
        return;
    if (check_listen(c, "admin", line, &v->listen))
        return;
    if (str_is(str_of(v->auth), "none"))
        config_fault(c, line_of(s, "auth"),
                     "[admin]: 'auth = none' lets everyone in who reaches 'listen': it is allowed "
                     "on loopback addresses alone");
    if (v->tls_certificate == NULL)
        config_fault(c, line,
                     "[admin]: 'listen' is reachable from other machines, and tokens would travel "
                     "unencrypted: set "
                     "'tls_certificate' and 'tls_key', or listen on 127.0.0.1");
}

/* The group is looked up here, so that --check-config tells of a wrong one. */
static void check_control(struct config *c, const struct config_section *s,
                          struct settings_control *v)
{
    char memory[16 * 1024];
    struct group group, *found = NULL;
    v->group_id = -1;
    if (v->socket != NULL && strlen(v->socket) >= SOCKET_BYTES)
        config_fault(c, line_of(s, "socket"),
                     "[control]: 'socket' is %zu bytes long, and the path of a socket has %zu at "
                     "most",
                     strlen(v->socket), SOCKET_BYTES - 1);
    if (v->group == NULL)
        return;
    if (getgrnam_r(v->group, &group, memory, sizeof memory, &found) == 0 && found != NULL)
        v->group_id = group.gr_gid;
    else
        config_fault(c, line_of(s, "group"), "[control]: 'group': there is no group '%s' here",
                     v->group);
}

static void check_discovery(struct config *c, const struct config_section *s,
                            const struct settings_discovery *v)
{
    static const char shape[] = "00000000-0000-0000-0000-000000000000";
    if (v->public_url != NULL)
        check_origin(c, "discovery", "public_url", line_of(s, "public_url"), v->public_url);
    for (size_t i = 0; v->id != NULL && i < sizeof shape; i++) {
        bool hex = v->id[i] != '\0' && strchr("0123456789abcdefABCDEF", v->id[i]) != NULL;
        if (shape[i] == '0' ? hex : v->id[i] == shape[i])
            continue;
        config_fault(c, line_of(s, "id"),
                     "[discovery]: 'id' must be a UUID, as `uuidgen` prints one, not '%s'", v->id);
        break;
    }
}

/* A relative name is one in the INI's folder. */
static int resolve(struct config *c, const char **name)
{
    const char *slash = c->file.p == NULL ? NULL : strrchr(c->file.p, '/');
    if (*name == NULL || **name == '/' || slash == NULL)
        return 0;
    parley_str whole =
        arena_printf(&c->arena, "%.*s/%s", (int)(slash - c->file.p), c->file.p, *name);
    if (whole.p == NULL)
        return -ENOMEM;
    *name = whole.p;
    return 0;
}

int settings_read(struct config *c, struct settings *ret)
{
    struct config_section *server = find(c, "server"), *admin = find(c, "admin");
    struct config_section *control = find(c, "control");
    struct config_section *discovery = find(c, "discovery"), *log = find(c, "log");
    struct settings v = {.has_admin = admin != NULL, .has_control = control != NULL};
    int before = c->fault_count, r = 0;
    const struct {
        struct config_section *section;
        const parley_table *table;
        void *into;
        size_t bytes;
    } all[] = {{server, &server_table, &v.server, sizeof v.server},
               {admin, &admin_table, &v.admin, sizeof v.admin},
               {control, &control_table, &v.control, sizeof v.control},
               {discovery, &discovery_table, &v.discovery, sizeof v.discovery},
               {log, &log_table, &v.log, sizeof v.log}};
    for (size_t i = 0; i < sizeof all / sizeof *all && r != -ENOMEM; i++)
        r = config_fill(c, all[i].section, all[i].table, NULL, NULL, all[i].into, all[i].bytes);
    const char **files[] = {&v.server.plugin_path, &v.server.tls_certificate, &v.server.tls_key,
                            &v.server.store,       &v.admin.tls_certificate,  &v.admin.tls_key,
                            &v.admin.token_file,   &v.control.socket};
    for (size_t i = 0; i < sizeof files / sizeof *files && r != -ENOMEM; i++)
        if (!str_is(str_of(*files[i]), "none") || files[i] != &v.control.socket)
            r = resolve(c, files[i]);
    if (r == -ENOMEM) {
        config_fault(c, 0, "there is no memory for its settings");
        return r;
    }
    check_server(c, server, &v.server);
    check_admin(c, admin, &v.admin);
    check_control(c, control, &v.control);
    check_discovery(c, discovery, &v.discovery);
    *ret = v;
    return c->fault_count > before ? -EINVAL : 0;
}
