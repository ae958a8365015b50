#include "loginsvc/users/database_url.h"

#include <string.h>

enum { MYSQL_PORT = 3306, PORT_MAX = 65535 };

#define SQLITE_SHAPE "sqlite:///absolute/path"
#define MYSQL_SHAPE  "mysql://user[:password]@host[:port]/database"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes %XX into `out` with a NUL. False when the text is empty or does not fit, is not decodable
 * or hides a control byte. */
static bool decode(struct slice text, char *out, size_t size)
{
    struct text t = text_init(out, size);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if ((unsigned char)c < ' ' || c == 0x7f)
            return false;
        text_char(&t, c);
    }
    return t.n > 0 && !t.cut;
}

static bool parse_sqlite(struct slice path, struct database_url *u, struct err *e)
{
    u->kind = DATABASE_SQLITE;
    if (!slice_starts(path, "/") || !decode(path, u->path, sizeof u->path) ||
        path.p[path.n - 1] == '/')
        return err_set(e, "expected " SQLITE_SHAPE);
    return true;
}

/* host, host:port, [v6] or [v6]:port */
static bool parse_authority(struct slice authority, struct database_url *u)
{
    struct slice host, port = authority;
    if (slice_starts(authority, "[")) {
        port = (struct slice){authority.p + 1, authority.n - 1};
        host = slice_cut(&port, ']');
        if (!port.p || (port.n > 0 && port.p[0] != ':'))
            return false;
        port = port.n ? (struct slice){port.p + 1, port.n - 1} : (struct slice){NULL, 0};
    } else {
        host = slice_cut(&port, ':');
    }
    int64_t number = MYSQL_PORT;
    if (port.p && !slice_to_int(port, 1, PORT_MAX, &number))
        return false;
    u->port = (uint16_t)number;
    return decode(host, u->host, sizeof u->host);
}

/* The last @ divides: one inside a password need not be encoded. */
static bool split_credentials(struct slice *rest, struct slice *credentials)
{
    const char *at = rest->n ? memrchr(rest->p, '@', rest->n) : NULL;
    if (!at)
        return false;
    *credentials = (struct slice){rest->p, (size_t)(at - rest->p)};
    *rest = (struct slice){at + 1, rest->n - credentials->n - 1};
    return true;
}

static bool parse_credentials(struct slice credentials, struct database_url *u)
{
    char password[DATABASE_URL_MAX];
    struct slice rest = credentials, user = slice_cut(&rest, ':');
    bool good = decode(user, u->user, sizeof u->user);
    if (good && rest.p) {
        good = rest.n == 0 || decode(rest, password, sizeof password);
        if (good && rest.n)
            secret_set(&u->password, slice_of(password));
    }
    bytes_wipe(password, sizeof password);
    return good;
}

static bool parse_mysql(struct slice rest, struct database_url *u, struct err *e)
{
    u->kind = DATABASE_MYSQL;
    struct slice credentials;
    if (!split_credentials(&rest, &credentials))
        return err_set(e, "expected " MYSQL_SHAPE);
    struct slice name = rest, authority = slice_cut(&name, '/');
    if (!parse_credentials(credentials, u) || !parse_authority(authority, u) ||
        !decode(name, u->name, sizeof u->name) || strpbrk(u->name, "/?#"))
        return err_set(e, "expected " MYSQL_SHAPE);
    return true;
}

static bool parse(struct slice text, struct database_url *u, struct err *e)
{
    if (text.n > DATABASE_URL_MAX)
        return err_set(e, "longer than %d characters", DATABASE_URL_MAX);
    if (slice_starts(text, "sqlite://"))
        return parse_sqlite((struct slice){text.p + 9, text.n - 9}, u, e);
    if (slice_starts(text, "mysql://"))
        return parse_mysql((struct slice){text.p + 8, text.n - 8}, u, e);
    return err_set(e, "expected " SQLITE_SHAPE " or " MYSQL_SHAPE);
}

bool database_url_parse(struct slice text, struct database_url *u, struct err *e)
{
    *u = (struct database_url){0};
    if (parse(text, u, e))
        return true;
    database_url_wipe(u);
    return false;
}

void database_url_wipe(struct database_url *u)
{
    secret_wipe(&u->password);
    *u = (struct database_url){0};
}
