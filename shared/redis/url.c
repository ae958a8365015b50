#include "redis/url.h"

#include <string.h>

enum { PORT_REDIS = 6379, PORT_SENTINEL = 26379 };

/*    scheme    prefix                default port of its hosts */
#define SCHEMES(X)                                                                                 \
    X(TCP, "redis://", PORT_REDIS)                                                                 \
    X(TLS, "rediss://", PORT_REDIS)                                                                \
    X(UNIX, "unix://", 0)                                                                          \
    X(SENTINEL, "redis-sentinel://", PORT_SENTINEL)

static const struct scheme_row {
    const char *prefix;
    int default_port;
} scheme_rows[] = {
#define X(name, prefix, port) [REDIS_SCHEME_##name] = {prefix, port},
    SCHEMES(X)
#undef X
};

/* What stands behind the scheme, still encoded; p is NULL where the separator was not there. */
struct pieces {
    struct slice userinfo; /* before the last @ of the authority */
    struct slice hosts;
    struct slice path;  /* after the first / */
    struct slice query; /* after the first ? */
};

static struct slice slice_from(struct slice s, size_t at)
{
    return (struct slice){s.p + at, s.n - at};
}

/* Cuts s in two at its first (or last) `sep`; without one, *before is all and *after stays NULL. */
static void split(struct slice s, char sep, bool at_last, struct slice *before, struct slice *after)
{
    const char *at = s.n == 0 ? NULL : at_last ? memrchr(s.p, sep, s.n) : memchr(s.p, sep, s.n);
    *before = s;
    *after = (struct slice){NULL, 0};
    if (!at)
        return;
    *before = (struct slice){s.p, (size_t)(at - s.p)};
    *after = slice_from(s, before->n + 1);
}

static struct pieces take_apart(struct slice s)
{
    struct pieces x;
    struct slice authority, path_and_query, head, tail;
    split(s, '?', false, &path_and_query, &x.query);
    split(path_and_query, '/', false, &authority, &x.path);
    split(authority, '@', true, &head, &tail);
    x.userinfo = tail.p ? head : (struct slice){NULL, 0};
    x.hosts = tail.p ? tail : head;
    return x;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes s into out with a NUL; false when malformed, too long, or it decodes to NUL. */
static bool decode(struct slice s, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0 || n + 1 >= size)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

static bool parse_userinfo(struct slice s, struct redis_url *u, struct err *e)
{
    struct slice user, password;
    char plain[1024];
    if (!s.p)
        return true;
    split(s, ':', false, &user, &password);
    if (!decode(user, u->user, sizeof u->user))
        return err_set(e, "the user is too long or not percent-encoded");
    if (password.n == 0)
        return err_set(e, "a user or @ without a password: write user:password@ or :password@");
    bool ok = decode(password, plain, sizeof plain);
    if (ok)
        secret_set(&u->password, slice_of(plain));
    bytes_wipe(plain, sizeof plain);
    return ok || err_set(e, "the password is too long or not percent-encoded");
}

static bool is_host_name(struct slice s, bool bracketed)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '.' || c == '-' || c == '_';
        if (!plain && !(bracketed && (c == ':' || c == '%')))
            return false;
    }
    return s.n > 0;
}

/* Splits "host:port" or "[v6]:port"; false when brackets or colons do not match up. */
static bool split_host(struct slice s, struct slice *name, struct slice *port, bool *bracketed)
{
    struct slice rest;
    *bracketed = s.n > 0 && s.p[0] == '[';
    if (!*bracketed) {
        split(s, ':', false, name, port);
        return true;
    }
    split(slice_from(s, 1), ']', false, name, &rest);
    if (!rest.p || (rest.n > 0 && rest.p[0] != ':'))
        return false;
    *port = rest.n > 0 ? slice_from(rest, 1) : (struct slice){NULL, 0};
    return true;
}

static bool parse_host(struct slice s, int default_port, struct redis_host *h, struct err *e)
{
    struct slice name, port;
    bool bracketed;
    int64_t number = default_port;
    if (!split_host(s, &name, &port, &bracketed))
        return err_set(e, "an IPv6 address stands in brackets: [::1] or [::1]:6379");
    if (!is_host_name(name, bracketed) || !slice_copy(name, h->name, sizeof h->name))
        return err_set(e, "no host, or one with characters that no host name has (a password with "
                          "/ ? # or @ must be percent-encoded)");
    if (port.p && !slice_to_int(port, 1, 65535, &number))
        return err_set(e, "the port must be a number from 1 to 65535 (an IPv6 address stands in "
                          "brackets)");
    h->port = (int)number;
    return true;
}

static bool parse_hosts(struct slice s, struct redis_url *u, struct err *e)
{
    size_t max = u->scheme == REDIS_SCHEME_SENTINEL ? REDIS_URL_HOSTS : 1;
    do {
        if (u->nhosts == max)
            return err_set(e, "more than %zu host%s", max, max == 1 ? "" : "s");
        struct slice one = slice_cut(&s, ',');
        if (!parse_host(one, scheme_rows[u->scheme].default_port, &u->hosts[u->nhosts], e))
            return false;
        u->nhosts++;
    } while (s.p);
    return true;
}

static bool parse_db(struct slice s, struct redis_url *u, struct err *e)
{
    int64_t db = 0;
    if (s.n > 0 && !slice_to_int(s, 0, REDIS_URL_DB_MAX, &db))
        return err_set(e, "the database must be a number from 0 to %d", REDIS_URL_DB_MAX);
    u->db = (int)db;
    return true;
}

static bool parse_unix(struct pieces x, struct redis_url *u, struct err *e)
{
    if (x.hosts.n > 0 || x.path.n == 0)
        return err_set(e, "a Unix socket needs an absolute path: unix:///run/redis.sock");
    u->path[0] = '/';
    if (!decode(x.path, u->path + 1, sizeof u->path - 1))
        return err_set(e, "the path is longer than %zu bytes or not percent-encoded",
                       sizeof u->path - 1);
    if (!x.query.p)
        return true;
    if (!slice_starts(x.query, "db="))
        return err_set(e, "the only parameter of a Unix socket is db=N");
    return parse_db(slice_from(x.query, 3), u, e);
}

static bool parse_network(struct pieces x, struct redis_url *u, struct err *e)
{
    struct slice db = x.path;
    if (x.query.p)
        return err_set(e, "no parameters are known after ?");
    if (!parse_hosts(x.hosts, u, e))
        return false;
    if (u->scheme == REDIS_SCHEME_SENTINEL) {
        struct slice master = slice_cut(&db, '/');
        if (master.n == 0 || !decode(master, u->master, sizeof u->master))
            return err_set(e, "the master's name is missing: "
                              "redis-sentinel://host:port,host:port/master-name");
    }
    return parse_db(db, u, e);
}

static bool parse_scheme(struct slice *text, enum redis_scheme *out, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(scheme_rows); i++) {
        if (!slice_starts(*text, scheme_rows[i].prefix))
            continue;
        *out = (enum redis_scheme)i;
        *text = slice_from(*text, strlen(scheme_rows[i].prefix));
        if (*out == REDIS_SCHEME_TLS && !redis_url_has_tls())
            return err_set(e, "rediss:// needs a hiredis with TLS (libhiredis 1.x), which this "
                              "build does not have");
        return true;
    }
    return err_set(e, "must start with redis://, rediss://, unix:// or redis-sentinel://");
}

bool redis_url_parse(struct slice text, struct redis_url *out, struct err *e)
{
    redis_url_wipe(out);
    if (!parse_scheme(&text, &out->scheme, e))
        return false;
    struct pieces x = take_apart(text);
    bool ok = parse_userinfo(x.userinfo, out, e) &&
              (out->scheme == REDIS_SCHEME_UNIX ? parse_unix(x, out, e) : parse_network(x, out, e));
    if (!ok)
        redis_url_wipe(out);
    return ok;
}

void redis_url_wipe(struct redis_url *u)
{
    secret_wipe(&u->password);
    memset(u, 0, sizeof *u);
}

void redis_url_copy(struct redis_url *to, const struct redis_url *from)
{
    ASSERT(to != from);
    redis_url_wipe(to);
    *to = *from;
    to->password = (struct secret){NULL, 0};
    secret_set(&to->password, secret_reveal(&from->password));
}

static void print_host(struct text *t, const struct redis_host *h)
{
    bool brackets = strchr(h->name, ':') != NULL;
    text_fmt(t, "%s%s%s:%d", brackets ? "[" : "", h->name, brackets ? "]" : "", h->port);
}

static void print_place(struct text *t, const struct redis_url *u)
{
    for (size_t i = 0; i < u->nhosts; i++) {
        if (i > 0)
            text_char(t, ',');
        print_host(t, &u->hosts[i]);
    }
    text_str(t, u->path);
    if (u->scheme == REDIS_SCHEME_SENTINEL) {
        text_char(t, '/');
        text_urlencode(t, slice_of(u->master));
    }
    text_fmt(t, u->scheme == REDIS_SCHEME_UNIX ? "?db=%d" : "/%d", u->db);
}

const char *redis_url_print(const struct redis_url *u, char out[REDIS_URL_TEXT_SIZE])
{
    struct text t = text_init(out, REDIS_URL_TEXT_SIZE);
    text_str(&t, scheme_rows[u->scheme].prefix);
    text_urlencode(&t, slice_of(u->user));
    if (secret_is_set(&u->password))
        text_str(&t, ":***@");
    print_place(&t, u);
    return out;
}

bool redis_url_has_tls(void)
{
#ifdef REDIS_HAS_TLS
    return true;
#else
    return false;
#endif
}
