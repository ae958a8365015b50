#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "http/hosts.h"

static struct http_hosts *parse(const char *list)
{
    struct err e;
    struct http_hosts *h = http_hosts_parse(slice_of(list), &e);
    assert_non_null(h);
    return h;
}

static void refuse(const char *list, const char *error)
{
    struct err e = {""};
    assert_null(http_hosts_parse(slice_of(list), &e));
    assert_non_null(strstr(e.text, error));
}

static void a_list_keeps_its_order_without_blanks_and_end_slashes(void **state)
{
    struct http_hosts *h =
        parse(" https://api.weixin.qq.com , https://b:8443/pre.fix/x/,http://[::1]:80/");
    (void)state;
    assert_int_equal(http_hosts_count(h), 3);
    assert_true(slice_is(http_hosts_base(h, 0), "https://api.weixin.qq.com"));
    assert_true(slice_is(http_hosts_base(h, 1), "https://b:8443/pre.fix/x"));
    assert_true(slice_is(http_hosts_base(h, 2), "http://[::1]:80"));
    http_hosts_unref(h);
}

static void what_is_no_base_is_refused(void **state)
{
    (void)state;
    refuse("", "not a base URL: \"\"");
    refuse("https://a,", "not a base URL: \"\"");
    refuse("api.weixin.qq.com", "not a base URL: \"api.weixin.qq.com\"");
    refuse("ftp://a", "not a base URL");
    refuse("https://", "not a base URL");
    refuse("https://a:0", "not a base URL");
    refuse("https://a:65536", "not a base URL");
    refuse("https://a:", "not a base URL");
    refuse("https://a b", "not a base URL");
    refuse("https://a?x=1", "not a base URL");
    refuse("https://a#x", "not a base URL");
    refuse("https://[::1", "not a base URL");
    refuse("https://[]:1", "not a base URL");
    refuse("https://a/b c", "not a base URL");
    refuse("http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8,http://9",
           "more than 8");
}

static void a_password_is_not_repeated(void **state)
{
    struct err e = {""};
    (void)state;
    assert_null(http_hosts_parse(SLICE_LIT("https://me:hush@a"), &e));
    assert_null(strstr(e.text, "hush"));
}

static void a_base_that_is_too_long_is_refused(void **state)
{
    char list[400] = "https://";
    (void)state;
    memset(list + 8, 'a', sizeof list - 9);
    refuse(list, "not a base URL");
}

static const mono_ms_t T0 = {1000000};

/* The order in which a request would ask, as a number: hosts 0, 2, 1 give 21 (first last). */
static int order(struct http_hosts *h, mono_ms_t now)
{
    unsigned tried = 0;
    int digits = 0, scale = 1, i;
    while ((i = http_hosts_next(h, &tried, now)) >= 0) {
        digits += scale * (i + 1);
        scale *= 10;
    }
    return digits;
}

static void hosts_are_asked_in_order_and_each_once(void **state)
{
    struct http_hosts *h = parse("http://a,http://b,http://c");
    (void)state;
    assert_int_equal(order(h, T0), 321);
    assert_int_equal(order(h, T0), 321);
    http_hosts_unref(h);
}

static void a_failed_host_is_asked_last_for_a_while(void **state)
{
    struct http_hosts *h = parse("http://a,http://b,http://c");
    (void)state;
    http_hosts_failed(h, 0, T0);
    assert_int_equal(order(h, T0), 132);
    assert_int_equal(order(h, mono_after(T0, HTTP_HOST_AVOIDED_MS - 1)), 132);
    http_hosts_unref(h);
}

static void after_the_while_one_request_tries_the_failed_host(void **state)
{
    struct http_hosts *h = parse("http://a,http://b");
    mono_ms_t later = mono_after(T0, HTTP_HOST_AVOIDED_MS);
    unsigned one = 0, two = 0, three = 0;
    (void)state;
    http_hosts_failed(h, 0, T0);
    assert_int_equal(http_hosts_next(h, &one, later), 0);
    assert_int_equal(http_hosts_next(h, &two, later), 1);
    http_hosts_reached(h, 0);
    assert_int_equal(http_hosts_next(h, &three, later), 0);
    http_hosts_unref(h);
}

static void when_all_failed_they_are_asked_in_order(void **state)
{
    struct http_hosts *h = parse("http://a,http://b");
    (void)state;
    http_hosts_failed(h, 1, T0);
    http_hosts_failed(h, 0, T0);
    assert_int_equal(order(h, T0), 21);
    http_hosts_unref(h);
}

static void a_reference_keeps_the_list_alive(void **state)
{
    struct http_hosts *h = parse("http://a");
    (void)state;
    assert_ptr_equal(http_hosts_ref(h), h);
    http_hosts_unref(h);
    assert_int_equal(http_hosts_count(h), 1);
    http_hosts_unref(h);
    http_hosts_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_its_order_without_blanks_and_end_slashes),
        cmocka_unit_test(what_is_no_base_is_refused),
        cmocka_unit_test(a_password_is_not_repeated),
        cmocka_unit_test(a_base_that_is_too_long_is_refused),
        cmocka_unit_test(hosts_are_asked_in_order_and_each_once),
        cmocka_unit_test(a_failed_host_is_asked_last_for_a_while),
        cmocka_unit_test(after_the_while_one_request_tries_the_failed_host),
        cmocka_unit_test(when_all_failed_they_are_asked_in_order),
        cmocka_unit_test(a_reference_keeps_the_list_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
