#include "http/route.h"

#include <string.h>

static bool is_param(struct slice segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

static void check_pattern(const struct http_route *route)
{
    size_t params = 0;
    struct slice all = slice_of(route->pattern), rest = all;
    ASSERT(slice_starts(all, "/"));
    ASSERT(!(route->flags & HTTP_ROUTE_SLASH) || all.p[all.n - 1] != '/');
    while (rest.p) {
        struct slice segment = slice_cut(&rest, '/');
        if (is_param(segment))
            params++;
        else
            ASSERT(segment.n == 0 ||
                   (!memchr(segment.p, '{', segment.n) && !memchr(segment.p, '}', segment.n)));
    }
    ASSERT(params <= ROUTE_PARAMS_MAX);
}

void route_tables_add(struct route_tables *t, const struct http_route *routes, size_t n, void *arg)
{
    ASSERT(t->n < ROUTE_TABLES_MAX);
    for (size_t i = 0; i < n; i++) {
        ASSERT(routes[i].handler != NULL);
        check_pattern(&routes[i]);
    }
    t->v[t->n].routes = routes;
    t->v[t->n].n = n;
    t->v[t->n].arg = arg;
    t->n++;
}

/* Walks pattern and path side by side; leaves the values of {…} in params. */
static bool matches(const struct http_route *route, struct slice path, struct slice *params,
                    size_t *nparams)
{
    struct slice pattern = slice_of(route->pattern);
    *nparams = 0;
    if (route->flags & HTTP_ROUTE_SLASH && path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    while (pattern.p && path.p) {
        struct slice want = slice_cut(&pattern, '/');
        struct slice have = slice_cut(&path, '/');
        if (is_param(want) && have.n > 0)
            params[(*nparams)++] = have;
        else if (is_param(want) || !slice_eq(want, have))
            return false;
    }
    return !pattern.p && !path.p;
}

static unsigned methods_of(const struct http_route *route)
{
    unsigned set = 1u << route->method | 1u << HTTP_OPTIONS;
    return route->method == HTTP_GET ? set | 1u << HTTP_HEAD : set;
}

/* A route of one's own for HEAD or OPTIONS goes before what a GET or the server would do. */
static bool is_better(const struct http_route *now, const struct http_route *candidate,
                      enum http_method method)
{
    if (candidate->method == method)
        return !now || now->method != method;
    return !now && method == HTTP_HEAD && candidate->method == HTTP_GET;
}

static void consider(const struct http_route *route, void *arg, enum http_method method,
                     struct slice path, struct route_match *out)
{
    struct slice params[ROUTE_PARAMS_MAX];
    size_t n;
    if (!matches(route, path, params, &n))
        return;
    out->allowed |= methods_of(route);
    if (!out->at_path)
        out->at_path = route;
    if (!is_better(out->route, route, method))
        return;
    out->route = route;
    out->arg = arg;
    out->nparams = n;
    memcpy(out->params, params, n * sizeof params[0]);
}

void route_find(const struct route_tables *t, enum http_method method, struct slice path,
                struct route_match *out)
{
    *out = (struct route_match){0};
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->v[i].n; k++)
            consider(&t->v[i].routes[k], t->v[i].arg, method, path, out);
    }
}

int route_param_index(const char *pattern, const char *name)
{
    int i = 0;
    struct slice rest = slice_of(pattern);
    while (rest.p) {
        struct slice segment = slice_cut(&rest, '/');
        if (!is_param(segment))
            continue;
        if (slice_is((struct slice){segment.p + 1, segment.n - 2}, name))
            return i;
        i++;
    }
    return -1;
}

void route_allow(unsigned allowed, struct text *out)
{
    const char *between = "";
    for (int m = 0; m < HTTP_METHOD_COUNT; m++) {
        if (!(allowed & 1u << m))
            continue;
        text_str(out, between);
        text_str(out, http_method_name((enum http_method)m));
        between = ", ";
    }
}
