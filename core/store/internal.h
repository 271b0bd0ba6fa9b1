/* Shared by the files of the store. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H
#include "base/metrics.h"
#include "store/cell.h"
#include "store/store.h"
#include "store/tree.h"

struct record {
    struct tree_leaf leaf; /* first */
    struct store_section *section;
    int64_t expires_ms; /* Unix; 0: never */
    size_t place;       /* among those that expire */
    struct cell *cell;
    char key[];
};
struct timer_record {
    struct tree_leaf leaf; /* first */
    int64_t at_ms;         /* Unix */
    char key[];
};
struct store_section {
    struct store_section *next;
    struct store *store;
    char *name;
    struct tree records, timers;
    int64_t bytes; /* of memory */
};

/* What is to be done to the database. Section names live as long as the store. */
enum write_kind {
    WRITE_OBJECT,
    WRITE_NUMBER,
    WRITE_EXPIRY,
    WRITE_DELETE,
    WRITE_DELETE_ALL,
    WRITE_TIMER,
    WRITE_TIMER_DELETE
};
struct write {
    struct write *next;
    enum write_kind kind;
    const char *section;
    int64_t number;     /* NUMBER: the sum; TIMER: when */
    int64_t expires_ms; /* OBJECT, NUMBER, EXPIRY */
    char *text;         /* OBJECT: JSON. Owned */
    size_t text_bytes;
    size_t key_bytes;
    char key[]; /* DELETE_ALL: the prefix */
};
struct transaction {
    struct transaction *next;
    uint64_t number;
    size_t bytes; /* of memory, until it is written */
    unsigned writes;
    struct write *first, **end;
};

struct writer;
struct database;
struct store {
    struct store_options options;
    char *file; /* NULL: in memory alone */
    struct database *database;
    struct writer *writer;
    struct store_section *sections;
    int64_t bytes; /* of memory, all sections */
    struct record **expiring;
    size_t expiring_count, expiring_cap; /* a heap: the first to expire is on top */
    struct cell *buried;                 /* replaced in this turn */
    struct transaction *turn;            /* NULL: nothing was written yet */
    uint64_t number;                     /* of the latest transaction */
    _Atomic int error;                   /* 0; -ENOSPC, -EIO: nothing is accepted */
    struct {
        struct metric *writes, *bytes;
    } metrics;
};

/* records.c: memory. */
struct record *records_find(struct store_section *x, parley_str key); /* expired ones too */
/* The record of that name with `take_cell` in the place of what it had; made when there is none.
 * 0, -ENOMEM: then the cell is still the caller's. */
int records_set(struct store_section *x, parley_str key, int64_t expires_ms,
                struct cell *take_cell);
int records_expire(struct record *r, int64_t expires_ms); /* 0: never. 0 or -ENOMEM */
void records_delete(struct record *r);
size_t records_delete_all(struct store_section *x, parley_str prefix);
bool records_live(const struct record *r);
/* The first that has expired by then; NULL: none. */
struct record *records_expired(struct store *s, int64_t unix_ms);
/* Whether a record of such a name and cell, in the place of the one that is there, is within the
 * bounds; what does not grow always is. */
bool records_fit(struct store_section *x, parley_str key, const struct record *old,
                 const struct cell *cell);
int records_timer_set(struct store_section *x, parley_str key, int64_t at_ms); /* 0, -ENOMEM */
bool records_timer_fits(struct store_section *x, parley_str key);
bool records_timer_delete(struct store_section *x, parley_str key); /* false: there was none */
void records_bury(struct store *s, struct cell *c);
void records_finish(struct store *s); /* frees all sections */

/* turn.c: what a hook call writes. Prepared before memory changes, so that nothing fails after it.
 * The text of `what` is taken in any case. 0, -ENOMEM */
int turn_prepare(struct store_section *x, const struct write *what, parley_str key,
                 struct write **ret);
void turn_write(struct store *s, struct write *take); /* appends it to the turn's transaction */
void turn_drop(struct write *take);                   /* it came to nothing; takes NULL */
void transaction_free(struct transaction *t);

/* database.c: SQLite. [control] until the writer runs, from then on its thread's alone. */
int database_open(const char *file, struct database **ret, char why[256]);
void database_close(struct database *d);
struct database_row {
    parley_str key;
    parley_str text;    /* JSON; absent: a number */
    int64_t number;     /* of a timer: when */
    int64_t expires_ms; /* 0: never */
};
/* Hands over every record, or timer, of a section. 0; what `see` returned if not 0; -Exxx, why. */
int database_load(struct database *d, const char *section, bool timers,
                  int (*see)(void *arg, const struct database_row *row), void *arg, char why[256]);
/* All of them in one transaction, which is on the disk when it returns. 0; -ENOSPC, -EIO and why:
 * then nothing of it is. */
int database_commit(struct database *d, const struct transaction *first, char why[256]);
int database_forget_expired(struct database *d, int64_t unix_ms); /* 0, -ENOSPC, -EIO */

/* writer.c: the thread. */
int writer_start(struct store *s, char why[256]);
void writer_stop(struct store *s);
bool writer_full(struct store *s); /* more waits than the disk takes */
void writer_post(struct store *s, struct transaction *take);
struct writer *writer_new(struct store *s);
void writer_free(struct writer *w);
bool writer_await(struct writer *w, uint64_t number);
void writer_tell(struct writer *w, struct actor *to, uint32_t mail_kind);
void writer_told(struct writer *w);
void writer_on_change(struct writer *w, void (*changed)(void *arg, int error, const char *why),
                      void *arg);
#endif
