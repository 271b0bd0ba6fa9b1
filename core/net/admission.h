/* Who may come in, by numbers: caps in all, by address, by user; counted across all pumps (one
 * lock, held for a look-up). */
#ifndef NET_ADMISSION_H
#define NET_ADMISSION_H
#include "base/ip.h"
#include "config/settings.h"

struct admission;
struct admission *admission_new(const struct settings_server *s); /* NULL: no memory */
void admission_free(struct admission *a);
enum admission_refusal { ADMIT_OK, ADMIT_FULL, ADMIT_ADDRESS, ADMIT_USER };
/* [any] Each success is given back by its _left, once. */
enum admission_refusal admission_connect(struct admission *a); /* a socket */
void admission_disconnected(struct admission *a);
/* A WebSocket client from there. */
enum admission_refusal admission_address(struct admission *a, const struct ip *address);
void admission_address_left(struct admission *a, const struct ip *address);
/* A socket from there, upgraded or not. false: too many */
bool admission_socket(struct admission *a, const struct ip *address);
void admission_socket_left(struct admission *a, const struct ip *address);
enum admission_refusal admission_user(struct admission *a, parley_str issuer, parley_str user);
void admission_user_left(struct admission *a, parley_str issuer, parley_str user);
/* The address that counts: the peer's; or, when the peer is a trusted proxy, the last address of
 * X-Forwarded-For that is not one. */
void admission_forwarded(const struct admission *a, const struct ip *peer,
                         parley_str x_forwarded_for, struct ip *ret);
bool admission_is_proxy(const struct admission *a, const struct ip *peer);
#endif
