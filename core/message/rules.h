/* A field table, read once: what lets most messages pass without a look at the table's texts.
 *
 * It only ever says yes, and only where fields_check() would: for everything else that one is
 * asked, which also finds the words. */
#ifndef MESSAGE_RULES_H
#define MESSAGE_RULES_H
#include "message/value.h"

struct rules;
struct rules *rules_new(const parley_table *fields); /* free(); NULL: no memory */
/* Whether fields_check() is known to accept `in`. false: ask it. r NULL: false. [any] */
bool rules_pass(const struct rules *r, const parley_value *in);
#endif
