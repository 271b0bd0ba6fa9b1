/* The admin's local token. Its folder may be in /tmp: so nothing is followed, and everything that
 * is opened is looked at by its descriptor before it is believed.
 */
#include "http/admin_token.h"

#include "base/runtime.h"
#include "base/str.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANDOM_BYTES = 32, SHORTEST = 16, LONGEST = 512 };

struct admin_token {
    char *file;
    bool made; /* by us, in the runtime directory: to be removed */
    size_t n;
    char token[LONGEST + 1];
};

static int make(struct admin_token *t, int dir, const char *name, char why[256])
{
    unsigned char random[RANDOM_BYTES];
    int fd;

    if (!str_random(random, sizeof random)) {
        snprintf(why, 256, "there is no randomness for %s", t->file);
        return -EIO;
    }
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(t->token + 2 * i, 3, "%02x", random[i]);
    OPENSSL_cleanse(random, sizeof random);
    t->n = 2 * sizeof random;
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(why, 256, "cannot make %s: %s", t->file, strerror(errno));
        return -errno;
    }
    t->token[t->n] = '\n';
    bool whole = write(fd, t->token, t->n + 1) == (ssize_t)t->n + 1;
    t->token[t->n] = '\0';
    if (close(fd) < 0 || !whole) {
        unlinkat(dir, name, 0);
        snprintf(why, 256, "cannot write %s: the disk may be full", t->file);
        return -EIO;
    }
    return 0;
}

/* Takes fd. @param own  In the runtime directory: it must be ours alone. */
static int take(struct admin_token *t, int fd, bool own, char why[256])
{
    char text[LONGEST + 2];
    struct stat st;
    ssize_t n = -1;
    parley_str token;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0) {
        snprintf(why, 256, "cannot read %s: it is no file", t->file);
        return -EINVAL;
    }
    if ((own && st.st_uid != geteuid()) || (st.st_mode & (own ? 077 : 007))) {
        snprintf(why, 256,
                 "%s is open to other users: it must be readable by the server's alone (chmod 600)",
                 t->file);
        return -EPERM;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = '\0';
    token = str_trim(str_n(text, (size_t)n));
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] > '~')
            token.n = 0;
    if (token.n < SHORTEST || token.n > LONGEST) {
        snprintf(why, 256, "%s must hold one token of %d to %d characters", t->file, SHORTEST,
                 LONGEST);
        return -EINVAL;
    }
    memcpy(t->token, token.p, token.n);
    t->n = token.n;
    OPENSSL_cleanse(text, sizeof text);
    return 0;
}

static int open_given(struct admin_token *t, char why[256])
{
    int fd = open(t->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        return take(t, fd, false, why);
    if (errno == ENOENT)
        return make(t, AT_FDCWD, t->file, why);
    snprintf(why, 256, "cannot read %s: %s", t->file, strerror(errno));
    return -errno;
}

static int open_default(struct admin_token *t, unsigned port, char why[256])
{
    char *directory = runtime_directory(), name[32];
    int dir = -1, fd, r = -EIO;

    snprintf(name, sizeof name, "admin-%u.token", port);
    if (!directory || asprintf(&t->file, "%s/%s", directory, name) < 0) {
        t->file = NULL;
        snprintf(why, 256, "no memory");
        free(directory);
        return -ENOMEM;
    }
    dir = runtime_open(directory, why);
    free(directory);
    if (dir < 0)
        return -EPERM;
    fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        r = take(t, fd, true, why);
    else if (errno == ENOENT)
        r = make(t, dir, name, why);
    else
        snprintf(why, 256, "cannot read %s: %s", t->file, strerror(errno));
    t->made = r == 0;
    close(dir);
    return r;
}

struct admin_token *admin_token_open(const struct settings_admin *s, unsigned port, char why[256])
{
    struct admin_token *t = calloc(1, sizeof *t);
    int r;

    if (!t) {
        snprintf(why, 256, "no memory");
        return NULL;
    }
    if (s->token_file) {
        t->file = strdup(s->token_file);
        r = t->file ? open_given(t, why) : -ENOMEM;
    } else {
        r = open_default(t, port, why);
    }
    if (r == 0)
        return t;
    admin_token_free(t);
    return NULL;
}

const char *admin_token_file(const struct admin_token *t)
{
    return t->file;
}

const char *admin_token_text(const struct admin_token *t)
{
    return t ? t->token : NULL;
}

void admin_token_free(struct admin_token *t)
{
    if (!t)
        return;
    if (t->made && t->file)
        unlink(t->file);
    OPENSSL_cleanse(t->token, sizeof t->token);
    free(t->file);
    free(t);
}
