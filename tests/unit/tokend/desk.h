/* desk.h - the refresh's operations on a real Redis, one at a time: what the core would ask for is
 * put on the desk, and the answer comes back as the core would get it. */
#ifndef TEST_TOKEND_DESK_H
#define TEST_TOKEND_DESK_H

#include "rig.h"

#include "redis/subscriber.h"
#include "server.h"
#include "tokend/refresh/store.h"

#define DESK_PREFIX "t"
#define DESK_APPID  "wx1"
#define DESK_APP    "t:{wx1}:" /* what the keys of the app begin with */

struct desk {
    struct server *server;
    struct loop *loop;
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    struct token_scripts scripts;
    struct store store; /* its owner may be changed: who asks for the lease next */

    /* What was published since it was last looked at. */
    int published;
    char message[256]; /* the last */

    /* The operation under way. */
    bool waiting;
    enum refresh_action_kind kind;
    struct refresh_event answer;
    int64_t fenced_by;
    struct lease_event lease_answer;
    char lease_holder[STORE_OWNER_MAX + 1];
    int64_t lease_epoch_held;
    char token[128], previous[128], intent[256]; /* what the answer's slices point at */
    struct desk_view *view;
};

struct desk *desk_open(void) MUST_CHECK;
void desk_close(struct desk *d);

/* The answer is valid until the next operation. */
const struct refresh_event *desk_run(struct desk *d, const struct refresh_action *a);
struct lease_event desk_run_lease(struct desk *d, const char *owner, enum lease_action_kind kind,
                                  int64_t epoch);

/* How many messages were published since the last call. */
int desk_published(struct desk *d);

/* ---- what stands in Redis ---- */

/* All of it at one moment. Texts are empty and numbers 0 where there is nothing; *_until are
 * moments on Redis's clock. */
struct desk_view {
    int64_t now;
    char access_token[64], previous_access_token[64];
    int64_t access_until, previous_until;
    char record_token[64], record_mode[16];
    int64_t record_version, record_issued_at, record_expires_at, record_until;
    int64_t version, epoch, day, issued_today, forced_at;
    char intent[256];
    char leader[32];
    int64_t leader_until, leader_epoch;
};
void desk_look(struct desk *d, struct desk_view *view);

/* Redis's clock, in milliseconds. */
int64_t desk_now(struct desk *d);

/* One command, words separated by blanks, and its answer as text (server_do). */
#define assert_redis(d, command, expected)                                                         \
    assert_string_equal(server_do((d)->server, (command)), (expected))

#endif
