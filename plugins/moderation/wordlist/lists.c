/* The lists: from files and the option `words` to one vectorscan database, and what a match is.
 *
 * An entry is folded as texts are, and looked for as its bytes; whether it is a word where these
 * stand, entry_is_at decides. A file is read up to its first fault, and all files are, so that an
 * operator is told of each.
 */
#define _POSIX_C_SOURCE 200809L /* strndup */
#include "wordlist.h"

#include <stdlib.h>

#define LINE_BYTES  512
#define ENTRIES_MAX 50000
#define NO_MEMORY   "there is no memory for it"

/* NULL, or what is wrong with it. */
static const char *add(struct lists *l, struct fold *f, unsigned line, parley_str s)
{
    struct entry *e = l->entries;
    int r;

    if ((l->count & (l->count - 1)) == 0) /* full: 0, 1, 2, 4 ... */
        e = (struct entry *)realloc(e, (l->count ? 2 * l->count : 1) * sizeof *e);
    if (!e)
        return NO_MEMORY;
    l->entries = e;
    e += l->count++;
    *e = (struct entry){.list = l->names[l->name_count - 1], .line = line};
    e->any_before = s.n && s.p[0] == '*';
    e->any_after = s.n > 1 && s.p[s.n - 1] == '*';
    r = fold_text(f, (parley_str){s.p + e->any_before, s.n - e->any_before - e->any_after}, false,
                  &e->text);
    if (r == 0)
        r = text_shrink(&e->text);
    if (r < 0)
        return r == -EILSEQ ? "not UTF-8" : NO_MEMORY;
    if (e->text.n == 0)
        return "nothing that could be looked for is left of it when it is folded";
    return l->count > ENTRIES_MAX ? "the lists have more than 50000 entries" : NULL;
}

static const char *read_lines(struct lists *l, struct fold *f, FILE *file, unsigned *ret_line)
{
    char line[LINE_BYTES];
    const char *why = NULL;

    while (!why && fgets(line, sizeof line, file)) {
        size_t n = strlen(line), from = strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        bool whole = (n && line[n - 1] == '\n') || feof(file);

        ++*ret_line;
        from += strspn(line + from, " \t\r\n");
        while (n > from && strchr(" \t\r\n", line[n - 1]))
            n--;
        if (!whole)
            why = "longer than 510 bytes, or with a NUL in it";
        else if (n > from && line[from] != '#')
            why = add(l, f, *ret_line, (parley_str){line + from, n - from});
    }
    return why || !ferror(file) ? why : strerror(errno);
}

static int read_file(parley_host *h, struct lists *l, struct fold *f, const char *path)
{
    const char *name = strrchr(path, '/'), *why = NULL;
    FILE *file = *path == '/' ? fopen(path, "r") : NULL;
    unsigned line = 0;

    if (!name || !file)
        return parley_bad_option(h, "lists", "%s: %s", path,
                                 *path == '/' ? strerror(errno) : "not an absolute path");
    l->names[l->name_count] = strndup(name + 1, strcspn(name + 1, "."));
    why = l->names[l->name_count++] ? read_lines(l, f, file, &line) : NO_MEMORY;
    fclose(file);
    if (why && line == 0)
        return parley_bad_option(h, "lists", "%s: %s", path, why);
    return why ? parley_bad_option(h, "lists", "%s:%u: %s", path, line, why) : 0;
}

static int compile(parley_host *h, struct lists *l)
{
    const char **bytes = (const char **)calloc(l->count, sizeof *bytes);
    size_t *lengths = (size_t *)calloc(l->count, sizeof *lengths);
    unsigned *numbers = (unsigned *)calloc(l->count, sizeof *numbers);
    hs_compile_error_t *e = NULL;
    int r = bytes && lengths && numbers ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < l->count; i++) {
        bytes[i] = l->entries[i].text.bytes;
        lengths[i] = l->entries[i].text.n;
        numbers[i] = (unsigned)i;
    }
    if (r == 0 && hs_compile_lit_multi(bytes, NULL, numbers, lengths, (unsigned)l->count,
                                       HS_MODE_BLOCK, NULL, &l->database, &e) != HS_SUCCESS)
        r = parley_bad_option(h, NULL, "the lists cannot be compiled: %s", e->message);
    hs_free_compile_error(e);
    free(bytes);
    free(lengths);
    free(numbers);
    return r;
}

int lists_read(parley_host *h, struct fold *f, parley_list files, parley_list words,
               struct lists *l)
{
    int r = 0;

    l->names = (char **)calloc(files.n + 1, sizeof *l->names);
    if (!l->names)
        return -ENOMEM;
    for (size_t i = 0; i < files.n; i++)
        if (read_file(h, l, f, files.items[i].p) < 0)
            r = -EINVAL;
    l->names[l->name_count] = strdup("words");
    if (!l->names[l->name_count])
        return -ENOMEM;
    l->name_count++;
    for (size_t i = 0; i < words.n; i++) {
        const char *why = add(l, f, (unsigned)i + 1, words.items[i]);

        if (why)
            r = parley_bad_option(h, "words", "'%s': %s", words.items[i].p, why);
    }
    return r || !l->count ? r : compile(h, l);
}

void lists_finish(struct lists *l)
{
    for (size_t i = 0; i < l->count; i++)
        text_finish(&l->entries[i].text);
    for (size_t i = 0; i < l->name_count; i++)
        free(l->names[i]);
    free(l->entries);
    free(l->names);
    hs_free_database(l->database);
}

/* With a Japanese sign of a voiced sound the letter before it is another letter. */
static bool is_voiced(const struct unit *after)
{
    return after->code == 0x3099 || after->code == 0x309a;
}

static bool is_inside_word(const struct unit *before, const struct unit *after)
{
    return after->kind == MARK ||
           (after->kind == LETTER && (before->kind == LETTER || before->kind == MARK));
}

/* As often as wanted, or as stretched. More may be there where the end is open: 笨 is in 笨笨. */
static bool is_unit(const struct unit *u, const struct unit *wanted, bool open, bool repeats)
{
    return u->code == wanted->code &&
           (u->run == wanted->run || (repeats && u->run >= 3) || (u->run > wanted->run && open));
}

bool entry_is_at(const struct entry *e, const struct text *t, size_t first, bool repeats)
{
    const struct unit *u = t->units + first, *wanted = e->text.units;
    size_t n = e->text.n;
    bool open_before = e->any_before || wanted->kind < LETTER;
    bool open_after = e->any_after || wanted[n - 1].kind < LETTER;

    if (!e->any_before && first && is_inside_word(u - 1, wanted))
        return false;
    if (first + n < t->n &&
        (is_voiced(u + n) || (!e->any_after && is_inside_word(wanted + n - 1, u + n))))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_unit(u + i, wanted + i, (i == 0 && open_before) || (i == n - 1 && open_after),
                     repeats))
            return false;
    return true;
}
