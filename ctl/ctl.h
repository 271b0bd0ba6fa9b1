/* parleyctl: one process, one command, a few HTTP requests over the daemon's control socket.
 *
 * main.c reads the command line, talk.c speaks with the daemon, print.c writes for people; the
 * other files are the commands. A command asks the same routes that the admin listener has.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum ctl_exit {
    CTL_DONE = 0,
    CTL_REFUSED = 1,   /* the daemon said no, or that it could not */
    CTL_UNREACHED = 2, /* no daemon, or one that does not answer */
    CTL_FORBIDDEN = 3, /* this user may not */
    CTL_USAGE = 64,
};

#define CTL_ARGS 4
struct talk;
struct command;
struct ctl {
    const struct command *command;
    const char *socket; /* NULL: look for it */
    bool json;
    const char *args[CTL_ARGS];
    int arg_count;
    const char *values[128]; /* of the command's own options, by their key */
    struct talk *talk;
};
struct command {
    const char *name, *args, *doc; /* args: as --help shows them */
    const struct argp_option *options;
    int least, most; /* arguments */
    int (*run)(struct ctl *c);
};
extern const struct command command_status, command_clients, command_kick, command_mute,
    command_unmute, command_mutes, command_plugins, command_verdicts, command_review,
    command_reload, command_log;

/* A sentence about what was wrong to standard error; the code. */
int ctl_fail(enum ctl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A number from an option; false and told: it is none, or not least..most. */
bool ctl_number(const struct ctl *c, int key, const char *name, int64_t least, int64_t most,
                int64_t *ret);

/* --- talk.c --- */
/* GET when `take_body` is NULL and method is; the answer's JSON, the caller's, if ret is not NULL.
 * Everything but CTL_DONE was told to the user. */
int talk_ask(struct ctl *c, const char *method, const char *path, json_t *take_body, json_t **ret);
/* "/admin/x?a=b&c=d" of name, value, ..., NULL; a value that is NULL is left out. free() it; never
 * NULL */
char *talk_path(struct ctl *c, const char *path, ...) __attribute__((sentinel));
/* "/admin/SECTION/route" of the first section that has the plugin, or of the one that the option
 * --section names; free()d by the caller. Without one: "this server `lack`: ...". */
int talk_section(struct ctl *c, const char *plugin, const char *lack, const char *route,
                 char **ret);
void talk_end(struct ctl *c);
/* An option of those commands. */
#define SECTION_OPTION                                                                 \
    {                                                                                  \
        "section", 'S', "NAME", 0, "The section to ask, if several have the plugin", 0 \
    }

/* --- print.c --- */
int print_json(const json_t *v); /* with its line end; CTL_DONE */
/* Text of strangers, so that no terminal obeys it; NULL or "": "-". Padded to a width in
 * characters; 0: not. */
void print_text(const char *s, int width);
void print_field(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *print_bytes(int64_t n, char out[32]);     /* "1.4 MiB" */
const char *print_duration(int64_t ms, char out[32]); /* "3d 4h", "12m 5s", "250 ms" */
/* Members of an object, absent ones as "" and 0. */
const char *print_str(const json_t *v, const char *key);
int64_t print_int(const json_t *v, const char *key);
double print_number(const json_t *v, const char *key);
#endif
