/* Ids that users gave to their messages, in the order of their coming: the oldest go first, each is
 * found by user and id.
 *
 * Made for many and for speed: a record is a few cache lines in a block that is filled from one end
 * and emptied from the other, and the index finds it with one look at memory that is not warm.
 * [hub]
 */
#ifndef HUB_ID_TABLE_H
#define HUB_ID_TABLE_H
#include <parley/base.h>

#define ID_TABLE_ID_BYTES 64 /* of the longest id */

struct id_record {
    int64_t since_ms;
    uint64_t user;
    int64_t cache_id, offset;
    char epoch[16];
    void *more;          /* whatever its owner keeps with it: free()d with it */
    uint32_t more_bytes; /* counted */
    uint32_t hash;
    int32_t code;
    uint16_t bytes; /* that it takes itself */
    uint8_t id_bytes;
    bool settled, gone; /* gone: the table's; forgotten before its turn */
    char id[];
};
struct id_table;
struct id_table *id_table_new(void); /* NULL: no memory */
void id_table_free(struct id_table *t);
/* Valid until it is forgotten. NULL: it is not there. */
struct id_record *id_table_find(struct id_table *t, uint64_t user, parley_str id);
/* A new one, that is not there yet; all zero but for since_ms and its key. since_ms never falls.
 * NULL: no memory, or the id is too long. */
struct id_record *id_table_add(struct id_table *t, uint64_t user, parley_str id, int64_t since_ms);
void id_table_set_more(struct id_table *t, struct id_record *r, void *take_more, size_t bytes);
/* Of the newest the memory is free again at once; of others when their turn comes. */
void id_table_forget(struct id_table *t, struct id_record *r);
struct id_record *id_table_oldest(struct id_table *t); /* NULL: it is empty */
/* All that records take, their part of the index included. */
size_t id_table_bytes(const struct id_table *t);
uint32_t id_table_count(const struct id_table *t);
#endif
