/* base/ascii: every byte, in every place of texts of every short length, against the plain rule. */
#include "base/ascii.h"

#include <check.h>
#include <stdlib.h>

#define LONGEST 70

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

START_TEST(one_byte_in_any_place)
{
    for (size_t n = 0; n <= LONGEST; n++) {
        char *p = malloc(n ? n : 1); /* of that size, so that reading on is seen */

        memset(p, 'a', n);
        ck_assert(ascii_plain(p, n));
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                p[at] = (char)c;
                ck_assert_msg(ascii_plain(p, n) == plain((unsigned char)c), "byte %d at %zu of %zu",
                              c, at, n);
            }
            p[at] = 'a';
        }
        free(p);
    }
}
END_TEST

/* The first that is no such text, as its high bit says, whatever stands behind it. */
START_TEST(the_first_of_eight)
{
    unsigned seed = 7;

    for (int round = 0; round < 200000; round++) {
        unsigned char p[8];
        uint64_t w = 0, others;
        int first = 8;

        for (int i = 7; i >= 0; i--) {
            int r = rand_r(&seed);

            p[i] = r & 1 ? (unsigned char)(r >> 8) : "\"\\ !\x1f\x7f\x80z"[r >> 8 & 7];
            w = w << 8 | p[i];
        }
        for (int i = 7; i >= 0; i--)
            if (!plain(p[i]))
                first = i;
        others = ascii_others8(w);
        ck_assert_int_eq(others ? __builtin_ctzll(others) / 8 : 8, first);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ascii");
    TCase *t = tcase_create("ascii");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, one_byte_in_any_place);
    tcase_add_test(t, the_first_of_eight);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
