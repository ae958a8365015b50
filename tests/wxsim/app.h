/* app.h - one app at WeChat: its secret, what is wrong with its account, its two token families and
 * its call limits.
 *
 * Knows no HTTP and no texts of tokens: those are book.h's. Pure: time is an argument. One thread.
 */
#ifndef WXSIM_APP_H
#define WXSIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/text.h"
#include "base/times.h"
#include "wxsim/errcodes.h"
#include "wxsim/family.h"

enum { APPID_MAX = 64, SECRET_MAX = 128 };

/* One moment on both clocks: lifetimes run on the monotonic one, days and stamps on the other. */
struct instant {
    mono_ms_t mono;
    wall_ms_t wall;
};

/* What the simulated platform grants; every limit 0 = none. */
struct rules {
    int64_t lifetime_ms; /* of a token */
    int64_t overlap_ms;  /* of the previous token; also how early the stable family renews */
    int64_t code_ttl_ms;
    int64_t classic_per_day;
    int64_t stable_per_day;
    int64_t stable_per_minute;
    int64_t forced_per_day;
    int64_t forced_gap_ms;
    int64_t phone_per_minute;
};

/* What can be wrong with an account, in the order in which WeChat looks: name, errcode. */
#define APP_TROUBLES(X)                                                                            \
    X(frozen, WX_SECRET_FROZEN)                                                                    \
    X(ip_refused, WX_BAD_IP)                                                                       \
    X(ip_pending, WX_IP_PENDING)                                                                   \
    X(call_pending, WX_CALL_PENDING)                                                               \
    X(punished, WX_PUNISHED)                                                                       \
    X(account_frozen, WX_ACCOUNT_FROZEN)

struct app_troubles {
#define X(name, errcode) bool name;
    APP_TROUBLES(X)
#undef X
};

enum token_family { FAMILY_CLASSIC, FAMILY_STABLE, FAMILIES };

/* How much of a limit was used in the period that is running. */
struct quota {
    int64_t period;
    int64_t used;
};

struct app {
    uint32_t number;
    char appid[APPID_MAX + 1];
    struct secret secret;
    struct app_troubles troubles;
    bool unauthorized;        /* the account may not ask for phone numbers: 48001 */
    bool country_code_number; /* countryCode as a JSON number */
    bool extra_fields;        /* fields in the answers that nobody has heard of */
    int64_t token_chars;      /* length of its tokens */

    struct family families[FAMILIES];
    mono_ms_t last_forced;
    struct quota classic_day, stable_day, stable_minute, forced_day, phone_minute, clear_month;

    struct {
        uint64_t issued[FAMILIES]; /* in answer to its callers */
        uint64_t displaced;        /* by "another environment" */
        uint64_t dead_token_uses;
    } counts;
};

/* A token as a fetch gives it. */
struct grant {
    enum token_family family;
    uint64_t serial;
    int64_t expires_in_s;
    bool fresh; /* issued by this very call */
};

/* appid has APPID_MAX bytes at most. */
struct app *app_new(uint32_t number, struct slice appid, struct slice secret) MUST_CHECK;
void app_free(struct app *a); /* NULL is allowed */

/* As if just made: no tokens, no trouble, nothing used; serials go on, the secret stays. */
void app_restart(struct app *a);

/* The errcode of the first trouble, 0 when there is none. */
int app_trouble(const struct app *a);

/* GET /cgi-bin/token: a new token each time. 0 with *out, else the errcode. */
int app_fetch_classic(struct app *a, const struct rules *r, struct instant now,
                      struct grant *out) MUST_CHECK;

/* POST /cgi-bin/stable_token: the current token until it comes near its end; forced, a new one
 * unless the last forced one is too recent. 0 with *out, else the errcode. */
int app_fetch_stable(struct app *a, const struct rules *r, bool forced, struct instant now,
                     struct grant *out) MUST_CHECK;

/* Another environment with the same secret gets itself a token of this family: *out. */
void app_displace(struct app *a, const struct rules *r, enum token_family family,
                  struct instant now, struct grant *out);

/* Counts one getuserphonenumber: 0 or 45011. */
int app_count_phone_call(struct app *a, const struct rules *r, struct instant now) MUST_CHECK;

/* clear_quota: the day's fetches are as if not made. 0, or 48006 after ten times in a month. */
int app_clear_quota(struct app *a, struct instant now) MUST_CHECK;

#endif
