/* The calls of store.h that start an operation: each copies its input into a job. */
#include <string.h>

#include "loginsvc/users/store.h"
#include "loginsvc/users/store_job.h"

static void take(struct store_job *job, struct slice text, char *out, size_t size)
{
    if (!slice_copy(text, out, size))
        job->op.invalid = true;
}

static struct store_job *about_user(const struct store *s, enum operation_kind kind,
                                    int64_t user_id, wall_ms_t now, struct store_caller c)
{
    struct store_job *job = store_job_new(s, kind, c);
    job->op.user_id = user_id;
    job->op.in.now = now;
    return job;
}

static void take_phone(struct store_job *job, struct slice phone, struct slice country_code)
{
    struct store_login *in = &job->op.in;
    take(job, phone, in->phone, sizeof in->phone);
    take(job, country_code, in->country_code, sizeof in->country_code);
}

static void take_session_id(struct store_job *job, struct slice id)
{
    take(job, id, job->op.session_id, sizeof job->op.session_id);
}

/* ---- logins ---- */

bool store_login(struct store *s, const struct store_login *in, struct store_caller c)
{
    ASSERT(in->appid[0] && (in->openid[0] || in->phone[0]) && in->session.id[0]);
    ASSERT(in->phone[0] || !in->ticket[0]);
    struct store_job *job = store_job_new(s, OPERATION_LOGIN, c);
    job->op.in = *in;
    return store_job_submit(s, job);
}

bool store_check_ticket(struct store *s, struct slice ticket, struct store_caller c)
{
    struct store_job *job = store_job_new(s, OPERATION_CHECK_TICKET, c);
    take(job, ticket, job->op.in.ticket, sizeof job->op.in.ticket);
    return store_job_submit(s, job);
}

/* ---- users ---- */

bool store_find_by_phone(struct store *s, struct slice appid, struct slice phone,
                         struct slice country_code, struct store_caller c)
{
    struct store_job *job = store_job_new(s, OPERATION_FIND_BY_PHONE, c);
    take(job, appid, job->op.in.appid, sizeof job->op.in.appid);
    take_phone(job, phone, country_code);
    return store_job_submit(s, job);
}

bool store_get_user(struct store *s, int64_t user_id, struct store_caller c)
{
    return store_job_submit(s, about_user(s, OPERATION_GET_USER, user_id, (wall_ms_t){0}, c));
}

bool store_set_phone(struct store *s, int64_t user_id, struct slice phone,
                     struct slice country_code, wall_ms_t now, struct store_caller c)
{
    struct store_job *job = about_user(s, OPERATION_SET_PHONE, user_id, now, c);
    take_phone(job, phone, country_code);
    return store_job_submit(s, job);
}

bool store_user_update(struct store *s, const struct store_profile *in, struct store_caller c)
{
    struct store_job *job = about_user(s, OPERATION_USER_UPDATE, in->user_id, in->now, c);
    struct operation *op = &job->op;
    op->has_nickname = in->has_nickname;
    op->has_avatar = in->has_avatar;
    memcpy(op->in.nickname, in->nickname, sizeof op->in.nickname);
    memcpy(op->in.avatar, in->avatar, sizeof op->in.avatar);
    return store_job_submit(s, job);
}

bool store_user_erase(struct store *s, int64_t user_id, wall_ms_t now, wall_ms_t until,
                      struct store_caller c)
{
    struct store_job *job = about_user(s, OPERATION_USER_ERASE, user_id, now, c);
    job->op.until = until;
    return store_job_submit(s, job);
}

/* ---- sessions ---- */

bool store_session_check(struct store *s, struct slice session_id, wall_ms_t now,
                         struct store_caller c)
{
    struct store_job *job = store_job_new(s, OPERATION_SESSION_CHECK, c);
    job->op.in.now = now;
    take_session_id(job, session_id);
    return store_job_submit(s, job);
}

bool store_session_rotate(struct store *s, const struct store_rotation *in, struct store_caller c)
{
    struct store_job *job = store_job_new(s, OPERATION_SESSION_ROTATE, c);
    struct operation *op = &job->op;
    memcpy(op->session_id, in->sid, sizeof op->session_id);
    memcpy(op->old_hash, in->old_hash, sizeof op->old_hash);
    memcpy(op->in.session.refresh_hash, in->new_hash, sizeof op->in.session.refresh_hash);
    op->in.session.expires_at = in->expires_at;
    op->in.now = in->now;
    op->until = in->until;
    return store_job_submit(s, job);
}

bool store_sessions_list(struct store *s, int64_t user_id, wall_ms_t now, struct store_caller c)
{
    return store_job_submit(s, about_user(s, OPERATION_SESSIONS_LIST, user_id, now, c));
}

bool store_session_end(struct store *s, int64_t user_id, struct slice sid, wall_ms_t now,
                       wall_ms_t until, struct store_caller c)
{
    struct store_job *job = about_user(s, OPERATION_SESSION_END, user_id, now, c);
    job->op.until = until;
    take_session_id(job, sid);
    return store_job_submit(s, job);
}

bool store_sessions_end_all(struct store *s, int64_t user_id, wall_ms_t now, wall_ms_t until,
                            struct store_caller c)
{
    struct store_job *job = about_user(s, OPERATION_SESSIONS_END_ALL, user_id, now, c);
    job->op.until = until;
    return store_job_submit(s, job);
}

bool store_revocations_after(struct store *s, wall_ms_t revoked_at, struct slice sid, wall_ms_t now,
                             struct store_caller c)
{
    struct store_job *job = store_job_new(s, OPERATION_REVOCATIONS_AFTER, c);
    job->op.revoked_at = revoked_at;
    job->op.in.now = now;
    take_session_id(job, sid);
    return store_job_submit(s, job);
}

/* ---- health ---- */

bool store_purge(struct store *s, wall_ms_t now, struct store_caller c)
{
    struct store_job *job = store_job_new(s, OPERATION_PURGE, c);
    job->op.in.now = now;
    return store_job_submit(s, job);
}

bool store_ping(struct store *s, struct store_caller c)
{
    return store_job_submit(s, store_job_new(s, OPERATION_PING, c));
}
