/* The store on the disk: one SQLite file in WAL mode, ours alone while it is open.
 *
 * synchronous = FULL: what COMMIT has said is on the disk. The lock is exclusive, so that a second
 * daemon finds out at its start, and the index of the WAL is memory of ours instead of a file whose
 * pages a full disk could take away.
 */
#include "base/str.h"
#include "store/internal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x5061726c /* "Parl" */
#define VERSION        1

static const char schema[] =
    "CREATE TABLE record (section TEXT NOT NULL, key TEXT NOT NULL, value ANY NOT NULL,"
    " expires_ms INTEGER, PRIMARY KEY (section, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX record_expiry ON record (expires_ms) WHERE expires_ms IS NOT NULL;"
    "CREATE TABLE timer (section TEXT NOT NULL, key TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (section, key)) STRICT, WITHOUT ROWID;";

#define KINDS (WRITE_TIMER_DELETE + 1)
static const char *const statements[KINDS] = {
    [WRITE_OBJECT] = "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4)",
    [WRITE_NUMBER] = "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4)",
    [WRITE_EXPIRY] = "UPDATE record SET expires_ms = ?3 WHERE section = ?1 AND key = ?2",
    [WRITE_DELETE] = "DELETE FROM record WHERE section = ?1 AND key = ?2",
    [WRITE_DELETE_ALL] = "DELETE FROM record WHERE section = ?1 AND key >= ?2 AND key < ?3",
    [WRITE_TIMER] = "INSERT OR REPLACE INTO timer VALUES (?1, ?2, ?3)",
    [WRITE_TIMER_DELETE] = "DELETE FROM timer WHERE section = ?1 AND key = ?2",
};

struct database {
    sqlite3 *db;
    sqlite3_stmt *of[KINDS];
};

/* --- what went wrong --- */

static int error_of(sqlite3 *db)
{
    int code = sqlite3_extended_errcode(db), system = sqlite3_system_errno(db);

    switch (code & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_IOERR:
        return system == ENOSPC || system == EDQUOT ? -ENOSPC : -EIO;
    default:
        return -EIO;
    }
}

/* The file's name for a sentence: its end, if it is long. */
static const char *name_of(const char *file)
{
    size_t n = strlen(file);

    return n > 100 ? file + n - 100 : file;
}

static int say(const char *file, int error, char why[256], const char *what)
{
    snprintf(why, 256, "%s %s", name_of(file), what);
    return error;
}

static int explain(const char *file, sqlite3 *db, char why[256])
{
    int code = sqlite3_extended_errcode(db) & 0xff, error = error_of(db);

    if (error == -EBUSY)
        return say(file, error, why, "is in use by another process");
    if (code == SQLITE_NOTADB)
        return say(file, -EINVAL, why, "is no database: is the name right?");
    if (code == SQLITE_CORRUPT)
        snprintf(why, 256, "%s is damaged (%.60s): put back a copy, or move it away to begin anew",
                 name_of(file), sqlite3_errmsg(db));
    else
        snprintf(why, 256, "%s cannot be used: %.80s", name_of(file), sqlite3_errmsg(db));
    return error;
}

/* --- opening --- */

/* The file is made before SQLite would make it with whatever rights. */
static int make_file(const char *file, char why[256])
{
    struct stat st;
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    int error = fd < 0 ? -errno : 0;

    if (!error && fstat(fd, &st) < 0)
        error = -errno;
    if (error) {
        snprintf(why, 256, "%s cannot be opened: %s", name_of(file), strerror(-error));
    } else if (!S_ISREG(st.st_mode)) {
        error = say(file, -EINVAL, why, "is not a file");
    } else if ((st.st_mode & 077) && fchmod(fd, 0600) < 0) {
        error = say(file, -EACCES, why, "can be read by others, and belongs to somebody else");
    }
    if (fd >= 0)
        close(fd);
    return error;
}

static int execute(struct database *d, const char *sql)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : error_of(d->db);
}

/* The first column of the first row, as text in `ret`. 0, or the error. */
static int ask(struct database *d, const char *sql, char ret[128])
{
    sqlite3_stmt *s = NULL;
    int error = 0;

    if (sqlite3_prepare_v2(d->db, sql, -1, &s, NULL) != SQLITE_OK)
        return error_of(d->db);
    if (sqlite3_step(s) == SQLITE_ROW)
        snprintf(ret, 128, "%s",
                 sqlite3_column_text(s, 0) ? (const char *)sqlite3_column_text(s, 0) : "");
    else
        error = error_of(d->db);
    sqlite3_finalize(s);
    return error;
}

static int make_schema(struct database *d)
{
    char sql[sizeof schema + 160];

    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             schema, APPLICATION_ID, VERSION);
    return execute(d, sql);
}

static int check_ours(struct database *d, const char *file, const char *id, char why[256])
{
    char text[128] = "";

    if (strtol(id, NULL, 10) != APPLICATION_ID)
        return say(file, -EINVAL, why, "is a database of something else");
    if (ask(d, "PRAGMA user_version", text) < 0)
        return explain(file, d->db, why);
    if (strtol(text, NULL, 10) == VERSION)
        return 0;
    snprintf(why, 256,
             "%s has version %.20s, written by another parleyd; this one knows version %d",
             name_of(file), text, VERSION);
    return -EINVAL;
}

static int check(struct database *d, const char *file, char why[256])
{
    char id[128] = "", tables[128] = "", sound[128] = "", mode[128] = "";
    bool fresh;

    if (execute(d, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"
                   "PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL;"
                   "PRAGMA journal_size_limit = 16777216") < 0 ||
        ask(d, "PRAGMA application_id", id) < 0 ||
        ask(d, "SELECT count(*) FROM sqlite_schema", tables) < 0)
        return explain(file, d->db, why);
    fresh = strcmp(id, "0") == 0 && strcmp(tables, "0") == 0;
    if (!fresh && check_ours(d, file, id, why) < 0)
        return -EINVAL;
    if (ask(d, "PRAGMA integrity_check(1)", sound) < 0)
        return explain(file, d->db, why);
    if (strcmp(sound, "ok") != 0) {
        snprintf(why, 256, "%s is damaged (%.60s): put back a copy, or move it away to begin anew",
                 name_of(file), sound);
        return -EIO;
    }
    if (ask(d, "PRAGMA journal_mode = WAL", mode) < 0 || (fresh && make_schema(d) < 0))
        return explain(file, d->db, why);
    if (strcmp(mode, "wal") != 0)
        return say(file, -EINVAL, why, "lies where no write-ahead log can be kept");
    return 0;
}

int database_open(const char *file, struct database **ret, char why[256])
{
    struct database *d = calloc(1, sizeof *d);
    int error = d ? make_file(file, why) : -ENOMEM;

    if (error) {
        free(d);
        return error;
    }
    if (sqlite3_open_v2(file, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        error = d->db ? explain(file, d->db, why) : -ENOMEM;
    if (!error) {
        sqlite3_extended_result_codes(d->db, 1);
        error = check(d, file, why);
    }
    for (int k = 0; k < KINDS && !error; k++)
        if (sqlite3_prepare_v3(d->db, statements[k], -1, SQLITE_PREPARE_PERSISTENT, &d->of[k],
                               NULL) != SQLITE_OK)
            error = explain(file, d->db, why);
    if (error) {
        database_close(d);
        return error;
    }
    *ret = d;
    return 0;
}

void database_close(struct database *d)
{
    if (!d)
        return;
    for (int k = 0; k < KINDS; k++)
        sqlite3_finalize(d->of[k]);
    sqlite3_close(d->db);
    free(d);
}

/* --- reading --- */

static void read_row(sqlite3_stmt *s, bool timer, struct database_row *ret)
{
    *ret = (struct database_row){
        .key = str_n((const char *)sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0))};
    if (timer || sqlite3_column_type(s, 1) == SQLITE_INTEGER)
        ret->number = sqlite3_column_int64(s, 1);
    else
        ret->text =
            str_n((const char *)sqlite3_column_text(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    if (!timer)
        ret->expires_ms = sqlite3_column_int64(s, 2);
}

int database_load(struct database *d, const char *section, bool timers,
                  int (*see)(void *arg, const struct database_row *row), void *arg, char why[256])
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(d->db,
                                  timers ? "SELECT key, at_ms FROM timer WHERE section = ?"
                                         : "SELECT key, value, expires_ms FROM record"
                                           " WHERE section = ?",
                                  -1, &s, NULL);
    int error = 0;

    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 1, section, -1, SQLITE_STATIC);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        struct database_row row;

        code = sqlite3_step(s);
        if (code != SQLITE_ROW)
            break;
        read_row(s, timers, &row);
        error = see(arg, &row);
        if (error)
            break;
    }
    if (!error && code != SQLITE_DONE) {
        error = error_of(d->db);
        snprintf(why, 256, "the section '%.40s' cannot be read: %.100s", section,
                 sqlite3_errmsg(d->db));
    }
    sqlite3_finalize(s);
    return error;
}

/* --- writing --- */

/* The least text behind all those that begin so: its last byte, which in UTF-8 is never the
 * greatest, one up. */
static int bind_end(sqlite3_stmt *s, int at, const struct write *w)
{
    char end[STORE_KEY_BYTES + 1];

    memcpy(end, w->key, w->key_bytes);
    end[w->key_bytes - 1]++;
    return sqlite3_bind_text(s, at, end, (int)w->key_bytes, SQLITE_TRANSIENT);
}

static int bind(sqlite3_stmt *s, const struct write *w)
{
    int code = sqlite3_bind_text(s, 1, w->section, -1, SQLITE_STATIC);

    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 2, w->key, (int)w->key_bytes, SQLITE_STATIC);
    if (code != SQLITE_OK)
        return code;
    switch (w->kind) {
    case WRITE_OBJECT:
        code = sqlite3_bind_text(s, 3, w->text, (int)w->text_bytes, SQLITE_STATIC);
        break;
    case WRITE_NUMBER:
    case WRITE_TIMER:
        code = sqlite3_bind_int64(s, 3, w->number);
        break;
    case WRITE_EXPIRY:
        return w->expires_ms ? sqlite3_bind_int64(s, 3, w->expires_ms) : sqlite3_bind_null(s, 3);
    case WRITE_DELETE_ALL:
        return bind_end(s, 3, w);
    case WRITE_DELETE:
    case WRITE_TIMER_DELETE:
        return code;
    }
    if (code == SQLITE_OK && w->kind != WRITE_TIMER)
        code = w->expires_ms ? sqlite3_bind_int64(s, 4, w->expires_ms) : sqlite3_bind_null(s, 4);
    return code;
}

static int apply(struct database *d, const struct write *w)
{
    sqlite3_stmt *s = d->of[w->kind];
    int code = bind(s, w), error = 0;

    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code != SQLITE_DONE)
        error = error_of(d->db);
    return error;
}

static void reset(struct database *d)
{
    for (int k = 0; k < KINDS; k++) {
        sqlite3_reset(d->of[k]);
        sqlite3_clear_bindings(d->of[k]);
    }
}

/* The transaction that is open ends, so or so. */
static int conclude(struct database *d, int error, char why[256])
{
    if (!error)
        error = execute(d, "COMMIT");
    if (error)
        snprintf(why, 256, "%.200s", sqlite3_errmsg(d->db));
    reset(d);
    if (!sqlite3_get_autocommit(d->db))
        execute(d, "ROLLBACK");
    return error == -ENOSPC ? error : error ? -EIO : 0;
}

int database_commit(struct database *d, const struct transaction *first, char why[256])
{
    int error = execute(d, "BEGIN IMMEDIATE");

    for (const struct transaction *t = first; t && !error; t = t->next)
        for (const struct write *w = t->first; w && !error; w = w->next) {
            error = apply(d, w);
            if (!error)
                sqlite3_reset(d->of[w->kind]);
        }
    return conclude(d, error, why);
}

int database_forget_expired(struct database *d, int64_t unix_ms)
{
    char sql[128], why[256];

    snprintf(sql, sizeof sql, "DELETE FROM record WHERE expires_ms <= %" PRId64, unix_ms);
    return conclude(d, execute(d, sql), why);
}
