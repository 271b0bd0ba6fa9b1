/* The server's table with functions that say no when they are told to. */
#ifndef REFUSING_H
#define REFUSING_H
#include "validate.h"

/* From now on each call that may fail asks `fails` first, by the name of the function and the
 * address that called it. 0; -Exxx: the table cannot be written to. */
int refusing_begin(bool (*fails)(const char *what, const void *from));
#endif
