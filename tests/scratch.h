/* Files of a test program: in a folder of its own below /tmp, which is made before main() and goes
 * with all that is in it when the program ends, however its tests ended. check runs each test in a
 * process forked off; the folder belongs to the one that made it. */
#ifndef PARLEY_TESTS_SCRATCH_H
#define PARLEY_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRATCH_BYTES = 64 };

static char scratch[] = "/tmp/parley-test-XXXXXX";
static pid_t scratch_owner;

static int scratch_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

__attribute__((constructor)) static void scratch_begin(void)
{
    if (!mkdtemp(scratch) || chmod(scratch, 0711) < 0) { /* others may pass, as through /tmp */
        perror(scratch);
        exit(1);
    }
    scratch_owner = getpid();
}

__attribute__((destructor)) static void scratch_end(void)
{
    if (getpid() == scratch_owner)
        nftw(scratch, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new folder. The test may remove it. */
static inline void scratch_folder(char ret_path[SCRATCH_BYTES])
{
    snprintf(ret_path, SCRATCH_BYTES, "%s/XXXXXX", scratch);
    if (!mkdtemp(ret_path))
        abort();
}

/* A new file, open for reading and writing. */
static inline int scratch_file(char ret_path[SCRATCH_BYTES])
{
    int fd;

    snprintf(ret_path, SCRATCH_BYTES, "%s/XXXXXX", scratch);
    fd = mkstemp(ret_path);
    if (fd < 0)
        abort();
    return fd;
}

#endif
