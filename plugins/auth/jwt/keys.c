/* Key sets: a JWKS becomes keys, one by one, and stays as it is.
 *
 * A key is bound to the one algorithm that it is good for, so that no header can choose another.
 * What pumps share of it is an EVP_PKEY, which is counted by atomics and read-only in use: hence no
 * lock. It is made once, with the public members alone; making one costs more than a check.
 */
#include "base64url.h"
#include "jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#define DEPTH_MAX    16
#define VALUES_MAX   20000
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define P256_BYTES   32 /* of a coordinate */
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
static bool rsa_is_sound(const BIGNUM *n, const BIGNUM *e)
{
    int bits = n ? BN_num_bits(n) : 0;

    return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && e && BN_is_odd(n) && BN_is_odd(e) &&
           !BN_is_one(e) && BN_num_bits(e) <= 64;
}

/* Takes `b`. */
static EVP_PKEY *public_key(const char *type, OSSL_PARAM_BLD *b)
{
    OSSL_PARAM *params = b ? OSSL_PARAM_BLD_to_param(b) : NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *k = NULL;

    if (!params || !c || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params) != 1)
        k = NULL;
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    return k;
}

static bool import_rsa(const json_t *jwk, struct key *ret)
{
    BIGNUM *n = big_number(jwk, "n"), *e = big_number(jwk, "e");
    OSSL_PARAM_BLD *b = rsa_is_sound(n, e) ? OSSL_PARAM_BLD_new() : NULL;

    if (b && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e))
        ret->pkey = public_key("RSA", b);
    else
        OSSL_PARAM_BLD_free(b);
    BN_free(n);
    BN_free(e);
    return ret->pkey != NULL;
}

/* Whether the point is on the curve is asked of it, once. */
static bool is_sound(EVP_PKEY *k)
{
    EVP_PKEY_CTX *c = k ? EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL) : NULL;
    bool ok = c && EVP_PKEY_public_check(c) == 1;

    EVP_PKEY_CTX_free(c);
    return ok;
}

static bool import_p256(const json_t *jwk, struct key *ret)
{
    size_t xn = 0, yn = 0;
    unsigned char *x = number(jwk, "x", &xn), *y = number(jwk, "y", &yn), point[1 + 2 * P256_BYTES];
    bool whole =
        strcmp(text(jwk, "crv"), "P-256") == 0 && x && y && xn == P256_BYTES && yn == P256_BYTES;
    OSSL_PARAM_BLD *b = whole ? OSSL_PARAM_BLD_new() : NULL;

    if (b) {
        point[0] = POINT_CONVERSION_UNCOMPRESSED;
        memcpy(point + 1, x, P256_BYTES);
        memcpy(point + 1 + P256_BYTES, y, P256_BYTES);
    }
    if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        ret->pkey = public_key("EC", b);
    else
        OSSL_PARAM_BLD_free(b);
    free(x);
    free(y);
    return is_sound(ret->pkey);
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
    checker_free(atomic_load_explicit(&k->spare, memory_order_relaxed));
    EVP_PKEY_free(k->pkey);
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

enum reason keys_find(struct keys *k, const struct token *t, struct key **ret)
{
    bool other_type = false;
    size_t fit = 0;

    for (size_t i = 0; i < k->count; i++) {
        struct key *key = &k->key[i];
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
