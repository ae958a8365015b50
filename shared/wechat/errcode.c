#include "wechat/errcode.h"

#include <stdlib.h>

struct row {
    int number;
    enum err_class by_secret, by_token;
    const char *text;
    const char *user_text; /* NULL: that of the class */
};

static const struct row rows[] = {
#define X(number, name, by_secret, by_token, text, user_text)                                      \
    {(number), ERR_##by_secret, ERR_##by_token, text, user_text},
    WECHAT_ERRCODES(X)
#undef X
};

/* What the table's absence of a row means, in every column. */
static const struct row unlisted = {0, ERR_BACKOFF, ERR_BACKOFF, "unknown errcode", NULL};

static int compare_numbers(const void *key, const void *row)
{
    int number = *(const int *)key, other = ((const struct row *)row)->number;
    return (number > other) - (number < other);
}

static const struct row *row_of(int errcode)
{
    const struct row *row =
        bsearch(&errcode, rows, ARRAY_LEN(rows), sizeof rows[0], compare_numbers);
    return row ? row : &unlisted;
}

enum err_class wechat_class_by_secret(int errcode)
{
    return row_of(errcode)->by_secret;
}

enum err_class wechat_class_by_token(int errcode)
{
    return row_of(errcode)->by_token;
}

const char *wechat_errcode_text(int errcode)
{
    return row_of(errcode)->text;
}

const char *wechat_user_text(int errcode)
{
    const struct row *row = row_of(errcode);
    return row->user_text ? row->user_text : wechat_user_text_of_class(row->by_token);
}

const char *wechat_user_text_of_class(enum err_class c)
{
    switch (c) {
    case ERR_NONE:
        return "操作成功";
    case ERR_RETRY:
    case ERR_BACKOFF:
    case ERR_TOKEN:
        return "微信服务暂时不可用，请稍后再试";
    case ERR_UNKNOWN: /* the code may be spent, so the same tap cannot be sent again */
        return "网络异常，请重新点击按钮授权";
    case ERR_USER:
        return "授权已失效，请重新点击按钮授权";
    case ERR_QUOTA:
        return "今日服务次数已用完，请明天再试或联系客服";
    case ERR_OPERATOR:
    case ERR_BUG:
        return "登录服务暂不可用，请稍后再试或联系客服";
    }
    return "";
}
