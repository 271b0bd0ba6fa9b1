/* Shared by the files of this folder: text as it is compared, and the entries of the lists.
 *
 * fold_text makes units of a text: letters without case, accents, disguise and repetition, each
 * with the bytes that it stands for. vectorscan finds candidates in its bytes, one a unit; which of
 * them are matches entry_is_at tells. Entries are folded by the same code as texts.
 */
#ifndef WORDLIST_H
#define WORDLIST_H
#include <parley/plugin.h>

#include <hs.h>

enum kind { SPACE, SEPARATOR, MARK, UNSPACED, LETTER }; /* UNSPACED: of a script without spaces */
struct unit {
    uint32_t code, kind; /* folded */
    uint32_t run;        /* so many of it in a row */
    uint32_t from, to;   /* bytes of the original */
};
struct text {
    struct unit *units;
    char *bytes; /* seven bits of each code, and whether it is ASCII */
    size_t n, room;
    bool twofold; /* with `capitals` it would be another */
};
struct fold; /* what is known of characters: grows as they are met, to some 6 MiB at most */

struct fold *fold_new(bool leet);
void fold_free(struct fold *f); /* takes NULL */
/* `capitals`: by their own looks, I as an l and the Cyrillic В as a b. 0, -EILSEQ, -ENOMEM. */
int fold_text(struct fold *f, parley_str s, bool capitals, struct text *ret);
bool text_join(struct text *t); /* "b a d" to "bad"; false: there is no such thing in it */
bool fold_shows(struct fold *f, uint32_t c); /* false: an accent, or invisible */
int text_shrink(struct text *t);             /* to what it holds; 0, -ENOMEM */
void text_finish(struct text *t);

struct entry {
    struct text text;
    bool any_before, any_after; /* "*bad", "bad*" */
    const char *list;           /* its name */
    unsigned line;              /* of the file, or which of `words` */
};
struct lists {
    struct entry *entries;
    size_t count;
    char **names; /* of the files, without folder and ending */
    size_t name_count;
    hs_database_t *database; /* NULL: there are no entries */
};
/* Every fault is told by parley_bad_option. [control] 0, -EINVAL, -ENOMEM. */
int lists_read(parley_host *h, struct fold *f, parley_list files, parley_list words,
               struct lists *ret);
void lists_finish(struct lists *l);
bool entry_is_at(const struct entry *e, const struct text *t, size_t first, bool repeats);
#endif
