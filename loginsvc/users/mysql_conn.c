#include "loginsvc/users/mysql_conn.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loginsvc/users/cutoff.h"
#include "loginsvc/users/mysql_fault.h"
#include "sys/clock.h"

/* Names are looked up and passwords encrypted on the stack of a non-blocking call. */
enum { CALL_STACK_BYTES = 256 << 10 };

/* A way that a firewall forgot is noticed while nobody waits for it. */
enum { KEEPALIVE_IDLE_S = 60, KEEPALIVE_PAUSE_S = 10, KEEPALIVE_TIMES = 3 };

static const char *const set_up[] = {
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    /* The shortest lock wait there is: whoever holds a lock for longer is in trouble. */
    "SET SESSION autocommit = 1, innodb_lock_wait_timeout = 1",
    "SET SESSION lock_wait_timeout = 1",
    ("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
     "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"),
};

/* ---- waiting ---- */

static short poll_events(int wanted)
{
    int events = 0;
    if (wanted & MYSQL_WAIT_READ)
        events |= POLLIN;
    if (wanted & MYSQL_WAIT_WRITE)
        events |= POLLOUT;
    if (wanted & MYSQL_WAIT_EXCEPT)
        events |= POLLPRI;
    return (short)events;
}

static int left_ms(mono_ms_t until)
{
    int64_t left = mono_between(clock_mono(), until);
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* What the library still tries on it fails at once: over TLS it would not hear of a time-out, and
 * would wait by itself for the rest of an answer. */
static void shut(const struct mysql_conn *c)
{
    shutdown((int)mysql_get_socket(c->raw), SHUT_RDWR);
}

int mysql_conn_wait(struct mysql_conn *c, int wanted)
{
    struct pollfd p = {.fd = mysql_get_socket(c->raw), .events = poll_events(wanted)};
    int n;
    do {
        n = poll(&p, 1, left_ms(c->until));
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return wanted & ~MYSQL_WAIT_TIMEOUT;
    c->timed_out = true;
    shut(c);
    return MYSQL_WAIT_TIMEOUT;
}

/* ---- errors ---- */

/* The server quotes values, which may be a person's, in errors about a statement's data. */
static int length_without_values(const char *detail, enum err_class class, bool conflict)
{
    bool about_data = class == ERR_BUG || conflict;
    return (int)(about_data ? strcspn(detail, "'") : strlen(detail));
}

static void describe(const struct mysql_conn *c, unsigned number, const char *detail,
                     struct db_error *e)
{
    struct mysql_fault f = mysql_fault_of(number, detail);
    if (c->timed_out) {
        db_fail(e, ERR_BACKOFF, "mysql: no answer in time (%u)", number);
        return;
    }
    int n = length_without_values(detail, f.class, f.conflict);
    db_fail(e, f.class, "mysql: %.*s (%u)%s", n, detail, number,
            mysql_fault_advice(number, detail, c->tls));
    /* What a lost connection had begun, the server undoes. */
    e->again = f.conflict || (f.lost && f.class == ERR_BACKOFF);
}

bool mysql_conn_fail(struct mysql_conn *c, unsigned number, const char *detail, struct db_error *e)
{
    describe(c, number, detail, e);
    if (c->timed_out || mysql_fault_of(number, detail).lost)
        mysql_conn_give_up(c, e);
    return false;
}

void mysql_conn_give_up(struct mysql_conn *c, const struct db_error *why)
{
    if (!c->lost)
        c->why = *why;
    c->lost = true;
    shut(c);
}

static bool failed(struct mysql_conn *c, struct db_error *e)
{
    return mysql_conn_fail(c, mysql_errno(c->raw), mysql_error(c->raw), e);
}

/* ---- statements ---- */

static bool query(struct mysql_conn *c, const char *sql)
{
    int code = 0;
    int wanted = mysql_real_query_start(&code, c->raw, sql, strlen(sql));
    while (wanted)
        wanted = mysql_real_query_cont(&code, c->raw, mysql_conn_wait(c, wanted));
    return code == 0;
}

bool mysql_conn_exec(struct mysql_conn *c, const char *sql, struct db_error *e)
{
    return query(c, sql) || failed(c, e);
}

static MYSQL_RES *store_result(struct mysql_conn *c)
{
    MYSQL_RES *rows = NULL;
    int wanted = mysql_store_result_start(&rows, c->raw);
    while (wanted)
        wanted = mysql_store_result_cont(&rows, c->raw, mysql_conn_wait(c, wanted));
    return rows;
}

bool mysql_conn_number(struct mysql_conn *c, const char *sql, int64_t *out, struct db_error *e)
{
    MYSQL_RES *rows = query(c, sql) ? store_result(c) : NULL;
    if (!rows)
        return failed(c, e);
    MYSQL_ROW row = mysql_fetch_row(rows);
    *out = row && row[0] ? strtoll(row[0], NULL, 10) : 0;
    mysql_free_result(rows);
    return true;
}

/* ---- open and close ---- */

static void set_options(MYSQL *raw)
{
    const unsigned off = 0, tcp = MYSQL_PROTOCOL_TCP; /* also to "localhost" */
    const size_t stack = CALL_STACK_BYTES;
    ASSERT(mysql_options(raw, MYSQL_OPT_NONBLOCK, &stack) == 0);
    mysql_options(raw, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(raw, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(raw, MYSQL_OPT_LOCAL_INFILE, &off); /* a server asks for no file of ours */
}

/* TLS in the library's non-blocking calls (3.3) reads and writes a socket that blocks: with these
 * limits it soon comes back and asks us to wait. */
static void come_back_soon(int fd)
{
    const struct timeval soon = {.tv_usec = 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
}

/* `cutoff` may be NULL. */
static bool connect_to(struct mysql_conn *c, const struct database_url *to, struct cutoff *cutoff)
{
    MYSQL *connected = NULL;
    int wanted = mysql_real_connect_start(&connected, c->raw, to->host, to->user,
                                          secret_reveal(&to->password).p, to->name, to->port, NULL,
                                          CLIENT_FOUND_ROWS);
    while (wanted) {
        int ready = mysql_conn_wait(c, wanted);
        if (cutoff)
            cutoff_aim(cutoff, (int)mysql_get_socket(c->raw));
        wanted = mysql_real_connect_cont(&connected, c->raw, ready);
    }
    return connected != NULL;
}

/* In the handshake of TLS the library (3.3) waits by itself, at each step anew. */
static bool connect_in_time(struct mysql_conn *c, const struct database_url *to,
                            const struct mysql_tls *tls, struct db_error *e)
{
    ASSERT(!tls->on || mysql_tls_verifies(to->host));
    struct cutoff *cutoff = tls->on ? cutoff_new(c->until) : NULL;
    if (tls->on && !cutoff)
        return db_fail(e, ERR_BACKOFF, "mysql: the system has no thread or descriptor left");
    bool connected = connect_to(c, to, cutoff);
    c->timed_out |= cutoff_free(cutoff);
    if (!connected) {
        failed(c, e);
        e->again = false;
    }
    return connected;
}

static void keep_alive(int fd)
{
    const int on = 1, idle = KEEPALIVE_IDLE_S, pause = KEEPALIVE_PAUSE_S, times = KEEPALIVE_TIMES;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof pause);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
}

/* A variable that the server does not have (TiDB lacks some) is none to set. */
static bool set_session(struct mysql_conn *c, struct db_error *e)
{
    enum { UNKNOWN_VARIABLE = 1193 };
    for (size_t i = 0; i < ARRAY_LEN(set_up); i++) {
        if (!mysql_conn_exec(c, set_up[i], e) && mysql_errno(c->raw) != UNKNOWN_VARIABLE)
            return false;
    }
    return true;
}

bool mysql_conn_open(struct mysql_conn *c, const struct database_url *to,
                     const struct mysql_tls *tls, mono_ms_t until, struct db_error *e)
{
    *c = (struct mysql_conn){.raw = mysql_init(NULL), .tls = tls->on, .until = until};
    ASSERT(c->raw != NULL);
    set_options(c->raw);
    mysql_tls_set(tls, c->raw);
    if (connect_in_time(c, to, tls, e)) {
        keep_alive((int)mysql_get_socket(c->raw));
        if (tls->on)
            come_back_soon((int)mysql_get_socket(c->raw));
        if (set_session(c, e))
            return true;
    }
    mysql_conn_close(c);
    return false;
}

void mysql_conn_close(struct mysql_conn *c)
{
    if (c->raw)
        mysql_close(c->raw);
    *c = (struct mysql_conn){.until = c->until};
}
