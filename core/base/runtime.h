/* The folder for what lives as long as the daemon runs: its token, its socket. Another user may
 * have put something into its place, so it is looked at before it is used. */
#ifndef BASE_RUNTIME_H
#define BASE_RUNTIME_H

/* $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/parley, /run/parley (root) or /tmp/parley-UID, the first
 * that there is; free() it. NULL: no memory. [any] */
char *runtime_directory(void);
/* Makes it (mode 0700) when it is missing. A descriptor of it, the caller's; -1, and one sentence
 * in why: it cannot be made, belongs to another user, or others may write to it. [control] */
int runtime_open(const char *directory, char why[256]);
#endif
