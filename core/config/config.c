/* A configuration that was read: finding things in it, and the faults that were found in it.
 *
 * Faults are collected and printed once, in the order of their lines, so that one run tells all
 * that is to be mended. Invariant: fault_count counts every fault, also one for which there was no
 * memory: with a fault nothing starts.
 */
#include "config/config.h"

#include "base/str.h"

#define FAULT_BYTES 1024

void config_finish(struct config *c)
{
    arena_finish(&c->arena);
    *c = (struct config){0};
}

static bool is_called(const struct config_section *s, parley_str kind, parley_str name,
                      parley_str channel)
{
    /* Channel names match in any case, so [hub x in General] is about the channel `general`. */
    return str_eq(s->kind, kind) && str_eq(s->name, name) && str_casecmp(s->channel, channel) == 0;
}

const struct config_section *config_find(const struct config *c, const char *kind, parley_str name,
                                         parley_str channel)
{
    const struct config_section *s = c->sections;
    while (s != NULL && !is_called(s, str_of(kind), name, channel))
        s = s->next;
    return s;
}

const struct config_key *config_key(const struct config_section *s, const char *name)
{
    const struct config_key *k = s == NULL ? NULL : s->keys;
    while (k != NULL && !str_is(k->name, name))
        k = k->next;
    return k;
}

const char *config_title(const struct config_section *s, char out[CONFIG_TITLE_BYTES])
{
    char name[64], channel[64];
    str_printable(s->name, name, sizeof name);
    str_printable(s->channel, channel, sizeof channel);
    snprintf(out, CONFIG_TITLE_BYTES, "[%.*s%s%s%s%s]", (int)s->kind.n, s->kind.p,
             *name == '\0' ? "" : " ", name, *channel == '\0' ? "" : " in ", channel);
    return out;
}

void config_fault(struct config *c, int line, const char *format, ...)
{
    char text[FAULT_BYTES], printable[FAULT_BYTES];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    c->fault_count++;
    struct config_fault *f = arena_alloc(&c->arena, sizeof *f);
    if (f == NULL)
        return;
    /* What stands in the file may be anything: it must not forge a line or a terminal sequence here
     * either. */
    str_printable(str_of(text), printable, sizeof printable);
    *f = (struct config_fault){c->faults, line, c->fault_count,
                               arena_str(&c->arena, str_of(printable))};
    c->faults = f;
}

static bool is_before(const struct config_fault *a, const struct config_fault *b)
{
    return a->line != b->line ? a->line < b->line : a->order < b->order;
}

/* A merge sort, which a list needs no memory for. n > 0; the list may be longer. */
static struct config_fault *sorted(struct config_fault *list, int n)
{
    if (n == 1) {
        list->next = NULL;
        return list;
    }
    struct config_fault *middle = list, *all = NULL, **end = &all;
    for (int i = 0; i < n / 2; i++)
        middle = middle->next;
    struct config_fault *b = sorted(middle, n - n / 2), *a = sorted(list, n / 2);
    while (a != NULL && b != NULL) {
        struct config_fault **first = is_before(b, a) ? &b : &a;
        *end = *first;
        end = &(*first)->next;
        *first = *end;
    }
    *end = a != NULL ? a : b;
    return all;
}

int config_unused(struct config *c)
{
    int unused = 0;
    char title[CONFIG_TITLE_BYTES];
    for (const struct config_section *s = c->sections; s != NULL; s = s->next) {
        if (s->used)
            continue;
        unused++;
        config_title(s, title);
        if (s->channel.p == NULL)
            config_fault(c, s->line, "nothing uses the section %s", title);
        else
            config_fault(c, s->line, "%s changes nothing: there is no [%.*s %.*s] beside it", title,
                         (int)s->kind.n, s->kind.p, (int)s->name.n, s->name.p);
    }
    return unused;
}

int config_report(struct config *c, FILE *to)
{
    int listed = 0;
    for (const struct config_fault *f = c->faults; f != NULL; f = f->next)
        listed++;
    if (listed > 0)
        c->faults = sorted(c->faults, listed);
    char file[1024];
    str_printable(c->file, file, sizeof file);
    for (const struct config_fault *f = c->faults; f != NULL; f = f->next) {
        const char *text = f->text.p != NULL ? f->text.p : "a fault, and no memory to say which";
        if (f->line > 0)
            fprintf(to, "%s:%d: %s\n", file, f->line, text);
        else
            fprintf(to, "%s: %s\n", file, text);
    }
    if (c->fault_count > listed)
        fprintf(to, "%s: %d more, and no memory to say which\n", file, c->fault_count - listed);
    return c->fault_count;
}
