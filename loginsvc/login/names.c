/* What kinds, states and endings of a login are called. */
#include "loginsvc/login/core.h"

const char *login_kind_name(enum login_kind k)
{
    static const char *const names[] = {
        [LOGIN_NO_KIND] = "none",          [LOGIN_BY_OPENID] = "by_openid",
        [LOGIN_BY_BOTH] = "by_both",       [LOGIN_LENIENT] = "lenient",
        [LOGIN_BY_PHONE] = "by_phone",     [LOGIN_BY_TICKET] = "by_ticket",
        [LOGIN_REGISTER] = "register",     [LOGIN_BIND_PHONE] = "bind_phone",
        [LOGIN_SHOW_PHONE] = "show_phone",
    };
    return names[k];
}

const char *login_state_name(enum login_state s)
{
    static const char *const names[] = {
        [LOGIN_NEW] = "new",           [LOGIN_CLAIMING] = "claiming",
        [LOGIN_CHECKING] = "checking", [LOGIN_EXCHANGING] = "exchanging",
        [LOGIN_STORING] = "storing",   [LOGIN_DONE] = "done",
    };
    return names[s];
}

const char *login_ending_name(enum login_ending e)
{
    static const char *const names[] = {
        [LOGIN_OK] = "ok",
        [LOGIN_NOT_REGISTERED] = "not_registered",
        [LOGIN_REFUSED] = "refused",
        [LOGIN_UNSURE] = "unsure",
        [LOGIN_UNREACHABLE] = "unreachable",
        [LOGIN_NO_TOKEN] = "no_token",
        [LOGIN_STORE_FAILED] = "store_failed",
        [LOGIN_USER_GONE] = "user_gone",
        [LOGIN_TICKET_USED] = "ticket_used",
        [LOGIN_CODE_USED] = "code_used",
        [LOGIN_LIMITED] = "limited",
        [LOGIN_BUDGET_SPENT] = "budget_spent",
        [LOGIN_OVERLOADED] = "overloaded",
        [LOGIN_REPEATED] = "repeated",
    };
    return names[e];
}
