/* This program's own getaddrinfo stands before the system's, for libcurl too: no name leaves this
 * machine, and a name service that hangs can be had at will. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "client_fixture.h"

static atomic_bool hang_over; /* set: names that hang fail now */
static atomic_int hanging;

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int two_addresses(getaddrinfo_fn *real, const char *service, const struct addrinfo *hints,
                         struct addrinfo **out)
{
    int rc = real("127.0.0.2", service, hints, out);
    return rc ? rc : real("127.0.0.1", service, hints, &(*out)->ai_next);
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    getaddrinfo_fn *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && strcmp(name, "hangs.invalid") == 0) {
        atomic_fetch_add(&hanging, 1);
        while (!atomic_load(&hang_over))
            usleep(1000);
        atomic_fetch_sub(&hanging, 1);
        return EAI_AGAIN;
    }
    if (name && strcmp(name, "nowhere.invalid") == 0)
        return EAI_NONAME;
    if (name && strcmp(name, "two.invalid") == 0)
        return two_addresses(real, service, hints, out);
    if (name && strcmp(name, "here.invalid") == 0)
        name = "127.0.0.1";
    return real(name, service, hints, out);
}

static void serve_ok(struct raw_conn *c)
{
    while (raw_read_request(c))
        raw_write(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
}

static void a_name_that_resolves_is_answered_over_and_over(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct answer a;
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct http_request req = request_to("http://here.invalid:%d", raw_server_port(s));
        fixture_ask(&f, &req, &a);
        assert_int_equal(a.outcome, HTTP_ANSWERED);
    }
    assert_int_equal(raw_server_connections(s), 1);
    raw_server_free(s);
    fixture_free(&f);
}

/* curl closes the socket of an address that does not answer without a word, and goes on with the
 * next one only when it is run again. */
static void an_address_that_is_silent_gives_way_to_the_next(void **state)
{
    /* curl 8 keeps a part for the next address only of more than 600 ms. */
    const struct http_client_options options = {.connect_timeout_ms = 700};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_ok);
    struct blackhole hole;
    struct answer a[4];
    (void)state;
    blackhole_open(&hole, "127.0.0.2", raw_server_port(s));
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        struct http_request req = request_to("http://two.invalid:%d", raw_server_port(s));
        (void)fixture_send(&f, &req, &a[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        fixture_wait(&f, &a[i]);
        assert_int_equal(a[i].outcome, HTTP_ANSWERED);
    }
    blackhole_close(&hole);
    raw_server_free(s);
    fixture_free(&f);
}

static void an_address_that_refuses_gives_way_at_once(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct http_request req = request_to("http://two.invalid:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_in_range(a.elapsed_us, 0, 150 * 1000); /* curl's own next look is after 200 ms */
    raw_server_free(s);
    fixture_free(&f);
}

static void a_name_that_does_not_exist_is_not_sent_and_not_repeated(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct http_request req = request_to("http://nowhere.invalid:%d", 80);
    struct answer a;
    (void)state;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    assert_true(strlen(a.error) > 0);
    assert_null(strstr(a.error, "nowhere"));
    fixture_free(&f);
}

static void hang_ends(void)
{
    atomic_store(&hang_over, true);
    while (atomic_load(&hanging) > 0)
        usleep(1000);
    atomic_store(&hang_over, false);
}

/* curl alone would wait for its resolver thread here, and the whole loop with it. */
static void a_name_service_that_hangs_holds_up_no_loop(void **state)
{
    const struct http_client_options options = {.connect_timeout_ms = 100};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_ok);
    struct http_request hangs = request_to("http://hangs.invalid:%d", 80);
    struct http_request works = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a, b;
    (void)state;
    (void)fixture_send(&f, &hangs, &a);
    fixture_ask(&f, &works, &b);
    assert_int_equal(b.outcome, HTTP_ANSWERED);
    fixture_wait(&f, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    assert_in_range(a.elapsed_us, 90 * 1000, 2000 * 1000);
    raw_server_free(s);
    fixture_free(&f);
    hang_ends();
}

static void a_deadline_or_cancel_while_the_name_service_hangs_returns_at_once(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct answer a, b;
    (void)state;
    struct http_request one = request_to("http://hangs.invalid:%d", 80);
    struct http_request two = request_to("http://hangs.invalid:%d", 80);
    one.timeout_ms = 50;
    uint64_t cancelled = fixture_send(&f, &two, &b);
    fixture_ask(&f, &one, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    assert_in_range(a.elapsed_us, 40 * 1000, 2000 * 1000);
    http_client_cancel(f.client, cancelled);
    fixture_free(&f);
    hang_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_resolves_is_answered_over_and_over),
        cmocka_unit_test(an_address_that_is_silent_gives_way_to_the_next),
        cmocka_unit_test(an_address_that_refuses_gives_way_at_once),
        cmocka_unit_test(a_name_that_does_not_exist_is_not_sent_and_not_repeated),
        cmocka_unit_test(a_name_service_that_hangs_holds_up_no_loop),
        cmocka_unit_test(a_deadline_or_cancel_while_the_name_service_hangs_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
