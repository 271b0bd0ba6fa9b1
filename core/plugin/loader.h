/* From a name in the INI to a descriptor in memory. The only file of the core that calls dlopen
 * stands behind this. [control] */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H
#include "plugin/registry.h"

#include <limits.h>

#define LOADER_WHY_BYTES (2 * PATH_MAX)

/**
 * Find and load a plugin; one that is loaded already is given again.
 *
 * @param name      "rate_limit", found in r->plugin_path, or an absolute path.
 * @param builtin   NULL-ended; known by the last word of their id ("org.parley.rate_limit") or the
 * whole id. May be NULL.
 * @param ret_file  Owned by the registry.
 * @param why       One sentence that names the file, on failure.
 * @retval 0  @retval -ENOENT, -EACCES, -EINVAL, -ENOMEM
 */
int loader_open(struct registry *r, const char *name, const parley_plugin *const *builtin,
                struct plugin_file **ret_file, char why[LOADER_WHY_BYTES]);
/* Whether strangers could have written the file or put another in its place: it or a folder on the
 * way to it is writable by others (a sticky folder is fine), or owned by neither root nor us. 0, or
 * -EACCES and why. `path` is resolved. */
int loader_check_file(const char *path, int fd, char why[LOADER_WHY_BYTES]);
#endif
