/* cgi.h - tokend in WeChat's own shape, for SDKs that are told another base URL:
 * GET /cgi-bin/token and POST /cgi-bin/stable_token, an API key in place of the appsecret.
 *
 * Both hand out the token that tokend keeps, whatever its mode. Errors are WeChat's: HTTP 200 with
 * errcode and errmsg, in WeChat's order: 43002 (stable_token by GET), 41002, 40013 (no such app, or
 * not for this key), 41004, 40125 (nobody's key, or one without the scope read), 40002; -1 while
 * there is no living token. Where no client is configured any secret will do, but not none: every
 * SDK sends one. `force_refresh` counts as a report about the current token, given the scope
 * report; else it is ignored. Loop thread. */
#ifndef API_CGI_H
#define API_CGI_H

#include "http/server.h"
#include "tokend/api/clients.h"
#include "tokend/refresh/fleet.h"

struct cgi; /* opaque */

/* All borrowed; they outlive the server's last call. */
struct cgi_parts {
    struct http_server *server;
    struct fleet *fleet;
    const struct store *store;
    const struct clients *clients;
};

/* Adds the routes. */
struct cgi *cgi_new(const struct cgi_parts *parts) MUST_CHECK;
void cgi_free(struct cgi *c); /* NULL is allowed */

#endif
