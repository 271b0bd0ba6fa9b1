/* Domains in text, as people write them, and as lists have them. */
#ifndef LINKS_NAME_H
#define LINKS_NAME_H
#include <parley/base.h>

#define NAME_BYTES 254 /* more than the DNS has: a longer name leads nowhere */

/* In small letters, without a dot at its end; not ended by a 0. */
struct name {
    size_t n; /* 0: too long, or an address in brackets */
    char s[NAME_BYTES];
};

/* Read a name, and return how far it goes; dots at its end do not belong to it. Where people write
 * without spaces a name touches the words around it: so it also ends where in one label Latin
 * letters meet those of far scripts. A name that is too long is read, and is empty. */
size_t name_read(const char *p, bool in_url, bool defanged, struct name *ret);

/* All zero but for the first three, at first. Of what was found: the link goes from `from` to
 * `end`, with its path; its name, as it is written, from `name_at` to `to`. */
struct name_search {
    const char *text;
    parley_list endings;
    bool defanged;
    bool sure; /* it is a link; else only if somebody has listed the name */
    struct name name;
    size_t from, name_at, to, end;
    size_t at, url;   /* the search goes on there; where the URL that was met begins */
    const char *host; /* and its name, if that is still to come */
    bool in_url;      /* behind a name, in its path: only what has a scheme is a link for sure */
};

/* Find the next name: of a URL, behind its scheme and password; or with a dot in it. */
bool name_next(struct name_search *f);
#endif
