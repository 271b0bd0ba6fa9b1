/* The server's table with functions that say no when they are told to. */
#ifndef REFUSING_H
#define REFUSING_H
#include "validate.h"

parley_api *refusing_table(void); /* the table, to be written to; NULL: it cannot be */

/* From now on each call that may fail asks `fails` first, by the name of the function and the
 * address that called it. 0; -Exxx: the table cannot be written to. */
int refusing_begin(bool (*fails)(const char *what, const void *from));
/* From now on whoever lets a held message go finds that somebody else has, each second time. Counts
 * what the plugin holds in *holds. 0; -Exxx */
int refusing_holds(int *holds);
#endif
