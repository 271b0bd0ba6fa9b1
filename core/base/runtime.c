/* It may be in /tmp: so nothing is followed, and what was opened is judged by its descriptor. */
#include "base/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *runtime_directory(void)
{
    const char *given = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
    char *dir = NULL;
    int n;

    if (given && *given == '/') /* systemd writes several with colons between them */
        n = asprintf(&dir, "%.*s", (int)strcspn(given, ":"), given);
    else if (user && *user == '/')
        n = asprintf(&dir, "%s/parley", user);
    else if (geteuid() == 0)
        n = asprintf(&dir, "/run/parley");
    else
        n = asprintf(&dir, "/tmp/parley-%u", (unsigned)geteuid());
    return n < 0 ? NULL : dir;
}

int runtime_open(const char *directory, char why[256])
{
    struct stat st;
    int fd;

    if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
        snprintf(why, 256, "cannot make %s: %s", directory, strerror(errno));
        return -1;
    }
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(why, 256, "cannot open %s: %s", directory, strerror(errno));
    } else if (st.st_uid != geteuid()) {
        snprintf(why, 256, "%s belongs to another user", directory);
    } else if (st.st_mode & 022) {
        snprintf(why, 256, "%s may be written to by other users", directory);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}
