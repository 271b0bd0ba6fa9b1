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
    struct registry first, *registry;    /* the latest; the first stays until the end */
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
    /* kit_wait.c */
    struct kit_answer *web;
    struct kit_ask *asks;
    char *web_seen, *web_asked;
    int web_count;
    bool work_later;
    struct logins *logins; /* NULL: no authenticator */
    char said[256];        /* at the door */
};
#pragma GCC visibility push(hidden)                /* libparley_kit.so shows kit.h alone */
void kit_run(kit *k);                              /* until nothing moves */
void kit_add_protocol(kit *k, struct registry *r); /* unless it has one */
void kit_refuse(const char *text);                 /* what kit_refusal says; NULL: nothing */
void kit_refuse_by_faults(struct config *c);
void kit_reload_finish(kit *k, struct plugin_instance *left); /* the hub is gone: registries end */
void kit_wait_init(kit *k);
bool kit_wait_run(kit *k);           /* what is due; false: nothing was */
int64_t kit_wait_next(const kit *k); /* when the next answer is due; INT64_MAX: none */
int kit_wait_left(const kit *k);     /* waits that nobody has ended */
void kit_wait_quiesce(kit *k);
void kit_wait_finish(kit *k);
struct ask;
void kit_take_ask(kit *k, struct ask *take);
void kit_pump_init(kit *k);
void kit_pump_finish(kit *k);
int kit_door_open(kit *k, char why[256]); /* starts the authenticators */
void kit_door_close(kit *k);
#pragma GCC visibility pop
#endif
