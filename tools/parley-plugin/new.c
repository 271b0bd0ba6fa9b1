/* parley-plugin new: a folder that builds, tests and passes the validator as it is.
 *
 * The templates are files of share/parley/template, found from where this program lies: a folder a
 * kind, and `common`. `@NAME@` in a file, and NAME in its name, become the plugin's. What cannot be
 * made whole is not begun: every file is read before the folder is made.
 */
#include "base/buf.h"
#include "base/str.h"
#include "tool.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 16, NAME_BYTES_MAX = 32, TEMPLATE_BYTES_MAX = 64 * 1024 };

static const char *const kinds[] = {"type", "hub", "moderation", "auth", "protocol"};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct arguments {
    const char *kind, *name;
};
struct made {
    char name[NAME_MAX + 1];
    struct buf text;
};
struct folder {
    struct made files[FILES_MAX];
    size_t count;
};

/* NULL, or what is wrong with it: it will be a file, a section of the INI and a CMake target. */
static const char *fault_of(const char *name)
{
    static const char *const taken[] = {"all", "clean", "help", "install", "package", "test"};

    if (!islower((unsigned char)name[0]))
        return "it must begin with a small letter";
    if (strlen(name) > NAME_BYTES_MAX)
        return "it may have 32 characters, not more";
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
        return "small letters, digits and '_' are all that it may have, as in 'wordban'";
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return "CMake has a use of its own for that word";
    return NULL;
}

static int template_folder(const char *kind, char path[PATH_MAX])
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    if (n <= 0)
        return -errno;
    exe[n] = 0;
    for (int up = 0; up < 2; up++) { /* the file, then bin/ */
        char *cut = strrchr(exe, '/');

        if (cut)
            *cut = 0;
    }
    n = snprintf(path, PATH_MAX, "%s/share/parley/template/%s", exe, kind);
    return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* With the plugin's name in the place of each @NAME@. */
static int fill(FILE *from, const char *name, struct buf *to)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, from) > 0 && to->n < TEMPLATE_BYTES_MAX) {
        char *at = line, *mark;

        for (; (mark = strstr(at, "@NAME@")); at = mark + strlen("@NAME@")) {
            buf_add(to, at, (size_t)(mark - at));
            buf_add(to, name, strlen(name));
        }
        buf_add(to, at, strlen(at));
    }
    free(line);
    return ferror(from) ? -EIO : to->error;
}

static int read_template(struct folder *f, const char *dir, const char *file, const char *name)
{
    struct made *m = &f->files[f->count];
    const char *mark = strstr(file, "NAME");
    char path[PATH_MAX];
    FILE *from;
    int r;

    if (f->count == FILES_MAX || snprintf(path, sizeof path, "%s/%s", dir, file) >= PATH_MAX)
        return -E2BIG;
    from = fopen(path, "re");
    if (!from)
        return -errno;
    if (mark)
        snprintf(m->name, sizeof m->name, "%.*s%s%s", (int)(mark - file), file, name, mark + 4);
    else
        snprintf(m->name, sizeof m->name, "%s", file);
    buf_init(&m->text, 0);
    f->count++;
    r = fill(from, name, &m->text);
    fclose(from);
    return r;
}

static int read_templates(struct folder *f, const char *kind, const char *name)
{
    char dir[PATH_MAX];
    struct dirent *e;
    int r = template_folder(kind, dir);
    DIR *d = r == 0 ? opendir(dir) : NULL;

    if (!d) {
        r = r ? r : -errno;
        fprintf(stderr, "the template %s cannot be read: %s\n", dir, strerror(-r));
        return r;
    }
    while (r == 0 && (e = readdir(d)))
        if (e->d_name[0] != '.')
            r = read_template(f, dir, e->d_name, name);
    closedir(d);
    if (r < 0)
        fprintf(stderr, "the template %s cannot be read: %s\n", dir, strerror(-r));
    return r;
}

static int write_file(const char *dir, const struct made *m)
{
    char path[PATH_MAX];
    FILE *to;
    int r = 0;

    snprintf(path, sizeof path, "%s/%s", dir, m->name);
    to = fopen(path, "wxe");
    if (!to || fwrite(m->text.p, 1, m->text.n, to) != m->text.n)
        r = -errno;
    if (to && fclose(to) != 0 && r == 0)
        r = -errno;
    if (r < 0)
        fprintf(stderr, "%s: %s\n", path, strerror(-r));
    return r;
}

static int make(const struct folder *f, const char *name)
{
    int r = 0;

    if (mkdir(name, 0777) < 0) {
        fprintf(stderr,
                errno == EEXIST ? "%s: there is something of this name already; nothing was made\n"
                                : "%s: the folder cannot be made: %m\n",
                name);
        return -errno;
    }
    for (size_t i = 0; r == 0 && i < f->count; i++)
        r = write_file(name, &f->files[i]);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct made *)a)->name, ((const struct made *)b)->name);
}

static void tell(const struct folder *f, const char *name)
{
    printf("%s/ is made:", name);
    for (size_t i = 0; i < f->count; i++)
        printf(" %s", f->files[i].name);
    printf("\n\nBuild and test it:\n"
           "  cd %s\n  cmake -B build\n  cmake --build build\n  ctest --test-dir build\n",
           name);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            a->kind = value;
        else if (state->arg_num == 1)
            a->name = value;
        else
            argp_error(state, "a kind and a name are all that is needed; what is '%s'?", value);
        return 0;
    case ARGP_KEY_END:
        if (!a->name)
            argp_error(state, "a kind and a name are needed, as in 'new moderation wordban'");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool is_kind(const char *kind)
{
    const char *meant = str_closest(kind, kinds, KINDS);

    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    fprintf(stderr,
            "'%s' is no kind of plugin: these are type, hub, moderation, auth and protocol%s%s%s\n",
            kind, meant ? " (did you mean '" : "", meant ? meant : "", meant ? "'?)" : "");
    return false;
}

int command_new(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "KIND NAME",
        .doc = "Makes the folder ./NAME with a plugin in it that builds, and all that builds and "
               "tests it. KIND is type, hub, moderation, auth or protocol."};
    struct arguments a = {0};
    struct folder f = {.count = 0};
    const char *fault;
    int r;

    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return EXIT_USAGE;
    fault = fault_of(a.name);
    if (fault)
        fprintf(stderr, "'%s' cannot be the name of a plugin: %s\n", a.name, fault);
    if (!is_kind(a.kind) || fault)
        return EXIT_FAULT;
    r = read_templates(&f, "common", a.name);
    if (r == 0)
        r = read_templates(&f, a.kind, a.name);
    qsort(f.files, f.count, sizeof *f.files, by_name);
    if (r == 0)
        r = make(&f, a.name);
    if (r == 0)
        tell(&f, a.name);
    for (size_t i = 0; i < f.count; i++)
        buf_finish(&f.files[i].text);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAULT;
}
