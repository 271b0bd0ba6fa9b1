/* What a section was made of, as text: the file of its plugin, its keys and those of its channels,
 * and the files that it was told to read. Two that are the same need no reload. */
#include "base/buf.h"
#include "base/str.h"
#include "message/fields.h"
#include "plugin/internal.h"

#include <stdlib.h>
#include <sys/stat.h>

static void add_file(struct buf *b, const char *name)
{
    struct stat st;

    if (stat(name, &st) < 0)
        buf_addf(b, "%s: absent\n", name);
    else
        buf_addf(b, "%s: %ju:%ju:%jd:%jd.%09ld:%jd.%09ld\n", name, (uintmax_t)st.st_dev,
                 (uintmax_t)st.st_ino, (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
                 st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* A list of names, as options of that kind are written. */
static void add_files(struct buf *b, parley_str names)
{
    char *text = str_dup(names), *save = NULL;

    for (char *name = text ? strtok_r(text, ",", &save) : NULL; name;
         name = strtok_r(NULL, ",", &save)) {
        size_t n;

        name += strspn(name, " \t");
        n = strlen(name);
        while (n && (name[n - 1] == ' ' || name[n - 1] == '\t'))
            name[--n] = 0;
        add_file(b, name);
    }
    if (!text)
        b->error = -ENOMEM;
    free(text);
}

static bool names_files(const parley_table *options, parley_str key, int32_t *ret_kind)
{
    parley_field f;

    for (uint32_t k = 0; fields_at(options, k, &f); k++)
        if (f.name && str_is(key, f.name)) {
            *ret_kind = f.kind;
            return f.flags & PARLEY_FILE;
        }
    return false;
}

static void add_section(struct buf *b, const struct config_section *s, const parley_table *options)
{
    buf_addf(b, "[%s]\n", s->channel.p ? s->channel.p : "");
    for (const struct config_key *k = s->keys; k; k = k->next) {
        int32_t kind = 0;

        buf_addf(b, "%s=%s\n", k->name.p, k->value.p);
        if (!names_files(options, k->name, &kind))
            continue;
        if (kind == PARLEY_LIST)
            add_files(b, k->value);
        else
            add_file(b, k->value.p);
    }
}

char *fingerprint_of(const char *file_id, const struct config *c, const struct config_section *s,
                     const parley_table *options)
{
    struct buf b;

    buf_init(&b, 0);
    buf_addf(&b, "%s\n", file_id);
    for (const struct config_section *x = c->sections; x; x = x->next)
        if (str_eq(x->kind, s->kind) && str_eq(x->name, s->name))
            add_section(&b, x, options);
    return buf_take(&b, NULL);
}
