/* Shared by the files of the testkit. */
#ifndef KIT_INTERNAL_H
#define KIT_INTERNAL_H
#include "http/http.h"
#include "hub/internal.h"
#include "kit.h"

struct kit_frame {
    struct kit_frame *next;
    bool seen;
    char *text;
};
struct kit_client {
    client_handle handle;
    bool admitted, gone_posted;
    uint16_t closed; /* the code; 0: open */
    char close_text[124];
    uint64_t user;
    bool dashboard;
    uint8_t *in; /* by channel number: a member */
    uint32_t in_count;
    struct kit_frame *frames, **frames_end;
};
struct kit {
    struct loop loop;
    struct actor pump;
    struct actor *pumps[1];
    struct config config;
    struct settings settings;
    struct registry registry;
    struct plugin_instance kit_instance; /* owner of the protocol of those who name none */
    struct store *store;                 /* stays over a restart */
    struct hub *hub;
    const parley_plugin *const *plugins;
    char *ini;
    struct kit_client **clients;
    uint32_t client_count;
    int messages_out;       /* on the road */
    parley_verdict settled; /* the latest verdict that came home */
    int answer_status;
    struct buf answer, verdict;
};
void kit_run(kit *k); /* until nothing moves */
void kit_pump_init(kit *k);
void kit_pump_finish(kit *k);
#endif
