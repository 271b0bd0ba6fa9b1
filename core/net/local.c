/* The control socket, from its file to the connection.
 *
 * Its connections are HTTP like those of the admin listener, on the same net. But they are no
 * clients: no cap of connections and no rate holds them up, since it is when the server is full
 * that an operator wants to be let in. Their own number is bounded, and the kernel says whose they
 * are.
 */
#include "net/local.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/runtime.h"
#include "base/str.h"
#include "net/conn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCAL_MOST = 64, /* connections at a time */
    BACKLOG = 16,
    LOCK_TRIES = 100, /* of 5 ms: another daemon looks at the same place */
    GROUPS_MOST = 1024,
};

/* --- the file --- */

/* A descriptor of the path's folder; -1, and why. */
static int open_folder(const char *path, char why[256])
{
    const char *slash = strrchr(path, '/');
    char folder[sizeof((struct local_socket *)NULL)->path];
    int fd;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        snprintf(why, 256, "cannot make the control socket %s: %s", path, strerror(errno));
    return fd;
}

/* Two daemons that begin at once would each find the other's socket without a listener. A folder
 * that somebody else holds for long is no reason not to begin. */
static void lock(int folder)
{
    const struct timespec moment = {.tv_nsec = 5000000};

    for (int i = 0; i < LOCK_TRIES && flock(folder, LOCK_EX | LOCK_NB) < 0; i++)
        nanosleep(&moment, NULL);
}

/* Whether somebody listens there. What else is wrong shows when we bind. */
static bool is_used(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool used;

    used = fd >= 0 && (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return used;
}

/* 0: nothing lies there any more. */
static int clear(const struct sockaddr_un *a, char why[256])
{
    struct stat st;

    if (lstat(a->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(why, 256, "cannot make the control socket %s: something else is there",
                 a->sun_path);
        return -EEXIST;
    }
    if (is_used(a)) {
        snprintf(why, 256, "the control socket %s is another daemon's, which runs", a->sun_path);
        return -EADDRINUSE;
    }
    unlink(a->sun_path);
    return 0;
}

/* Nobody can connect before it listens, so nobody gets in before its mode is right. */
static int begin(int fd, const struct sockaddr_un *a, int64_t group, struct local_socket *ret)
{
    struct stat st;

    if (bind(fd, (const struct sockaddr *)a, sizeof *a) < 0)
        return -errno;
    if (lstat(a->sun_path, &st) == 0) {
        ret->device = st.st_dev;
        ret->inode = st.st_ino;
        snprintf(ret->path, sizeof ret->path, "%s", a->sun_path);
    }
    if ((group >= 0 && lchown(a->sun_path, (uid_t)-1, (gid_t)group) < 0) ||
        chmod(a->sun_path, 0660) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return 0;
}

static int make(const struct sockaddr_un *a, int folder, int64_t group, struct local_socket *file,
                struct listener_socket *ret, char why[256])
{
    int fd, error;

    lock(folder);
    error = clear(a, why);
    if (error)
        return error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = fd < 0 ? -errno : begin(fd, a, group, file);
    if (!error) {
        *ret = (struct listener_socket){.fd = fd, .local = true, .group = group};
        return 0;
    }
    snprintf(why, 256, "cannot make the control socket %s: %s", a->sun_path, strerror(-error));
    if (fd >= 0)
        close(fd);
    local_remove(file);
    return error;
}

/* The default's, which must be ours alone; free()d by the caller. NULL and why */
static char *default_path(int *ret_folder, char why[256])
{
    char *folder = runtime_directory(), *path = NULL;

    snprintf(why, 256, "there is not enough memory");
    if (folder && asprintf(&path, "%s/parley.sock", folder) < 0)
        path = NULL;
    if (path && (*ret_folder = runtime_open(folder, why)) < 0) {
        free(path);
        path = NULL;
    }
    free(folder);
    return path;
}

int local_listen(const char *path, int64_t group, struct local_socket *ret_file,
                 struct listener_socket *ret, char why[256])
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int folder = -1, error = -EINVAL;
    char *text = path ? str_dup(str_of(path)) : default_path(&folder, why);

    if (text && strlen(text) >= sizeof a.sun_path) {
        snprintf(why, 256, "the path of the control socket is longer than %zu bytes: %.150s",
                 sizeof a.sun_path - 1, text);
        error = -ENAMETOOLONG;
    } else if (text) {
        snprintf(a.sun_path, sizeof a.sun_path, "%s", text);
        if (folder < 0)
            folder = open_folder(a.sun_path, why);
        if (folder >= 0)
            error = make(&a, folder, group, ret_file, ret, why);
    }
    if (folder >= 0)
        close(folder);
    free(text);
    return error;
}

void local_remove(struct local_socket *s)
{
    struct stat st;

    if (s->path[0] && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
        unlink(s->path);
    s->path[0] = '\0';
}

/* --- who connects --- */

static bool is_in_group(int fd, const struct ucred *peer, int64_t group)
{
    gid_t groups[GROUPS_MOST];
    socklen_t n = sizeof groups;

    if (group < 0)
        return false;
    if (peer->gid == (gid_t)group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) < 0)
        return false;
    for (size_t i = 0; i < n / sizeof *groups; i++)
        if (groups[i] == (gid_t)group)
            return true;
    return false;
}

static void refuse(struct net *n, int fd, int64_t uid)
{
    char answer[512];

    metric_inc(metric(METRIC_COUNTER, "refusals", "Connections and requests that were turned away",
                      "reason", PARLEY_STR("control_user")));
    log_event(LOG_LEVEL_WARNING, "refused", LOG_TEXT("reason", "control_user"),
              LOG_INT("uid", uid));
    snprintf(answer, sizeof answer,
             "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Connection: close\r\n\r\n"
             "You (uid %" PRId64 ") may not control this server: root may, its own user (uid %u), "
             "and the group that [control] names.\n",
             uid, (unsigned)geteuid());
    accept_turn_away(n, fd, answer);
}

static void welcome(struct net *n, int fd, int64_t group)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t bytes = sizeof peer;
    struct conn *c;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0 ||
        (peer.uid != 0 && peer.uid != geteuid() && !is_in_group(fd, &peer, group))) {
        refuse(n, fd, peer.uid);
        return;
    }
    c = n->local_count < LOCAL_MOST ? conn_new(n) : NULL;
    if (!c) {
        net_refused(n, "control_full", NULL, PARLEY_NONE);
        close(fd);
        return;
    }
    n->local_count++;
    c->fd = fd;
    c->tls = false;
    c->local = true;
    c->uid = peer.uid;
    accept_adopt(n, c);
}

void local_acceptable(struct ev_loop *ev, ev_io *w, int events)
{
    struct listener *l = w->data;
    struct net *n = l->net;

    (void)ev;
    (void)events;
    enum domain before = domain_enter(n->actor->domain);
    for (int i = 0; i < BACKLOG && n->accepting; i++) {
        int fd = accept4(l->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            welcome(n, fd, l->socket.group);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            accept_back_off(n, errno);
            break;
        }
    }
    domain_leave(before);
}
