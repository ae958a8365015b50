#include "wechat/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "http/client.h"
#include "loop/loop.h"

struct wechat_client {
    struct http_client *http;
    struct http_hosts *hosts;
    int64_t timeout_ms;
    struct list sent;        /* calls that wait for http */
    struct list unsent;      /* calls that were answered without it and wait for `soon` */
    struct loop_timer *soon; /* calls back for `unsent` after the starting function returned */
    uint64_t last_id;
    wechat_observe_fn *observe; /* NULL: nobody */
    void *observe_arg;
};

/* One call under way, in `sent` or `unsent`. */
struct call {
    struct list node;
    struct wechat_client *client;
    uint64_t id;
    uint64_t http_id; /* 0 in `unsent` */
    int refused;      /* in `unsent`: the errcode of a malformed argument, 0 when http is closing */
    const char *path;
    char appid[WECHAT_APPID_MAX + 1]; /* of a phone call, to compare with the answer's */
    void (*finish)(const struct call *call, const struct http_answer *answer);
    union {
        wechat_token_fn *token;
        wechat_session_fn *session;
        wechat_phone_fn *phone;
        wechat_probe_fn *probe;
    } done;
    void *arg;
};

/* ---- the end of a call ---- */

/* Takes over why there is no answer to parse; false when there is one. `answer` is NULL for a call
 * that was never given to http. */
static bool settle_without_answer(struct wechat_reply *reply, const struct call *call,
                                  const struct http_answer *answer, enum err_class (*class_of)(int))
{
    if (answer && answer->outcome == HTTP_ANSWERED)
        return false;
    *reply = (struct wechat_reply){0};
    if (!answer && call->refused) {
        wechat_reply_refuse(reply, call->refused, class_of(call->refused));
    } else if (!answer || answer->outcome == HTTP_NOT_SENT) {
        reply->outcome = WECHAT_NOT_SENT;
        reply->error_class = ERR_RETRY;
        err_set(&reply->error, "not sent: %s", answer ? answer->error : "shutting down");
    } else {
        reply->outcome = WECHAT_UNKNOWN;
        reply->error_class = ERR_UNKNOWN;
        err_set(&reply->error, "no answer: %s", answer->error);
    }
    return true;
}

static void observe(const struct call *call, const struct http_answer *answer,
                    const struct wechat_reply *reply)
{
    const struct wechat_client *c = call->client;
    if (answer && c->observe)
        c->observe(call->path, reply->outcome, answer->elapsed_us, c->observe_arg);
}

static void finish_token(const struct call *call, const struct http_answer *answer)
{
    struct wechat_token_result r = {0};
    if (!settle_without_answer(&r.reply, call, answer, wechat_class_by_secret))
        wechat_parse_token(&r, answer->status, answer->body);
    observe(call, answer, &r.reply);
    call->done.token(&r, call->arg);
    wechat_token_result_deinit(&r);
}

static void finish_session(const struct call *call, const struct http_answer *answer)
{
    struct wechat_session_result r = {0};
    if (!settle_without_answer(&r.reply, call, answer, wechat_class_by_secret))
        wechat_parse_session(&r, answer->status, answer->body);
    observe(call, answer, &r.reply);
    call->done.session(&r, call->arg);
    wechat_session_result_deinit(&r);
}

static void finish_phone(const struct call *call, const struct http_answer *answer)
{
    struct wechat_phone_result r = {0};
    if (!settle_without_answer(&r.reply, call, answer, wechat_class_by_token))
        wechat_parse_phone(&r, answer->status, answer->body, slice_of(call->appid));
    observe(call, answer, &r.reply);
    call->done.phone(&r, call->arg);
    wechat_phone_result_deinit(&r);
}

static void finish_probe(const struct call *call, const struct http_answer *answer)
{
    struct wechat_probe_result r = {0};
    if (!settle_without_answer(&r.reply, call, answer, wechat_class_by_token))
        wechat_parse_probe(&r, answer->status, answer->body);
    observe(call, answer, &r.reply);
    call->done.probe(&r, call->arg);
}

/* The user may do anything to the client meanwhile, so the call is out of its lists by then. */
static void end_call(struct call *call, const struct http_answer *answer)
{
    list_remove(&call->node);
    call->finish(call, answer);
    free(call);
}

static void on_http_answer(const struct http_answer *answer, void *arg)
{
    end_call(arg, answer);
}

/* One call for each firing: its callback may cancel others or free the client. */
static void on_soon(void *arg)
{
    struct wechat_client *c = arg;
    struct list *node = list_pop_front(&c->unsent);
    if (!node)
        return;
    if (!list_empty(&c->unsent))
        loop_timer_after(c->soon, 0);
    end_call(LIST_ENTRY(node, struct call, node), NULL);
}

/* ---- the begin of a call ---- */

static struct call *call_new(struct wechat_client *c, void *arg,
                             void (*finish)(const struct call *, const struct http_answer *))
{
    struct call *call = xcalloc(1, sizeof *call);
    call->client = c;
    call->id = ++c->last_id;
    call->finish = finish;
    call->arg = arg;
    return call;
}

static uint64_t send_request(const struct wechat_client *c, const struct wechat_request *request,
                             bool repeatable, struct call *call)
{
    struct http_request req = {
        .method = request->post ? HTTP_POST : HTTP_GET,
        .hosts = c->hosts,
        .path_query = {request->target, request->target_len},
        .content_type = request->post ? "application/json" : NULL,
        .body = {request->body, request->body_len},
        .timeout_ms = c->timeout_ms,
        .max_response = WECHAT_ANSWER_MAX,
        .repeatable = repeatable,
    };
    return http_client_send(c->http, &req, on_http_answer, call);
}

/* Sends the request, or has the call answered soon when an argument was refused. Wipes *request. */
static uint64_t begin_call(struct call *call, int refused, struct wechat_request *request,
                           bool repeatable)
{
    struct wechat_client *c = call->client;
    call->refused = refused;
    call->path = request->path;
    if (!refused)
        call->http_id = send_request(c, request, repeatable, call);
    wechat_request_wipe(request);
    if (call->http_id) {
        list_push_back(&c->sent, &call->node);
    } else {
        list_push_back(&c->unsent, &call->node);
        loop_timer_after(c->soon, 0);
    }
    return call->id;
}

uint64_t wechat_fetch_token(struct wechat_client *c, struct wechat_app app,
                            enum wechat_token_mode mode, wechat_token_fn *done, void *arg)
{
    struct wechat_request request;
    int refused = wechat_build_token(&request, mode, app.appid, app.appsecret);
    struct call *call = call_new(c, arg, finish_token);
    call->done.token = done;
    return begin_call(call, refused, &request, mode == WECHAT_STABLE);
}

uint64_t wechat_code2session(struct wechat_client *c, struct wechat_app app, struct slice code,
                             wechat_session_fn *done, void *arg)
{
    struct wechat_request request;
    int refused = wechat_build_code2session(&request, app.appid, app.appsecret, code);
    struct call *call = call_new(c, arg, finish_session);
    call->done.session = done;
    return begin_call(call, refused, &request, false);
}

uint64_t wechat_phone(struct wechat_client *c, struct slice appid, struct slice access_token,
                      struct slice code, struct slice openid, wechat_phone_fn *done, void *arg)
{
    struct wechat_request request;
    int refused = wechat_build_phone(&request, access_token, code, openid);
    struct call *call = call_new(c, arg, finish_phone);
    call->done.phone = done;
    if (!slice_copy(appid, call->appid, sizeof call->appid) && !refused)
        refused = WECHAT_INVALID_APPID;
    return begin_call(call, refused, &request, false);
}

uint64_t wechat_probe(struct wechat_client *c, struct slice access_token, wechat_probe_fn *done,
                      void *arg)
{
    struct wechat_request request;
    int refused = wechat_build_probe(&request, access_token);
    struct call *call = call_new(c, arg, finish_probe);
    call->done.probe = done;
    return begin_call(call, refused, &request, true);
}

/* ---- giving up ---- */

static void drop_call(struct call *call)
{
    list_remove(&call->node);
    if (call->http_id)
        http_client_cancel(call->client->http, call->http_id);
    free(call);
}

static struct call *find_call(struct list *calls, uint64_t id)
{
    LIST_FOR_EACH(node, calls)
    {
        struct call *call = LIST_ENTRY(node, struct call, node);
        if (call->id == id)
            return call;
    }
    return NULL;
}

void wechat_cancel(struct wechat_client *c, uint64_t id)
{
    struct call *call = find_call(&c->sent, id);
    if (!call)
        call = find_call(&c->unsent, id);
    if (call)
        drop_call(call);
}

/* ---- the client ---- */

struct wechat_client *wechat_client_new(struct loop *loop, struct http_client *http,
                                        struct http_hosts *hosts, int64_t timeout_ms)
{
    ASSERT(timeout_ms > 0);
    struct wechat_client *c = xcalloc(1, sizeof *c);
    c->http = http;
    c->hosts = http_hosts_ref(hosts);
    c->timeout_ms = timeout_ms;
    c->soon = loop_timer_new(loop, on_soon, c);
    list_init(&c->sent);
    list_init(&c->unsent);
    return c;
}

static void drop_all(struct list *calls)
{
    struct list *node;
    while ((node = list_pop_front(calls)) != NULL)
        drop_call(LIST_ENTRY(node, struct call, node));
}

void wechat_client_free(struct wechat_client *c)
{
    if (!c)
        return;
    drop_all(&c->sent);
    drop_all(&c->unsent);
    loop_timer_free(c->soon);
    http_hosts_unref(c->hosts);
    free(c);
}

void wechat_client_observe(struct wechat_client *c, wechat_observe_fn *fn, void *arg)
{
    c->observe = fn;
    c->observe_arg = arg;
}
