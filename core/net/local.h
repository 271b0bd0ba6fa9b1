/* The control socket: a listening Unix socket beside the admin's addresses. Who connects is known
 * by the kernel, so that no token is needed: root, the daemon's own user, and whoever is in the
 * group of [control]. */
#ifndef NET_LOCAL_H
#define NET_LOCAL_H
#include "net/net.h"

#include <sys/stat.h>
#include <sys/un.h>

struct local_socket { /* all zero: there is none */
    char path[sizeof((struct sockaddr_un){0}).sun_path];
    dev_t device; /* of the file, to know it again */
    ino_t inode;
};
/* Binds and listens (mode 0660, the group's if there is one). What lies there is replaced only if
 * it is a socket on which nobody listens.
 * @param path   NULL: parley.sock in the runtime directory.
 * @param group  -1: none.
 * @param ret    For net_options.sockets: the net closes it.
 * @return 0; -Exxx and one sentence in why. [control] */
int local_listen(const char *path, int64_t group, struct local_socket *ret_file,
                 struct listener_socket *ret, char why[256]);
/* Removes the file, if it is still ours; takes one that is all zero. [control] */
void local_remove(struct local_socket *s);
#endif
