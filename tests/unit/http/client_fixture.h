/* client_fixture.h - a client on a loop, and answers kept for looking at. */
#ifndef TESTS_HTTP_CLIENT_FIXTURE_H
#define TESTS_HTTP_CLIENT_FIXTURE_H

#include "http/client.h"
#include "support.h"

struct answer {
    int calls; /* of the callback */
    enum http_outcome outcome;
    int status, host;
    int64_t elapsed_us;
    size_t body_n;
    char body[4096]; /* its beginning */
    char error[256];
};

struct fixture {
    struct loop *loop;
    struct http_client *client;
};

/* The client's options; NULL for the defaults. */
struct fixture fixture_new(const struct http_client_options *options);
void fixture_free(struct fixture *f);

/* A list of bases in which each %d is a port, for GET /x with a timeout of PATIENCE_MS. */
struct http_request request_to(const char *bases, ...) PRINTF_LIKE(1, 2);

/* Sends with `answer`, which is cleared, as the place for what comes. Drops the hosts' reference.
 */
uint64_t fixture_send(struct fixture *f, struct http_request *req, struct answer *answer);

/* Sends and waits. */
void fixture_ask(struct fixture *f, struct http_request *req, struct answer *answer);

bool is_answered(void *answer);
void fixture_wait(struct fixture *f, struct answer *answer);

#endif
