/* Key sets: a JWKS becomes keys, one by one, and stays as it is.
 *
 * A key is bound to the one algorithm that it is good for, so that no header can choose another.
 * What pumps share of it is constant text, or an EVP_PKEY, which is counted by atomics and
 * read-only in use: hence no lock. That cjose takes it is found out here, and used by token.c.
 */
#include "jwt.h"

#include <cjose/jwk.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <stdlib.h>

#define DEPTH_MAX    16
#define VALUES_MAX   20000
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define NUMBER_CHARS ((RSA_BITS_MAX / 8 + 1) * 4 / 3 + 2)

static const char *text(const json_t *jwk, const char *name)
{
    const char *s = json_string_value(json_object_get(jwk, name));

    return s ? s : "";
}

/* A base64url member of a JWK. free() it; NULL: absent, too long, or no base64url. */
static unsigned char *number(const json_t *jwk, const char *name, size_t *ret_bytes)
{
    const json_t *j = json_object_get(jwk, name);
    size_t n = json_string_length(j);

    return n > 0 && n <= NUMBER_CHARS ? base64url_decode(json_string_value(j), n, ret_bytes) : NULL;
}

static BIGNUM *big_number(const json_t *jwk, const char *name)
{
    size_t n;
    unsigned char *bytes = number(jwk, name, &n);
    BIGNUM *b = bytes ? BN_bin2bn(bytes, (int)n, NULL) : NULL;

    free(bytes);
    return b;
}

/* An exponent of 1 would make every signature good; a huge one makes each check slow. */
static bool rsa_is_sound(const json_t *jwk)
{
    BIGNUM *n = big_number(jwk, "n"), *e = big_number(jwk, "e");
    int bits = n ? BN_num_bits(n) : 0;
    bool ok = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && e && BN_is_odd(n) && BN_is_odd(e) &&
              !BN_is_one(e) && BN_num_bits(e) <= 64;

    BN_free(n);
    BN_free(e);
    return ok;
}

static bool is_32_bytes(const json_t *jwk, const char *name)
{
    size_t n;
    unsigned char *bytes = number(jwk, name, &n);
    bool ok = bytes && n == 32;

    free(bytes);
    return ok;
}

/* Its public members alone: of a private key cjose would take the public one from `d`. It refuses a
 * point that is not on the curve. */
static bool import_by_cjose(const json_t *jwk, const char *const *members, struct key *ret)
{
    json_t *public = json_object();
    cjose_jwk_t *try = NULL;

    for (; *members; members++)
        json_object_set(public, *members, json_object_get(jwk, *members));
    ret->jwk = json_dumps(public, JSON_COMPACT);
    json_decref(public);
    if (ret->jwk)
        try = cjose_jwk_import(ret->jwk, strlen(ret->jwk), NULL);
    cjose_jwk_release(try);
    return try != NULL;
}

static bool import_rsa(const json_t *jwk, struct key *ret)
{
    static const char *const members[] = {"kty", "n", "e", NULL};

    return rsa_is_sound(jwk) && import_by_cjose(jwk, members, ret);
}

static bool import_p256(const json_t *jwk, struct key *ret)
{
    static const char *const members[] = {"kty", "crv", "x", "y", NULL};

    return strcmp(text(jwk, "crv"), "P-256") == 0 && is_32_bytes(jwk, "x") &&
           is_32_bytes(jwk, "y") && import_by_cjose(jwk, members, ret);
}

static bool import_ed25519(const json_t *jwk, struct key *ret)
{
    size_t n = 0;
    unsigned char *x = number(jwk, "x", &n);

    if (x && n == 32 && strcmp(text(jwk, "crv"), "Ed25519") == 0)
        ret->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, n);
    free(x);
    return ret->pkey != NULL;
}

/* Made for signatures, as far as it says what it was made for. */
static bool may_verify(const json_t *jwk, const char *algorithm)
{
    const json_t *use = json_object_get(jwk, "use"), *alg = json_object_get(jwk, "alg");
    const json_t *ops = json_object_get(jwk, "key_ops");
    bool verify = !ops;

    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *op = json_string_value(json_array_get(ops, i));
        verify = verify || (op && strcmp(op, "verify") == 0);
    }
    return verify && (!use || strcmp(text(jwk, "use"), "sig") == 0) &&
           (!alg || strcmp(text(jwk, "alg"), algorithm) == 0);
}

static void key_finish(struct key *k)
{
    EVP_PKEY_free(k->pkey);
    free(k->jwk);
    free(k->kid);
}

static bool import(const json_t *jwk, struct key *ret)
{
    static const struct {
        const char *kty, *algorithm;
        bool (*import)(const json_t *jwk, struct key *ret);
    } kinds[] = {[ALG_RS256] = {"RSA", "RS256", import_rsa},
                 [ALG_ES256] = {"EC", "ES256", import_p256},
                 [ALG_EDDSA] = {"OKP", "EdDSA", import_ed25519}};
    const json_t *kid = json_object_get(jwk, "kid");
    size_t i = 0, n = json_string_length(kid);

    while (i < 3 && strcmp(text(jwk, "kty"), kinds[i].kty) != 0)
        i++;
    if (i == 3 || !may_verify(jwk, kinds[i].algorithm))
        return false;
    if (kid && (!json_is_string(kid) || n == 0 || n > KID_BYTES))
        return false;
    *ret = (struct key){.algorithm = (enum algorithm)i};
    ret->kid = kid ? malloc(n + 1) : NULL;
    if (kid && !ret->kid)
        return false;
    if (kid)
        memcpy(ret->kid, json_string_value(kid), n + 1);
    if (kinds[i].import(jwk, ret))
        return true;
    key_finish(ret);
    return false;
}

struct keys *keys_parse(const char *p, size_t n, const char **ret_why)
{
    json_t *set = n <= KEYS_BYTES ? json_read(p, n, DEPTH_MAX, VALUES_MAX) : NULL;
    const json_t *list = json_object_get(set, "keys");
    size_t count = json_array_size(list);
    struct keys *k = NULL;

    *ret_why = n > KEYS_BYTES         ? "it is larger than 1 MiB"
               : !json_is_array(list) ? "it is not a JSON Web Key Set"
               : count > KEYS_MAX     ? "it holds more than 100 keys"
                                      : NULL;
    if (!*ret_why) {
        k = calloc(1, sizeof *k + count * sizeof *k->key);
        *ret_why = k ? NULL : "there is no memory";
    }
    ERR_set_mark();
    for (size_t i = 0; k && i < count; i++)
        k->count += import(json_array_get(list, i), &k->key[k->count]);
    ERR_pop_to_mark();
    json_decref(set);
    if (!k)
        return NULL;
    atomic_init(&k->refs, 1);
    if (k->count > 0)
        return k;
    *ret_why = "it holds no key for RS256, ES256 or EdDSA";
    keys_unref(k);
    return NULL;
}

struct keys *keys_ref(struct keys *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void keys_unref(struct keys *k)
{
    if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < k->count; i++)
        key_finish(&k->key[i]);
    free(k);
}

enum reason keys_find(const struct keys *k, const struct token *t, const struct key **ret)
{
    bool other_type = false;
    size_t fit = 0;

    for (size_t i = 0; i < k->count; i++) {
        const struct key *key = &k->key[i];
        if (t->kid && (!key->kid || strcmp(key->kid, t->kid) != 0))
            continue;
        if (key->algorithm != t->algorithm) {
            other_type = true;
            continue;
        }
        if (fit++ == 0)
            *ret = key;
    }
    if (fit == 1 || (fit > 1 && t->kid))
        return OK;
    if (fit > 1)
        return BAD_KID; /* which one, the token should have said */
    return t->kid && other_type ? KEY_TYPE : UNKNOWN_KEY;
}
