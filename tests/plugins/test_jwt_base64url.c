/* The decoder that strangers' tokens come through: what encoding gives and nothing else.
 *
 * OpenSSL encodes; its alphabet is another, and it pads.
 */
#include "../../plugins/auth/jwt/base64url.c"

#include <check.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const unsigned char *bytes, size_t n, char *ret)
{
    EVP_EncodeBlock((unsigned char *)ret, bytes, (int)n);
    ret[strcspn(ret, "=")] = 0;
    for (char *p = ret; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    return strlen(ret);
}

/* From memory of exactly that size, so that a sanitizer sees a byte too many. */
static unsigned char *decode(const char *p, size_t n, size_t *ret_bytes)
{
    char *exact = malloc(n ? n : 1);
    unsigned char *out;

    memcpy(exact, p, n);
    out = base64url_decode(exact, n, ret_bytes);
    free(exact);
    return out;
}

static bool takes(const char *p, size_t n)
{
    size_t bytes;
    unsigned char *out = decode(p, n, &bytes);

    free(out);
    return out != NULL;
}

START_TEST(what_was_encoded_comes_back)
{
    unsigned char bytes[300];
    char text[404];

    for (size_t n = 0; n < sizeof bytes; n++) {
        size_t got_n = 999, text_n;
        unsigned char *got;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)(i * 167 + n * 31 + (i >> 3));
        text_n = encode(bytes, n, text);
        got = decode(text, text_n, &got_n);
        ck_assert_msg(got != NULL, "%zu bytes", n);
        ck_assert_uint_eq(got_n, n);
        ck_assert_mem_eq(got, bytes, n);
        free(got);
    }
}
END_TEST

/* As many texts of two and three digits are taken as there are bytes to encode, and by the test
 * above these are the ones; so none with bits that belong to no byte. */
START_TEST(one_text_for_each)
{
    unsigned two = 0, three = 0;

    for (int a = 0; a < 64; a++)
        for (int b = 0; b < 64; b++) {
            char t[3] = {alphabet[a], alphabet[b]};
            two += takes(t, 2);
            for (int c = 0; c < 64; c++) {
                t[2] = alphabet[c];
                three += takes(t, 3);
            }
        }
    ck_assert_uint_eq(two, 256);
    ck_assert_uint_eq(three, 65536);
}
END_TEST

/* Of the last one of a rest not every digit is good: see above. */
START_TEST(no_other_character_in_any_place)
{
    for (size_t n = 2; n <= 12; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                bool digit = c && strchr(alphabet, c);
                char t[12];
                if (n % 4 == 1 || (digit && n % 4 && at == n - 1))
                    continue;
                memcpy(t, "QUJDREVGQUJD", n);
                memcpy(t + n - n % 4, n % 4 == 2 ? "QQ" : "QUI", n % 4);
                t[at] = (char)c;
                ck_assert_msg(takes(t, n) == digit, "%d at %zu of %zu", c, at, n);
            }
}
END_TEST

START_TEST(no_padding_and_no_digit_too_many)
{
    static const char *const bad[] = {
        "A",     "=",      "A=",    "A==",      "A===",     "QQ=",  "QQ==",  "QUI=",
        "QUJD=", "QUJD==", "QUJDQ", "====",     "QUJD====", "=QUJ", "Q=JD",  "QQ==QUJD",
        " ",     "QQ ",    "\nQQ",  "QUJD\r\n", "QU JD",    "+/+/", "QUJD\t"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!takes(bad[i], strlen(bad[i])), "'%s'", bad[i]);
    ck_assert(!takes("QQ\0", 3));
    /* One digit alone is none, whatever stands behind the text. */
    for (size_t n = 1; n <= 9; n += 4) {
        size_t bytes;
        ck_assert_ptr_null(base64url_decode("AAAAAAAAAAAA", n, &bytes));
    }
    ck_assert(takes("", 0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base64url");
    TCase *c = tcase_create("decode");
    SRunner *r;
    int failed;

    tcase_add_test(c, what_was_encoded_comes_back);
    tcase_add_test(c, one_text_for_each);
    tcase_add_test(c, no_other_character_in_any_place);
    tcase_add_test(c, no_padding_and_no_digit_too_many);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
