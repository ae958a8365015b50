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
    case ERR_NONE:
    case ERR_RETRY:
    case ERR_UNKNOWN:
    case ERR_TOKEN:
    case ERR_OPERATOR:
    case ERR_BUG:
        return FAILURE_WECHAT_REFUSED;
    }
    return FAILURE_INTERNAL;
}

static enum failure_kind kind_of(const struct login_result *r)
{
    switch (r->ending) {
    case LOGIN_NOT_REGISTERED:
        return FAILURE_NOT_REGISTERED;
    case LOGIN_REFUSED:
        return refused(r);
    case LOGIN_UNSURE:
        return r->errcode == WECHAT_BUSY ? FAILURE_WECHAT_BUSY : FAILURE_WECHAT_SILENT;
    case LOGIN_UNREACHABLE:
        return FAILURE_WECHAT_UNREACHABLE;
    case LOGIN_NO_TOKEN:
        return FAILURE_NO_TOKEN;
    case LOGIN_STORE_FAILED:
        return FAILURE_STORE;
    case LOGIN_OVERLOADED:
        return FAILURE_OVERLOADED;
    case LOGIN_OK:
    case LOGIN_ENDINGS:
        return FAILURE_INTERNAL;
    }
    return FAILURE_INTERNAL;
}

struct failure failure_of_login(const struct login_result *r)
{
    struct failure f = rows[kind_of(r)];
    f.errcode = r->errcode;
    if (r->ending == LOGIN_REFUSED)
        f.text = wechat_user_text(r->errcode);
    return f;
}
