/* Shared objects: found by name or absolute path, checked, and refused in one sentence that names
 * both sides.
 *
 * A file is resolved first, then opened, then judged by its descriptor, and it is a copy of what
 * that descriptor shows which is mapped: nobody can swap it in between, or write over it later. The
 * same bytes are mapped once, however often they are loaded. Nothing is unmapped unless its section
 * asks for it: a thread may still run its destructors.
 */
#include "plugin/loader.h"

#include "base/str.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
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

/* --- the private copy --- */

/* Sanitizers name functions by the path that was mapped, and cannot follow a descriptor. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BY_PATH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BY_PATH 1
#endif
#endif

static int copy_bytes(int from, int to)
{
    char block[64 * 1024];
    ssize_t n;

    while ((n = read(from, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || write(to, block, (size_t)n) != n)
            return n < 0 ? -errno : -ENOSPC;
    }
    return 0;
}

/* In memory, and never written again. -1: errno says why. */
static int private_copy(const char *path, int fd)
{
    const char *slash = strrchr(path, '/');
    char name[128];
    int copy, error;

    snprintf(name, sizeof name, "%.120s", slash ? slash + 1 : path);
    copy = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    error = copy < 0 ? -errno : copy_bytes(fd, copy);
    if (error == 0 &&
        fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        error = -errno;
    if (error == 0)
        return copy;
    if (copy >= 0)
        close(copy);
    errno = -error;
    return -1;
}

static bool same_bytes(int a, int b)
{
    char x[16 * 1024], y[sizeof x];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(a, x, sizeof x, at)) > 0) {
        if (pread(b, y, sizeof y, at) != n || memcmp(x, y, (size_t)n) != 0)
            return false;
        at += n;
    }
    return n == 0 && pread(b, y, sizeof y, at) == 0;
}

/* By its descriptor, which then stays open: the loader of glibc knows objects by the name that they
 * were opened under, and would take the next one under the same number for this one. */
#ifndef BY_PATH
static void *map(const struct plugin_file *f)
{
    char descriptor[64];

    snprintf(descriptor, sizeof descriptor, "/proc/self/fd/%d", f->fd);
    return dlopen(descriptor, RTLD_NOW | RTLD_LOCAL);
}
#else
/* By its path, unless something else was mapped from there: then by a file of our own, which is
 * left where a report can find it. */
static void *map(const struct plugin_file *f)
{
    char path[PATH_MAX];
    void *handle = dlopen(f->path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    int fd = open(f->path, O_RDONLY | O_CLOEXEC), copy;
    bool ours = !handle && fd >= 0 && same_bytes(fd, f->fd);

    if (handle)
        dlclose(handle);
    if (fd >= 0)
        close(fd);
    if (ours)
        return dlopen(f->path, RTLD_NOW | RTLD_LOCAL);
    snprintf(path, sizeof path, "%s/parley-plugin-XXXXXX", P_tmpdir);
    copy = mkostemp(path, O_CLOEXEC);
    if (copy < 0 || lseek(f->fd, 0, SEEK_SET) < 0 || copy_bytes(f->fd, copy) < 0)
        handle = NULL;
    else
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (copy >= 0) {
        close(copy);
        unlink(path);
    }
    return handle;
}
#endif

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

static bool is_named(const char *id, const char *name)
{
    const char *last = strrchr(id, '.');

    return strcmp(id, name) == 0 || (last && strcmp(last + 1, name) == 0);
}

static const parley_plugin *find_builtin(const char *name, const parley_plugin *const *builtin)
{
    for (size_t i = 0; builtin && builtin[i]; i++)
        if (is_named(builtin[i]->id, name))
            return builtin[i];
    return NULL;
}

static void take_descriptor(struct plugin_file *f, const parley_plugin *p)
{
    size_t n = p->preamble.struct_size;

    f->plugin = p;
    memcpy(&f->copy, p, n < sizeof f->copy ? n : sizeof f->copy);
}

static struct plugin_file *add(struct plugin_root *root, const char *path, int fd, const char *id)
{
    struct plugin_file *f = calloc(1, sizeof *f), **end = &root->files;

    if (!f)
        return NULL;
    f->path = str_dup(str_of(path));
    if (!f->path) {
        free(f);
        return NULL;
    }
    f->fd = fd;
    snprintf(f->id, sizeof f->id, "%s", id);
    while (*end)
        end = &(*end)->next;
    *end = f;
    return f;
}

static int fetch_builtin(struct plugin_root *root, const parley_plugin *p, struct plugin_file **ret,
                         char why[LOADER_WHY_BYTES])
{
    for (struct plugin_file *f = root->files; f; f = f->next)
        if (f->plugin == p) {
            *ret = f;
            return 0;
        }
    if (check_abi(p->id, p, why) < 0)
        return -EINVAL;
    *ret = add(root, p->id, -1, "");
    if (!*ret) {
        snprintf(why, LOADER_WHY_BYTES, "%s: out of memory", p->id);
        return -ENOMEM;
    }
    take_descriptor(*ret, p);
    return 0;
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

static void identify(const struct stat *st, char id[96])
{
    snprintf(id, 96, "%jx:%jx:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)st->st_dev,
             (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
             st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static struct plugin_file *mapped; /* of roots that are gone: what is mapped stays, and is known */

static struct plugin_file **find(struct plugin_file **at, const char *path, int copy)
{
    while (*at &&
           !((*at)->fd >= 0 && strcmp((*at)->path, path) == 0 && same_bytes((*at)->fd, copy)))
        at = &(*at)->next;
    return at;
}

/* One that was copied before with these bytes, from that path; takes note of where they lie now. */
static struct plugin_file *known(struct plugin_root *root, const char *path, int copy,
                                 const char *id)
{
    struct plugin_file *f = *find(&root->files, path, copy), **at = &mapped;

    if (!f) {
        at = find(at, path, copy);
        f = *at;
        if (f) {
            *at = f->next;
            f->next = root->files;
            root->files = f;
        }
    }
    if (f)
        snprintf(f->id, sizeof f->id, "%s", id);
    return f;
}

static int fetch(struct plugin_root *root, const char *path, int fd, struct plugin_file **ret,
                 char why[LOADER_WHY_BYTES])
{
    char id[96];
    struct stat st;
    int copy, e = loader_check_file(path, fd, why);

    if (e < 0)
        return e;
    fstat(fd, &st);
    identify(&st, id);
    copy = private_copy(path, fd);
    if (copy < 0) {
        snprintf(why, LOADER_WHY_BYTES, "%s: cannot be copied: %s", path, strerror(errno));
        return -errno;
    }
    *ret = known(root, path, copy, id);
    if (*ret) {
        close(copy);
        return 0;
    }
    *ret = add(root, path, copy, id);
    if (*ret)
        return 0;
    close(copy);
    snprintf(why, LOADER_WHY_BYTES, "%s: out of memory", path);
    return -ENOMEM;
}

int loader_fetch(struct registry *r, const char *name, const parley_plugin *const *builtin,
                 struct plugin_file **ret_file, char why[LOADER_WHY_BYTES])
{
    const parley_plugin *b = find_builtin(name, builtin);
    char path[PATH_MAX];
    int fd, e;

    if (b)
        return fetch_builtin(r->root, b, ret_file, why);
    e = resolve(r, name, path, why);
    if (e < 0)
        return e;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, LOADER_WHY_BYTES, "%s: %s", path, strerror(errno));
        return -errno;
    }
    e = fetch(r->root, path, fd, ret_file, why);
    close(fd);
    return e;
}

int loader_map(struct plugin_file *f, char why[LOADER_WHY_BYTES])
{
    const parley_plugin *p;

    if (f->plugin)
        return 0;
    if (!f->handle)
        f->handle = map(f);
    if (!f->handle) {
        snprintf(why, LOADER_WHY_BYTES, "%s: cannot be loaded: %s", f->path, dlerror());
        return -EINVAL;
    }
    p = dlsym(f->handle, "parley_plugin_descriptor");
    if (!p) {
        snprintf(why, LOADER_WHY_BYTES,
                 "%s: exports no parley_plugin_descriptor, so it is no Parley plugin", f->path);
        return -EINVAL;
    }
    if (check_abi(f->path, p, why) < 0)
        return -EINVAL;
    take_descriptor(f, p);
    return 0;
}

int loader_open(struct registry *r, const char *name, const parley_plugin *const *builtin,
                struct plugin_file **ret_file, char why[LOADER_WHY_BYTES])
{
    int e = loader_fetch(r, name, builtin, ret_file, why);

    return e < 0 ? e : loader_map(*ret_file, why);
}

static void drop(struct plugin_file *f)
{
    if (f->fd >= 0 && !f->handle)
        close(f->fd);
    free(f->path);
    free(f);
}

void loader_release(struct plugin_root *root, struct plugin_file *f)
{
    struct plugin_file **at = &root->files;

    if (--f->users || (f->plugin && !f->unload))
        return;
    if (f->handle) {
        dlclose(f->handle);
        f->handle = NULL;
    }
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    drop(f);
}

void loader_forget(struct plugin_root *root)
{
    struct plugin_file *f;

    while ((f = root->files)) {
        root->files = f->next;
        f->users = 0;
        f->unload = false;
        f->next = mapped;
        if (f->handle && f->plugin)
            mapped = f;
        else
            drop(f);
    }
}

void loader_identify(const struct registry *r, const char *name,
                     const parley_plugin *const *builtin, char id[LOADER_ID_BYTES])
{
    const parley_plugin *b = find_builtin(name, builtin);
    char path[PATH_MAX], why[LOADER_WHY_BYTES], of_file[96];
    struct stat st;

    id[0] = 0;
    if (b) {
        snprintf(id, LOADER_ID_BYTES, "%s ", b->id);
    } else if (resolve(r, name, path, why) == 0 && stat(path, &st) == 0) {
        identify(&st, of_file);
        snprintf(id, LOADER_ID_BYTES, "%s %s", path, of_file);
    }
}
