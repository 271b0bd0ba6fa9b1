/* What the INI loaded: plugins, their instances (one a section), and what these provide, ready for
 * the road.
 *
 * Built on the control loop, and constant once it is published. A reload makes another registry
 * from it, in which sections that stay as they are keep their instance; whoever holds the old one
 * is given the new one by mail. The only folder that calls dlopen.
 */
#ifndef PLUGIN_REGISTRY_H
#define PLUGIN_REGISTRY_H
#include "base/buf.h"
#include "base/crumb.h"
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
struct slot_kind;
struct config_kept;
struct plugin_file { /* one a shared object, by its bytes */
    struct plugin_file *next;
    char *path;                  /* resolved; of one that is built in (tests) its id */
    int fd;                      /* of a private copy, which stays as it is; -1: built in */
    char id[96];                 /* device, inode, size and times of the file that was copied */
    void *handle;                /* dlopen's; NULL: not mapped yet, or built in */
    const parley_plugin *plugin; /* NULL: not mapped yet */
    parley_plugin copy;          /* zero-filled to our size */
    uint32_t users;              /* instances */
    bool unload;                 /* a section of it says unload = yes */
};
struct plugin_section { /* of the INI: what lasts from one of its generations to the next */
    struct plugin_section *next;
    char *kind, *name;               /* "hub", "rate_limit" */
    uint32_t generation;             /* of the latest that was published */
    struct plugin_instance *current; /* that serves. [hub], once it runs */
    struct slot_kind *slot_kinds;    /* hub/slots.c's. [hub] */
    bool stored;                     /* its durable timers were armed. [hub] */
};
struct plugin_root { /* what all registries of a process have in common */
    struct plugin_file *files;
    struct plugin_section *sections;
    char **type_names; /* by plugin_type.index: a name keeps its index for good */
    size_t type_name_count;
};
struct plugin_instance {     /* one a section and generation */
    struct parley_host host; /* first */
    struct plugin_section *of;
    struct plugin_instance *next; /* of those that leave: the hub's, or control's */
    struct plugin_file *file;
    struct plugin_type *types;      /* what it provides, in its order */
    struct plugin_hub *hubs;        /* likewise */
    char *fingerprint;              /* of its keys and files, as they were when it was loaded */
    struct config_kept *kept;       /* its options' texts; NULL: in a config that stays */
    struct config *config;          /* while it is being loaded, for parley_bad_option */
    struct config_section *section; /* likewise */
    const char *kind, *name;        /* of its section */
    uint32_t generation;            /* of its section: from 1 */
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
    bool fresh;           /* not published yet. [control] */
    bool leaves;          /* another generation, or none, has its place. [hub] */
    bool quiesced;        /* no hook of it runs any more. [hub] */
    bool known_to_none;   /* all pumps have a later registry. [hub] */
    const struct registry *registry; /* the first of the process */
    /* of the running daemon, set before start: what the host's functions act on */
    struct hub *hub;
    struct store_section *store; /* NULL: there is no store */
    struct logins *logins;
    struct control *control;
    /* in hooks, hub.c's: */
    struct hub_instance *hub_side;
};
/* Around every call into it: crumb_leave when it returned. i NULL: a type or protocol of nobody. */
static inline struct crumb_before plugin_enter(const struct plugin_instance *i, const char *hook)
{
    return crumb_enter(i ? i->host.section : NULL, i ? i->generation : 0, hook);
}
struct plugin_type {          /* a message type, by its name */
    struct plugin_type *next; /* of the same instance */
    parley_type type;         /* zero-filled to our size */
    parley_str name;
    struct plugin_instance
        *instance; /* NULL: known from nobody's table (server messages such as "ack") */
    const void *options;
    const parley_field *channel_field, *user_field; /* flagged fields, or NULL. Owned */
    struct rules *rules;                            /* of its fields; owned */
    bool has_text;
    uint16_t index; /* of its name, for the hub's chains */
    struct metric *metric_in;
};
struct plugin_hub {
    struct plugin_hub *next; /* of the same instance */
    parley_hub hub;
    uint32_t seat; /* the hub's: since when it is in the chain; clients that came before it are not
                      told of by it */
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
    const struct plugin_section *of; /* its section, which is there when the instance has gone */
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
    struct plugin_root *root;
    const struct registry *first;       /* of the process: stays until the end */
    struct plugin_instance **instances; /* in the order of the INI */
    size_t instance_count;
    struct plugin_type **types; /* sorted by name */
    size_t type_count;
    struct plugin_hub **hubs;      /* in the order in which the chain runs */
    size_t hub_count, shadow_hubs; /* of these, those of shadowed sections */
    struct plugin_auth *auths;
    size_t auth_count;
    struct plugin_protocol protocols[PROTOCOLS_MAX];
    size_t protocol_count;
    struct plugin_service *services;
    size_t service_count;
    struct plugin_route *routes;
    size_t route_count;
    char *plugin_path;
    /* Before each step that runs code of a plugin; set: this process only tries them, and what
     * others provide is not looked for. */
    void (*on_step)(const struct plugin_instance *i, const char *hook);
};
/* --- making one: plan, which runs nothing of a plugin, then fill. [control] --- */

struct registry_choice {     /* of what a reload takes along */
    const char *kind, *name; /* this section alone; NULL: all that changed, in keys or files */
    bool all;                /* or all of them, changed or not (tests) */
};
/* Of "hub wordlist" or "wordlist".
 * @retval -ENOENT There is none, or more than one: `notes` says so in a line, and what may have
 * been meant. */
int registry_choose(struct config *c, const char *section, struct registry_choice *ret,
                    struct buf *notes);
/* The first: finds and copies the files of all sections. Every fault of this and the following goes
 * to config_fault; nothing else is printed.
 * @param plugin_path  Folders with ':' between; the first that has a plugin counts. NULL: the one
 * beside the executable.
 * @param builtin  NULL-ended plugins that are known without a file (tests), or NULL.
 * @retval 0 @retval -EINVAL There were faults; registry_finish all the same. */
int registry_plan(struct registry *r, struct config *c, const char *plugin_path,
                  const parley_plugin *const *builtin);
/* One that follows `old`, likewise: sections that are not chosen keep their instance, or their
 * absence. `kept` owns c, and goes with the last instance that needs it; the caller has a
 * reference of his own. What only a restart can change is told in `notes`, a line each.
 * @retval -EINVAL There were faults; registry_discard. */
int registry_plan_next(struct registry *r, const struct registry *old, struct config_kept *kept,
                       const parley_plugin *const *builtin, const struct registry_choice *choice,
                       struct buf *notes);
/* Maps what was planned, fills options, makes the lists and calls create. */
int registry_fill(struct registry *r, struct config *c);
/* Plan and fill. */
int registry_load(struct registry *r, struct config *c, const char *plugin_path,
                  const parley_plugin *const *builtin);
/* --- and the end of one. [control] --- */
void registry_discard(struct registry *r);   /* was never published: what is new in it goes, unless
                                                it leaves by way of the hub */
void registry_published(struct registry *r); /* what is new in it has its generation from now on */
/* Nobody reads its lists any more; instances that a later one does not have are the caller's. */
void registry_retire(struct registry *r);
void registry_destroy(struct plugin_instance *i); /* one that left: destroy, and frees it */
void registry_finish(struct registry *r); /* the last one: destroy, in reverse; all stays mapped */

struct config_kept { /* a configuration that outlives its reload, for those who were made of it */
    struct config config;
    uint32_t users;
};
struct config_kept *config_kept_new(void);       /* one user; NULL: no memory */
void config_kept_release(struct config_kept *k); /* takes NULL */
struct plugin_instance *registry_section(const struct registry *r, const char *kind,
                                         const char *name); /* NULL: there is none. [any] */
struct plugin_type *registry_type(const struct registry *r,
                                  parley_str name); /* NULL: unknown. [any] */
/* Who provides a service to a section, NULL: nobody. One that acts is preferred; a shadowed section
 * is given what another shadowed one provides and nothing else, or it would act through that. [any]
 */
const struct plugin_service *registry_service(const struct registry *r, parley_str id,
                                              bool to_shadow);
/* The route of the same method and path, whichever registry `route` is of; NULL: there is none. */
const struct plugin_route *registry_route(const struct registry *r,
                                          const struct plugin_route *route);
char *registry_default_path(void); /* ../lib/parley/plugins from the executable; free() */
/* The chain as it runs: a line for each hub, with its phase, section, plugin, types, and how the
 * section is to be run. describe.c. [control] */
void registry_print_chain(const struct registry *r, FILE *to);
/* The same as JSON, appended: {"chain":[{"phase":"moderate","order":200,"section":…},…]}; also
 * whether its breaker is open, once it runs. [any] */
struct buf;
void registry_chain_json(const struct registry *r, struct buf *to);
#endif
