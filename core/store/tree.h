/* Names in their order: what the store finds records by, and whole prefixes of them.
 *
 * A crit-bit tree: an inner node for each place at which two names part. The effort is that of the
 * name's length, whatever strangers call themselves, and all names of a prefix hang under one node.
 * Not for two threads at a time.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H
#include <parley/base.h>

struct tree_node {
    uint32_t bit; /* where the two below it part; of a leaf TREE_LEAF */
};
#define TREE_LEAF UINT32_MAX
struct tree_leaf { /* first member of whatever has a name; the caller's memory */
    struct tree_node node;
    uint32_t key_bytes;
    const char *key; /* without a 0 in it; owned by the caller, and stays as it is */
};
struct tree {
    struct tree_node *root;
};
#define TREE_INNER_BYTES 32 /* what a name costs beside its leaf */

struct tree_leaf *tree_find(const struct tree *t, parley_str key); /* NULL: it is not there */
/* 0; -EEXIST; -ENOMEM. The caller filled key and key_bytes. */
int tree_add(struct tree *t, struct tree_leaf *leaf);
void tree_remove(struct tree *t, struct tree_leaf *leaf); /* one that is in it */
/* Takes out every name that begins so, "" all of them, and hands each over. `drop` may free it, and
 * must not touch the tree. Their number. */
size_t tree_remove_prefix(struct tree *t, parley_str prefix,
                          void (*drop)(void *arg, struct tree_leaf *leaf), void *arg);
/* In the order of their bytes; `see` must not touch the tree. */
void tree_each(const struct tree *t, void (*see)(void *arg, struct tree_leaf *leaf), void *arg);
#endif
