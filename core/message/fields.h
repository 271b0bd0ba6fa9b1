/* The field table of a message type, applied to what a client sent: the one check that every type
 * gets for nothing. */
#ifndef MESSAGE_FIELDS_H
#define MESSAGE_FIELDS_H
#include "message/out.h"
#include "message/value.h"

/* Checks `in` (an object; other members are passed over, explicit nulls are absent) against the
 * table. Names with a dot are members of an object: "settings.secret". INT takes whole numbers,
 * NUMBER any, BOOL true and false, STRING a string, LIST a list of strings.
 * @param why  "'message' must be 1..1000 characters", "'channel' is required"; names the field
 * first.
 * @retval 0  @retval -EINVAL  [any] */
int fields_check(const parley_table *fields, const parley_value *in, char why[256]);
/* Writes the fields that the table knows, in its order, with defaults for the absent ones, into an
 * open object. in was checked. */
void fields_copy(const parley_table *fields, const parley_value *in, parley_out *payload);
/* The i-th PARLEY_TEXT string of a payload (the items of a list count one by one); absent past the
 * last. */
parley_str fields_text(const parley_table *fields, const parley_value *payload, unsigned i);
/* Rewrites the payload with that string field replaced, as below. 0, -ENOENT: the payload has no
 * such string */
int fields_set_str(const parley_field *field, const parley_value *payload, parley_str text,
                   parley_out *to);
/* Rewrites the payload with the i-th text replaced; everything else as it was. `to` is an out at
 * the start of an object. 0, -ENOENT */
int fields_set_text(const parley_table *fields, const parley_value *payload, unsigned i,
                    parley_str text, parley_out *to);
const parley_field *fields_flagged(const parley_table *fields,
                                   uint32_t flag); /* first with that flag, or NULL */
parley_str fields_str(const parley_field *field,
                      const parley_value *in); /* value of a string field by its (dotted) name */
/* Table entries by index, whatever size of entry the plugin was built with (copied into *ret,
 * zero-filled). */
const parley_field *fields_at(const parley_table *fields, uint32_t i, parley_field *ret);
#endif
