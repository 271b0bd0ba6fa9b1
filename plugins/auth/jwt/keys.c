/* Key sets: a JWKS becomes OpenSSL keys, one by one, and stays as it is.
 *
 * A key is bound to the one algorithm that it is good for, so that no header can choose another. It
 * is an EVP_PKEY: counted by atomics and read-only in use, hence shared by all pumps without a
 * lock.
 */
#include "jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define DEPTH_MAX    16
#define VALUES_MAX   20000
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define NUMBER_BYTES (RSA_BITS_MAX / 8 + 1)

static const char *text(const json_t *jwk, const char *name)
{
    const char *s = json_string_value(json_object_get(jwk, name));

    return s ? s : "";
}

/* A base64url member of a JWK. 0: absent, too long, or no base64url. */
static size_t number(const json_t *jwk, const char *name, unsigned char *out, size_t out_bytes)
{
    const json_t *j = json_object_get(jwk, name);
    size_t n = json_string_length(j);
    long used;

    if (!json_is_string(j) || n / 4 * 3 + 3 > out_bytes)
        return 0;
    used = base64url_decode(json_string_value(j), n, out);
    return used > 0 ? (size_t)used : 0;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *c = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    EVP_PKEY *k = NULL;

    if (c && EVP_PKEY_fromdata_init(c) == 1)
        EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(c);
    return k;
}

/* An exponent of 1 would make every signature good; a huge one makes each check slow. */
static bool rsa_is_sound(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n);

    return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && BN_is_odd(n) && BN_is_odd(e) &&
           !BN_is_one(e) && BN_num_bits(e) <= 64;
}

static EVP_PKEY *import_rsa(const json_t *jwk)
{
    unsigned char bytes[NUMBER_BYTES + 2];
    size_t n_bytes = number(jwk, "n", bytes, sizeof bytes);
    BIGNUM *n = n_bytes ? BN_bin2bn(bytes, (int)n_bytes, NULL) : NULL;
    size_t e_bytes = number(jwk, "e", bytes, sizeof bytes);
    BIGNUM *e = e_bytes ? BN_bin2bn(bytes, (int)e_bytes, NULL) : NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *k = NULL;

    if (n && e && b && rsa_is_sound(n, e) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e)) {
        params = OSSL_PARAM_BLD_to_param(b);
        k = from_params("RSA", params);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(n);
    BN_free(e);
    return k;
}

/* fromdata refuses a point that is not on the curve. */
static EVP_PKEY *import_p256(const json_t *jwk)
{
    unsigned char x[48], y[48], point[65] = {POINT_CONVERSION_UNCOMPRESSED};
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end()};

    if (strcmp(text(jwk, "crv"), group) != 0 || number(jwk, "x", x, sizeof x) != 32 ||
        number(jwk, "y", y, sizeof y) != 32)
        return NULL;
    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    return from_params("EC", params);
}

static EVP_PKEY *import_ed25519(const json_t *jwk)
{
    unsigned char x[48];

    if (strcmp(text(jwk, "crv"), "Ed25519") != 0 || number(jwk, "x", x, sizeof x) != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, 32);
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

static bool import(const json_t *jwk, struct key *ret)
{
    static const struct {
        const char *kty, *algorithm;
        EVP_PKEY *(*import)(const json_t *jwk);
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
    ret->pkey = kinds[i].import(jwk);
    if (!ret->pkey)
        free(ret->kid);
    return ret->pkey != NULL;
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
    for (size_t i = 0; i < k->count; i++) {
        EVP_PKEY_free(k->key[i].pkey);
        free(k->key[i].kid);
    }
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
