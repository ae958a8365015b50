/* route.h - finds the route of a request. Pure; internal to the server. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "http/server.h"

enum {
    ROUTE_TABLES_MAX = 32,
    ROUTE_PARAMS_MAX = 4, /* {…} in one pattern */
};

struct route_tables {
    struct {
        const struct http_route *routes;
        size_t n;
        void *arg;
    } v[ROUTE_TABLES_MAX];
    size_t n;
};

struct route_match {
    const struct http_route *route; /* NULL: no route takes this method at this path */
    void *arg;
    unsigned allowed;                 /* methods that the path takes, as 1u << method; 0: no path */
    const struct http_route *at_path; /* some route of that path; NULL: none */
    struct slice params[ROUTE_PARAMS_MAX]; /* of the route, not decoded */
    size_t nparams;
};

/* Adds a table; asserts that its patterns are well-formed. */
void route_tables_add(struct route_tables *t, const struct http_route *routes, size_t n, void *arg);

/* path: as sent, without query. */
void route_find(const struct route_tables *t, enum http_method method, struct slice path,
                struct route_match *out);

/* The index in params of {name}; -1 when the pattern has none of that name. */
int route_param_index(const char *pattern, const char *name);

/* Writes "GET, HEAD, OPTIONS" for a set of methods. */
void route_allow(unsigned allowed, struct text *out);

#endif
