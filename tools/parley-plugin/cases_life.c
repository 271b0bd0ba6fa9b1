/* Cases of the validator: beginnings and ends. */
#include "validate.h"

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

enum { PARTS = 5 };

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
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    s.actors[0] = kit_connect(s.kit, "ann", "");
    kit_join(s.kit, s.actors[0], "general");
    trial_step(t, "life %d of %d: a message", number, t->rounds);
    kit_input(s.kit, s.actors[0],
              "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"hello\"}");
    scene_end(&s);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Allocators and libraries keep something back now and then, or give it back: a leak is what all
 * parts but one leave alike. 0: they differ. */
static int64_t alike(const int64_t left[PARTS - 1])
{
    int64_t v[PARTS - 1];

    memcpy(v, left, sizeof v);
    qsort(v, PARTS - 1, sizeof *v, by_size);
    for (int from = 0; from < 2; from++) {
        int64_t least = v[from], most = v[from + PARTS - 3];

        if (most - least <= least / 10)
            return least;
    }
    return 0;
}

/* Under AddressSanitizer it looks for what nobody points to any more; else the heap is measured,
 * which finds what is still pointed to, too. */
void case_create_destroy(struct trial *t)
{
    int (*leaks)(void) =
        (int (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "__lsan_do_recoverable_leak_check");
    int lives = t->rounds / PARTS, files = 0, threads = 0;
    int64_t left[PARTS - 1]; /* bytes, by each part but the first */

    for (int part = 0; part < PARTS; part++) {
        size_t was = mallinfo2().uordblks;

        for (int i = 0; i < lives; i++)
            one_life(t, part * lives + i + 1);
        if (part == 0) { /* what is made once, is made */
            files = entries("/proc/self/fd");
            threads = entries("/proc/self/task");
        } else {
            left[part - 1] = (int64_t)(mallinfo2().uordblks - was);
        }
    }
    trial_step(t, "what is left was counted");
    if (entries("/proc/self/fd") > files)
        trial_fail(t, "it leaves files open: %d after %d times", entries("/proc/self/fd") - files,
                   lives * (PARTS - 1));
    if (entries("/proc/self/task") > threads)
        trial_fail(t, "it leaves threads behind: %d", entries("/proc/self/task") - threads);
    if (lives && alike(left) >= 16 * lives)
        trial_fail(t, "each time it is created and destroyed, %" PRId64 " bytes are left",
                   alike(left) / lives);
    trial_note(t, "%d times", lives * PARTS);
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
