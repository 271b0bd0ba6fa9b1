/* An issuer of tokens: makes keys, lists them as a JWKS, signs what it is told to, however wrong.
 */
#ifndef FAKE_ISSUER_H
#define FAKE_ISSUER_H
#include <check.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

struct fake_key {
    EVP_PKEY *pkey;
    const char *alg, *kid; /* kid NULL: none */
};

/* "RS256", "ES256", "EdDSA"; "RS256:1024", "ES384" for keys that must not be taken. */
static inline struct fake_key fake_key_new(const char *alg, const char *kid)
{
    struct fake_key k = {.alg = alg, .kid = kid};

    if (strncmp(alg, "RS256", 5) == 0)
        k.pkey = EVP_RSA_gen(alg[5] ? 1024 : 2048);
    else if (strncmp(alg, "ES", 2) == 0)
        k.pkey = EVP_EC_gen(strcmp(alg, "ES384") == 0 ? "P-384" : "P-256");
    else
        k.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ck_assert_ptr_nonnull(k.pkey);
    return k;
}

static inline char *fake_base64url(const void *bytes, size_t n)
{
    char *out = malloc(4 * (n / 3) + 8);
    int used = EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);

    while (used > 0 && out[used - 1] == '=')
        used--;
    out[used] = 0;
    for (char *p = out; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    return out;
}

static inline void fake_put_number(json_t *jwk, const char *name, EVP_PKEY *k, const char *param,
                                   int pad)
{
    unsigned char bytes[1024];
    BIGNUM *b = NULL;
    char *text;
    int n;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(k, param, &b), 1);
    n = pad ? pad : BN_num_bytes(b);
    BN_bn2binpad(b, bytes, n);
    text = fake_base64url(bytes, (size_t)n);
    json_object_set_new(jwk, name, json_string(text));
    free(text);
    BN_free(b);
}

static inline json_t *fake_jwk(const struct fake_key *k)
{
    json_t *j = json_pack("{s:s}", "use", "sig");

    if (k->kid)
        json_object_set_new(j, "kid", json_string(k->kid));
    if (strncmp(k->alg, "RS256", 5) == 0) {
        json_object_set_new(j, "kty", json_string("RSA"));
        fake_put_number(j, "n", k->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
        fake_put_number(j, "e", k->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (strncmp(k->alg, "ES", 2) == 0) {
        bool p384 = strcmp(k->alg, "ES384") == 0;
        json_object_set_new(j, "kty", json_string("EC"));
        json_object_set_new(j, "crv", json_string(p384 ? "P-384" : "P-256"));
        fake_put_number(j, "x", k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, p384 ? 48 : 32);
        fake_put_number(j, "y", k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, p384 ? 48 : 32);
    } else {
        unsigned char raw[32];
        size_t n = sizeof raw;
        char *x;
        EVP_PKEY_get_raw_public_key(k->pkey, raw, &n);
        x = fake_base64url(raw, n);
        json_object_set_new(j, "kty", json_string("OKP"));
        json_object_set_new(j, "crv", json_string("Ed25519"));
        json_object_set_new(j, "x", json_string(x));
        free(x);
    }
    return j;
}

/* free() it. */
static inline char *fake_jwks(const struct fake_key *keys, size_t n)
{
    json_t *list = json_array();
    json_t *set = json_pack("{s:o}", "keys", list);
    char *text;

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, fake_jwk(&keys[i]));
    text = json_dumps(set, JSON_COMPACT);
    json_decref(set);
    return text;
}

/* The signature as JWS wants it; free() it. */
static inline unsigned char *fake_sign_bytes(const struct fake_key *k, const char *text,
                                             size_t *ret_n)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    unsigned char *sig = malloc(1024), *out = calloc(1, 1024);
    const unsigned char *p = sig;
    size_t n = 1024;
    ECDSA_SIG *rs;

    ck_assert_int_eq(
        EVP_DigestSignInit(c, NULL, k->alg[1] == 'd' ? NULL : EVP_sha256(), NULL, k->pkey), 1);
    ck_assert_int_eq(EVP_DigestSign(c, sig, &n, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(c);
    if (strcmp(k->alg, "ES256") != 0) {
        free(out);
        *ret_n = n;
        return sig;
    }
    rs = d2i_ECDSA_SIG(NULL, &p, (long)n);
    BN_bn2binpad(ECDSA_SIG_get0_r(rs), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(rs), out + 32, 32);
    ECDSA_SIG_free(rs);
    free(sig);
    *ret_n = 64;
    return out;
}

/* Header and payload as they are given, signed; free() it. */
static inline char *fake_sign(const struct fake_key *k, const char *header, const char *payload)
{
    char *h = fake_base64url(header, strlen(header)), *p = fake_base64url(payload, strlen(payload)),
         *s;
    size_t room = strlen(h) + strlen(p) + 2048, n;
    char *token = malloc(room);
    unsigned char *sig;

    snprintf(token, room, "%s.%s", h, p);
    sig = fake_sign_bytes(k, token, &n);
    s = fake_base64url(sig, n);
    snprintf(token, room, "%s.%s.%s", h, p, s);
    free(h);
    free(p);
    free(s);
    free(sig);
    return token;
}

/* `base` with the members of `patch` (JSON text, or NULL) put over it; null takes one away. */
static inline char *fake_patched(json_t *base, const char *patch)
{
    json_t *p = patch ? json_loads(patch, 0, NULL) : json_object(), *v;
    const char *key;
    char *text;

    ck_assert_msg(p != NULL, "not JSON: %s", patch);
    json_object_foreach (p, key, v) {
        if (json_is_null(v))
            json_object_del(base, key);
        else
            json_object_set(base, key, v);
    }
    text = json_dumps(base, JSON_COMPACT);
    json_decref(p);
    json_decref(base);
    return text;
}
#endif
