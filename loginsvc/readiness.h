/* readiness.h - what GET /readyz of loginsvc answers: ready is who could log somebody in now,
 * because the database takes writes, the ended sessions are known, and there is a token for every
 * app or at least Redis to get one from. Loop thread only. */
#ifndef LOGINSVC_READINESS_H
#define LOGINSVC_READINESS_H

#include "daemon/health.h"
#include "http/server.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/sessions/revocation_watch.h"
#include "loginsvc/users/store.h"
#include "redis/client.h"
#include "token/reader.h"

/* All borrowed; they outlive the server's last call. */
struct readiness {
    const struct health *health; /* made with readiness_answer and this */
    struct http_server *server;
    struct redis_client *redis;
    struct token_reader *tokens;
    const struct apps *apps;
    struct store *store;
    const struct revocation_watch *revocations;
};

/* For health_new, with a struct readiness. */
void readiness_answer(struct http_call *call, void *arg);

#endif
