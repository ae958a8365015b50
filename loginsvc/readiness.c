#include "loginsvc/readiness.h"

static size_t apps_without_token(const struct readiness *r)
{
    size_t missing = 0;
    for (size_t i = 0; i < apps_count(r->apps); i++) {
        struct token_view token;
        if (!token_reader_get(r->tokens, app_id(apps_at(r->apps, i)), &token))
            missing++;
    }
    return missing;
}

static void reply(const struct readiness *r, struct http_call *call, bool database)
{
    bool redis = redis_client_ready(r->redis);
    size_t missing = apps_without_token(r);
    bool revocations = revocation_watch_loaded(r->revocations);
    json_t *checks = json_pack("{s:b,s:b,s:b,s:I,s:I}", "database", database, "redis", redis,
                               "revocations", revocations, "apps", (json_int_t)apps_count(r->apps),
                               "apps_without_token", (json_int_t)missing);
    health_reply(r->health, call, database && revocations && (redis || missing == 0), checks);
}

static void on_ping(void *owner, uint64_t id, const struct store_result *result)
{
    struct readiness *r = owner;
    struct http_call *call = http_server_find(r->server, id);
    if (call)
        reply(r, call, result->status == STORE_OK);
}

void readiness_answer(struct http_call *call, void *arg)
{
    struct readiness *r = arg;
    struct store_caller caller = {on_ping, r, http_call_id(call)};
    if (!store_ping(r->store, caller)) /* its queue is full */
        reply(r, call, false);
}
