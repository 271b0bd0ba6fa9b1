/* From a name in the INI to a descriptor in memory. The only file of the core that calls dlopen
 * stands behind this. [control] */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H
#include "plugin/registry.h"

#include <limits.h>

#define LOADER_WHY_BYTES (2 * PATH_MAX)
#define LOADER_ID_BYTES  (PATH_MAX + 128)

/**
 * Find a plugin and copy its file, so that whatever becomes of it on the disk changes nothing here;
 * nothing of it is run. One whose bytes are known already is given again.
 *
 * @param name      "rate_limit", found in r->plugin_path, or an absolute path.
 * @param builtin   NULL-ended; known by the last word of their id ("org.parley.rate_limit") or the
 * whole id. May be NULL.
 * @param ret_file  Owned by the registry's root; the caller counts itself among its users.
 * @param why       One sentence that names the file, on failure.
 * @retval 0  @retval -ENOENT, -EACCES, -EINVAL, -ENOMEM
 */
int loader_fetch(struct registry *r, const char *name, const parley_plugin *const *builtin,
                 struct plugin_file **ret_file, char why[LOADER_WHY_BYTES]);
/* Maps it, which runs its constructors, and checks its descriptor; nothing when it is mapped.
 * 0; -EINVAL and why */
int loader_map(struct plugin_file *f, char why[LOADER_WHY_BYTES]);
/* Both. 0, or as they. */
int loader_open(struct registry *r, const char *name, const parley_plugin *const *builtin,
                struct plugin_file **ret_file, char why[LOADER_WHY_BYTES]);
/* One user less. Without any it is unmapped if a section said so, else it stays as it is. */
void loader_release(struct plugin_root *root, struct plugin_file *f);
void loader_forget(struct plugin_root *root); /* all of them, at the end; stays mapped */
/* "path device:inode:size:times" of what would be fetched under that name, to tell whether it is
 * another one now. Empty: there is none. */
void loader_identify(const struct registry *r, const char *name,
                     const parley_plugin *const *builtin, char id[LOADER_ID_BYTES]);
/* Whether strangers could have written the file or put another in its place: it or a folder on the
 * way to it is writable by others (a sticky folder is fine), or owned by neither root nor us. 0, or
 * -EACCES and why. `path` is resolved. */
int loader_check_file(const char *path, int fd, char why[LOADER_WHY_BYTES]);
#endif
