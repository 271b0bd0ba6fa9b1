/* Plugins built into the tests of the hub: types that say and whisper, a router, and hubs whose
 * answers a test chooses. */
#ifndef TEST_HUB_PLUGINS_H
#define TEST_HUB_PLUGINS_H
#include <parley/plugin.h>

struct chosen { /* what the hub `judge` does; set by the test */
    parley_verdict verdict;
    parley_phase phase;
    const char *new_text;
    bool refuse_connect, refuse_join, send_before, edit;
    int calls, settled, connects, disconnects, joins, leaves, timers, last_reason;
    parley_verdict last_settled;
    char trace[512];
};
extern struct chosen judge;
extern const parley_plugin *const test_plugins[];
#define TEST_SECTIONS "[plugin types]\n[plugin judge]\n[plugin tail]\n"
#endif
