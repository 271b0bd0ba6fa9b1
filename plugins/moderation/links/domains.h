/* Domains: how a name is spelt, and what the lists say of it. */
#ifndef LINKS_DOMAINS_H
#define LINKS_DOMAINS_H
#include <parley/plugin.h>

#include <unicode/uidna.h>

#define DOMAINS_NAME_BYTES 256

struct domains {
    void *allow, *deny; /* trees of names */
    UIDNA *idna;
    char name[DOMAINS_NAME_BYTES]; /* that was spelt last; "": it was no name */
    bool too_long;                 /* what was spelt last: who knows what name it is */
};
enum domains_listed { DOMAINS_UNLISTED, DOMAINS_ALLOWED, DOMAINS_DENIED };

/* [control] Of the options `allow` and `deny`; a fault is told by parley_bad_option. 0, -EINVAL,
 * -ENOMEM; finish it in any case. */
int domains_read(parley_host *h, struct domains *d, parley_list allow, parley_list deny);
void domains_finish(struct domains *d);
/* Into d->name what a browser would look up, of a name in whatever disguise. There is a 0 at the
 * end of the text that it is from. */
void domains_spell(struct domains *d, const char *p, size_t bytes);
/* Of d->name: what the nearest says that is listed, of itself and the domains that it is below. */
enum domains_listed domains_look_up(const struct domains *d);
/* Whether d->name ends as domains do. */
bool domains_has_ending(const struct domains *d);
#endif
