#include "redis/client.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/secret.h"
#include "redis/link.h"
#include "redis/wire.h"

/* A command is in one of the client's three lists until it is over. */
struct command {
    struct list node;
    uint64_t id;
    redis_done_fn *fn; /* NULL when nobody cares (any more) */
    void *arg;
    enum redis_when when;
    bool timed_out; /* its fn was called; it keeps the place of its answer in the row */
    mono_ms_t deadline;
    mono_ms_t sent_at;
    uint64_t end;               /* where it ends among the bytes of its connection */
    enum redis_outcome outcome; /* in `done` */
    const char *why;            /* in `done` */
    /* A script's run: what goes over the wire is a head, by SHA1 or by source, and this tail. */
    const struct redis_script *script; /* NULL = a plain command */
    size_t argc;                       /* of the run, head included */
    bool by_source;                    /* the server did not know the SHA1 */
    size_t n;
    char bytes[]; /* the command, or the tail of the run; NUL beyond n */
};

struct redis_client {
    struct loop *loop;
    struct link *link;
    struct redis_options options;
    struct list waiting; /* for a connection, in order */
    struct list sent;    /* answers come in this order */
    struct list done;    /* fn still to be called */
    struct loop_timer *deadline_timer;
    mono_ms_t next_check; /* when it fires */
    struct loop_timer *done_timer;
    size_t bytes; /* of all commands */
    uint64_t last_id;
    int calling; /* depth of callbacks */
    bool closing;
    bool told_down; /* the listener knows that it is not ready */
    void (*on_state)(bool ready, const char *reason, void *arg);
    void *on_state_arg;
    struct redis_client_stats stats;
    struct log_limit refusals, lates;
};

/* ---- completion ---- */

static void forget(struct redis_client *c, struct command *cmd)
{
    list_remove(&cmd->node);
    c->stats.pending--;
    c->bytes -= cmd->n;
    bytes_wipe(cmd->bytes, cmd->n);
    free(cmd);
}

static void call(struct redis_client *c, struct command *cmd, const struct redis_result *r)
{
    redis_done_fn *fn = cmd->fn;
    cmd->fn = NULL;
    if (!fn)
        return;
    c->calling++;
    fn(r, cmd->arg);
    c->calling--;
}

static void count_outcome(struct redis_client *c, enum redis_outcome outcome)
{
    switch (outcome) {
    case REDIS_REPLIED:
        break;
    case REDIS_REFUSED:
        c->stats.refused++;
        break;
    case REDIS_NOT_SENT:
        c->stats.not_sent++;
        break;
    case REDIS_UNKNOWN:
        c->stats.unknown++;
        break;
    }
}

static void call_without_answer(struct redis_client *c, struct command *cmd,
                                enum redis_outcome outcome, const char *why)
{
    struct redis_result r = {.outcome = outcome, .text = slice_of(why), .sent_at = cmd->sent_at};
    count_outcome(c, outcome);
    call(c, cmd, &r);
}

/* Only what is there now: a callback that tries again and fails at once gets its next turn from the
 * loop, not here. */
static void deliver_done(struct redis_client *c)
{
    struct list *last = c->done.prev;
    bool more = !list_empty(&c->done);
    while (more) {
        struct list *node = list_pop_front(&c->done);
        struct command *cmd = LIST_ENTRY(node, struct command, node);
        more = node != last;
        call_without_answer(c, cmd, cmd->outcome, cmd->why);
        forget(c, cmd);
    }
}

static void on_done_timer(void *arg)
{
    deliver_done(arg);
}

/* Moves a command that got no answer to `done`. */
static void put_done(struct redis_client *c, struct command *cmd, enum redis_outcome outcome,
                     const char *why)
{
    list_remove(&cmd->node);
    cmd->outcome = outcome;
    cmd->why = why;
    list_push_back(&c->done, &cmd->node);
}

/* ---- deadlines ---- */

static void watch_deadline(struct redis_client *c, mono_ms_t deadline)
{
    if (deadline.ms >= c->next_check.ms)
        return;
    c->next_check = deadline;
    loop_timer_at(c->deadline_timer, deadline);
}

static void expire_waiting(struct redis_client *c, mono_ms_t now)
{
    LIST_FOR_EACH(it, &c->waiting)
    {
        struct command *cmd = LIST_ENTRY(it, struct command, node);
        if (mono_reached(now, cmd->deadline))
            put_done(c, cmd, REDIS_NOT_SENT, "no connection in time");
    }
    deliver_done(c);
}

/* The commands stay: their answers are still to come. Callbacks only append to the list. */
static void expire_sent(struct redis_client *c, mono_ms_t now)
{
    LIST_FOR_EACH(it, &c->sent)
    {
        struct command *cmd = LIST_ENTRY(it, struct command, node);
        if (cmd->timed_out || !mono_reached(now, cmd->deadline))
            continue;
        cmd->timed_out = true;
        link_warn(c->link, &c->lates, "redis.late", "connected, but no answer in time");
        call_without_answer(c, cmd, REDIS_UNKNOWN, "no answer in time");
    }
}

static mono_ms_t earliest_deadline(const struct list *head)
{
    mono_ms_t earliest = MONO_NEVER;
    LIST_FOR_EACH(it, head)
    {
        struct command *cmd = LIST_ENTRY(it, struct command, node);
        if (!cmd->timed_out)
            earliest = mono_min(earliest, cmd->deadline);
    }
    return earliest;
}

/* Looks at all commands, but as rarely as the shortest timeout asks for it: what completes in time
 * (nearly all) never touches the timer. */
static void on_deadline_timer(void *arg)
{
    struct redis_client *c = arg;
    mono_ms_t now = loop_now(c->loop);
    c->next_check = MONO_NEVER;
    expire_waiting(c, now);
    expire_sent(c, now);
    watch_deadline(c, mono_min(earliest_deadline(&c->waiting), earliest_deadline(&c->sent)));
}

/* ---- sending ---- */

static void send_run(struct redis_client *c, const struct command *cmd)
{
    const struct redis_script *s = cmd->script;
    struct slice head[] = {cmd->by_source ? SLICE_LIT("EVAL") : SLICE_LIT("EVALSHA"),
                           cmd->by_source ? s->source : slice_of(s->sha1)};
    size_t room = wire_room(head, ARRAY_LEN(head));
    char *p = xcalloc(1, room);
    struct text t = text_init(p, room);
    wire_begin(&t, cmd->argc);
    wire_args(&t, head, ARRAY_LEN(head));
    ASSERT(!t.cut);
    link_send(c->link, (struct slice){t.p, t.n});
    free(p);
}

static void send_now(struct redis_client *c, struct command *cmd)
{
    if (cmd->script)
        send_run(c, cmd);
    link_send(c->link, (struct slice){cmd->bytes, cmd->n});
    cmd->end = link_queued(c->link);
    cmd->sent_at = loop_now(c->loop);
    list_push_back(&c->sent, &cmd->node);
}

/* A command that is in no list, on its way to the first place it fits in. */
static void dispatch(struct redis_client *c, struct command *cmd)
{
    bool full =
        c->stats.pending > c->options.max_pending || c->bytes > c->options.max_pending_bytes;
    if (full) {
        put_done(c, cmd, REDIS_NOT_SENT, "too many commands are pending");
        loop_timer_after(c->done_timer, 0);
    } else if (redis_client_ready(c)) {
        send_now(c, cmd);
    } else if (cmd->when == REDIS_WAIT) {
        list_push_back(&c->waiting, &cmd->node);
    } else {
        put_done(c, cmd, REDIS_NOT_SENT, "no connection");
        loop_timer_after(c->done_timer, 0);
    }
}

static uint64_t start(struct redis_client *c, struct command *cmd, enum redis_when when,
                      int64_t timeout_ms, redis_done_fn *fn, void *arg)
{
    ASSERT(timeout_ms > 0 && !c->closing);
    cmd->id = ++c->last_id;
    cmd->fn = fn;
    cmd->arg = arg;
    cmd->when = when;
    cmd->deadline = mono_after(loop_now(c->loop), timeout_ms);
    c->stats.commands++;
    c->stats.pending++;
    c->bytes += cmd->n;
    dispatch(c, cmd);
    watch_deadline(c, cmd->deadline);
    return cmd->id;
}

static struct command *command_new(size_t room, struct text *t)
{
    struct command *cmd = xcalloc(1, sizeof *cmd + room);
    *t = text_init(cmd->bytes, room);
    return cmd;
}

uint64_t redis_command(struct redis_client *c, enum redis_when when, int64_t timeout_ms,
                       const struct slice *argv, size_t argc, redis_done_fn *fn, void *arg)
{
    struct text t;
    struct command *cmd = command_new(wire_room(argv, argc), &t);
    wire_begin(&t, argc);
    wire_args(&t, argv, argc);
    ASSERT(!t.cut && argc > 0);
    cmd->n = t.n;
    return start(c, cmd, when, timeout_ms, fn, arg);
}

uint64_t redis_run(struct redis_client *c, const struct redis_script *script, enum redis_when when,
                   int64_t timeout_ms, const struct slice *keys, size_t nkeys,
                   const struct slice *args, size_t nargs, redis_done_fn *fn, void *arg)
{
    char digits[WIRE_NUMBER_SIZE];
    struct slice count = wire_number(digits, nkeys);
    struct text t;
    struct command *cmd =
        command_new(wire_room(&count, 1) + wire_room(keys, nkeys) + wire_room(args, nargs), &t);
    wire_arg(&t, count);
    wire_args(&t, keys, nkeys);
    wire_args(&t, args, nargs);
    ASSERT(!t.cut);
    cmd->n = t.n;
    cmd->script = script;
    cmd->argc = 3 + nkeys + nargs;
    return start(c, cmd, when, timeout_ms, fn, arg);
}

static bool cancel_in(struct list *head, uint64_t id)
{
    LIST_FOR_EACH(it, head)
    {
        struct command *cmd = LIST_ENTRY(it, struct command, node);
        if (cmd->id == id) {
            cmd->fn = NULL;
            return true;
        }
    }
    return false;
}

void redis_cancel(struct redis_client *c, uint64_t id)
{
    (void)(cancel_in(&c->sent, id) || cancel_in(&c->waiting, id) || cancel_in(&c->done, id));
}

/* ---- what the link tells ---- */

static void tell_state(struct redis_client *c, bool ready, const char *reason)
{
    bool news = ready || !c->told_down;
    c->told_down = !ready;
    if (!c->on_state || !news)
        return;
    c->calling++;
    c->on_state(ready, reason, c->on_state_arg);
    c->calling--;
}

static void on_ready(void *arg)
{
    struct redis_client *c = arg;
    struct list waiting;
    struct list *node;
    c->stats.connects++;
    list_init(&waiting);
    list_take_all(&c->waiting, &waiting);
    while ((node = list_pop_front(&waiting)) != NULL)
        send_now(c, LIST_ENTRY(node, struct command, node));
    tell_state(c, true, "");
}

static void retire_if_idle(struct redis_client *c)
{
    if (link_state(c->link) == LINK_RETIRING && list_empty(&c->sent))
        link_fail(c->link, link_trouble(c->link));
}

/* Before the command's fn, which may start more. */
static void take_refusal(struct redis_client *c, struct slice text)
{
    struct err why;
    enum redis_refusal refusal = redis_refusal_of(text);
    redis_refusal_explain(text, &why);
    c->stats.refusals[refusal]++;
    link_warn(c->link, &c->refusals, "redis.refused", why.text);
    if (redis_refusal_wants_reconnect(refusal))
        link_retire(c->link, why.text);
}

static void complete_answered(struct redis_client *c, struct command *cmd,
                              const struct redis_value *v)
{
    struct redis_result r = {.outcome = REDIS_REPLIED, .value = v, .sent_at = cmd->sent_at};
    if (redis_value_type(v) == REDIS_TYPE_ERROR) {
        r.outcome = REDIS_REFUSED;
        r.value = NULL;
        r.text = redis_value_slice(v);
        r.refusal = redis_refusal_of(r.text);
        take_refusal(c, r.text);
    }
    if (cmd->timed_out) {
        c->stats.late++;
        return;
    }
    count_outcome(c, r.outcome);
    call(c, cmd, &r);
}

/* The server does not know the script: nothing was executed, so it is safe to send it whole. */
static bool teach_script(struct redis_client *c, struct command *cmd, const struct redis_value *v)
{
    if (!cmd->script || cmd->by_source || cmd->timed_out ||
        redis_value_type(v) != REDIS_TYPE_ERROR ||
        redis_refusal_of(redis_value_slice(v)) != REDIS_REFUSAL_NOSCRIPT)
        return false;
    cmd->by_source = true;
    dispatch(c, cmd);
    return true;
}

static void on_reply(const struct redis_value *v, void *arg)
{
    struct redis_client *c = arg;
    struct list *node = list_pop_front(&c->sent);
    if (!node) {
        link_fail(c->link, "an answer that nobody asked for");
        return;
    }
    struct command *cmd = LIST_ENTRY(node, struct command, node);
    if (teach_script(c, cmd, v))
        return;
    complete_answered(c, cmd, v);
    forget(c, cmd);
    retire_if_idle(c);
}

/* What was sent is lost, but for commands whose last byte never left: those were certainly not
 * executed, and go on waiting if they may. */
static void lose_sent(struct redis_client *c)
{
    struct list sent;
    struct list *node;
    uint64_t written = link_written(c->link);
    list_init(&sent);
    list_take_all(&c->sent, &sent);
    while ((node = list_pop_front(&sent)) != NULL) {
        struct command *cmd = LIST_ENTRY(node, struct command, node);
        if (cmd->timed_out)
            forget(c, cmd);
        else if (cmd->end <= written)
            put_done(c, cmd, REDIS_UNKNOWN, "the connection was lost before the answer");
        else if (cmd->when == REDIS_WAIT)
            list_push_back(&c->waiting, &cmd->node);
        else
            put_done(c, cmd, REDIS_NOT_SENT, "the connection was lost before it was sent");
    }
}

static void on_down(const char *reason, void *arg)
{
    struct redis_client *c = arg;
    if (!c->told_down && c->stats.connects > 0)
        c->stats.losses++;
    lose_sent(c);
    deliver_done(c);
    tell_state(c, false, reason);
}

static void on_quiet(void *arg)
{
    struct redis_client *c = arg;
    (void)redis_command(c, REDIS_NOW, c->options.silence_ms, &SLICE_LIT("PING"), 1, NULL, NULL);
}

/* ---- making and looking ---- */

struct redis_client *redis_client_new(struct loop *l, const struct redis_url *url,
                                      const struct redis_options *o)
{
    static const struct link_hooks link_hooks = {"client", on_ready, on_reply, on_down, on_quiet};
    struct redis_client *c = xcalloc(1, sizeof *c);
    c->loop = l;
    c->options = o ? *o : REDIS_OPTIONS_DEFAULT;
    list_init(&c->waiting);
    list_init(&c->sent);
    list_init(&c->done);
    c->next_check = MONO_NEVER;
    c->refusals = c->lates = LINK_LOG_LIMIT;
    c->deadline_timer = loop_timer_new(l, on_deadline_timer, c);
    c->done_timer = loop_timer_new(l, on_done_timer, c);
    c->link = link_new(l, url, &c->options, &link_hooks, c);
    return c;
}

static void end_waiting(struct redis_client *c)
{
    LIST_FOR_EACH(it, &c->waiting)
    {
        struct command *cmd = LIST_ENTRY(it, struct command, node);
        put_done(c, cmd, REDIS_NOT_SENT, "the client is closed");
    }
}

void redis_client_free(struct redis_client *c)
{
    if (!c)
        return;
    ASSERT(c->calling == 0);
    c->closing = true;
    lose_sent(c);
    end_waiting(c);
    deliver_done(c);
    link_free(c->link);
    loop_timer_free(c->deadline_timer);
    loop_timer_free(c->done_timer);
    free(c);
}

void redis_client_on_state(struct redis_client *c,
                           void (*fn)(bool ready, const char *reason, void *arg), void *arg)
{
    c->on_state = fn;
    c->on_state_arg = arg;
}

bool redis_client_ready(const struct redis_client *c)
{
    return link_state(c->link) == LINK_READY;
}

const char *redis_client_trouble(const struct redis_client *c)
{
    return link_trouble(c->link);
}

void redis_client_stats(const struct redis_client *c, struct redis_client_stats *out)
{
    *out = c->stats;
}
