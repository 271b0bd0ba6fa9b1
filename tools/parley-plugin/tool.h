/* Shared by the files of parley-plugin, the program that plugin authors use.
 *
 * Each command is a file of its own: a function that reads its own command line and returns the
 * exit status. What several need is below: the descriptor as it lies in the file (plugin.c), what
 * its symbols say (elf.c), and the world in which a plugin is run (world.c).
 */
#ifndef TOOL_H
#define TOOL_H
#include <parley/auth.h>
#include <parley/plugin.h>
#include <parley/protocol.h>

#include <argp.h>
#include <jansson.h>
#include <limits.h>

enum { EXIT_FAULT = 1, EXIT_TROUBLE = 2, EXIT_USAGE = 64 };

/* --- commands: argv[0] is the name of the program and the command --- */
int command_new(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_doc(int argc, char **argv);
int command_run(int argc, char **argv);
int command_validate(int argc, char **argv);

/* --- plugin.c --- */
struct plugin {
    char path[PATH_MAX]; /* resolved */
    char name[64];       /* of the file, without .so */
    parley_plugin copy;  /* zero-filled to our size */
    const parley_plugin *descriptor;
};
/* As the daemon loads it, with the daemon's checks. 0; -EINVAL, and the daemon's sentence on
 * stderr. The file stays mapped. */
int plugin_open(const char *path, struct plugin *ret);
/* "hub", "type", "auth", "protocol": what its section is called; "plugin": none of these. */
const char *plugin_kind(const struct plugin *p);
/* The i-th entry, as much of it as both sides know; false: there is none. */
bool table_at(const parley_table *t, uint32_t i, void *into, size_t bytes);
/* A table that begins with its size. */
void table_copy(const void *from, void *into, size_t bytes);
/* The i-th interface of that id ("parley.hub/1"; NULL: any), copied into `into`; false: no more. */
bool plugin_provides(const struct plugin *p, const char *id, uint32_t i, void *into, size_t bytes);
/* "list of 0..1000", "duration of 1s..1h": what an option or field may be. Returns out. */
char *field_range(const parley_field *f, char *out, size_t bytes);
const char *phase_name(parley_phase phase);

/* --- elf.c --- */
/* Starts the program anew with a sanitizer's runtime if a plugin that argv names wants it. */
void elf_preload(char **argv);

/* --- world.c: a server with the plugin in it --- */
enum { SETS_MAX = 64 };
struct setup {
    const struct plugin *plugin;
    const char *ini_file; /* --ini; NULL: none */
    const char *sets[SETS_MAX];
    size_t set_count;           /* --set key=value */
    char kind[16], section[64]; /* as `ini_file` or the plugin says */
};
struct variant {             /* how a world differs from what `setup` says */
    const char *key, *value; /* this option so; value NULL: without it */
    const char *second;      /* a second section of that name */
    const char *without;     /* without who offers this service */
    const char *plugin;      /* not its file, but one that is built in */
    const char *extra;       /* text at the end */
};
extern const parley_plugin *const world_plugins[]; /* what is built in: a chat's types, a router */
/* Reads --ini. 0; -EINVAL: said on stderr. */
int setup_begin(struct setup *s, const struct plugin *p);
/* free(); v may be NULL. The plugin's section is the last but for `second` and `extra`. */
char *setup_ini(const struct setup *s, const struct variant *v);
/* Of options without a default that nobody set, the first; NULL: none. */
const char *setup_missing(const struct setup *s);
/* How the latest message was settled. */
struct settled {
    bool told;
    parley_verdict verdict;
    char section[64], rule[64];
};
extern struct settled world_settled;
const char *verdict_name(parley_verdict v);
#endif
