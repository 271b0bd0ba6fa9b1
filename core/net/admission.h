/* Who may come in, by numbers: caps in all, by address, by user; counted across all pumps (one
 * lock, held for a look-up). */
#ifndef NET_ADMISSION_H
#define NET_ADMISSION_H
#include "config/settings.h"

struct admission;
struct admission *admission_new(const struct settings_server *s); /* NULL: no memory */
void admission_free(struct admission *a);
enum admission_refusal { ADMIT_OK, ADMIT_FULL, ADMIT_ADDRESS, ADMIT_USER };
/* [any] Each success is given back by its _left, once. */
enum admission_refusal admission_connect(struct admission *a); /* a socket */
void admission_disconnected(struct admission *a);
enum admission_refusal admission_address(struct admission *a,
                                         const char *address); /* a WebSocket client from there */
void admission_address_left(struct admission *a, const char *address);
enum admission_refusal admission_user(struct admission *a, parley_str issuer, parley_str user);
void admission_user_left(struct admission *a, parley_str issuer, parley_str user);
/* The address that counts: the peer's; or, when the peer is a trusted proxy, the last address of
 * X-Forwarded-For that is not one. */
void admission_forwarded(const struct admission *a, const char *peer, parley_str x_forwarded_for,
                         char out[46]);
bool admission_is_proxy(const struct admission *a, const char *peer);
#endif
