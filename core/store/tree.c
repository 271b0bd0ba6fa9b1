/* The crit-bit tree. Bits are counted from the highest of the first byte; behind its end a name has
 * zeroes, which no name holds within, so that one name may be the beginning of another.
 */
#include "store/tree.h"

#include <stdlib.h>

struct inner {
    struct tree_node node; /* first */
    struct tree_node *child[2];
};
_Static_assert(sizeof(struct inner) <= TREE_INNER_BYTES, "TREE_INNER_BYTES tells what it costs");

static bool is_leaf(const struct tree_node *n)
{
    return n->bit == TREE_LEAF;
}

static struct tree_leaf *leaf_of(struct tree_node *n)
{
    return (struct tree_leaf *)n;
}

static struct inner *inner_of(struct tree_node *n)
{
    return (struct inner *)n;
}

static int bit_of(const char *key, size_t bytes, uint32_t bit)
{
    size_t at = bit >> 3;

    return at < bytes ? ((unsigned char)key[at] >> (7 - (bit & 7))) & 1 : 0;
}

static parley_str key_of(const struct tree_leaf *leaf)
{
    return (parley_str){leaf->key, leaf->key_bytes};
}

/* The only leaf that could be of this name. */
static struct tree_leaf *nearest(const struct tree *t, parley_str key)
{
    struct tree_node *n = t->root;

    while (n && !is_leaf(n))
        n = inner_of(n)->child[bit_of(key.p, key.n, n->bit)];
    return n ? leaf_of(n) : NULL;
}

struct tree_leaf *tree_find(const struct tree *t, parley_str key)
{
    struct tree_leaf *leaf = nearest(t, key);

    return leaf && leaf->key_bytes == key.n && memcmp(leaf->key, key.p, key.n) == 0 ? leaf : NULL;
}

/* The first bit in which they differ; TREE_LEAF: they are the same. */
static uint32_t parting(parley_str a, parley_str b)
{
    size_t most = a.n > b.n ? a.n : b.n;

    for (size_t i = 0; i < most; i++) {
        unsigned x = i < a.n ? (unsigned char)a.p[i] : 0, y = i < b.n ? (unsigned char)b.p[i] : 0;

        if (x != y)
            return (uint32_t)(i * 8) + (uint32_t)__builtin_clz(x ^ y) - 24;
    }
    return TREE_LEAF;
}

int tree_add(struct tree *t, struct tree_leaf *leaf)
{
    struct tree_leaf *near = nearest(t, key_of(leaf));
    struct tree_node **at = &t->root;
    struct inner *in;
    uint32_t bit;
    int side;

    leaf->node.bit = TREE_LEAF;
    if (!near) {
        t->root = &leaf->node;
        return 0;
    }
    bit = parting(key_of(leaf), key_of(near));
    if (bit == TREE_LEAF)
        return -EEXIST;
    in = malloc(sizeof *in);
    if (!in)
        return -ENOMEM;
    while (!is_leaf(*at) && (*at)->bit < bit)
        at = &inner_of(*at)->child[bit_of(leaf->key, leaf->key_bytes, (*at)->bit)];
    side = bit_of(leaf->key, leaf->key_bytes, bit);
    in->node.bit = bit;
    in->child[side] = &leaf->node;
    in->child[!side] = *at;
    *at = &in->node;
    return 0;
}

/* Takes out what *at points to; above: what points to the inner node over it, NULL: it is the root.
 */
static void cut(struct tree *t, struct tree_node **above, struct tree_node *n)
{
    struct inner *in;

    if (!above) {
        t->root = NULL;
        return;
    }
    in = inner_of(*above);
    *above = in->child[in->child[0] == n];
    free(in);
}

void tree_remove(struct tree *t, struct tree_leaf *leaf)
{
    struct tree_node **at = &t->root, **above = NULL;

    while (!is_leaf(*at)) {
        above = at;
        at = &inner_of(*at)->child[bit_of(leaf->key, leaf->key_bytes, (*at)->bit)];
    }
    cut(t, above, *at);
}

/* Turns the tree until its left is a leaf, again and again: so no stack is needed, whatever its
 * depth. */
static size_t drop_all(struct tree_node *n, void (*drop)(void *arg, struct tree_leaf *leaf),
                       void *arg)
{
    size_t count = 1;

    while (!is_leaf(n)) {
        struct inner *in = inner_of(n), *left;
        struct tree_node *right = in->child[1];

        if (is_leaf(in->child[0])) {
            drop(arg, leaf_of(in->child[0]));
            count++;
            free(in);
            n = right;
            continue;
        }
        left = inner_of(in->child[0]);
        in->child[0] = left->child[1];
        left->child[1] = n;
        n = &left->node;
    }
    drop(arg, leaf_of(n));
    return count;
}

size_t tree_remove_prefix(struct tree *t, parley_str prefix,
                          void (*drop)(void *arg, struct tree_leaf *leaf), void *arg)
{
    struct tree_node **at = &t->root, **above = NULL, *top;
    struct tree_leaf *near = nearest(t, prefix);

    if (!near || near->key_bytes < prefix.n || memcmp(near->key, prefix.p, prefix.n) != 0)
        return 0;
    while (!is_leaf(*at) && (*at)->bit < prefix.n * 8) {
        above = at;
        at = &inner_of(*at)->child[bit_of(prefix.p, prefix.n, (*at)->bit)];
    }
    top = *at;
    cut(t, above, top);
    return drop_all(top, drop, arg);
}

static void each(struct tree_node *n, void (*see)(void *arg, struct tree_leaf *leaf), void *arg)
{
    while (!is_leaf(n)) {
        each(inner_of(n)->child[0], see, arg); /* as deep as a name has bits, at most */
        n = inner_of(n)->child[1];
    }
    see(arg, leaf_of(n));
}

void tree_each(const struct tree *t, void (*see)(void *arg, struct tree_leaf *leaf), void *arg)
{
    if (t->root)
        each(t->root, see, arg);
}
