/* Blocks of records, a queue; and an open table of their places beside it.
 *
 * A slot of the table has the hash of what it leads to, so that others are passed over without a
 * look at them. Hashes are seeded: no choice of ids makes the table slow.
 */
#include "hub/id_table.h"

#include "base/str.h"

#include <stdlib.h>

#define UNIT        8u /* records begin at multiples of it */
#define BLOCK_UNITS 8192u
#define BLOCK_BYTES (BLOCK_UNITS * UNIT)
#define BLOCKS      1024u /* at most; a power of two */
#define SLOTS_FIRST 256u
#define INDEX_BYTES 16 /* of a record: two slots */

struct slot {
    uint32_t hash;
    uint32_t place; /* + 1; 0: free */
};
struct id_table {
    struct slot *slots;
    uint32_t slot_count, count;
    uint32_t first, end; /* numbers of blocks: first..end-1 are there, each at its remainder */
    uint32_t begin;      /* of the oldest record in the first block */
    char *blocks[BLOCKS];
    uint32_t fill[BLOCKS];    /* bytes of each that are in use */
    char *spare;              /* an empty block, for the next */
    struct id_record *newest; /* when it may be taken back: nothing came behind it */
    size_t bytes;
};

_Static_assert(_Alignof(struct id_record) <= UNIT, "records lie side by side");
_Static_assert(sizeof(struct id_record) - offsetof(struct id_record, id) < UNIT,
               "what is cleared of the shortest record is its own");
_Static_assert((uint64_t)BLOCKS *BLOCK_UNITS < UINT32_MAX, "a place has 32 bits");

struct id_table *id_table_new(void)
{
    struct id_table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->slots = calloc(SLOTS_FIRST, sizeof *t->slots);
    t->slot_count = SLOTS_FIRST;
    if (!t->slots) {
        free(t);
        return NULL;
    }
    return t;
}

void id_table_free(struct id_table *t)
{
    struct id_record *r;

    if (!t)
        return;
    while ((r = id_table_oldest(t)))
        id_table_forget(t, r);
    for (uint32_t i = t->first; i != t->end; i++)
        free(t->blocks[i % BLOCKS]);
    free(t->spare);
    free(t->slots);
    free(t);
}

/* --- the index --- */

static uint32_t hash_of(uint64_t user, parley_str id)
{
    uint64_t h = (str_hash(id) ^ user) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)(h >> 32);
}

static struct id_record *at(const struct id_table *t, uint32_t place)
{
    return (struct id_record *)(void *)(t->blocks[place / BLOCK_UNITS] +
                                        (size_t)(place % BLOCK_UNITS) * UNIT);
}

/* The slot that leads to it, or the free one where it would stand. */
static struct slot *find_slot(const struct id_table *t, uint32_t hash, uint64_t user, parley_str id)
{
    for (uint32_t i = hash & (t->slot_count - 1);; i = (i + 1) & (t->slot_count - 1)) {
        struct slot *s = &t->slots[i];
        const struct id_record *r;

        if (!s->place)
            return s;
        if (s->hash != hash)
            continue;
        r = at(t, s->place - 1);
        if (r->user == user && r->id_bytes == id.n && memcmp(r->id, id.p, id.n) == 0)
            return s;
    }
}

static int grow_index(struct id_table *t)
{
    uint32_t count = 2 * t->slot_count;
    struct slot *more;

    if (2 * (t->count + 1) <= t->slot_count)
        return 0;
    more = calloc(count, sizeof *more);
    if (!more)
        return 8 * (uint64_t)(t->count + 1) <= 7 * (uint64_t)t->slot_count ? 0 : -ENOMEM;
    for (uint32_t k = 0; k < t->slot_count; k++) {
        uint32_t i = t->slots[k].hash & (count - 1);

        if (!t->slots[k].place)
            continue;
        while (more[i].place)
            i = (i + 1) & (count - 1);
        more[i] = t->slots[k];
    }
    free(t->slots);
    t->slots = more;
    t->slot_count = count;
    return 0;
}

/* Those behind it that would not be found across the gap move up. */
static void free_slot(struct id_table *t, struct slot *s)
{
    uint32_t mask = t->slot_count - 1, gap = (uint32_t)(s - t->slots), i = gap;

    for (;;) {
        i = (i + 1) & mask;
        if (!t->slots[i].place)
            break;
        if (((i - t->slots[i].hash) & mask) >= ((i - gap) & mask)) {
            t->slots[gap] = t->slots[i];
            gap = i;
        }
    }
    t->slots[gap].place = 0;
    t->count--;
}

struct id_record *id_table_find(struct id_table *t, uint64_t user, parley_str id)
{
    const struct slot *s = find_slot(t, hash_of(user, id), user, id);

    return s->place ? at(t, s->place - 1) : NULL;
}

/* --- the queue --- */

static int add_block(struct id_table *t)
{
    uint32_t i = t->end % BLOCKS;

    if (t->end - t->first == BLOCKS)
        return -ENOMEM;
    t->blocks[i] = t->spare ? t->spare : malloc(BLOCK_BYTES);
    t->spare = NULL;
    if (!t->blocks[i])
        return -ENOMEM;
    t->fill[i] = 0;
    t->end++;
    return 0;
}

static void free_block(struct id_table *t, uint32_t number)
{
    free(t->spare);
    t->spare = t->blocks[number % BLOCKS];
}

/* What is over at the beginning of the queue. */
static void drop_gone(struct id_table *t)
{
    while (t->first != t->end) {
        if (t->begin < t->fill[t->first % BLOCKS]) {
            const struct id_record *r = at(t, t->first % BLOCKS * BLOCK_UNITS + t->begin / UNIT);

            if (!r->gone)
                return;
            t->bytes -= r->bytes + INDEX_BYTES;
            t->begin += r->bytes;
            continue;
        }
        t->begin = 0;
        free_block(t, t->first++);
    }
}

struct id_record *id_table_oldest(struct id_table *t)
{
    drop_gone(t);
    return t->first == t->end ? NULL : at(t, t->first % BLOCKS * BLOCK_UNITS + t->begin / UNIT);
}

struct id_record *id_table_add(struct id_table *t, uint64_t user, parley_str id, int64_t since_ms)
{
    uint32_t bytes = (uint32_t)(offsetof(struct id_record, id) + id.n + UNIT - 1) & ~(UNIT - 1);
    uint32_t hash = hash_of(user, id), last;
    struct id_record *r;
    struct slot *s;

    if (id.n > ID_TABLE_ID_BYTES || grow_index(t) < 0)
        return NULL;
    if ((t->first == t->end || t->fill[(t->end - 1) % BLOCKS] + bytes > BLOCK_BYTES) &&
        add_block(t) < 0)
        return NULL;
    last = (t->end - 1) % BLOCKS;
    s = find_slot(t, hash, user, id);
    *s = (struct slot){hash, last * BLOCK_UNITS + t->fill[last] / UNIT + 1};
    r = at(t, s->place - 1);
    *r = (struct id_record){.since_ms = since_ms,
                            .user = user,
                            .hash = hash,
                            .bytes = (uint16_t)bytes,
                            .id_bytes = (uint8_t)id.n};
    if (id.n)
        memcpy(r->id, id.p, id.n);
    t->fill[last] += bytes;
    t->count++;
    t->bytes += bytes + INDEX_BYTES;
    t->newest = r;
    return r;
}

void id_table_set_more(struct id_table *t, struct id_record *r, void *take_more, size_t bytes)
{
    free(r->more);
    t->bytes -= r->more_bytes;
    r->more = take_more;
    r->more_bytes = (uint32_t)bytes;
    t->bytes += r->more_bytes;
}

void id_table_forget(struct id_table *t, struct id_record *r)
{
    id_table_set_more(t, r, NULL, 0);
    free_slot(t, find_slot(t, r->hash, r->user, str_n(r->id, r->id_bytes)));
    r->gone = true;
    if (r == t->newest) {
        t->newest = NULL;
        t->bytes -= r->bytes + INDEX_BYTES;
        t->fill[(t->end - 1) % BLOCKS] -= r->bytes;
    }
    drop_gone(t);
}

size_t id_table_bytes(const struct id_table *t)
{
    return t->bytes;
}

uint32_t id_table_count(const struct id_table *t)
{
    return t->count;
}
