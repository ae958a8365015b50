/* failure.h - why a request is not answered as it hoped, in the words of HTTP and of the user.
 *
 * One table; the dialects choose from a row what their document has a place for. The texts say what
 * to do, for the person at the phone. Pure; any thread. */
#ifndef LOGINSVC_DIALECTS_FAILURE_H
#define LOGINSVC_DIALECTS_FAILURE_H

#include "loginsvc/login/core.h"

/* kind, HTTP status, stable code for programs, Retry-After in seconds (0: none), text. */
#define FAILURES(X)                                                                                \
    X(MALFORMED, 400, "malformed_request", 0, "请求格式错误")                                      \
    X(MISSING, 400, "missing_parameter", 0, "参数缺失")                                            \
    X(WRONG, 400, "wrong_parameter", 0, "参数格式错误")                                            \
    X(UNKNOWN_APP, 400, "unknown_app", 0, "未知的小程序")                                          \
    X(METHOD, 405, "method_not_allowed", 0, "请求方法错误，请使用 POST")                           \
    X(TOO_LARGE, 413, "body_too_large", 0, "请求内容过大")                                         \
    X(UNAUTHORIZED, 401, "unauthorized", 0, "未授权")                                              \
    X(INVALID_TOKEN, 401, "invalid_token", 0, "Token 无效或已过期")                                \
    X(INVALID_REFRESH, 401, "invalid_refresh_token", 0, "登录已过期，请重新登录")                  \
    X(NOT_REGISTERED, 404, "not_registered", 0, "没有注册")                                        \
    X(NOT_FOUND, 404, "not_found", 0, "没有找到")                                                  \
    X(CODE_USED, 409, "code_used", 0, "授权已被使用，请重新点击按钮授权")                          \
    X(TICKET_USED, 409, "ticket_used", 0, "该注册凭证已被使用，请直接登录")                        \
    X(NO_SESSION_KEY, 409, "no_session_key", 0, "登录信息已过期，请重新登录后再试")                \
    X(CODE_REFUSED, 422, "code_refused", 0, "授权已失效，请重新点击按钮授权")                      \
    X(INVALID_TICKET, 422, "invalid_ticket", 0, "注册凭证已失效，请重新点击按钮授权手机号")        \
    X(DECRYPT, 422, "decrypt_failed", 0, "手机号解密失败，请重新登录后再试")                       \
    X(TOO_OFTEN, 429, "too_many_requests", 60, "操作过于频繁，请一分钟后再试")                     \
    X(WECHAT_REFUSED, 502, "wechat_refused", 0, "登录服务暂不可用，请稍后再试")                    \
    X(WECHAT_BUSY, 503, "wechat_busy", 5, "微信系统繁忙，请稍后重新点击登录")                      \
    X(WECHAT_UNREACHABLE, 503, "wechat_unreachable", 5, "暂时无法连接微信，请稍后再试")            \
    X(WECHAT_QUOTA, 503, "wechat_quota", 3600, "今日登录服务的次数已用完，请明天再试或联系客服")   \
    X(PHONE_QUOTA, 503, "phone_quota", 3600, "手机号验证服务暂不可用，请使用其他方式登录")         \
    X(PHONE_BUDGET, 503, "phone_budget", 0, "今日手机号验证的次数已用完，请使用其他方式登录")      \
    X(NO_TOKEN, 503, "no_token", 5, "登录服务暂不可用，请稍后再试")                                \
    X(REDIS, 503, "redis_unavailable", 5, "系统繁忙，请稍后再试")                                  \
    X(STORE, 503, "database_unavailable", 5, "系统繁忙，请稍后重新点击登录")                       \
    X(OVERLOADED, 503, "overloaded", 1, "当前登录人数较多，请稍后再试")                            \
    X(WECHAT_SILENT, 504, "wechat_no_answer", 1, "微信没有及时回应，请重新点击登录")               \
    X(INTERNAL, 500, "internal_error", 0, "服务器错误")

enum failure_kind {
#define X(kind, status, code, retry_after_s, text) FAILURE_##kind,
    FAILURES(X)
#undef X
};

struct failure {
    enum failure_kind kind;
    int status;        /* of HTTP, where the document does not prescribe one */
    int errcode;       /* WeChat's number, 0 = none */
    int retry_after_s; /* 0: none */
    const char *code;  /* static */
    const char *text;  /* Chinese, static; WeChat's errors each have their own */
};

struct failure failure_of(enum failure_kind kind);

/* For every ending but LOGIN_OK. */
struct failure failure_of_login(const struct login_result *r);

#endif
