#include "tokend/ctl/follow.h"

#include <signal.h>
#include <stdio.h>

#include "base/prng.h"
#include "sys/entropy.h"
#include "tokend/ctl/event.h"
#include "tokend/ctl/json.h"
#include "tokend/ctl/sse.h"

enum {
    WAIT_FIRST_MS = 1000, /* before another connection, unless tokend wishes otherwise */
    WAIT_MOST_MS = 30 * 1000,
};

struct follow {
    const struct ctl *ctl;
    bool ended;
    enum ctl_exit code; /* when ended */
    bool troubled;      /* and the user was told so */
    char path[REMOTE_PATH_SIZE];
    struct sse *sse;
    struct loop_timer *again;
    int64_t wait_ms;
    struct prng prng;
};

static void end(struct follow *f, enum ctl_exit code)
{
    if (f->ended)
        return;
    f->ended = true;
    f->code = code;
    loop_timer_stop(f->again);
    remote_close(f->ctl->remote);
    loop_stop(remote_loop(f->ctl->remote));
}

static void fail(struct follow *f, const char *line)
{
    end(f, ctl_fail(line));
}

static bool is_of_app(const struct follow *f, const json_t *event)
{
    return !f->ctl->appid || slice_is(json_text(event, "appid"), f->ctl->appid);
}

static void on_event(const struct sse_event *e, void *arg)
{
    const struct follow *f = arg;
    json_t *event = json_loadb(e->data.p, e->data.n, JSON_ALLOW_NUL, NULL);
    if (json_is_object(event) && is_of_app(f, event))
        event_write(event, f->ctl->settings->json, stdout);
    json_decref(event);
}

static int64_t first_wait_ms(const struct follow *f)
{
    int64_t wished_ms = sse_retry_ms(f->sse);
    return wished_ms > 0 && wished_ms < WAIT_MOST_MS ? wished_ms : WAIT_FIRST_MS;
}

static void on_piece(struct slice piece, void *arg)
{
    struct follow *f = arg;
    if (f->troubled)
        ctl_say("connected again");
    f->troubled = false;
    bool readable = sse_feed(f->sse, piece, on_event, f);
    f->wait_ms = first_wait_ms(f);
    if (fflush(stdout) != 0)
        end(f, CTL_FAILED); /* main says so */
    else if (!readable)
        fail(f, "what tokend sends is no stream of events: a line without an end");
}

/* Connections that fail come ever more slowly, and not all at once after a restart. */
static void on_end(const struct trouble *why, void *arg)
{
    struct follow *f = arg;
    if (why->lasting) {
        fail(f, why->line);
        return;
    }
    if (!f->troubled) {
        ctl_say(why->line);
        ctl_say("trying again");
    }
    f->troubled = true;
    sse_reset(f->sse);
    loop_timer_after(f->again, prng_between(&f->prng, f->wait_ms / 2, f->wait_ms));
    f->wait_ms = f->wait_ms < WAIT_MOST_MS / 2 ? 2 * f->wait_ms : WAIT_MOST_MS;
}

static void begin(void *arg)
{
    struct follow *f = arg;
    const struct remote_hooks hooks = {on_piece, on_end, f};
    remote_open(f->ctl->remote, f->path, sse_last_id(f->sse), &hooks);
}

static void on_signal(int signum, void *arg)
{
    (void)signum;
    end(arg, CTL_OK);
}

enum ctl_exit follow_run(const struct ctl *c)
{
    struct loop *loop = remote_loop(c->remote);
    struct follow f = {.ctl = c, .sse = sse_new(), .wait_ms = WAIT_FIRST_MS};
    struct text path = text_init(f.path, sizeof f.path);
    text_fmt(&path, "/v1/events%s%s", c->appid ? "?appid=" : "", c->appid ? c->appid : "");
    prng_seed(&f.prng, entropy_u64());
    f.again = loop_timer_new(loop, begin, &f);
    loop_on_signal(loop, SIGINT, on_signal, &f);
    loop_on_signal(loop, SIGTERM, on_signal, &f);
    begin(&f);
    loop_run(loop);
    loop_timer_free(f.again);
    sse_free(f.sse);
    return f.code;
}
