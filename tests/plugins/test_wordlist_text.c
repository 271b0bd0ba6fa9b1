/* wordlist: what people do to letters, letters of many peoples, and texts that mean harm. What is
 * masked stays valid UTF-8, and loses nothing but what was found. */
#include "wordlist.h"

#define MARKS "\u0337\u0321\u0489\u20dd"

START_TEST(letters_in_disguise)
{
    static const char *const disguised[] = {
        "BAD",                           /* plain */
        "bäd",                           /* an accent */
        "b" MARKS "a" MARKS "d" MARKS,   /* a heap of them */
        "b\u00ada\u200bd",               /* soft hyphen, no width */
        "b\u200da\u2060\ufeffd",         /* joiners */
        "\u202eb\u2066a\u2069d\u202c",   /* bidi controls */
        "b\ufe0fa\U000e0101d\U000e0020", /* variation selectors, a tag */
        "b\\u0001ad",                    /* a control character */
        "b\ufff9ad",                     /* annotation */
        "b\u3164ad",                     /* Hangul filler */
        "ｂａｄ",                        /* full width */
        "𝐛𝐚𝐝",                           /* mathematical */
        "𝕭𝕬𝕯",                           /* and capitals */
        "ⓑⓐⓓ",                           /* in circles */
        "ᵇᵃᵈ",                           /* raised */
        "b\u0430d",                      /* Cyrillic а */
        "\u0412\u0410D",                 /* Cyrillic В, А */
        "\u0392\u0391\u216e",            /* Greek Beta, Alpha; Roman five hundred */
        "\u042cad",                      /* Cyrillic soft sign */
        "b\u0e49ad",                     /* a Thai tone upon a Latin letter */
    };

    start("words = bad");
    for (size_t i = 0; i < sizeof disguised / sizeof *disguised; i++)
        assert_found(disguised[i]);
    assert_passes("bod");
    assert_passes("b\u4e00d");
    assert_passes("b\U0010fffdad");
}
END_TEST

START_TEST(one_character_is_several_and_several_one)
{
    start("words = fluff, strasse, idiot, modem");
    assert_found("ﬂuﬀ");
    assert_found("ﬂuff");
    assert_found("straße");
    assert_found("STRAẞE");
    assert_found("ıdıot");
    assert_found("İDİOT");
    assert_passes("modern");
    assert_passes("flu");
}
END_TEST

/* An I is an i, or an l; but for all of a text the same. */
START_TEST(signs_that_are_two_letters)
{
    start("words = hello, idiot, oil");
    assert_found("HELLO");
    assert_found("heIlo");
    assert_found("he1lo");
    assert_found("HE|LO");
    assert_found("hell0");
    assert_found("hellO");
    assert_found("IDIOT");
    assert_found("\u0406D\u0406OT");
    assert_found("0il");
    assert_passes("ldiot");
    assert_passes("1diot");
}
END_TEST

START_TEST(letters_apart)
{
    start("words = bad, ass, abc, two words, so");
    assert_found("b a d");
    assert_found("so b.a.d!");
    assert_found("b-a_d");
    assert_found("B  A  D");
    assert_found("a s s");
    assert_found("a b c");
    assert_passes("I a b a d");
    assert_passes("ba d");
    assert_found("b aaa d");
    assert_passes("b aa d");
    assert_passes("x y z, s o");
    assert_passes("b ad");
    assert_passes("b, a, d");
    assert_passes("a s");
    start("words = bad, b a d guys\nspaced = no");
    assert_passes("b a d");
    assert_found("b a d guys");
    assert_passes("b.a.d guys, b ad");
}
END_TEST

START_TEST(letters_repeated)
{
    start("words = bad, ass, good");
    assert_found("baaad");
    assert_found("BBBBaaaaDDDD");
    assert_found("asss");
    assert_found("gooood");
    assert_passes("baad");
    assert_passes("as");
    assert_passes("god");
    assert_found("goood");
    start("words = bad, ass, *ttu\nrepeats = no");
    assert_passes("baaad");
    assert_passes("asss");
    assert_found("ass");
    assert_found("atttu");
    assert_passes("atu");
    assert_passes("attuu");
}
END_TEST

START_TEST(signs_for_letters)
{
    start("words = bad, idiot, shit, ass, kiwi, lose\nleet = yes");
    assert_found("b4d");
    assert_found("b@d");
    assert_found("1d!0t");
    assert_found("sh1t");
    assert_found("sh!t!");
    assert_found("$hit");
    assert_found("a$$");
    assert_found("a$s");
    assert_found("kiwi!");
    assert_found("kiwi!!!");
    assert_found("bad@all");
    assert_found("(455)");
    assert_found("1o5e");
    assert_found("LOSE");
    assert_passes("a$$et");
    assert_passes("x$hit");
    start("words = bad, ass");
    assert_passes("b4d");
    assert_passes("455");
    assert_passes("a$$");
}
END_TEST

START_TEST(scripts_with_capitals)
{
    start("words = вор, πόνος, бот");
    assert_found("вор");
    assert_found("Вор!");
    assert_found("ВОР");
    assert_found("в\u0489о\u0484р");
    assert_passes("воры");
    assert_found("ΠΌΝΟΣ");
    assert_found("πονος");
    assert_passes("вот");
    start("words = bot");
    assert_passes("вот");
    assert_found("\u0412\u041e\u0422"); /* in capitals nobody can tell */
}
END_TEST

START_TEST(scripts_without_spaces)
{
    start("words = 笨, 坏蛋, ควาย, ばか, か*\naction = mask");
    assert_masked("你很笨啊", "你很*啊");
    assert_masked("笨笨!", "**!");
    assert_masked("x笨x", "x*x");
    assert_masked("坏坏蛋蛋", "****");
    assert_masked("\u7ba8", "\u7ba8"); /* of equal last bits, and no 笨 */
    assert_masked("ไอ้ควายเอ๊ย", "ไอ้****เอ๊ย");
    assert_masked("おばかさん", "お**さん");
    assert_masked("おは\u3099かさん", "お**さん");
    assert_masked("おはか", "おは*");
    assert_masked("がき", "がき");
    assert_masked("か\u3099き", "か\u3099き");
}
END_TEST

START_TEST(scripts_with_signs_upon_letters)
{
    start("words = कम, 바보, 나쁜*, محمد, שלום");
    assert_found("कम है");
    assert_passes("कमी");
    assert_passes("कीकम");
    assert_found("바보!");
    assert_found("\u1107\u1161\u1107\u1169");
    assert_passes("바보야");
    assert_passes("바봉");
    assert_found("나쁜놈");
    assert_found("مُحَمَّد");
    assert_found("مح\u06daمد");
    assert_found("שָׁלוֹם");
}
END_TEST

START_TEST(masks_of_what_is_no_ascii)
{
    start("words = bad, *luf*, *ss*, 🖕, 👩\naction = mask");
    assert_masked("é ｂａｄ é", "é *** é");
    assert_masked("é b" MARKS "ad" MARKS " é", "é *** é");
    assert_masked("b\u200ba\u200bd\u200b.", "***\u200b.");
    assert_masked("aﬂuﬀb", "a***b");
    assert_masked("aßb", "a*b");
    assert_masked("aßßßb", "a***b");
    assert_masked("𝐛𝐚𝐝𝐛", "𝐛𝐚𝐝𝐛");
    assert_masked("x🖕🏽 🖕\ufe0f", "x*🏽 *");
    assert_masked("👨\u200d👩\u200d👧", "👨\u200d*\u200d👧");
    assert_masked("\u202ebad\u202c", "\u202e***\u202c");
    start("words = محمد\naction = mask");
    assert_masked("a \ufdf4 b", "a * b"); /* the name, as one character */
}
END_TEST

/* --- texts that mean harm --- */
static char big[TEXT_BYTES];

static int characters(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* `piece` as often as it fits, and then `end`. */
static const char *filled(const char *piece, const char *end)
{
    char *p = big;

    for (int i = 0; i + characters(piece) + characters(end) <= 16000; i += characters(piece))
        p = stpcpy(p, piece);
    strcpy(p, end);
    return big;
}

START_TEST(long_texts)
{
    static const char *const pieces[] = {"a", "b a ",   "\u0301", "\u2066",  "\u0489",    "\ufdfa",
                                         "𝐛", "ab",     "! ",     "ばか",    "bа",        "\ufffd",
                                         "|", "\u0e49", "\u1160", "👩\u200d", "\U0010fffd"};

    start("words = bad, *abab*, *b, a*, ab, ba\nleet = yes\naction = mask");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const char *masked = heard(filled(pieces[i], " bad."));

        ck_assert_ptr_nonnull(masked);
        ck_assert_str_eq(masked + strlen(masked) - 5, " ***.");
    }
}
END_TEST

START_TEST(nothing_that_can_be_seen)
{
    start("words = bad\naction = mask");
    assert_masked(filled("\u2066", ""), big);
    assert_masked(filled("\u034f", ""), big);
    assert_masked("\u00ad", "\u00ad");
}
END_TEST

static const char *const pieces[] = {
    "b",      "a",      "d",      "B",      "A",      "D",      " ",          "*",
    "\u0301", "\u0489", "\u200b", "\u200d", "\u202e", "\ufe0f", "\u0430",     "\u0412",
    "ｂ",     "𝐚",      "ⓓ",      "ﬀ",      "ß",      "I",      "\u0131",     "l",
    "1",      "4",      "@",      "!",      ".",      "笨",     "か",         "\u3099",
    "क",      "\u093e", "바",     "\u11ab", "🖕",   "\u3000", "\U000e0041", "\ufdfa",
};

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}

static bool is_utf8(const char *s)
{
    while (*s) {
        unsigned char c = (unsigned char)*s++;
        int more = c < 0x80 ? 0 : c < 0xc2 ? -1 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : -1;

        if (more < 0)
            return false;
        for (; more; more--)
            if ((*s++ & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* All of `masked` but its stars is in the original, in that order. */
static bool is_left_of(const char *masked, const char *original)
{
    for (; *masked; masked++) {
        if (*masked == '*')
            continue;
        while (*original && *original != *masked)
            original++;
        if (!*original++)
            return false;
    }
    return true;
}

START_TEST(whatever_is_said)
{
    static const char *const options[] = {"", "leet = yes", "spaced = no\nrepeats = no"};
    unsigned state = 1;

    for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
        char lines[256], said[512], masked[512];

        snprintf(lines, sizeof lines,
                 "words = bad, *fs*, il, 笨, *か, 🖕, a b, क*, 바\naction = mask\n%s\n"
                 "[hub wordlist in staff]\naction = reject",
                 options[o]);
        start(lines);
        for (int i = 0; i < 1000; i++) {
            char *p = stpcpy(said, ".");

            for (unsigned n = next_random(&state) % 30; n; n--)
                p = stpcpy(p, pieces[next_random(&state) % (sizeof pieces / sizeof *pieces)]);
            snprintf(masked, sizeof masked, "%s", heard(said));
            ck_assert_msg(is_utf8(masked) && is_left_of(masked, said), "'%s': '%s'", said, masked);
            ck_assert_int_eq(say_in("staff", said),
                             strcmp(said, masked) == 0 ? PARLEY_PASS : PARLEY_REJECT);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wordlist_text");
    TCase *t = tcase_create("wordlist_text");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, NULL, stop);
    tcase_add_test(t, letters_in_disguise);
    tcase_add_test(t, one_character_is_several_and_several_one);
    tcase_add_test(t, signs_that_are_two_letters);
    tcase_add_test(t, letters_apart);
    tcase_add_test(t, letters_repeated);
    tcase_add_test(t, signs_for_letters);
    tcase_add_test(t, scripts_with_capitals);
    tcase_add_test(t, scripts_without_spaces);
    tcase_add_test(t, scripts_with_signs_upon_letters);
    tcase_add_test(t, masks_of_what_is_no_ascii);
    tcase_add_test(t, long_texts);
    tcase_add_test(t, nothing_that_can_be_seen);
    tcase_add_test(t, whatever_is_said);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
