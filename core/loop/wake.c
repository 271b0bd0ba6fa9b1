/* Posting mail, and who is woken for it.
 *
 * Whoever makes a mailbox non-empty wakes its loop, unless he runs on it: then the next prepare
 * step delivers before the loop can block, because ours has the lowest priority and so is the last
 * thing that happens before the poll.
 *
 * A loop does not wake another for the first mail of many: the woken thread would run at once,
 * often on the very core of the one that woke it, and find one message where there are about to be
 * eight, each of which then costs a send a member of its own. So it wakes them behind a round of
 * its mail, and sooner where that takes long. And a loop that waits in any case (a pump in its
 * flush window) says so, and is not woken for what it would only lay by.
 */
#include "base/clock.h"
#include "loop/deliver.h"

#include <stddef.h>

enum {
    DUE_POSTS = 64,      /* mails that whoever is to be woken waits for, at most */
    PATIENT_MAILS = 256, /* so many wake even one who dozes */
};

_Thread_local struct loop *loop_here;

void wake_due(struct loop *l)
{
    for (int i = 0; i < l->due_count; i++)
        ev_async_send(l->due[i]->ev, &l->due[i]->wake);
    l->due_count = 0;
}

void wake_late(struct loop *l)
{
    if (l->due_count > 0 && clock_mono_coarse_ms() != l->due_since_ms)
        wake_due(l);
}

/* `l` has mail from `here`, and may be asleep. */
static void note_due(struct loop *here, struct loop *l)
{
    for (int i = 0; i < here->due_count; i++)
        if (here->due[i] == l)
            return;
    if (here->due_count == LOOP_DUE)
        wake_due(here);
    if (here->due_count == 0) {
        here->due_since_ms = clock_mono_coarse_ms();
        here->due_posts = 0;
    }
    here->due[here->due_count++] = l;
}

/* From here on whoever posts wakes; what was posted before is seen by the look into the boxes that
 * follows. So the store must not be put off behind that look, nor a poster's look at the flag
 * before his post. */
void wake_end_doze(struct loop *l)
{
    if (atomic_load_explicit(&l->dozing, memory_order_relaxed))
        atomic_exchange_explicit(&l->dozing, false, memory_order_seq_cst);
}

void loop_doze(struct loop *l)
{
    atomic_store_explicit(&l->dozing, true, memory_order_release);
}

static void post(struct actor *to, struct mail *m, uint32_t kind, bool patient)
{
    struct loop *here = loop_here;
    struct loop *l = to->loop; /* the mail may be gone, and with it whoever it kept alive, once it
                                  is in the box */
    bool first, dozing;
    int64_t depth;

    m->kind = kind;
    cds_wfcq_node_init(&m->node);
    depth = atomic_fetch_add_explicit(&to->depth, 1, memory_order_relaxed) + 1;
    HAND_OVER(m);
    first = !cds_wfcq_enqueue(&to->head, &to->tail, &m->node);
    if (here == l)
        return;
    dozing = atomic_load_explicit(&l->dozing, memory_order_seq_cst);
    if (dozing ? !patient || depth % PATIENT_MAILS == 0 : first) {
        if (here)
            note_due(here, l);
        else
            ev_async_send(l->ev, &l->wake);
    }
    if (here && here->due_count > 0 && ++here->due_posts >= DUE_POSTS)
        wake_due(here);
}

void actor_post(struct actor *to, struct mail *m, uint32_t kind)
{
    post(to, m, kind, false);
}

void actor_post_patient(struct actor *to, struct mail *m, uint32_t kind)
{
    post(to, m, kind, true);
}
