/* Cases of the validator: beginnings and ends. */
#include "validate.h"

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

static int entries(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void one_life(struct trial *t, int number)
{
    kit *k;
    int left;

    trial_step(t, "life %d of %d: create, start", number, t->rounds);
    k = scene_kit(t, NULL, NULL);
    if (!k)
        trial_fail(t, "it does not start for the %d. time: %s", number, kit_refusal());
    trial_step(t, "life %d of %d: quiesce, destroy", number, t->rounds);
    left = kit_close(k);
    if (left)
        trial_fail(t, "%d messages never came back from it", left);
}

/* Under AddressSanitizer it looks for what nobody points to any more; else the heap is measured,
 * which finds more: what is still pointed to, too. */
void case_create_destroy(struct trial *t)
{
    int (*leaks)(void) =
        (int (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "__lsan_do_recoverable_leak_check");
    int warm = t->rounds / 5, files, threads;
    size_t before;
    int64_t more;

    for (int i = 1; i <= warm; i++)
        one_life(t, i);
    before = mallinfo2().uordblks;
    files = entries("/proc/self/fd");
    threads = entries("/proc/self/task");
    for (int i = warm + 1; i <= t->rounds; i++)
        one_life(t, i);
    more = (int64_t)(mallinfo2().uordblks - before);
    trial_step(t, "what is left was counted");
    if (more >= 16 * (t->rounds - warm))
        trial_fail(t, "each time it is created and destroyed, %" PRId64 " bytes are left",
                   more / (t->rounds - warm));
    if (entries("/proc/self/fd") > files)
        trial_fail(t, "it leaves files open: %d after %d times", entries("/proc/self/fd") - files,
                   t->rounds - warm);
    if (entries("/proc/self/task") > threads)
        trial_fail(t, "it leaves threads behind: %d", entries("/proc/self/task") - threads);
    trial_note(t, "%d times", t->rounds);
    if (!leaks)
        trial_note(t, "AddressSanitizer: skipped, it is not built with it; the heap was measured");
    else if (leaks())
        trial_fail(t, "AddressSanitizer finds leaks");
}

void case_two_sections(struct trial *t)
{
    char name[80];
    struct variant v = {.second = name};
    struct scene s = {.trial = t};

    snprintf(name, sizeof name, "%.60s_two", t->setup->section);
    trial_step(t, "two sections were started");
    s.kit = scene_kit(t, &v, NULL);
    if (!s.kit && (strstr(kit_refusal(), "already provided") || strstr(kit_refusal(), "already")))
        trial_note(t, "what it provides there can be once: the second section is refused, by name");
    else if (!s.kit)
        trial_fail(t, "a second section of it is refused: %s", kit_refusal());
    if (!s.kit)
        return;
    scene_people(&s);
    scene_chat(&s, 200);
    scene_end(&s);
}

void case_store_fails(struct trial *t)
{
    static const int errors[] = {ENOSPC, EIO, 0};
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    scene_chat(&s, 50);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        kit_store_fails(s.kit, errors[i]);
        scene_chat(&s, 100);
    }
    kit_store_fails(s.kit, EIO);
    scene_end(&s);
}

void case_quiesce(struct trial *t)
{
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    scene_end(&s);
    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    scene_end(&s);
    for (int i = 0; i < 20; i++) { /* wherever it is */
        scene_begin(&s, t, NULL, NULL);
        scene_people(&s);
        scene_chat(&s, (int)trial_random(t, 40));
        scene_end(&s);
    }
    scene_begin(&s, t, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        scene_people(&s);
        scene_chat(&s, 30);
        trial_step(t, "the server was started again: quiesce, destroy, create, start");
        kit_restart(s.kit);
        trial_step(t, "a day went by");
        kit_advance_ms(s.kit, 24 * 3600 * 1000);
    }
    scene_end(&s);
}
