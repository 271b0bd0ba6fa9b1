/* What the INI loaded: plugins, their instances (one a section), and what these provide, ready for
 * the road.
 *
 * Built on the control loop before anything runs, and constant from then on. The only folder that
 * calls dlopen.
 */
#ifndef PLUGIN_REGISTRY_H
#define PLUGIN_REGISTRY_H
#include "config/settings.h"
#include "loop/mail.h"
#include "plugin/series.h"

#include <parley/auth.h>
#include <parley/plugin.h>
#include <parley/protocol.h>

struct daemon;
struct hub;
struct logins;
struct control;
struct store_section;
struct plugin_file { /* one a shared object */
    struct plugin_file *next;
    char *path;   /* resolved */
    void *handle; /* dlopen's; NULL: built in (tests) */
    const parley_plugin *plugin;
    parley_plugin copy; /* zero-filled to our size */
};
struct plugin_instance {     /* one a section */
    struct parley_host host; /* first */
    struct plugin_instance *next;
    struct plugin_file *file;
    struct config *config;          /* while it is being loaded, for parley_bad_option */
    struct config_section *section; /* likewise */
    char *kind, *name;              /* "hub", "rate_limit" */
    void *options;                  /* of the section */
    struct plugin_channel_options {
        parley_str channel;
        void *options;
    } * by_channel;
    size_t by_channel_count;
    bool on_error_pass;            /* on_error = pass; default reject */
    bool shadow;                   /* mode = shadow; default enforce */
    uint8_t breaker;               /* enum breaker; the hub's */
    int64_t budget_ms;             /* of a call into its hub; 0: none */
    bool bad_option;               /* parley_bad_option was called */
    bool broken, created, started; /* its options are faulty; create, start returned 0 */
    struct metric *
        *metrics;         /* of the plugin's table, those without a label, made when first used */
    struct series series; /* and those with one */
    struct registry *registry;
    /* of the running daemon, set before start: what the host's functions act on */
    struct hub *hub;
    struct store_section *store; /* NULL: there is no store */
    struct logins *logins;
    struct control *control;
    /* in hooks, hub.c's: */
    struct hub_instance *hub_side;
};
struct plugin_type {  /* a message type, by its name */
    parley_type type; /* zero-filled to our size */
    parley_str name;
    struct plugin_instance
        *instance; /* NULL: known from nobody's table (server messages such as "ack") */
    const void *options;
    const parley_field *channel_field, *user_field; /* flagged fields, or NULL. Owned */
    struct rules *rules;                            /* of its fields; owned */
    bool has_text;
    uint16_t index; /* in registry->types: for the hub's chains */
    struct metric *metric_in;
};
struct plugin_hub {
    parley_hub hub;
    struct plugin_instance *instance;
    struct metric *calls; /* the hub's: of the section */
};
struct plugin_auth {
    parley_auth auth;
    struct plugin_instance *instance;
};
struct plugin_protocol {
    parley_protocol protocol;
    struct plugin_instance *instance;
    const void *options;
};
struct plugin_service {
    const char *id;
    const void *table;
    struct plugin_instance *instance;
};
struct plugin_route {
    parley_route route;
    struct plugin_instance *instance;
    char *path; /* with '/' first */
};

struct registry {
    const struct settings
        *settings; /* set by the caller before registry_load; all else is zero then */
    struct plugin_file *files;
    struct plugin_instance *instances; /* in the order of the INI */
    struct plugin_type **types;        /* sorted by name */
    size_t type_count;
    struct plugin_hub *hubs; /* in the order in which the chain runs */
    size_t hub_count;
    struct plugin_auth *auths;
    size_t auth_count;
    struct plugin_protocol protocols[PROTOCOLS_MAX];
    size_t protocol_count;
    struct plugin_service *services;
    size_t service_count;
    struct plugin_route *routes;
    size_t route_count;
    char *plugin_path;
};
/* Loads what the sections name, fills options, calls create. Every fault goes to config_fault;
 * nothing else is printed.
 * @param plugin_path  Folders with ':' between; the first that has a plugin counts. NULL: the one
 * beside the executable.
 * @param builtin  NULL-ended plugins that are known without a file (tests), or NULL.
 * @retval 0 Loaded. @retval -EINVAL There were faults; registry_finish all the same. */
int registry_load(struct registry *r, struct config *c, const char *plugin_path,
                  const parley_plugin *const *builtin);
void registry_finish(struct registry *r); /* destroy, in reverse; dlclose never (it stays mapped) */
struct plugin_type *registry_type(const struct registry *r,
                                  parley_str name); /* NULL: unknown. [any] */
/* Who provides a service to a section, NULL: nobody. One that acts is preferred; a shadowed section
 * is given what another shadowed one provides and nothing else, or it would act through that. [any]
 */
const struct plugin_service *registry_service(const struct registry *r, parley_str id,
                                              bool to_shadow);
char *registry_default_path(void); /* ../lib/parley/plugins from the executable; free() */
/* The chain as it runs: a line for each hub, with its phase, section, plugin, types, and how the
 * section is to be run. describe.c. [control] */
void registry_print_chain(const struct registry *r, FILE *to);
/* The same as JSON, appended: {"chain":[{"phase":"moderate","order":200,"section":…},…]}; also
 * whether its breaker is open, once it runs. [any] */
struct buf;
void registry_chain_json(const struct registry *r, struct buf *to);
#endif
