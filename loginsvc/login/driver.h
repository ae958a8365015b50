/* driver.h - carries out what the core of a login asks: claims codes, calls WeChat, reports tokens,
 * stores.
 *
 * Keeps what the core does not see (codes, openid, phone), gives it time and the newest token, and
 * finds a login by its id when an answer comes, as it may be over by then. Decides nothing that
 * core.h could decide; knows no HTTP. Loop thread only. */
#ifndef LOGINSVC_LOGIN_DRIVER_H
#define LOGINSVC_LOGIN_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/keyring.h"
#include "loginsvc/limits/address.h"
#include "loginsvc/limits/claims.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/core.h"
#include "loginsvc/login/outcome.h"
#include "loginsvc/login/session_keys.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"
#include "token/reader.h"
#include "wechat/client.h"

struct login_driver; /* opaque */

/* All borrowed; they outlive the driver's last login (see login_driver_free). */
struct login_parts {
    struct loop *loop;
    struct wechat_client *wechat;
    struct token_reader *tokens; /* watches every app that a login is begun with */
    struct store *store;
    const struct jwt_signer *signer;
    struct claims *claims;
    struct session_keys *session_keys;
    const struct keyring *master; /* DATA_KEY; borrowed for login_driver_new */
};

struct login_limits {
    int64_t timeout_ms;         /* of one login, from its beginning to its answer */
    int64_t jwt_ttl_ms;         /* of its access token */
    int64_t session_ttl_ms;     /* of its session, when the token is not refreshed */
    int64_t session_key_ttl_ms; /* how long WeChat's session_key is kept; 0 = not at all */
    size_t max_logins;          /* under way at once; more are refused */
    size_t store_queue;         /* operations that the store takes at once */
};

/* All borrowed for login_driver_start. */
struct login_request {
    struct app *app; /* the login counts itself among its users */
    enum login_kind kind;
    struct slice login_code;              /* printable, up to WECHAT_CODE_MAX bytes, as the ... */
    struct slice phone_code;              /* ... kind has it; else empty */
    const struct register_ticket *ticket; /* NULL: none. Its phone is the login's */
    int64_t user_id;                      /* LOGIN_BIND_PHONE: whose phone it becomes */
    struct slice nickname; /* these three: empty, or within the sizes of users/user.h */
    struct slice avatar;
    struct slice device;
    const struct client_address *client;
};

/* How it ended. Borrowed for the callback. */
struct login_answer {
    const struct login_outcome *outcome;
    int64_t took_us; /* since login_driver_start */
    struct slice appid;
};

typedef void login_done_fn(void *owner, uint64_t id, const struct login_answer *answer);

/* Who waits for the answer; owner outlives the driver, id is the caller's own. */
struct login_caller {
    login_done_fn *done;
    void *owner;
    uint64_t id;
};

struct login_driver *login_driver_new(const struct login_parts *parts,
                                      const struct login_limits *limits) MUST_CHECK;

/* Forgets the logins under way: nobody hears of them. To be called when no answer can come any more
 * (store, claims and WeChat client are gone), while the token reader still lives. NULL is allowed.
 */
void login_driver_free(struct login_driver *d);

/* Holds for logins that begin from now on. */
void login_driver_set_limits(struct login_driver *d, const struct login_limits *limits);

/* Begins a login; the request is copied. `caller` hears of its end exactly once, later, at the
 * latest when its time is over. LOGIN_OK: begun. Else nothing was asked of WeChat, the codes are
 * whole and nobody will be called: LOGIN_OVERLOADED, or LOGIN_STORE_FAILED while the database is
 * known to be away. */
enum login_ending login_driver_start(struct login_driver *d, const struct login_request *r,
                                     struct login_caller caller) MUST_CHECK;

struct login_driver_stats {
    size_t under_way;
    uint64_t late;           /* answers that no login waited for any more */
    uint64_t tokens_refused; /* by WeChat, during a login */
};
struct login_driver_stats login_driver_stats(const struct login_driver *d);

#endif
