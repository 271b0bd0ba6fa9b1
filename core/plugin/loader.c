/* Shared objects: found by name or absolute path, checked, and refused in one sentence that names
 * both sides.
 *
 * A file is resolved first, then opened, then judged by its descriptor, and it is that descriptor
 * which is mapped: nobody can swap it in between. Nothing is ever unmapped.
 */
#include "plugin/loader.h"

#include "base/str.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int owner_and_mode(const char *path, const struct stat *st, char why[LOADER_WHY_BYTES])
{
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        snprintf(why, LOADER_WHY_BYTES, "%s is owned by user %u, neither root nor the server's own",
                 path, (unsigned)st->st_uid);
        return -EACCES;
    }
    if ((st->st_mode & S_IWOTH) && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))) {
        snprintf(why, LOADER_WHY_BYTES, "%s is writable by anyone", path);
        return -EACCES;
    }
    return 0;
}

int loader_check_file(const char *path, int fd, char why[LOADER_WHY_BYTES])
{
    char folder[PATH_MAX], *cut;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, LOADER_WHY_BYTES, "%s is not a file", path);
        return -EACCES;
    }
    if (owner_and_mode(path, &st, why) < 0)
        return -EACCES;
    snprintf(folder, sizeof folder, "%s", path);
    while ((cut = strrchr(folder, '/'))) {
        cut[cut == folder ? 1 : 0] = 0;
        if (stat(folder, &st) < 0 || owner_and_mode(folder, &st, why) < 0)
            return -EACCES;
        if (cut == folder)
            break;
    }
    return 0;
}

/* By its descriptor, which then stays open: the loader of glibc knows objects by the name that they
 * were opened under, and would take the next one under the same number for this one. Sanitizers
 * name functions by the path that was mapped, and cannot follow a descriptor. */
static void *map(const char *path, int fd)
{
#ifdef PARLEY_CHECKED
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    close(fd);
    return handle;
#else
    char descriptor[64];
    void *handle;

    (void)path;
    snprintf(descriptor, sizeof descriptor, "/proc/self/fd/%d", fd);
    handle = dlopen(descriptor, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        close(fd);
    return handle;
#endif
}

static int check_abi(const char *file, const parley_plugin *p, char why[LOADER_WHY_BYTES])
{
    const parley_preamble *pre = &p->preamble;
    const size_t least = offsetof(parley_plugin, provides) + sizeof p->provides;

    if (pre->magic != PARLEY_MAGIC) {
        snprintf(why, LOADER_WHY_BYTES, "%s: its descriptor is not that of a Parley plugin", file);
        return -EINVAL;
    }
    if (pre->abi_major != PARLEY_ABI_MAJOR || pre->min_minor > PARLEY_ABI_MINOR) {
        snprintf(why, LOADER_WHY_BYTES,
                 "%s: plugin '%s' needs plugin ABI %u.%u (built with SDK %s); this parleyd %s "
                 "provides ABI %d.%d",
                 file, pre->abi_major == PARLEY_ABI_MAJOR && p->id ? p->id : file, pre->abi_major,
                 pre->min_minor, pre->sdk_version ? pre->sdk_version : "unknown", PARLEY_VERSION,
                 PARLEY_ABI_MAJOR, PARLEY_ABI_MINOR);
        return -EINVAL;
    }
    if (pre->struct_size < least || !p->id || !p->version) {
        snprintf(why, LOADER_WHY_BYTES,
                 "%s: its descriptor is too short, or has no id or no version", file);
        return -EINVAL;
    }
    return 0;
}

static struct plugin_file *add(struct registry *r, const char *path, void *handle,
                               const parley_plugin *p)
{
    struct plugin_file *f = calloc(1, sizeof *f), **end = &r->files;
    size_t n = p->preamble.struct_size;

    if (!f)
        return NULL;
    f->path = str_dup(str_of(path));
    if (!f->path) {
        free(f);
        return NULL;
    }
    f->handle = handle;
    f->plugin = p;
    memcpy(&f->copy, p, n < sizeof f->copy ? n : sizeof f->copy);
    while (*end)
        end = &(*end)->next;
    *end = f;
    return f;
}

static bool is_named(const char *id, const char *name)
{
    const char *last = strrchr(id, '.');

    return strcmp(id, name) == 0 || (last && strcmp(last + 1, name) == 0);
}

static int find_builtin(struct registry *r, const char *name, const parley_plugin *const *builtin,
                        struct plugin_file **ret, char why[LOADER_WHY_BYTES])
{
    for (size_t i = 0; builtin && builtin[i]; i++) {
        if (!is_named(builtin[i]->id, name))
            continue;
        for (struct plugin_file *f = r->files; f; f = f->next)
            if (f->plugin == builtin[i]) {
                *ret = f;
                return 0;
            }
        if (check_abi(builtin[i]->id, builtin[i], why) < 0)
            return -EINVAL;
        *ret = add(r, builtin[i]->id, NULL, builtin[i]);
        if (*ret)
            return 0;
        snprintf(why, LOADER_WHY_BYTES, "%s: out of memory", name);
        return -ENOMEM;
    }
    return -ENOENT;
}

/* The first of the folders that has it. */
static bool in_folders(const char *folders, const char *name, char path[PATH_MAX])
{
    char wanted[PATH_MAX];
    size_t n;

    for (; n = strcspn(folders, ":"), n || *folders; folders += n + (folders[n] == ':'))
        if (n &&
            snprintf(wanted, sizeof wanted, "%.*s/%s.so", (int)n, folders, name) <
                (int)sizeof wanted &&
            realpath(wanted, path))
            return true;
    return false;
}

static int resolve(const struct registry *r, const char *name, char path[PATH_MAX],
                   char why[LOADER_WHY_BYTES])
{
    if (name[0] == '/' ? strstr(name, "/../") != NULL : strchr(name, '/') != NULL) {
        snprintf(why, LOADER_WHY_BYTES, "'%s' is neither a name nor an absolute path without '..'",
                 name);
        return -EINVAL;
    }
    if (name[0] == '/' ? realpath(name, path) != NULL : in_folders(r->plugin_path, name, path))
        return 0;
    if (name[0] == '/')
        snprintf(why, LOADER_WHY_BYTES, "%s: there is no such plugin", name);
    else if (!strchr(r->plugin_path, ':'))
        snprintf(why, LOADER_WHY_BYTES, "%s/%s.so: there is no such plugin", r->plugin_path, name);
    else
        snprintf(why, LOADER_WHY_BYTES, "%s.so: there is no such plugin in %s", name,
                 r->plugin_path);
    return -ENOENT;
}

int loader_open(struct registry *r, const char *name, const parley_plugin *const *builtin,
                struct plugin_file **ret_file, char why[LOADER_WHY_BYTES])
{
    char path[PATH_MAX];
    const parley_plugin *p;
    void *handle;
    int fd, e = find_builtin(r, name, builtin, ret_file, why);

    if (e != -ENOENT)
        return e;
    e = resolve(r, name, path, why);
    if (e < 0)
        return e;
    for (struct plugin_file *f = r->files; f; f = f->next)
        if (strcmp(f->path, path) == 0) {
            *ret_file = f;
            return 0;
        }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, LOADER_WHY_BYTES, "%s: %s", path, strerror(errno));
        return -errno;
    }
    e = loader_check_file(path, fd, why);
    if (e < 0) {
        close(fd);
        return e;
    }
    handle = map(path, fd);
    if (!handle) {
        snprintf(why, LOADER_WHY_BYTES, "%s: cannot be loaded: %s", path, dlerror());
        return -EINVAL;
    }
    p = dlsym(handle, "parley_plugin_descriptor");
    if (!p) {
        snprintf(why, LOADER_WHY_BYTES,
                 "%s: exports no parley_plugin_descriptor, so it is no Parley plugin", path);
        return -EINVAL;
    }
    e = check_abi(path, p, why);
    if (e == 0 && !(*ret_file = add(r, path, handle, p))) {
        snprintf(why, LOADER_WHY_BYTES, "%s: out of memory", path);
        e = -ENOMEM;
    }
    return e;
}
