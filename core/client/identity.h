/* Who a client is: one allocation, immutable, counted; shared by pump and hub, and read on every
 * loop without a lock. A refresh makes a new one.
 *
 * There is one for each connection, so its texts stand packed behind the roles, each with its 0.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H
#include <parley/base.h>

#include <stdatomic.h>

struct parley_identity;
enum identity_text { IDENTITY_USER, IDENTITY_USERNAME, IDENTITY_ISSUER, IDENTITY_APP };
#define IDENTITY_TEXTS (IDENTITY_APP + 1)
#define IDENTITY_MOST  (UINT16_MAX - 1) /* bytes of a text, and roles */
struct identity {
    _Atomic uint32_t refs;
    uint16_t bytes[IDENTITY_TEXTS]; /* with the 0; 0: absent */
    uint16_t role_count;
    bool close_on_expiry;
    bool dashboard;          /* app is listed in [server] dashboards */
    int64_t expires_unix_ms; /* 0: never */
    parley_str roles[];
};
/* NULL: no memory, or more than IDENTITY_MOST of something. */
struct identity *identity_new(const struct parley_identity *from, const parley_list *dashboards);
struct identity *identity_ref(struct identity *i);
void identity_unref(struct identity *i); /* takes NULL */
bool identity_has_role(const struct identity *i, const parley_list *any);

static inline parley_str identity_text(const struct identity *i, enum identity_text which)
{
    const char *at = (const char *)&i->roles[i->role_count];

    for (unsigned k = 0; k < which; k++)
        at += i->bytes[k];
    return i->bytes[which] ? (parley_str){at, i->bytes[which] - 1u} : PARLEY_NONE;
}
static inline parley_str identity_user(const struct identity *i) /* sub */
{
    return identity_text(i, IDENTITY_USER);
}
static inline parley_str identity_username(const struct identity *i)
{
    return identity_text(i, IDENTITY_USERNAME);
}
static inline parley_str identity_issuer(const struct identity *i) /* absent: none */
{
    return identity_text(i, IDENTITY_ISSUER);
}
static inline parley_str identity_app(const struct identity *i) /* OAuth client id; absent: none */
{
    return identity_text(i, IDENTITY_APP);
}
#endif
