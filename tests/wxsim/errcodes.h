/* errcodes.h - the error numbers that wxsim answers, with api.weixin.qq.com's own English.
 *
 * On purpose nothing is shared with shared/wechat: what checks the product must not read the
 * protocol with the product's eyes. Texts as captured from the real service where they are known,
 * else after the official tables. */
#ifndef WXSIM_ERRCODES_H
#define WXSIM_ERRCODES_H

#define WX_ERRCODES(X)                                                                             \
    X(WX_OK, 0, "ok")                                                                              \
    X(WX_BUSY, -1, "system error")                                                                 \
    X(WX_BAD_CREDENTIAL, 40001, "invalid credential, access_token is invalid or not latest")       \
    X(WX_BAD_GRANT_TYPE, 40002, "invalid grant_type")                                              \
    X(WX_BAD_APPID, 40013, "invalid appid")                                                        \
    X(WX_BAD_TOKEN, 40014, "invalid access_token")                                                 \
    X(WX_BAD_CODE, 40029, "invalid code")                                                          \
    X(WX_BAD_URL, 40066, "invalid url")                                                            \
    X(WX_BAD_ARGS, 40097, "invalid args")                                                          \
    X(WX_BAD_SECRET, 40125, "invalid appsecret")                                                   \
    X(WX_CODE_USED, 40163, "code been used")                                                       \
    X(WX_BAD_IP, 40164, "invalid ip")                                                              \
    X(WX_CODE_BLOCKED, 40226, "code blocked")                                                      \
    X(WX_SECRET_FROZEN, 40243, "appsecret is frozen, please unfreeze it and call again")           \
    X(WX_TOKEN_MISSING, 41001, "access_token missing")                                             \
    X(WX_APPID_MISSING, 41002, "appid missing")                                                    \
    X(WX_SECRET_MISSING, 41004, "appsecret missing")                                               \
    X(WX_CODE_MISSING, 41008, "missing code")                                                      \
    X(WX_TOKEN_EXPIRED, 42001, "access_token expired")                                             \
    X(WX_NEED_POST, 43002, "require POST method")                                                  \
    X(WX_EMPTY_POST, 44002, "empty post data")                                                     \
    X(WX_DAY_LIMIT, 45009, "reach max api daily quota limit")                                      \
    X(WX_MINUTE_LIMIT, 45011, "api minute-quota reach limit, must slower, retry next minute")      \
    X(WX_BAD_DATA, 47001, "data format error")                                                     \
    X(WX_UNAUTHORIZED, 48001, "api unauthorized")                                                  \
    X(WX_CLEAR_LIMIT, 48006, "forbid to clear quota because of reaching the limit")                \
    X(WX_USER_LIMITED, 50002, "user limited")                                                      \
    X(WX_PUNISHED, 50004, "user not allow to use accesstoken, maybe for punishment")               \
    X(WX_ACCOUNT_FROZEN, 50007, "account is frozen")                                               \
    X(WX_PATH_FORBIDDEN, 76003, "rid or cgi_path is not yours")                                    \
    X(WX_PATH_UNKNOWN, 76021, "cgi_path not found, please check")                                  \
    X(WX_PATH_NO_QUOTA, 76022, "could not use this cgi_path, no permission")                       \
    X(WX_NO_SESSION, 87007, "session_key is not existd or expired")                                \
    X(WX_BAD_SIG_METHOD, 87008, "invalid sig_method")                                              \
    X(WX_BAD_SIGNATURE, 87009, "invalid signature")                                                \
    X(WX_IP_PENDING, 89501, "this ip is waiting for the administrator's confirmation")             \
    X(WX_CALL_PENDING, 89503, "this call needs the administrator's confirmation, please wait")     \
    X(WX_IP_REFUSED_DAY, 89506, "this ip was refused twice, not again within 24 hours")            \
    X(WX_IP_REFUSED_HOUR, 89507, "this ip was refused, not again within an hour")

enum wx_errcode {
#define X(name, number, text) name = (number),
    WX_ERRCODES(X)
#undef X
};

#endif
