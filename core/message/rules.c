/* Ranges as numbers, names with their length. What is not a plain string (a dotted name, a list, a
 * choice of words) is left to fields_check() whenever it is there.
 */
#include "message/rules.h"

#include "base/str.h"
#include "base/units.h"
#include "message/fields.h"

#include <stdlib.h>

struct rule {
    parley_str name;
    bool required;
    bool plain; /* a string of least..most characters; else unknown here */
    size_t least, most;
};
struct rules {
    uint32_t count;
    bool any_dotted; /* a name with a dot: what leads to it would have to be looked at */
    struct rule at[];
};

struct rules *rules_new(const parley_table *fields)
{
    struct rules *r = calloc(1, sizeof *r + fields->count * sizeof *r->at);
    parley_field f;

    for (uint32_t i = 0; r && fields_at(fields, i, &f); i++) {
        struct rule *to = &r->at[r->count++];

        to->name = str_of(f.name);
        to->required = (f.flags & PARLEY_REQUIRED) != 0;
        to->plain = f.kind == PARLEY_STRING && units_length_range(f.range, &to->least, &to->most);
        r->any_dotted |= strchr(f.name, '.') != NULL;
    }
    return r;
}

/* A character has one to four bytes, so most lengths need no count. */
static bool length_passes(const struct rule *rule, const struct value *v)
{
    size_t n = v->s.n;

    if (n <= rule->most && (n + 3) / 4 >= rule->least)
        return true;
    n = str_codepoints(str_n(v->s.p, n));
    return n >= rule->least && n <= rule->most;
}

bool rules_pass(const struct rules *r, const parley_value *in)
{
    const struct value *object = value_of(in);

    if (!r || !object || object->kind != VALUE_OBJECT || r->any_dotted)
        return false;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct rule *rule = &r->at[i];
        const struct value *v = value_member(object, rule->name);

        if (!v || v->kind == VALUE_NULL) {
            if (rule->required)
                return false;
            continue;
        }
        if (!rule->plain || v->kind != VALUE_STRING || !length_passes(rule, v))
            return false;
    }
    return true;
}
