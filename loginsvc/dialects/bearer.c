#include "loginsvc/dialects/bearer.h"

#include "log/log.h"
#include "sys/clock.h"

#define BEARER_METRICS(X)                                                                          \
    X(COUNTER, BEARER_CHECKS, "loginsvc_token_checks_total", "dialect,outcome",                    \
      "JWTs that clients or proxies had checked")

enum { BEARER_METRICS(METRIC_ID) };
static const struct metric_family families[] = {BEARER_METRICS(METRIC_FAMILY)};

void bearer_metrics_register(struct metrics *m)
{
    metrics_register(m, families, ARRAY_LEN(families));
}

/* JWT_TTL may be shorter than when the token was issued. An ended session is remembered as long as
 * JWT_TTL says now, so no token may live longer. In seconds, as the token has it. */
static bool is_over(const struct dialect_parts *p, const struct jwt_claims *c, wall_ms_t now)
{
    return now.ms / 1000 - c->iat_s >= (p->limits->jwt_ttl_ms + 999) / 1000;
}

/* NULL, or why the token is not good. */
static const char *check(const struct dialect_parts *p, struct slice token,
                         struct jwt_claims *claims)
{
    wall_ms_t now = clock_wall();
    enum jwt_reason reason = jwt_signer_verify(p->signer, token, now, claims);
    if (reason == JWT_OK && is_over(p, claims, now))
        reason = JWT_EXPIRED;
    if (reason != JWT_OK)
        return jwt_reason_name(reason);
    if (revocation_watch_has(p->revocations, slice_of(claims->sid)))
        return "ended";
    return apps_find(p->apps, slice_of(claims->appid)) ? NULL : "unknown_app";
}

static void count(const struct dialect_parts *p, const struct dialect *d, const char *outcome)
{
    counter_add(
        metrics_counter(p->metrics, &families[BEARER_CHECKS], METRIC_LABELS(d->name, outcome)), 1);
}

bool bearer_authorize(const struct dialect_parts *p, const struct dialect *d,
                      struct http_call *call, struct jwt_claims *claims)
{
    struct slice token = d->token(call);
    if (!revocation_watch_loaded(p->revocations)) { /* who was logged out is not known yet */
        count(p, d, "not_ready");
        dialect_fail_kind(d, call, FAILURE_OVERLOADED);
        return false;
    }
    const char *fault = token.p ? check(p, token, claims) : "none";
    count(p, d, fault ? fault : "ok");
    if (!fault)
        return true;
    log_debug("token.refused", LOG_STR("request_id", http_call_request_id(call)),
              LOG_STR("reason", fault));
    dialect_fail_kind(d, call, token.p ? FAILURE_INVALID_TOKEN : FAILURE_UNAUTHORIZED);
    return false;
}

bool bearer_claims(const struct dialect_parts *p, const struct dialect *d,
                   const struct http_call *call, struct jwt_claims *claims)
{
    struct slice token = d->token(call);
    return token.p && !check(p, token, claims);
}
