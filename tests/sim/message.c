#include "sim/message.h"

#include <stdlib.h>

#include "base/check.h"

struct message *message_new(enum message_kind kind)
{
    struct message *m = xcalloc(1, sizeof *m);
    m->kind = kind;
    return m;
}

static struct slice keep(char *buf, size_t size, struct slice s)
{
    ASSERT(slice_copy(s, buf, size));
    return slice_of(buf);
}

struct message *message_of(const struct refresh_action *a)
{
    struct message *m = message_new(MESSAGE_REFRESH);
    m->action = *a;
    m->action.intent = keep(m->intent, sizeof m->intent, a->intent);
    m->action.record.previous = keep(m->previous, sizeof m->previous, a->record.previous);
    if (a->kind == REFRESH_DO_PROBE)
        m->action.token = keep(m->token, sizeof m->token, a->token);
    else
        m->action.record.token = keep(m->token, sizeof m->token, a->record.token);
    return m;
}

void message_free(struct message *m)
{
    if (m)
        free(m->reports);
    free(m);
}

void message_fail(struct message *m)
{
    m->failed = true;
    m->lease_answer = (struct lease_event){.kind = LEASE_FAILED, .op = m->lease_action.op};
    m->answer = (struct refresh_event){
        .kind = m->kind == MESSAGE_REFRESH ? refresh_answer(m->action.kind) : REFRESH_TICK,
        .op = m->action.op,
        .store = REFRESH_STORE_FAILED,
        .fetch = REFRESH_FETCH_UNKNOWN,
        .probe = REFRESH_PROBE_UNKNOWN,
    };
}

struct message *message_timeout(const struct message *m)
{
    struct message *failed = message_new(m->kind);
    failed->action.kind = m->action.kind;
    failed->action.op = m->action.op;
    failed->lease_action = m->lease_action;
    failed->id = m->id;
    message_fail(failed);
    return failed;
}
