/* A disk that fails when a test says so: SQLite's own file system, with a shim before it that
 * becomes the default. It also knows whether anything was written and not yet synced. */
#ifndef TEST_FAILING_VFS_H
#define TEST_FAILING_VFS_H
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct failing_file {
    sqlite3_file base; /* first */
    int is_wal;
    sqlite3_file *real; /* in the same memory, behind */
};
static sqlite3_vfs failing_vfs, *real_vfs;
static sqlite3_io_methods failing_methods;
static _Atomic int failing_write; /* SQLITE_FULL, SQLITE_IOERR_WRITE: every write; 0: none */
static _Atomic int failing_sync;  /* SQLITE_IOERR_FSYNC */
static _Atomic int failing_after; /* so many writes still succeed */
static _Atomic int wal_unsynced, wal_syncs, writes_refused;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct failing_file *)f)->real;
}

static int failing_x_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int failing_x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int failing_x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    int is_wal = ((struct failing_file *)f)->is_wal;

    if (failing_write && atomic_fetch_sub(&failing_after, 1) <= 0) {
        writes_refused++;
        return failing_write;
    }
    if (is_wal)
        wal_unsynced = 1;
    return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}

static int failing_x_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int failing_x_sync(sqlite3_file *f, int flags)
{
    int code = failing_sync ? failing_sync : real_of(f)->pMethods->xSync(real_of(f), flags);

    if (((struct failing_file *)f)->is_wal && code == SQLITE_OK) {
        wal_unsynced = 0;
        wal_syncs++;
    }
    return code;
}

static int failing_x_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int failing_x_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int failing_x_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int failing_x_reserved(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int failing_x_control(sqlite3_file *f, int what, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), what, arg);
}

static int failing_x_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int failing_x_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int failing_x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret)
{
    struct failing_file *own = (struct failing_file *)f;
    int code;

    (void)vfs;
    own->real = (sqlite3_file *)(own + 1);
    own->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    code = real_vfs->xOpen(real_vfs, name, own->real, flags, ret);
    f->pMethods = own->real->pMethods ? &failing_methods : NULL;
    return code;
}

/* From now on every database is on that disk. */
static void failing_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    failing_methods = (sqlite3_io_methods){.iVersion = 1, /* no shared memory: none is needed */
                                           .xClose = failing_x_close,
                                           .xRead = failing_x_read,
                                           .xWrite = failing_x_write,
                                           .xTruncate = failing_x_truncate,
                                           .xSync = failing_x_sync,
                                           .xFileSize = failing_x_size,
                                           .xLock = failing_x_lock,
                                           .xUnlock = failing_x_unlock,
                                           .xCheckReservedLock = failing_x_reserved,
                                           .xFileControl = failing_x_control,
                                           .xSectorSize = failing_x_sector,
                                           .xDeviceCharacteristics = failing_x_traits};
    failing_vfs = *real_vfs;
    failing_vfs.pNext = NULL;
    failing_vfs.zName = "failing";
    failing_vfs.szOsFile = (int)sizeof(struct failing_file) + real_vfs->szOsFile;
    failing_vfs.xOpen = failing_x_open;
    sqlite3_vfs_register(&failing_vfs, 1);
}
#endif
