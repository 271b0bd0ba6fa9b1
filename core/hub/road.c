/* The main road, from the hub's mailbox to settled:
 *
 *   read pump > message type > [ admit > moderate > transform > route ] > sequence > [ store ] >
 * fan-out > send queue > write pump
 *
 * What comes before is in client/read_pump.c, what comes after in deliver.c and client/batch.c.
 * Errors and acks leave by the same road: every message that comes in is settled once, told to
 * every hub that asked, answered to its author, and sent home.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "hub/holds.h"
#include "message/fields.h"

static parley_verdict refuse(struct message *m, parley_code code, const char *rule,
                             const char *text)
{
    m->outcome.verdict = PARLEY_REJECT;
    m->outcome.code = code;
    m->outcome.rule = str_of(rule);
    m->outcome.text = str_of(text);
    return PARLEY_REJECT;
}

static parley_verdict no_memory(struct message *m)
{
    return refuse(m, PARLEY_E_INTERNAL, "memory", "The server is short of memory.");
}

static parley_verdict no_channel(struct message *m)
{
    return refuse(m, PARLEY_E_UNKNOWN_CHANNEL, "unknown_channel", "There is no such channel.");
}

/* The payload, too, gets the catalogue's spelling, if the type kept the field in it. */
static int spell_channel(struct message *m)
{
    const parley_value *payload = message_parsed(m);
    struct out spelled;
    int r;

    if (!payload)
        return -ENOMEM;
    out_init(&spelled, 0);
    r = fields_set_str(m->type->channel_field, payload, m->channel, &spelled.pub);
    if (r == 0)
        return message_replace_payload(m, &spelled);
    out_finish_memory(&spelled);
    return 0;
}

/* Where it goes must exist, and its author must be in there, before anybody judges it. */
static parley_verdict find_channel(struct hub *h, struct message *m)
{
    struct hub_channel *ch = channel_find(&h->channels, m->channel);
    struct hub_client *author = clients_find(h, m->author);

    if (!ch)
        return no_channel(m);
    if (!(m->type->channel_field->flags & PARLEY_OPEN) &&
        !(author ? clients_membership(author, ch) != NULL : m->was_member))
        return refuse(m, PARLEY_E_FORBIDDEN, "not_a_member",
                      "You are not in this channel: join it first.");
    m->to = channel_ref(ch);
    if (str_eq(m->channel, ch->name))
        return PARLEY_PASS;
    m->channel = arena_str(&m->arena, ch->name);
    return m->channel.p && spell_channel(m) == 0 ? PARLEY_PASS : no_memory(m);
}

static parley_verdict refuse_stopping(struct message *m)
{
    return refuse(m, PARLEY_E_UNAVAILABLE, "stopping", "The server is stopping.");
}

static parley_verdict find_recipient(struct hub *h, struct message *m)
{
    struct hub_user *u = m->recipient.p ? users_find(h, m->recipient) : NULL;

    if (m->recipient.p && (!u || u->people_count == 0))
        return refuse(m, PARLEY_E_UNKNOWN_RECIPIENT, "unknown_recipient",
                      "Nobody of that id is here.");
    return PARLEY_PASS;
}

static parley_verdict find_addressee(struct hub *h, struct message *m)
{
    struct hub_client *author = clients_find(h, m->author);

    if (h->stopping || h->quiesced)
        return refuse_stopping(m);
    if (m->author_closed || (author && author->state == HUB_CLIENT_CLOSING))
        return refuse(m, PARLEY_E_FORBIDDEN, "closed", "You have been closed.");
    if (m->channel.p && m->type && m->type->channel_field && find_channel(h, m) != PARLEY_PASS)
        return PARLEY_REJECT;
    return find_recipient(h, m);
}

static parley_verdict pass_on(struct hub *h, struct message *m)
{
    parley_verdict v = PARLEY_PASS;

    if (m->delivery_count == 0)
        return refuse(m, PARLEY_E_UNAVAILABLE, "not_routed",
                      "Nothing here delivers messages of this type.");
    if (m->to && m->to->closed) /* by a hub that judged it */
        return no_channel(m);
    if (sequencer_seal(h, m) < 0)
        return no_memory(m);
    /* What STORE hubs ask for comes behind it: in numbers, and in the eyes of all. */
    ops_hold(h);
    if (!m->dropped_by)
        v = chain_run(h, m, PARLEY_PHASE_STORE, INT32_MAX);
    if (v == PARLEY_PASS)
        deliver_message(h, m);
    else
        sequencer_give_back(h, m);
    ops_release(h);
    if (v != PARLEY_PASS || !m->dropped_by)
        return v;
    m->outcome.section = m->dropped_by;
    return PARLEY_DROP;
}

/* The chain has spoken, or has it wait. */
static void go_on(struct hub *h, struct message *m, parley_verdict v)
{
    if (v == PARLEY_HOLD)
        return;
    if (v == PARLEY_PASS)
        v = pass_on(h, m);
    m->outcome.verdict = v;
    road_settle(h, m);
}

void road_judge(struct hub *h, struct message *m)
{
    parley_verdict v = find_addressee(h, m);

    go_on(h, m, v == PARLEY_PASS ? chain_run(h, m, INT32_MIN, PARLEY_PHASE_STORE) : v);
}

/* Whom it is for may have left meanwhile. */
void road_resume(struct hub *h, struct message *m, const struct plugin_hub *link,
                 const struct hold_end *end)
{
    parley_verdict v = chain_resume(h, m, link, end);

    go_on(h, m, v == PARLEY_PASS ? find_recipient(h, m) : v);
}

void road_refuse_stopping(struct hub *h, struct message *m)
{
    m->outcome.verdict = refuse_stopping(m);
    road_settle(h, m);
}

void road_message(struct hub *h, struct message *m)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    m->hub = h;
    if (m->id.p && dedupe_begin(h, m) != DEDUPE_NEW) {
        road_home(h, m);
        return;
    }
    if (!h->lines || !line_behind(h, m))
        road_judge(h, m);
}

/* The server's own word: no moderator sees it, STORE hubs and observers do. */
void road_server_message(struct hub *h, struct message *m)
{
    struct hub_channel *ch = m->channel.p ? channel_find(&h->channels, m->channel) : NULL;

    m->hub = h;
    if (ch)
        m->to = channel_ref(ch);
    m->outcome.verdict = m->channel.p && !ch ? no_channel(m) : pass_on(h, m);
    if (m->outcome.verdict == PARLEY_REJECT)
        log_event(LOG_LEVEL_WARNING, "server_message_refused", LOG_STR("type", m->type_name),
                  LOG_TEXT("section", m->outcome.section), LOG_STR("msg", m->outcome.text));
    road_settle(h, m);
}

static void answer_author(struct hub *h, struct message *m)
{
    const struct outcome *o = &m->outcome;
    struct ack_of ack = {m->cache_id, m->offset, ""};
    char user[160], text[256];

    if (o->verdict != PARLEY_REJECT) {
        if (m->offset)
            memcpy(ack.epoch, m->to->epoch, sizeof ack.epoch);
        if (m->id.p)
            deliver_ack(h, m->author, m->id, &ack);
        return;
    }
    deliver_error(h, m->author, m->id, o->code, o->text.p ? o->text.p : "Refused.",
                  o->retry_after_ms);
    log_event(LOG_LEVEL_INFO, "message_refused",
              LOG_TEXT("user", str_printable(identity_user(m->identity), user, sizeof user)),
              LOG_STR("type", m->type_name), LOG_STR("channel", m->channel),
              LOG_TEXT("section", o->section), LOG_STR("rule", o->rule),
              LOG_TEXT("code", code_name(o->code)), LOG_TEXT("version", o->version),
              LOG_INT("us", o->us), LOG_TEXT("msg", str_printable(o->text, text, sizeof text)));
}

void road_answer(struct hub *h, struct message *m)
{
    if (m->author)
        answer_author(h, m);
    if (m->id.p)
        dedupe_settle(h, m);
}

void road_settle(struct hub *h, struct message *m)
{
    bool waits = m->stored && stored_waits(h, m); /* its ack, until what was kept is on the disk */

    m->state = MESSAGE_SETTLED;
    if (!waits)
        road_answer(h, m);
    chain_settled(h, m);
    metric_inc_alone(h->metrics.settled[m->outcome.verdict & 7]);
    if (waits)
        stored_wait(h, m);
    else
        road_home(h, m);
}

void road_home(struct hub *h, struct message *m)
{
    m->hub = NULL;
    channel_unref(m->to);
    m->to = NULL;
    if (!m->author) {
        message_destroy(m);
        return;
    }
    packet_unref(m->packet); /* here, where it was made: malloc is slow across threads */
    m->packet = NULL;
    if (m->last_credit)
        hub_post(h, client_handle_pump(m->author), &m->mail, MAIL_SETTLED);
    else
        hub_post_patient(h, client_handle_pump(m->author), &m->mail, MAIL_SETTLED);
}
