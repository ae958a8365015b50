/* errcode.h - WeChat's error numbers: what each means, what to do about it, what to tell a user.
 *
 * One table (errcode.c) for every number that the calls of api.h can meet; nothing else in the
 * project may know a number's meaning. Pure, any thread. Numbers are compared, never errmsg: its
 * wording varies. Source: the official error tables and captured answers of api.weixin.qq.com. */
#ifndef WECHAT_ERRCODE_H
#define WECHAT_ERRCODE_H

#include "base/err.h"

/* number, name, class in a call that carries the appsecret (fetch a token, jscode2session), class
 * in a call that carries an access_token, English text for logs, Chinese text for the person at the
 * phone (NULL: the general text of the class). Sorted by number. */
#define WECHAT_ERRCODES(X)                                                                         \
    X(-1, BUSY, BACKOFF, BACKOFF, "system busy", "微信系统繁忙，请稍后再试")                       \
    X(0, OK, NONE, NONE, "ok", NULL)                                                               \
    X(40001, INVALID_CREDENTIAL, OPERATOR, TOKEN, "invalid credential", NULL)                      \
    X(40002, INVALID_GRANT_TYPE, BUG, BUG, "invalid grant_type", NULL)                             \
    X(40013, INVALID_APPID, OPERATOR, OPERATOR, "invalid appid",                                   \
      "授权与当前小程序不匹配，请退出小程序重新进入，仍有问题请联系客服")                          \
    X(40014, INVALID_TOKEN, OPERATOR, TOKEN, "invalid access_token", NULL)                         \
    X(40029, INVALID_CODE, USER, USER, "invalid or expired code",                                  \
      "授权已失效，请重新点击按钮授权")                                                            \
    X(40066, INVALID_URL, BUG, BUG, "invalid url", NULL)                                           \
    X(40097, INVALID_ARGUMENT, BUG, BUG, "invalid argument", NULL)                                 \
    X(40125, INVALID_APPSECRET, OPERATOR, OPERATOR, "invalid appsecret",                           \
      "登录服务正在维护，请稍后再试或联系客服")                                                    \
    X(40163, CODE_USED, USER, USER, "code was used already", "授权已被使用，请重新点击按钮授权")   \
    X(40164, IP_NOT_ALLOWED, OPERATOR, OPERATOR, "our IP is not in the whitelist", NULL)           \
    X(40226, RISKY_USER, USER, USER, "user is rated high-risk, login blocked",                     \
      "该微信账号存在安全风险，暂时无法登录，请在微信中按提示解除限制或联系客服")                  \
    X(40234, INVALID_SIGNATURE, OPERATOR, OPERATOR, "invalid request signature", NULL)             \
    X(40243, APPSECRET_FROZEN, OPERATOR, OPERATOR, "appsecret is frozen", NULL)                    \
    X(41001, TOKEN_MISSING, BUG, TOKEN, "access_token missing", NULL)                              \
    X(41002, APPID_MISSING, BUG, BUG, "appid missing", NULL)                                       \
    X(41004, APPSECRET_MISSING, BUG, BUG, "appsecret missing", NULL)                               \
    X(41008, CODE_MISSING, BUG, BUG, "code missing", NULL)                                         \
    X(42001, TOKEN_EXPIRED, OPERATOR, TOKEN, "access_token expired", NULL)                         \
    X(43002, POST_REQUIRED, BUG, BUG, "POST required", NULL)                                       \
    X(43003, HTTPS_REQUIRED, OPERATOR, OPERATOR, "https required", NULL)                           \
    X(44002, EMPTY_POST, BUG, BUG, "empty post data", NULL)                                        \
    X(45009, DAY_LIMIT, QUOTA, QUOTA, "daily limit reached",                                       \
      "今日登录服务的次数已用完，请明天再试或联系客服")                                            \
    X(45011, MINUTE_LIMIT, BACKOFF, BACKOFF, "minute limit reached",                               \
      "操作过于频繁，请一分钟后再试")                                                              \
    X(47001, DATA_FORMAT, BUG, BUG, "data format error", NULL)                                     \
    X(48001, UNAUTHORIZED, OPERATOR, OPERATOR, "api unauthorized for this account", NULL)          \
    X(48004, FORBIDDEN, OPERATOR, OPERATOR, "api forbidden for irregularities", NULL)              \
    X(48006, CLEAR_LIMIT, QUOTA, QUOTA, "limit of quota resets reached", NULL)                     \
    X(50002, USER_LIMITED, OPERATOR, OPERATOR, "account is restricted", NULL)                      \
    X(50004, TOKEN_FORBIDDEN, OPERATOR, OPERATOR, "account may not fetch tokens", NULL)            \
    X(50007, ACCOUNT_FROZEN, OPERATOR, OPERATOR, "account is frozen", NULL)                        \
    X(61024, PLATFORM_TOKEN, OPERATOR, OPERATOR, "app needs its platform's token", NULL)           \
    X(76001, RID_NOT_FOUND, BUG, BUG, "rid not found", NULL)                                       \
    X(76002, RID_INVALID, BUG, BUG, "invalid rid", NULL)                                           \
    X(76003, RID_FOREIGN, BUG, BUG, "rid or path of another account", NULL)                        \
    X(76004, RID_EXPIRED, BUG, BUG, "rid expired", NULL)                                           \
    X(76021, PATH_NOT_FOUND, BUG, BUG, "cgi_path not found", NULL)                                 \
    X(76022, PATH_NO_QUOTA, BUG, BUG, "cgi_path has no quota to ask for", NULL)                    \
    X(87007, SESSION_EXPIRED, USER, USER, "session_key expired", "登录已过期，请重新登录")         \
    X(87008, INVALID_SIG_METHOD, BUG, BUG, "invalid sig_method", NULL)                             \
    X(87009, SESSION_SIGNATURE, USER, USER, "session_key is not the current one",                  \
      "登录已过期，请重新登录")                                                                    \
    X(89501, IP_PENDING, OPERATOR, OPERATOR, "our IP waits for the administrator", NULL)           \
    X(89503, CALL_PENDING, OPERATOR, OPERATOR, "call waits for the administrator", NULL)           \
    X(89506, IP_REFUSED_DAY, OPERATOR, OPERATOR, "administrator refused our IP for 24 h", NULL)    \
    X(89507, IP_REFUSED_HOUR, OPERATOR, OPERATOR, "administrator refused our IP for 1 h", NULL)    \
    X(1400001, PHONE_QUOTA, OPERATOR, OPERATOR, "no paid phone verifications left",                \
      "手机号验证服务暂不可用，请使用其他方式登录或联系客服")

/* WECHAT_BUSY, WECHAT_INVALID_CREDENTIAL, ... A number that is not listed is legal too: int. */
enum wechat_errcode {
#define X(number, name, by_secret, by_token, text, user_text) WECHAT_##name = (number),
    WECHAT_ERRCODES(X)
#undef X
};

/* What to do about `errcode` in answer to a call that carried the appsecret (a token fetch,
 * jscode2session): 40001 means a wrong secret here. Unknown numbers give ERR_BACKOFF: an answer of
 * WeChat's that may pass, not worth hammering. 0 gives ERR_NONE. */
enum err_class wechat_class_by_secret(int errcode);

/* The same for a call that carried an access_token: 40001, 40014, 41001, 42001 give ERR_TOKEN. */
enum err_class wechat_class_by_token(int errcode);

/* English, for logs; "unknown errcode" when not in the table. Static. */
const char *wechat_errcode_text(int errcode);

/* Chinese, for the person at the phone: says what to do. Never NULL, never a number. Static. */
const char *wechat_user_text(int errcode);

/* The general text of a class, for failures that have no errcode (time-out, no connection). */
const char *wechat_user_text_of_class(enum err_class c);

#endif
