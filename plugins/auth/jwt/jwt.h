/* Shared by the files of this folder: options, reasons, tokens, key sets.
 *
 * The way of a check, on a pump: token_read, keys_find, token_verify, claims_read. It reads a
 * snapshot and the options, both constant but for what a key keeps aside by atomics, so that many
 * pumps may check at once. All else is control loop.
 */
#ifndef JWT_H
#define JWT_H
#include "json.h"

#include <parley/auth.h>

#include <openssl/evp.h>
#include <stdatomic.h>

#define TOKEN_BYTES 16384
#define KID_BYTES   128
#define KEYS_MAX    100
#define KEYS_BYTES  (1 << 20)

struct jwt_options {
    const char *issuer;
    parley_list audience, clients;
    const char *jwks, *ca_file;
    parley_list algorithms;
    const char *user_claim, *username_claim;
    parley_list app_claims;
    const char *roles_claim;
    bool query_token;
    const char *on_expiry;
    int64_t leeway_ms, cooldown_ms, cache_max_ms;
};

enum algorithm { ALG_RS256, ALG_ES256, ALG_EDDSA };

/* Why a token is not let in. Texts and labels are in jwt.c; none holds a part of the token. */
enum reason {
    OK,
    NOT_A_JWT,    /* not ours to judge */
    OTHER_ISSUER, /* likewise */
    UNKNOWN_KEY,  /* not decided, where the key set may be out of date */
    TOO_LARGE,
    MALFORMED,
    BAD_TYPE,
    BAD_ALGORITHM,
    CRITICAL_HEADER,
    KEY_IN_HEADER,
    BAD_KID,
    KEY_TYPE,
    BAD_SIGNATURE,
    NO_ISSUER,
    NOT_AN_ACCESS_TOKEN,
    OTHER_AUDIENCE,
    OTHER_CLIENT,
    NO_EXPIRY,
    EXPIRED,
    NOT_YET_VALID,
    NO_USER,
    NO_USERNAME,
    NO_MEMORY,
    REASONS
};

/* --- token.c --- */
struct token {
    parley_str text;
    size_t signed_bytes;      /* of text: header, dot, payload */
    unsigned char *signature; /* owned, as the next four */
    size_t signature_bytes;
    char *header_text, *claims_text;
    struct node *header, *claims;
    enum algorithm algorithm;
    const char *kid; /* NULL: none */
    size_t kid_bytes;
    bool at_jwt; /* its type says that it is an access token */
};
/* Takes it apart and looks at all that needs no key. `t` is to be finished in any case. */
enum reason token_read(struct token *t, parley_str text, const struct jwt_options *o);
void token_finish(struct token *t);

/* --- claims.c --- */
/* Fills `ret` with what lives as long as `t`; *ret_roles is to be freed in any case. */
enum reason claims_read(const struct token *t, const struct jwt_options *o, int64_t now_unix_ms,
                        parley_identity *ret, parley_str **ret_roles);
bool list_has(const parley_list *list, const char *s);

/* --- keys.c --- */
struct checker;
struct key {
    enum algorithm algorithm; /* the only one that it is good for */
    char *kid;                /* NULL: none */
    EVP_PKEY *pkey;
    struct checker *_Atomic spare; /* signature.c; NULL: none, or in use */
};
struct keys { /* immutable but for the keys' spares, counted */
    _Atomic unsigned refs;
    size_t count;
    struct key key[];
};
/* A JWKS. Keys that are of no use are passed over; NULL and *ret_why: none is left, or it is no
 * JWKS. */
struct keys *keys_parse(const char *p, size_t n, const char **ret_why);
struct keys *keys_ref(struct keys *k);
void keys_unref(struct keys *k); /* takes NULL */
enum reason keys_find(struct keys *k, const struct token *t, struct key **ret);

/* --- signature.c --- */
bool token_verify(const struct token *t, struct key *k);
void checker_free(struct checker *c); /* takes NULL */

/* --- source.c: where keys come from --- */
struct snapshot { /* what is published; never before the first key set */
    struct keys *keys;
    int64_t again_ms; /* uptime from which on an unknown key is reason to fetch */
};
struct source;
/* Checks the options that name the source, and reads a file. 0, or what parley_bad_option returned.
 */
int source_new(parley_host *h, const struct jwt_options *o, struct source **ret);
void source_free(struct source *s);
int source_start(parley_host *h, struct source *s);
void source_wanted(parley_host *h, struct source *s);
void source_answer(parley_host *h, struct source *s, const parley_answer *a);
void source_timer(parley_host *h, struct source *s);
extern const parley_metric jwt_metrics[2];
enum { METRIC_REFUSED, METRIC_FETCHES };
#endif
