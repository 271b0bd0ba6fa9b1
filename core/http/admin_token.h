/* The admin's local token: whoever may read its file is admin, from the same machine, without an
 * authorization server. Made once, read at start; the dispatcher compares it. */
#ifndef HTTP_ADMIN_TOKEN_H
#define HTTP_ADMIN_TOKEN_H
#include "config/settings.h"

struct admin_token;
/**
 * Read the token, or make it.
 *
 * [admin] token_file is the operator's, and stays. Without it the file is admin-PORT.token in the
 * runtime directory: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/parley, /run/parley (root) or
 * /tmp/parley-UID, which must belong to us and to no other; what was made there is removed at the
 * end.
 *
 * @param port  Of the admin listener, as it was bound.
 * @return NULL, and one sentence in why. [control] May block on the disk.
 */
struct admin_token *admin_token_open(const struct settings_admin *s, unsigned port, char why[256]);
const char *admin_token_file(const struct admin_token *t);
const char *admin_token_text(const struct admin_token *t); /* never for a log; t NULL: NULL */
void admin_token_free(struct admin_token *t);              /* takes NULL */
#endif
