/* users: TLS to MySQL: a server is verified or refused, with a line that says why, before it hears
 * anything. That all the rest works over TLS, too, is shown by test_users_mysql and
 * test_users_mysql_away, which run over it once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certificates.h"
#include "greeter.h"
#include "loginsvc/users/mysql_conn.h"
#include "loginsvc/users/reseal.h"
#include "sys/clock.h"
#include "users_fixture.h"

enum { SOON_MS = 2000, SLACK_MS = 2500, HOUR_S = 3600 };

#define OUR_HOST "IP:" MARIADB_HOST

static mono_ms_t soon(void)
{
    return mono_after(clock_mono(), SOON_MS);
}

/* With the fixture's URL and TLS. */
static bool open_conn(const struct fixture *f, struct mysql_conn *c, struct db_error *e)
{
    struct database_url url;
    struct mysql_tls tls = fixture_tls(f);
    assert_true(database_url_parse(slice_of(f->url), &url, &e->line));
    bool open = mysql_conn_open(c, &url, &tls, soon(), e);
    database_url_wipe(&url);
    return open;
}

static void set_server(struct fixture *f, uint16_t port)
{
    snprintf(f->url, sizeof f->url,
             "mysql://" MARIADB_USER ":" MARIADB_PASSWORD "@" MARIADB_HOST ":%u/%s", port, f->name);
}

static void assert_says(const char *line, const char *what)
{
    if (!strstr(line, what))
        fail_msg("\"%s\" does not say \"%s\"", line, what);
    assert_null(strstr(line, MARIADB_PASSWORD));
}

static void assert_refused(struct fixture *f, const char *why, const char *what_to_do)
{
    struct err e = {""};
    fixture_close(f);
    assert_false(fixture_open(f, KEY_A, 0, &e));
    assert_says(e.text, why);
    assert_says(e.text, what_to_do);
}

/* As a managed server, in place of what it asks of our user alone. */
static void want_tls_of_everybody(void)
{
    mariadb_server_sql(fixture_server(), NULL, "SET GLOBAL require_secure_transport = ON");
    mariadb_server_sql(fixture_server(), NULL, "ALTER USER " MARIADB_USER " REQUIRE NONE");
}

static int fixture_down_as_before(void **state)
{
    mariadb_server_sql(fixture_server(), NULL, "SET GLOBAL require_secure_transport = OFF");
    mariadb_server_sql(fixture_server(), NULL, "ALTER USER " MARIADB_USER " REQUIRE SSL");
    mariadb_server_certify(fixture_server(), OUR_HOST, HOUR_S);
    unsetenv("SSL_CERT_FILE");
    return fixture_down(state);
}

/* ---- the server is verified ---- */

static void tls_is_what_it_says(void **state)
{
    struct fixture *f = *state;
    struct mysql_conn c;
    struct db_error e;
    int64_t encrypted = 0;
    fixture_must_log_in(f, "openid-1");
    if (!open_conn(f, &c, &e))
        fail_msg("%s", e.line.text);
    assert_true(mysql_conn_number(&c,
                                  "SELECT variable_value <> '' FROM"
                                  " information_schema.session_status"
                                  " WHERE variable_name = 'Ssl_cipher'",
                                  &encrypted, &e));
    assert_int_equal(encrypted, 1);
    mysql_conn_close(&c);
}

static void a_server_that_wants_tls_refuses_who_comes_without(void **state)
{
    struct fixture *f = *state;
    want_tls_of_everybody();
    fixture_must_log_in(f, "openid-1");
    f->tls = false;
    assert_refused(f, "mysql: ", "DATABASE_TLS=on"); /* MariaDB 10.11 says it is the password */
}

static void a_certificate_of_another_ca_is_refused(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/test_tls.XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct certificates *others = certificates_new(folder);
    f->tls_ca = certificates_ca(others);
    assert_refused(f, "ertificate", "DATABASE_TLS_CA");
    assert_int_equal(unlink(certificates_ca(others)), 0);
    assert_int_equal(rmdir(folder), 0);
    certificates_free(others);
}

static void a_certificate_for_another_host_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const others[] = {"DNS:db.example.com", "IP:127.0.0.3", "DNS:localhost"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        mariadb_server_certify(fixture_server(), others[i], HOUR_S);
        assert_refused(f, "host", "DATABASE_URL");
    }
}

static void a_certificate_that_is_over_is_refused(void **state)
{
    struct fixture *f = *state;
    mariadb_server_certify(fixture_server(), OUR_HOST, -1);
    assert_refused(f, "expired", "renew");
}

static void the_systems_cas_are_those_who_count_where_none_is_named(void **state)
{
    struct fixture *f = *state;
    struct err e = {""};
    f->tls_ca = NULL;
    assert_refused(f, "ertificate", "DATABASE_TLS_CA");
    setenv("SSL_CERT_FILE", mariadb_server_ca(fixture_server()), 1);
    if (!fixture_open(f, KEY_A, 0, &e))
        fail_msg("%s", e.text);
    fixture_must_log_in(f, "openid-1");
}

static void a_file_without_a_ca_is_named(void **state)
{
    struct mysql_tls tls;
    struct err e;
    (void)state;
    assert_false(mysql_tls_init(&tls, "/nowhere/ca.pem", &e));
    assert_says(e.text, "cannot open /nowhere/ca.pem");
    assert_false(mysql_tls_init(&tls, "/proc/self/status", &e));
    assert_says(e.text, "/proc/self/status holds no certificate in PEM");
}

/* ---- what it hears before that ---- */

static void a_server_without_tls_hears_nothing(void **state)
{
    struct fixture *f = *state;
    struct greeter *g = greeter_new(GREETER_WITHOUT_TLS);
    size_t n;
    set_server(f, greeter_port(g));
    assert_refused(f, "does not support it", "switch it on there");
    (void)greeter_heard(g, &n);
    assert_int_equal(n, 0);
    greeter_free(g);
}

/* Only that it wants TLS, by the protocol's 32 bytes, and a handshake for 1.3 or 1.2. */
static void a_server_that_is_not_verified_hears_no_name_and_no_password(void **state)
{
    static const unsigned char versions[] = {0, 0x2b, 0, 5, 4, 3, 4, 3, 3};
    struct fixture *f = *state;
    struct mysql_conn c;
    struct db_error e;
    struct greeter *g = greeter_new(GREETER_SILENT);
    size_t n;
    set_server(f, greeter_port(g));
    assert_false(open_conn(f, &c, &e));
    const unsigned char *heard = greeter_heard(g, &n);
    assert_in_range(n, 36 + 5, 4000);
    assert_int_equal(heard[36], 0x16); /* a TLS record: handshake */
    assert_non_null(memmem(heard, n, versions, sizeof versions));
    assert_null(memmem(heard, n, MARIADB_USER, strlen(MARIADB_USER)));
    greeter_free(g);
}

/* ---- a server that is away, not wrong ---- */

static void assert_ends_in_time(struct fixture *f, enum greeter_manner manner)
{
    struct mysql_conn c;
    struct db_error e;
    struct greeter *g = greeter_new(manner);
    set_server(f, greeter_port(g));
    mono_ms_t start = clock_mono();
    assert_false(open_conn(f, &c, &e));
    assert_in_range(mono_between(start, clock_mono()), SOON_MS / 2, SOON_MS + SLACK_MS);
    assert_int_equal(e.class, ERR_BACKOFF);
    assert_says(e.line.text, "no answer in time");
    greeter_free(g);
}

static void a_handshake_without_an_answer_ends_in_time(void **state)
{
    assert_ends_in_time(*state, GREETER_SILENT);
}

static void a_handshake_that_never_comes_to_its_end_ends_in_time(void **state)
{
    assert_ends_in_time(*state, GREETER_TRICKLES);
}

static void a_server_that_hangs_up_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct mysql_conn c;
    struct db_error e;
    struct greeter *g = greeter_new(GREETER_HANGS_UP);
    set_server(f, greeter_port(g));
    assert_false(open_conn(f, &c, &e));
    if (e.class != ERR_BACKOFF)
        fail_msg("%s", e.line.text);
    greeter_free(g);
}

static void a_certificate_that_goes_wrong_and_right_again_ends_no_process(void **state)
{
    struct fixture *f = *state;
    mono_ms_t give_up = mono_after(clock_mono(), 10000);
    fixture_must_log_in(f, "openid-1");
    mariadb_server_certify(fixture_server(), "DNS:db.example.com", HOUR_S);
    fixture_sql(f, "KILL USER " MARIADB_USER);
    struct store_login in = login_of("openid-2", NULL, T0);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_FAILED);
    assert_int_equal(r->class, ERR_OPERATOR);
    mariadb_server_certify(fixture_server(), OUR_HOST, HOUR_S);
    while (fixture_login(f, &in)->status != STORE_OK) {
        assert_false(mono_reached(clock_mono(), give_up));
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
}

/* ---- much at once ---- */

/* What TLS has deciphered already no socket tells of. */
static void megabytes_go_there_and_back(void **state)
{
    enum { BYTES = 8 << 20 };
    struct fixture *f = *state;
    struct mysql_conn c;
    struct db_error e;
    int64_t number = 0;
    assert_true(open_conn(f, &c, &e));
    c.until = mono_after(clock_mono(), 20000);
    char *sql = xcalloc(1, BYTES + 64);
    int n = snprintf(sql, 64, "SELECT %d, '", BYTES);
    memset(sql + n, 'x', BYTES);
    memcpy(sql + n + BYTES, "'", 2);
    for (int i = 0; i < 3; i++) {
        if (!mysql_conn_number(&c, sql, &number, &e))
            fail_msg("%s", e.line.text);
        assert_int_equal(number, BYTES);
    }
    free(sql);
    mysql_conn_close(&c);
}

/* ---- the other command ---- */

static void a_reseal_goes_over_tls_too(void **state)
{
    struct fixture *f = *state;
    struct keyring *ring = ring_of(KEY_B "," KEY_A);
    struct reseal_options o = {.url = f->url, .master = ring};
    struct err e = {""};
    fixture_must_log_in(f, "openid-1");
    want_tls_of_everybody();
    assert_false(reseal_run(&o, &e));
    assert_says(e.text, "DATABASE_TLS=on");
    o.tls = true;
    o.tls_ca = f->tls_ca;
    if (!reseal_run(&o, &e))
        fail_msg("%s", e.text);
    keyring_free(ring);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down_as_before)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(tls_is_what_it_says),
        TLS_TEST(a_server_that_wants_tls_refuses_who_comes_without),
        TLS_TEST(a_certificate_of_another_ca_is_refused),
        TLS_TEST(a_certificate_for_another_host_is_refused),
        TLS_TEST(a_certificate_that_is_over_is_refused),
        TLS_TEST(the_systems_cas_are_those_who_count_where_none_is_named),
        cmocka_unit_test(a_file_without_a_ca_is_named),
        TLS_TEST(a_server_without_tls_hears_nothing),
        TLS_TEST(a_server_that_is_not_verified_hears_no_name_and_no_password),
        TLS_TEST(a_handshake_without_an_answer_ends_in_time),
        TLS_TEST(a_handshake_that_never_comes_to_its_end_ends_in_time),
        TLS_TEST(a_server_that_hangs_up_is_waited_for),
        TLS_TEST(a_certificate_that_goes_wrong_and_right_again_ends_no_process),
        TLS_TEST(megabytes_go_there_and_back),
        TLS_TEST(a_reseal_goes_over_tls_too),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
