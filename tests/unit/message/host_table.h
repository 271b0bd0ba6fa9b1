/* The host's table as far as values and outs go, so that the tests call what a plugin calls.
 *
 * Defined in the test itself: the linker then has no reason to take core/plugin/api.c, and with it
 * half the daemon, from the library. Include it in one file of a program.
 */
#ifndef TEST_HOST_TABLE_H
#define TEST_HOST_TABLE_H
#include "message/out.h"
#include "message/value.h"

const parley_api parley_host_api = {
    .struct_size = sizeof(parley_api),
    .refuse = out_refuse,
    .get = value_get,
    .at = value_at,
    .key = value_key,
    .length = value_length,
    .as_str = value_as_str,
    .as_int = value_as_int,
    .as_number = value_as_number,
    .as_bool = value_as_bool,
    .put_str = out_put_str,
    .put_int = out_put_int,
    .put_number = out_put_number,
    .put_bool = out_put_bool,
    .put_value = out_put_value,
    .open_list = out_open_list,
    .open_object = out_open_object,
    .close = out_close,
};
#endif
