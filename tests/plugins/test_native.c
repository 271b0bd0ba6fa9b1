/* The native protocol, byte for byte: what is read, what is refused, what is written. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

#define INI                                                                           \
    "[protocol native]\n[type chat_message]\n[hub router]\n"                          \
    "[hub channels]\nlist = general\nauto_join = *\n[hub rate_limit]\nmessages = 1\n" \
    "window = 100s\nburst = 2\n"

static kit *k;
static parley_client ada;

static void setup(void)
{
    k = kit_start(INI, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
}

static void teardown(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

/* What comes back for what is no message: the code, and the id that it is answered by. */
static void refused(const char *frame, const char *code, const char *id)
{
    const char *e, *got;

    ck_assert_int_eq(kit_input(k, ada, frame), PARLEY_REJECT);
    e = kit_last(k, ada, "error");
    ck_assert_ptr_nonnull(e);
    ck_assert_str_eq(kit_member(e, "payload.code"), code);
    got = kit_member(e, "payload.id");
    if (id)
        ck_assert_str_eq(got, id);
    else
        ck_assert_ptr_null(got);
}

START_TEST(what_is_no_message_is_refused)
{
    char frame[256];

    refused("{", "invalid_json", NULL);
    refused("[]", "invalid_message", NULL);
    refused("[{\"type\":\"chat_message\"}]", "invalid_message", NULL);
    refused("\"chat_message\"", "invalid_json", NULL);
    refused("{}", "invalid_message", NULL);
    refused("{\"type\":\"\"}", "invalid_message", NULL);
    refused("{\"type\":null,\"id\":\"x\"}", "invalid_message", "x");
    refused("{\"type\":7,\"id\":\"x\"}", "invalid_message", "x");
    refused("{\"type\":\"no_such\",\"id\":\"x\"}", "unknown_type", "x");
    refused("{\"type\":\"chat_message\",\"id\":\"\"}", "invalid_message", NULL);
    refused("{\"type\":\"chat_message\",\"id\":7}", "invalid_message", NULL);
    refused("{\"type\":\"chat_message\",\"id\":0.5}", "invalid_message", NULL);
    refused("{\"type\":\"chat_message\",\"id\":true}", "invalid_message", NULL);
    refused("{\"type\":\"chat_message\",\"id\":[1]}", "invalid_message", NULL);
    snprintf(frame, sizeof frame, "{\"type\":\"chat_message\",\"id\":\"%065d\"}", 0);
    refused(frame, "invalid_message", NULL);
    ck_assert_int_eq(kit_closed(k, ada), 0);
}
END_TEST

START_TEST(an_id_may_have_64_bytes_or_be_null)
{
    char frame[256], id[65];
    const char *ack;

    snprintf(id, sizeof id, "%064d", 7);
    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hi\",\"id\":\"%s\"}",
             id);
    ck_assert_int_eq(kit_input(k, ada, frame), PARLEY_PASS);
    ack = kit_last(k, ada, "ack");
    ck_assert_str_eq(kit_member(ack, "payload.id"), id);
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":"
                               "\"hi\",\"id\":null,\"unknown\":{}}"),
                     PARLEY_PASS);
    ck_assert_ptr_null(kit_last(k, ada, "ack"));
}
END_TEST

START_TEST(frames_are_written_as_they_stand_in_the_book)
{
    parley_client odd = kit_connect_as(k, "u-1", "o\"d\\d \xc3\xa4\x01", NULL, "");
    char expected[512], epoch[32];
    const char *frame;

    kit_input(k, odd,
              "{\"type\":\"chat_message\",\"channel\":\"GENERAL\",\"message\":\"h\\\"i\","
              "\"id\":\"c\\\"1\"}");
    frame = kit_last(k, odd, "chat_message");
    snprintf(epoch, sizeof epoch, "%s", kit_member(frame, "payload.epoch"));
    snprintf(expected, sizeof expected,
             "{\"type\":\"chat_message\",\"sender\":\"o\\\"d\\\\d \xc3\xa4\\u0001\","
             "\"payload\":{\"cacheID\":1,\"owner_id\":\"u-1\",");
    ck_assert_msg(strncmp(frame, expected, strlen(expected)) == 0, "%s", frame);
    ck_assert_str_eq(kit_member(frame, "payload.channel"), "general");
    ck_assert_str_eq(kit_member(frame, "payload.message"), "h\"i");
    snprintf(expected, sizeof expected,
             "{\"type\":\"ack\",\"sender\":\"Server\",\"payload\":{\"id\":\"c\\\"1\",\"cacheID\":1,"
             "\"epoch\":\"%s\",\"offset\":1}}",
             epoch);
    ck_assert_str_eq(kit_last(k, odd, "ack"), expected);
}
END_TEST

START_TEST(errors_say_when_to_come_back)
{
    static const char say[] =
        "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hi\",\"id\":\"c\"}";
    const char *e;
    char *end;
    char start[] = "{\"type\":\"error\",\"sender\":\"Server\",\"payload\":{\"id\":\"c\",\"code\":"
                   "\"rate_limited\",\"message\":\"";

    kit_input(k, ada, "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hi\"}");
    kit_input(k, ada, "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hi\"}");
    kit_advance_ms(k, 1000);
    ck_assert_int_eq(kit_input(k, ada, say), PARLEY_REJECT);
    e = kit_last(k, ada, "error");
    ck_assert_msg(strncmp(e, start, sizeof start - 1) == 0, "%s", e);
    e = strstr(e, "\",\"retry_after_ms\":");
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(strtol(e + 19, &end, 10) / 10000, 9);
    ck_assert_str_eq(end, "}}");
}
END_TEST

START_TEST(what_has_no_place_is_acked_by_its_id_alone)
{
    kit_close(k);
    k = kit_start(INI "[type join_channel]\n", NULL);
    ada = kit_connect(k, "ada", "");
    kit_input(k, ada, "{\"type\":\"join_channel\",\"channel\":\"general\",\"id\":\"j\"}");
    ck_assert_str_eq(kit_last(k, ada, "ack"),
                     "{\"type\":\"ack\",\"sender\":\"Server\",\"payload\":{\"id\":\"j\"}}");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("native");
    TCase *t = tcase_create("native");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_no_message_is_refused);
    tcase_add_test(t, an_id_may_have_64_bytes_or_be_null);
    tcase_add_test(t, frames_are_written_as_they_stand_in_the_book);
    tcase_add_test(t, errors_say_when_to_come_back);
    tcase_add_test(t, what_has_no_place_is_acked_by_its_id_alone);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
