/* <parley/services/mute.h>: who may not speak, offered by the hub `mute` to other plugins. Since 1.0. */
#ifndef PARLEY_SERVICES_MUTE_H
#define PARLEY_SERVICES_MUTE_H
#include <parley/base.h>
#define PARLEY_MUTE_1 "org.parley.mute/1"
typedef struct { uint32_t struct_size;
    /* [hub] Absent channel: everywhere. until_unix_ms 0: for good; in the past: speak again. 0, -EINVAL, -ENOMEM, -ENOSPC. */
    int (*mute)(parley_host *provider, parley_str user, parley_str channel, int64_t until_unix_ms, const char *why); } parley_mute;
#endif
