#include "dialects_played.h"

#include <string.h>

#include "base/check.h"

struct played played;

static void copy(struct slice from, char *to, size_t size)
{
    ASSERT(slice_copy(from, to, size));
}

void played_reset(struct loop *loop)
{
    const struct user user = {.id = 42,
                              .appid = "wxapp1",
                              .openid = "openid-1",
                              .phone = "13800138000",
                              .country_code = "86",
                              .nickname = "小明",
                              .avatar = "https://example.com/a.png",
                              .created_at = {1700000000123}};
    played = (struct played){
        .loop = loop,
        .outcome = {.user = user,
                    .is_new = true,
                    .expires_in_s = 7200,
                    .access_token = "the.access.token",
                    .refresh_token = "the-refresh-token",
                    .register_ticket = "the-register-ticket",
                    .phone = "13700137000",
                    .country_code = "852"},
        .result = {.status = STORE_OK, .user = user},
        .session_key = "",
    };
}

/* ---- the driver ---- */

void end_login(void)
{
    const struct login_answer a = {
        .outcome = &played.outcome, .took_us = 1500, .appid = slice_of(played.app)};
    played.caller.done(played.caller.owner, played.caller.id, &a);
}

static void end_login_later(void *arg)
{
    (void)arg;
    end_login();
}

static void remember(const struct login_request *r)
{
    played.kind = r->kind;
    copy(app_id(r->app), played.app, sizeof played.app);
    copy(r->login_code, played.login_code, sizeof played.login_code);
    copy(r->phone_code, played.phone_code, sizeof played.phone_code);
    copy(r->nickname, played.nickname, sizeof played.nickname);
    copy(r->avatar, played.avatar, sizeof played.avatar);
    copy(r->device, played.device, sizeof played.device);
    played.has_ticket = r->ticket != NULL;
    if (r->ticket)
        played.ticket = *r->ticket;
    played.user_id = r->user_id;
    played.client = *r->client;
}

enum login_ending login_driver_start(struct login_driver *d, const struct login_request *r,
                                     struct login_caller caller)
{
    (void)d;
    played.started++;
    remember(r);
    played.caller = caller;
    if (played.admission == LOGIN_OK && !played.silent)
        loop_defer(played.loop, end_login_later, NULL);
    if (played.stop_loop)
        loop_stop(played.loop);
    return played.admission;
}

/* ---- the store ---- */

static void pass_time(void)
{
    if (played.ends_meanwhile)
        played.ended_sid = played.ends_meanwhile;
}

void answer_store(void)
{
    pass_time();
    played.store_caller.done(played.store_caller.owner, played.store_caller.id, &played.result);
}

static void answer_store_later(void *arg)
{
    (void)arg;
    answer_store();
}

static bool asked(const char *what, int64_t user_id, struct store_caller c)
{
    played.asked = what;
    played.store_user_id = user_id;
    played.store_caller = c;
    if (!played.store_full && !played.store_silent)
        loop_defer(played.loop, answer_store_later, NULL);
    return !played.store_full;
}

bool store_get_user(struct store *s, int64_t user_id, struct store_caller c)
{
    (void)s;
    return asked("get_user", user_id, c);
}

bool store_set_phone(struct store *s, int64_t user_id, struct slice phone,
                     struct slice country_code, wall_ms_t now, struct store_caller c)
{
    (void)s;
    played.now = now;
    copy(phone, played.phone, sizeof played.phone);
    copy(country_code, played.country_code, sizeof played.country_code);
    return asked("set_phone", user_id, c);
}

bool store_user_update(struct store *s, const struct store_profile *in, struct store_caller c)
{
    (void)s;
    played.profile = *in;
    return asked("user_update", in->user_id, c);
}

bool store_user_erase(struct store *s, int64_t user_id, wall_ms_t now, wall_ms_t until,
                      struct store_caller c)
{
    (void)s;
    played.now = now;
    played.until = until;
    return asked("user_erase", user_id, c);
}

bool store_session_rotate(struct store *s, const struct store_rotation *in, struct store_caller c)
{
    (void)s;
    played.rotation = *in;
    return asked("session_rotate", 0, c);
}

bool store_sessions_list(struct store *s, int64_t user_id, wall_ms_t now, struct store_caller c)
{
    (void)s;
    played.now = now;
    return asked("sessions_list", user_id, c);
}

bool store_session_end(struct store *s, int64_t user_id, struct slice sid, wall_ms_t now,
                       wall_ms_t until, struct store_caller c)
{
    (void)s;
    played.now = now;
    played.until = until;
    copy(sid, played.sid, sizeof played.sid);
    return asked("session_end", user_id, c);
}

bool store_sessions_end_all(struct store *s, int64_t user_id, wall_ms_t now, wall_ms_t until,
                            struct store_caller c)
{
    (void)s;
    played.now = now;
    played.until = until;
    return asked("sessions_end_all", user_id, c);
}

/* ---- the session keys ---- */

static void answer_key(void *arg)
{
    (void)arg;
    pass_time();
    played.key_fn(played.key_owner, played.key_id, played.found, slice_of(played.session_key));
}

void session_keys_get(struct session_keys *k, struct slice appid, int64_t user_id,
                      session_key_fn *done, void *owner, uint64_t id)
{
    (void)k;
    played.keys_asked++;
    copy(appid, played.key_app, sizeof played.key_app);
    played.key_user_id = user_id;
    played.key_fn = done;
    played.key_owner = owner;
    played.key_id = id;
    loop_defer(played.loop, answer_key, NULL);
}

void session_keys_forget(struct session_keys *k, struct slice appid, int64_t user_id)
{
    (void)k;
    played.keys_forgotten++;
    copy(appid, played.key_app, sizeof played.key_app);
    played.key_user_id = user_id;
}

/* ---- the watch ---- */

bool revocation_watch_loaded(const struct revocation_watch *w)
{
    (void)w;
    return !played.not_loaded;
}

bool revocation_watch_has(const struct revocation_watch *w, struct slice sid)
{
    (void)w;
    return played.ended_sid && slice_is(sid, played.ended_sid);
}

void revocation_watch_look(struct revocation_watch *w)
{
    (void)w;
    played.looks++;
}

void revocation_watch_announce(struct revocation_watch *w, const struct store_session *ended,
                               size_t n, wall_ms_t until)
{
    (void)w;
    played.announcements++;
    played.announced = n;
    played.announced_until = until;
    if (n > 0)
        copy(slice_of(ended[0].id), played.announced_sid, sizeof played.announced_sid);
}
