/* A hash set whose members bring their own link: 8 bytes in each, and about as many in the table,
 * where a handle of uthash takes 56. For records of which there is one a connection or a message.
 *
 * Members are found by a text of theirs, which must not change while they are in. Like table.h it
 * is seeded, for keys come from strangers. Not for two threads at a time.
 */
#ifndef BASE_SET_H
#define BASE_SET_H
#include <parley/base.h>

struct set_link {
    struct set_link *next; /* in its bucket */
};
struct set {
    parley_str (*key)(const struct set_link *l); /* set by the owner; all else is zero at first */
    struct set_link **buckets;
    size_t bucket_count, count;
};
struct set_link *set_find(const struct set *s, parley_str key); /* NULL: it is not there */
int set_add(struct set *s, struct set_link *l);     /* it is not in yet. 0; -ENOMEM: nor now */
void set_remove(struct set *s, struct set_link *l); /* it is in */
/* All members, in no order; fn may remove and free the one that it is called for. */
void set_each(struct set *s, void (*fn)(void *arg, struct set_link *l), void *arg);
void set_finish(struct set *s); /* frees the table; whatever is in stays as it is */
#endif
