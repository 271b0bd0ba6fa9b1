/* hub/: the hub's records of one who is admitted, in a channel, and silent. His identity, which the
 * pump made, is counted there. */
#include "../client/idle_bytes.h"
#include "client/identity.h"
#include "kit.h"
#include "kit_internal.h"

#include <check.h>
#include <stdlib.h>

/* What the testkit and the pump hold of him. */
static long others_bytes(kit *k, uint32_t slot)
{
    const struct kit_client *c = k->clients[slot];
    long n = (long)malloc_usable_size(k->clients[slot]) + 8;

    n += c->in ? (long)malloc_usable_size(c->in) + 8 : 0;
    for (const struct kit_frame *f = c->frames; f; f = f->next)
        n += (long)malloc_usable_size((void *)f) + (long)malloc_usable_size(f->text) + 16;
    return n + (long)malloc_usable_size(clients_find(k->hub, c->handle)->identity) + 8;
}

START_TEST(an_idle_client_is_small)
{
    kit *k = kit_start("", (const parley_plugin *const[]){NULL});
    long before, each;

    ck_assert_msg(k != NULL, "%s", kit_refusal());
    kit_join(k, kit_connect(k, "first", ""), "general");
    k->clients = realloc(k->clients, sizeof *k->clients * (IDLE_CLIENTS + 1));
    before = bytes_in_use();
    for (int i = 0; i < IDLE_CLIENTS; i++) {
        char name[32];

        snprintf(name, sizeof name, "user-%06d", i);
        kit_join(k, kit_connect(k, name, ""), "general");
    }
    each = bytes_in_use() - before;
    for (uint32_t i = 1; i <= IDLE_CLIENTS; i++)
        each -= others_bytes(k, i);
    each /= IDLE_CLIENTS;
    printf("%ld bytes of the hub each\n", each);
    ck_assert_int_le(each, IDLE_HUB_BYTES);
    kit_close(k);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub/idle_bytes");
    TCase *t = tcase_create("idle_bytes");
    SRunner *r;
    int failed;

    tcase_add_test(t, an_idle_client_is_small);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
