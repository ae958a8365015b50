#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "log/log.h"

int rig_begin(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR, LOG_TEXT);
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

void rig_turn(struct loop *l)
{
    struct timeval tv = {0, 3000};
    ASSERT(event_base_loopexit(loop_base(l), &tv) == 0);
    loop_run(l);
}

void rig_run_for(struct loop *l, int64_t ms)
{
    mono_ms_t deadline = mono_after(loop_now(l), ms);
    while (!mono_reached(loop_now(l), deadline))
        rig_turn(l);
}

void rig_ended(const struct redis_result *r, void *arg)
{
    struct ending *e = arg;
    e->calls++;
    e->outcome = r->outcome;
    e->refusal = r->refusal;
    e->type = redis_value_type(r->value);
    e->sent_at = r->sent_at;
    e->number = (int64_t)redis_value_count(r->value);
    if (e->type == REDIS_TYPE_INT)
        assert_true(redis_value_int(r->value, &e->number));
    struct slice s = r->outcome == REDIS_REPLIED ? redis_value_slice(r->value) : r->text;
    struct text t = text_init(e->text, sizeof e->text);
    text_add(&t, s);
}

void rig_send(struct redis_client *c, enum redis_when when, int64_t timeout_ms, const char *words,
              struct ending *e)
{
    struct slice argv[16], rest = slice_of(words);
    size_t argc = 0;
    memset(e, 0, sizeof *e);
    while (rest.p)
        argv[argc++] = slice_cut(&rest, ' ');
    redis_command(c, when, timeout_ms, argv, argc, rig_ended, e);
}

struct ending rig_ask(struct loop *l, struct redis_client *c, const char *words)
{
    enum { TIMEOUT_MS = 5000 };
    struct ending e;
    rig_send(c, REDIS_WAIT, TIMEOUT_MS, words, &e);
    RUN_UNTIL(l, TIMEOUT_MS + 1000, e.calls > 0);
    return e;
}

struct redis_url rig_url(const char *text)
{
    struct redis_url u;
    struct err e = {""};
    memset(&u, 0, sizeof u);
    if (!redis_url_parse(slice_of(text), &u, &e))
        fail_msg("%s: %s", text, e.text);
    return u;
}

struct redis_url rig_unix_url(const char *path)
{
    char text[256];
    (void)snprintf(text, sizeof text, "unix://%s", path);
    return rig_url(text);
}

struct redis_options rig_options(void)
{
    struct redis_options o = REDIS_OPTIONS_DEFAULT;
    o.connect_timeout_ms = 300;
    o.silence_ms = 400;
    o.backoff_min_ms = 10;
    o.backoff_max_ms = 50;
    return o;
}

/* ---- the fake server ---- */

enum { MAX_TALKS = 64 };

struct talk {
    struct fake *fake;
    struct bufferevent *bev; /* NULL when over */
    size_t said;
};

struct fake {
    struct evconnlistener *listener;
    const struct fake_answer *answers;
    size_t nanswers;
    char folder[64];
    char socket[96];
    struct talk talks[MAX_TALKS];
    int accepted;
};

static void end_talk(struct talk *t)
{
    if (t->bev)
        bufferevent_free(t->bev);
    t->bev = NULL;
}

static void on_input(struct bufferevent *bev, void *arg)
{
    struct talk *t = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    (void)evbuffer_drain(in, evbuffer_get_length(in));
    if (t->said == t->fake->nanswers)
        return;
    const struct fake_answer *answer = &t->fake->answers[t->said++];
    size_t length = strlen(answer->bytes);
    ASSERT(send(bufferevent_getfd(bev), answer->bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
    if (answer->then_close)
        end_talk(t);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        end_talk(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *a,
                      int n, void *arg)
{
    struct fake *f = arg;
    struct talk *t = &f->talks[f->accepted];
    (void)a;
    (void)n;
    ASSERT(f->accepted < MAX_TALKS);
    f->accepted++;
    t->fake = f;
    t->bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(t->bev, on_input, NULL, on_event, t);
    (void)bufferevent_enable(t->bev, EV_READ | EV_WRITE);
}

struct fake *fake_start(struct loop *l, const struct fake_answer *answers, size_t n)
{
    struct fake *f = xcalloc(1, sizeof *f);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    f->answers = answers;
    f->nanswers = n;
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/test-fake-XXXXXX");
    ASSERT(mkdtemp(f->folder) != NULL);
    (void)snprintf(f->socket, sizeof f->socket, "%s/sock", f->folder);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", f->socket);
    f->listener = evconnlistener_new_bind(loop_base(l), on_accept, f, LEV_OPT_CLOSE_ON_FREE, 64,
                                          (struct sockaddr *)&a, sizeof a);
    ASSERT(f->listener != NULL);
    return f;
}

void fake_free(struct fake *f)
{
    for (int i = 0; i < f->accepted; i++)
        end_talk(&f->talks[i]);
    evconnlistener_free(f->listener);
    (void)unlink(f->socket);
    (void)rmdir(f->folder);
    free(f);
}

const char *fake_socket(const struct fake *f)
{
    return f->socket;
}

int fake_accepted(const struct fake *f)
{
    return f->accepted;
}
