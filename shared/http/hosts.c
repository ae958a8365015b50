#include "http/hosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct host {
    char base[HTTP_BASE_MAX + 1];
    size_t len;
    bool failed;             /* at its last trial */
    mono_ms_t avoided_until; /* when failed: left out before, tried by one request after */
};

struct http_hosts {
    size_t refs;
    size_t n;
    struct host hosts[HTTP_HOSTS_MAX];
};

/* ---- parsing ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

/* Cuts "host" or "[v6]" off the front of *rest. */
static bool cut_host(struct slice *rest)
{
    size_t n = 0;
    if (rest->n > 0 && rest->p[0] == '[') {
        n = 1;
        while (n < rest->n &&
               (isxdigit((unsigned char)rest->p[n]) || rest->p[n] == ':' || rest->p[n] == '.'))
            n++;
        if (n < 3 || n == rest->n || rest->p[n] != ']')
            return false;
        n++;
    } else {
        while (n < rest->n && is_name_char(rest->p[n]))
            n++;
    }
    *rest = (struct slice){rest->p + n, rest->n - n};
    return n > 0;
}

/* Cuts ":port" off the front of *rest, where there is one. */
static bool cut_port(struct slice *rest)
{
    int64_t port;
    if (rest->n == 0 || rest->p[0] != ':')
        return true;
    size_t n = 1;
    while (n < rest->n && isdigit((unsigned char)rest->p[n]))
        n++;
    if (!slice_to_int((struct slice){rest->p + 1, n - 1}, 1, 65535, &port))
        return false;
    *rest = (struct slice){rest->p + n, rest->n - n};
    return true;
}

static bool is_path_prefix(struct slice path)
{
    if (path.n > 0 && path.p[0] != '/')
        return false;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (!is_name_char(c) && c != '/' && c != '~' && c != '%')
            return false;
    }
    return true;
}

static bool is_base(struct slice base)
{
    size_t scheme = slice_starts(base, "https://") ? 8 : slice_starts(base, "http://") ? 7 : 0;
    struct slice rest = {base.p + scheme, base.n - scheme};
    return scheme > 0 && base.n <= HTTP_BASE_MAX && cut_host(&rest) && cut_port(&rest) &&
           is_path_prefix(rest);
}

/* A user name may come with a password: what holds one is not repeated. */
static bool refuse_base(struct slice base, struct err *e)
{
    if (base.n && memchr(base.p, '@', base.n))
        return err_set(e, "a base URL must not hold a user name");
    return err_set(e, "not a base URL: \"%.*s\" (expected http[s]://host[:port][/prefix])",
                   (int)(base.n < 64 ? base.n : 64), base.n ? base.p : "");
}

static bool add_base(struct http_hosts *h, struct slice base, struct err *e)
{
    if (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (!is_base(base))
        return refuse_base(base, e);
    if (h->n == HTTP_HOSTS_MAX)
        return err_set(e, "more than %d base URLs", (int)HTTP_HOSTS_MAX);
    struct host *host = &h->hosts[h->n++];
    host->len = base.n;
    return slice_copy(base, host->base, sizeof host->base);
}

struct http_hosts *http_hosts_parse(struct slice list, struct err *e)
{
    struct http_hosts *h = xcalloc(1, sizeof *h);
    h->refs = 1;
    do {
        if (!add_base(h, slice_trim(slice_cut(&list, ',')), e)) {
            http_hosts_unref(h);
            return NULL;
        }
    } while (list.p);
    return h;
}

/* ---- references and reading ---- */

struct http_hosts *http_hosts_ref(struct http_hosts *h)
{
    h->refs++;
    return h;
}

void http_hosts_unref(struct http_hosts *h)
{
    if (h && --h->refs == 0)
        free(h);
}

size_t http_hosts_count(const struct http_hosts *h)
{
    return h->n;
}

struct slice http_hosts_base(const struct http_hosts *h, size_t i)
{
    ASSERT(i < h->n);
    return (struct slice){h->hosts[i].base, h->hosts[i].len};
}

/* ---- choosing ---- */

static bool is_avoided(const struct host *host, mono_ms_t now)
{
    return host->failed && !mono_reached(now, host->avoided_until);
}

static int choose(struct http_hosts *h, unsigned tried, bool avoided, mono_ms_t now)
{
    for (size_t i = 0; i < h->n; i++) {
        if (!(tried & 1u << i) && is_avoided(&h->hosts[i], now) == avoided)
            return (int)i;
    }
    return -1;
}

int http_hosts_next(struct http_hosts *h, unsigned *tried, mono_ms_t now)
{
    int i = choose(h, *tried, false, now);
    if (i < 0)
        i = choose(h, *tried, true, now);
    if (i < 0)
        return -1;
    *tried |= 1u << i;
    /* This request tries the host that failed; the others wait for what it finds. */
    if (h->hosts[i].failed)
        h->hosts[i].avoided_until = mono_after(now, HTTP_HOST_AVOIDED_MS);
    return i;
}

void http_hosts_failed(struct http_hosts *h, size_t i, mono_ms_t now)
{
    ASSERT(i < h->n);
    h->hosts[i].failed = true;
    h->hosts[i].avoided_until = mono_after(now, HTTP_HOST_AVOIDED_MS);
}

void http_hosts_reached(struct http_hosts *h, size_t i)
{
    ASSERT(i < h->n);
    h->hosts[i].failed = false;
}
