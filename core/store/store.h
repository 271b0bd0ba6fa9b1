/* The store: what plugins keep, by section and key, and the times at which they want to be woken.
 *
 * Read from memory; nothing here blocks the hub. What is written changes memory at once and goes,
 * a transaction for all that one hook call wrote, to a thread that alone touches the disk: SQLite,
 * in groups, a transaction reported as committed only when it is on the disk. Without a file it
 * lives in memory alone, and everything that is written counts as committed.
 *
 * When the disk refuses, what was accepted waits to be written, and no more is accepted until it
 * was; reads go on. Functions are [hub] unless they say otherwise.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include "config/settings.h"
#include "loop/loop.h"
#include "message/out.h"

struct store;
struct store_section; /* of one section of the INI: its records and timers. Lives as its store */

#define STORE_KEY_BYTES    510       /* the longest key */
#define STORE_RECORD_BYTES (1 << 20) /* the longest record, as JSON */

struct store_options {
    const char *file;        /* NULL: in memory alone */
    int64_t bytes;           /* of memory, for all sections */
    int64_t section_bytes;   /* and for one */
    int64_t keep_free_bytes; /* when the disk has less, nothing more is accepted */
    int64_t window_ms;       /* at most one commit in so long */
    int64_t retry_ms;        /* between two attempts at a disk that refuses */
};
void store_options_of(const struct settings *s, struct store_options *ret); /* [control] */
/* The file's folder must be there and writable, the file, if there is one, ours to read and write.
 * 0; -Exxx and one sentence in why. [control] */
int store_check(const char *file, char why[256]);

/* Opens the file, makes it if there is none (mode 0600), checks that it is whole, that it is of
 * ours and of a version that we know, and that nobody else uses it. [control], before the hub runs.
 * @retval -EBUSY Another process uses it.  @retval -EINVAL Not ours, or of a newer version.
 * @retval -EIO Damaged.  @retval -Exxx And one sentence in why, with the file's name. */
int store_open(const struct store_options *o, struct store **ret, char why[256]);
/* Told of each change between accepting (0) and refusing (-ENOSPC, -EIO), on the writer's thread;
 * before store_run. */
void store_on_change(struct store *s, void (*changed)(void *arg, int error, const char *why),
                     void *arg);
/* Reads what a section has; the same section the second time. [control], before store_run.
 * @retval -EIO It cannot be read, or is not what was written. And why. */
int store_section(struct store *s, const char *name, struct store_section **ret, char why[256]);
int store_run(struct store *s, char why[256]); /* the writer's thread begins. [control] 0, -Exxx */
/* Writes what waits, ends the thread, frees everything; takes NULL. What still cannot be written is
 * counted in the log. [control] after the hub. */
void store_close(struct store *s);

/* --- what plugins do; the keys are those of the SDK, checked here --- */
/* NULL: there is none, or it has expired. Valid until store_end. */
const parley_value *store_get(struct store_section *x, const char *key);
/* The members of `take` replace those of their name in the record, or join it; an integer gives
 * way. An expiry stays.
 * @retval -EINVAL The key is empty or not UTF-8, or `take` is no JSON.
 * @retval -ENAMETOOLONG  @retval -E2BIG  @retval -ENOMEM
 * @retval -ENOSPC The disk, the section or the store is full.  @retval -EIO The disk fails.
 * @retval -EAGAIN More waits to be written than the disk takes. */
int store_put(struct store_section *x, const char *key, struct out *take);
/* The sum. As store_put; -EINVAL also where the record is an object, -ERANGE past 64 bits. */
int64_t store_add(struct store_section *x, int64_t n, const char *key);
/* From now on; 0: never. As store_put; -ENOENT. */
int store_expire(struct store_section *x, int64_t after_ms, const char *key);
int store_delete(struct store_section *x, const char *key); /* likewise */
/* All whose key begins so; an empty prefix is -EINVAL, never "all". 0 also when there was none. */
int store_delete_all(struct store_section *x, const char *prefix);
/* Replaces one of that key. */
int store_timer_set(struct store_section *x, const char *key, int64_t at_unix_ms);
int store_timer_delete(struct store_section *x, const char *key); /* -ENOENT */
/* It fires: it goes with what its hook writes, even while nothing else is accepted. */
void store_timer_fired(struct store_section *x, const char *key);
void store_timers(const struct store_section *x,
                  void (*see)(void *arg, const char *key, int64_t at_unix_ms), void *arg);

/* --- turns --- */
/* A hook call is over: what it wrote is a transaction, handed to the writer. Values that it was
 * given go. Its number, which grows by one each time; 0: it wrote nothing. */
uint64_t store_end(struct store *s);
void store_tick(struct store *s); /* forgets some of what has expired; store_end after it */
/* Who is told, by one mail of that kind, after store_await said false. NULL: nobody, and from then
 * on nobody is. The mail is the store's: store_told takes it back. */
void store_tell(struct store *s, struct actor *to, uint32_t mail_kind);
/* Whether that transaction is committed; if not, a mail comes when that may have changed. */
bool store_await(struct store *s, uint64_t number);
void store_told(struct store *s);

void store_fail(struct store *s, int error); /* tests: refuse all writes with it; 0: no more */
#endif
