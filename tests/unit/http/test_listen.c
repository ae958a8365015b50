#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/listen.h"

static void expect_address(const char *text, const char *host, const char *port)
{
    struct http_listen a;
    struct err e;
    assert_true(http_listen_parse(text, &a, &e));
    assert_string_equal(a.host, host);
    assert_string_equal(a.port, port);
}

static void expect_refused(const char *text, const char *error)
{
    struct http_listen a;
    struct err e = {""};
    assert_false(http_listen_parse(text, &a, &e));
    assert_non_null(strstr(e.text, error));
}

static void addresses_are_host_and_port(void **state)
{
    (void)state;
    expect_address("127.0.0.1:8080", "127.0.0.1", "8080");
    expect_address("[::1]:0", "::1", "0");
    expect_address(":8080", "", "8080");
    expect_address("localhost:65535", "localhost", "65535");
}

static void what_is_no_address_is_refused_and_named(void **state)
{
    (void)state;
    expect_refused("8080", "\"8080\"");
    expect_refused("", "expected host:port");
    expect_refused("a:", "not a port");
    expect_refused("a:x", "not a port");
    expect_refused("a:-1", "not a port");
    expect_refused("a:65536", "not a port");
    expect_refused("::1:8080", "brackets");
    expect_refused("[::1:8080", "brackets");
}

static bool is_loopback(const char *text)
{
    struct http_listen a;
    assert_true(http_listen_parse(text, &a, NULL));
    return http_listen_is_loopback(&a);
}

static void loopback_is_what_no_other_machine_reaches(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1:1"));
    assert_true(is_loopback("127.8.0.1:1"));
    assert_true(is_loopback("[::1]:1"));
    assert_true(is_loopback("LocalHost:1"));
    assert_false(is_loopback(":1"));
    assert_false(is_loopback("0.0.0.0:1"));
    assert_false(is_loopback("[::]:1"));
    assert_false(is_loopback("10.0.0.1:1"));
    assert_false(is_loopback("127.0.0.1.example.com:1"));
}

static int open_at(const char *text, bool reuse_port, struct err *e)
{
    struct http_listen a;
    assert_true(http_listen_parse(text, &a, e));
    return http_listen_open(&a, reuse_port, e);
}

static void a_port_is_shared_only_where_asked(void **state)
{
    char text[32];
    struct err e = {""};
    (void)state;
    int one = open_at("127.0.0.1:0", true, &e);
    assert_true(one >= 0);
    snprintf(text, sizeof text, "127.0.0.1:%d", http_listen_port(one));
    int two = open_at(text, true, &e);
    assert_true(two >= 0);
    assert_int_equal(open_at(text, false, &e), -1);
    assert_non_null(strstr(e.text, "Address already in use"));
    close(one);
    close(two);
}

static void no_host_is_every_address(void **state)
{
    struct err e;
    int fd = open_at(":0", false, &e);
    (void)state;
    assert_true(fd >= 0);
    assert_true(http_listen_port(fd) > 0);
    close(fd);
}

static void an_address_of_another_machine_is_refused(void **state)
{
    struct err e = {""};
    (void)state;
    assert_int_equal(open_at("192.0.2.1:0", false, &e), -1);
    assert_non_null(strstr(e.text, "cannot listen on 192.0.2.1:0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_host_and_port),
        cmocka_unit_test(what_is_no_address_is_refused_and_named),
        cmocka_unit_test(loopback_is_what_no_other_machine_reaches),
        cmocka_unit_test(a_port_is_shared_only_where_asked),
        cmocka_unit_test(no_host_is_every_address),
        cmocka_unit_test(an_address_of_another_machine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
