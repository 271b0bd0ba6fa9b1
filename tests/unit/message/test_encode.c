/* Events to frames and frames to input: what a protocol plugin leaves unsaid, or says wrongly, has
 * a name in the end. */
#include "two_protocols.h"

static const struct plugin_protocol *protocol = &registry.protocols[0];

static void setup(void)
{
    encoded = encode_result = 0;
}

static void encodes_to(struct frame *f, const char *text)
{
    ck_assert_ptr_nonnull(f);
    ck_assert_str_eq(text_of(f), text);
    frame_unref(f);
}

START_TEST(acks_errors_and_notices)
{
    encodes_to(encode_ack(protocol, PARLEY_STR("i")), "(a id=\"i\" 0/0/0");
    encodes_to(encode_error(protocol, PARLEY_STR("i"), PARLEY_E_MUTED, "Be quiet.", 1500),
               "(e id=\"i\" code=\"muted\" text=\"Be quiet.\" 0/0/1500");
    encodes_to(encode_error(protocol, PARLEY_NONE, 99, "Oh.", 0),
               "(e code=\"internal\" text=\"Oh.\" 0/0/0");
    encodes_to(encode_notice(protocol, "hint", PARLEY_STR("{}")),
               "(m type=\"hint\" sender=\"Server\" payload=\"{}\" 0/0/0");
}
END_TEST

START_TEST(every_code_has_its_own_name)
{
    for (parley_code i = 1; i <= PARLEY_E_UNKNOWN_RECIPIENT; i++)
        for (parley_code j = 1; j < i; j++)
            ck_assert_str_ne(code_name(i), code_name(j));
    ck_assert_str_eq(code_name(PARLEY_E_UNKNOWN_RECIPIENT), "unknown_recipient");
    ck_assert_str_eq(code_name(0), "internal");
    ck_assert_str_eq(code_name(-1), "internal");
    ck_assert_str_eq(code_name(PARLEY_E_UNKNOWN_RECIPIENT + 1), "internal");
    ck_assert_str_eq(code_name(INT32_MAX), "internal");
}
END_TEST

START_TEST(a_protocol_that_fails_makes_no_frame)
{
    encode_result = -EINVAL;
    ck_assert_ptr_null(encode_ack(protocol, PARLEY_STR("i")));
    encode_result = 1;
    ck_assert_ptr_null(encode_ack(protocol, PARLEY_STR("i")));
}
END_TEST

static int silent(const void *options, const parley_event *e, parley_bytes *to)
{
    (void)options;
    (void)e;
    (void)to;
    return 0;
}

START_TEST(nothing_is_an_empty_frame)
{
    struct plugin_protocol p = {.protocol = {.encode = silent}, .instance = &instance};

    encodes_to(encode_ack(&p, PARLEY_NONE), "");
}
END_TEST

/* --- input --- */
static enum { JSON, NO_TYPE, NO_FIELDS, BAD, ONLY_FAILS, LONG_WORDS } way;

static int decode(const void *options, parley_str frame, parley_input *in)
{
    static char words[400];

    (void)options;
    in->fields = way == NO_FIELDS ? NULL : parley_input_json(in, frame);
    if (way != NO_FIELDS && !in->fields)
        return -EINVAL;
    in->type = way == NO_TYPE ? PARLEY_NONE : PARLEY_STR("t");
    in->id = PARLEY_STR("i");
    memset(words, 'w', sizeof words - 1);
    if (way == BAD)
        return parley_input_bad(in, PARLEY_E_UNKNOWN_TYPE, "no '%s'", "t");
    if (way == LONG_WORDS)
        return parley_input_bad(in, PARLEY_E_INVALID_MESSAGE, "%s", words);
    return way == ONLY_FAILS ? -EIO : 0;
}

static void decodes(int how, const char *text, parley_code code, const char *why)
{
    struct plugin_protocol p = {.protocol = {.decode = decode}, .instance = &instance};
    struct arena arena;
    struct input in = {.arena = &arena, .depth = 3, .tokens = 5, .code = 77};

    way = how;
    arena_init(&arena, 256);
    ck_assert_int_eq(decode_input(&p, str_of(text), &in), code ? -EINVAL : 0);
    ck_assert_int_eq(in.code, code);
    if (code)
        ck_assert_str_eq(in.why, why);
    else
        ck_assert(in.pub.type.p && in.pub.fields);
    arena_finish(&arena);
}

START_TEST(what_comes_in)
{
    decodes(JSON, "{\"a\":1}", 0, NULL);
    decodes(JSON, "{\"a\":", PARLEY_E_INVALID_JSON, "ends too early");
    decodes(JSON, "{\"a\":[[[1]]]}", PARLEY_E_INVALID_JSON, "too deep");
    decodes(JSON, "{\"a\":[1,2,3,4]}", PARLEY_E_INVALID_JSON, "too many values");
    decodes(NO_TYPE, "{}", PARLEY_E_INVALID_MESSAGE, "this is not a message");
    decodes(NO_FIELDS, "{}", PARLEY_E_INVALID_MESSAGE, "this is not a message");
    decodes(BAD, "{}", PARLEY_E_UNKNOWN_TYPE, "no 't'");
    decodes(ONLY_FAILS, "{}", PARLEY_E_INVALID_MESSAGE, "this is not a message");
}
END_TEST

START_TEST(long_words_are_cut)
{
    char words[256];

    memset(words, 'w', 255);
    words[255] = 0;
    decodes(LONG_WORDS, "{}", PARLEY_E_INVALID_MESSAGE, words);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("encode");
    TCase *t = tcase_create("encode");
    SRunner *r = srunner_create(s);
    int failed;

    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, acks_errors_and_notices);
    tcase_add_test(t, every_code_has_its_own_name);
    tcase_add_test(t, a_protocol_that_fails_makes_no_frame);
    tcase_add_test(t, nothing_is_an_empty_frame);
    tcase_add_test(t, what_comes_in);
    tcase_add_test(t, long_words_are_cut);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
