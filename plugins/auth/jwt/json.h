/* JSON from strangers, in two ways: tokens by a parser of our own, key sets by jansson. Both take
 * the same texts, but for a NUL byte behind a number or a word, which jansson lets pass.
 */
#ifndef JWT_JSON_H
#define JWT_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum node_kind {
    NODE_NULL,
    NODE_FALSE,
    NODE_TRUE,
    NODE_NUMBER,
    NODE_STRING,
    NODE_LIST,
    NODE_OBJECT
};
struct node {
    struct node *next; /* in its list or object */
    const char *key;   /* of a member; as `string` followed by a 0, without one inside */
    size_t key_bytes;
    enum node_kind kind;
    union {
        double number;
        struct {
            const char *p;
            size_t n;
        } string;
        struct {
            struct node *first;
            size_t count;
        } items;
    };
};

/* Parses an object without duplicate keys, at most `depth` deep and of `values`. `text` is changed
 * and belongs to the nodes as long as they live; text[n] is to be 0. free() the nodes; NULL: it is
 * no such object, or there is no memory. */
struct node *nodes_parse(char *text, size_t n, unsigned depth, unsigned values);
/* Members and items. All take NULL, and what is of another kind has none. */
const struct node *node_get(const struct node *object, const char *key);
const struct node *node_first(const struct node *list); /* then `next` */
size_t node_count(const struct node *list);             /* of a list */
const char *node_string(const struct node *s);          /* NULL: it is none */
size_t node_string_bytes(const struct node *s);

/* The same by jansson, which copies what it reads. */
json_t *json_read(const char *p, size_t n, unsigned depth, unsigned values);
#endif
