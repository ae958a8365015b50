#include "loginsvc/dialects/failure.h"

#include "wechat/errcode.h"

static const struct failure rows[] = {
#define X(kind, status, code, retry_after_s, text)                                                 \
    [FAILURE_##kind] = {FAILURE_##kind, (status), 0, (retry_after_s), (code), (text)},
    FAILURES(X)
#undef X
};

struct failure failure_of(enum failure_kind kind)
{
    return rows[kind];
}

/* WeChat refused a code, for a reason that has a number. */
static enum failure_kind refused(const struct login_result *r)
{
    switch (r->error_class) {
    case ERR_USER:
        return r->errcode == WECHAT_CODE_USED ? FAILURE_CODE_USED : FAILURE_CODE_REFUSED;
    case ERR_BACKOFF:
        return r->errcode == WECHAT_MINUTE_LIMIT ? FAILURE_TOO_OFTEN : FAILURE_WECHAT_REFUSED;
    case ERR_QUOTA:
        return FAILURE_WECHAT_QUOTA;
    case ERR_OPERATOR:
        return r->errcode == WECHAT_PHONE_QUOTA ? FAILURE_PHONE_QUOTA : FAILURE_WECHAT_REFUSED;
    case ERR_NONE:
    case ERR_RETRY:
    case ERR_UNKNOWN:
    case ERR_TOKEN:
    case ERR_BUG:
        return FAILURE_WECHAT_REFUSED;
    }
    return FAILURE_INTERNAL;
}

static const enum failure_kind KIND_OF[LOGIN_ENDINGS] = {
    [LOGIN_OK] = FAILURE_INTERNAL,
    [LOGIN_NOT_REGISTERED] = FAILURE_NOT_REGISTERED,
    [LOGIN_REFUSED] = FAILURE_WECHAT_REFUSED, /* see refused() */
    [LOGIN_UNSURE] = FAILURE_WECHAT_SILENT,
    [LOGIN_UNREACHABLE] = FAILURE_WECHAT_UNREACHABLE,
    [LOGIN_NO_TOKEN] = FAILURE_NO_TOKEN,
    [LOGIN_STORE_FAILED] = FAILURE_STORE,
    [LOGIN_USER_GONE] = FAILURE_INVALID_TOKEN,
    [LOGIN_TICKET_USED] = FAILURE_TICKET_USED,
    [LOGIN_CODE_USED] = FAILURE_CODE_USED,
    [LOGIN_LIMITED] = FAILURE_TOO_OFTEN,
    [LOGIN_BUDGET_SPENT] = FAILURE_PHONE_BUDGET,
    [LOGIN_OVERLOADED] = FAILURE_OVERLOADED,
    [LOGIN_REPEATED] = FAILURE_INTERNAL,
};

static enum failure_kind kind_of(const struct login_result *r)
{
    if (r->ending == LOGIN_REFUSED)
        return refused(r);
    if (r->ending == LOGIN_UNSURE && r->errcode == WECHAT_BUSY)
        return FAILURE_WECHAT_BUSY;
    return KIND_OF[r->ending];
}

struct failure failure_of_login(const struct login_result *r)
{
    struct failure f = rows[kind_of(r)];
    f.errcode = r->errcode;
    if (r->retry_after_ms > 0)
        f.retry_after_s = (int)((r->retry_after_ms + 999) / 1000);
    if (r->ending == LOGIN_REFUSED)
        f.text = wechat_user_text(r->errcode);
    return f;
}
