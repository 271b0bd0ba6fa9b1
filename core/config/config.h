/* The INI file, read whole before anything starts: sections, keys, their lines, and every fault
 * that was found.
 *
 * inih finds the keys; the reader under it counts lines, reads section heads, and refuses lines
 * over 4,095 bytes. Whoever understands a section (the server's own tables, a plugin's options)
 * marks it; what is left unmarked is a fault. Control loop only.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H
#include "base/arena.h"

#include <parley/plugin.h>

struct config_key {
    struct config_key *next;
    parley_str name, value; /* value trimmed; a ';' or '#' comment after white space is cut off */
    int line;
    bool used;
};
struct config_section {
    struct config_section *next;
    parley_str kind;    /* "server", "hub", … : the first word */
    parley_str name;    /* "rate_limit"; absent in [server] */
    parley_str channel; /* [hub x in gaming] */
    int line;
    bool used;
    struct config_key *keys; /* in the order of the file */
};
struct config_fault {
    struct config_fault *next;
    int line;  /* 0: the file as a whole */
    int order; /* in which it was noted */
    parley_str text;
};
struct config {
    struct arena arena;
    parley_str file;                 /* as it was named */
    struct config_section *sections; /* in the order of the file */
    struct config_fault *faults;     /* in the order of their lines, once config_report has run */
    int fault_count;
};

/* Reads a file, or text (`name` stands in messages). Faults are noted, never printed; all of them
 * are found: a line over 4,095 bytes, a line that is neither section, key nor comment, a broken
 * section head ("[bad", "[hub]", "[hub a b]", an unknown kind), whose keys are then passed over in
 * silence, a section twice, a key twice in a section, a key before any section, bad UTF-8 or NUL.
 * @retval 0 Read; look at fault_count.  @retval -Exxx The file could not be read at all; a fault
 * says so.
 */
int config_read_file(struct config *c, const char *path);
int config_read_text(struct config *c, const char *name, const char *text);
void config_finish(struct config *c);

const struct config_section *config_find(const struct config *c, const char *kind, parley_str name,
                                         parley_str channel);
/* "[hub rate_limit in gaming]", for messages: printable, cut where it is too long. Returns out. */
#define CONFIG_TITLE_BYTES 160
const char *config_title(const struct config_section *s, char out[CONFIG_TITLE_BYTES]);
/* NULL: it is not there. Does not mark it. */
const struct config_key *config_key(const struct config_section *s, const char *name);
void config_fault(struct config *c, int line, const char *format, ...) PARLEY_PRINTF(3);
/* Fills `into` from the section's keys by the table, defaults first; marks keys and section as
 * used. Notes a fault for an unknown key ("unknown key 'mesages' in [hub rate_limit] (did you mean
 * 'messages'?)"), a bad value ("'window' must be a duration such as '60s' or '5m'"), a missing
 * required one. Keys named in `reserved` (a NULL-ended list) are left to the caller. `s` NULL:
 * defaults alone. With `base` (the options of the section without a channel) only PER_CHANNEL keys
 * are allowed and the rest is copied from it.
 * @retval 0 Filled.  @retval -EINVAL Faults were noted.  @retval -ENOMEM */
int config_fill(struct config *c, struct config_section *s, const parley_table *fields,
                const char *const *reserved, const void *base, void *into, size_t into_bytes);
/* Notes a fault for each section that nobody used; their number. */
int config_unused(struct config *c);
/* Prints every fault, "file:line: text", in the order of lines, to a stream; their number. */
int config_report(struct config *c, FILE *to);
#endif
