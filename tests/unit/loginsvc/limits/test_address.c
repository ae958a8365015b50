/* client_address: the address that the nearest proxy of ours saw, whatever a client writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loginsvc/limits/address.h"

static struct proxies *proxies_of(const char *a, const char *b)
{
    char one[64], two[64];
    char *list[] = {one, two};
    struct err e = {""};
    assert_true(slice_copy(slice_of(a), one, sizeof one));
    assert_true(slice_copy(slice_of(b), two, sizeof two));
    struct proxies *p = proxies_new(list, b ? 2 : 1, &e);
    if (!p)
        fail_msg("%s", e.text);
    return p;
}

static struct client_address look(const struct proxies *p, const char *peer, const char *forwarded)
{
    struct client_address out;
    client_address_of(p, slice_of(peer), slice_of(forwarded), &out);
    return out;
}

static void expect(const struct proxies *p, const char *peer, const char *forwarded,
                   const char *text)
{
    struct client_address a = look(p, peer, forwarded);
    assert_string_equal(a.text, text);
    assert_false(a.is_proxy);
}

/* Nothing but this proxy is known. */
static void expect_proxy(const struct proxies *p, const char *peer, const char *forwarded,
                         const char *text)
{
    struct client_address a = look(p, peer, forwarded);
    assert_string_equal(a.text, text);
    assert_true(a.is_proxy);
}

/* ---- without proxies ---- */

static void without_proxies_the_peer_is_the_client(void **state)
{
    (void)state;
    struct err e;
    struct proxies *none = proxies_new(NULL, 0, &e);
    expect(none, "192.0.2.1", "", "192.0.2.1");
    expect(none, "192.0.2.1", "198.51.100.7", "192.0.2.1");
    expect(none, "127.0.0.1", "198.51.100.7", "127.0.0.1");
    expect(none, "2001:DB8:0:0::1", "", "2001:db8::1");
    proxies_free(none);
    proxies_free(NULL);
}

static void an_ipv4_address_has_one_form(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("10.0.0.0/8", NULL);
    expect(p, "::ffff:192.0.2.1", "", "192.0.2.1");
    expect(p, "::ffff:c000:201", "", "192.0.2.1");
    expect(p, "::ffff:10.0.0.1", "192.0.2.9", "192.0.2.9");
    expect(p, "10.0.0.1", "::FFFF:192.0.2.9", "192.0.2.9");
    proxies_free(p);
}

static void a_connection_without_an_address_is_counted_for_nobody(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("0.0.0.0/0", "::/0");
    expect_proxy(p, "", "192.0.2.1", "");
    expect_proxy(p, "/run/loginsvc.sock", "", "");
    expect_proxy(p, "1.2.3", "", "");
    proxies_free(p);
}

static void the_zone_of_a_peer_is_left_out(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("::1", NULL);
    expect(p, "fe80::1%eth0", "", "fe80::1");
    proxies_free(p);
}

/* ---- what one household has ---- */

static void a_network_is_64_bits_of_ipv6_and_all_of_ipv4(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("::1", NULL);
    assert_string_equal(look(p, "192.0.2.1", "").network, "192.0.2.1");
    assert_string_equal(look(p, "::ffff:192.0.2.1", "").network, "192.0.2.1");
    struct client_address a = look(p, "2001:db8:1:2:aaaa:bbbb:cccc:dddd", "");
    struct client_address b = look(p, "2001:db8:1:2::1", "");
    struct client_address c = look(p, "2001:db8:1:3::1", "");
    assert_string_equal(a.text, "2001:db8:1:2:aaaa:bbbb:cccc:dddd");
    assert_string_equal(a.network, "2001:db8:1:2::");
    assert_string_equal(a.network, b.network);
    assert_string_not_equal(a.network, c.network);
    proxies_free(p);
}

/* ---- networks ---- */

static bool trusted(const char *network, const char *peer)
{
    struct proxies *p = proxies_of(network, NULL);
    bool is_proxy = look(p, peer, "").is_proxy;
    proxies_free(p);
    return is_proxy;
}

static void a_network_ends_where_its_bits_do(void **state)
{
    (void)state;
    static const struct {
        const char *network, *inside, *outside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"192.0.2.4/31", "192.0.2.5", "192.0.2.6"},
        {"192.0.2.4/32", "192.0.2.4", "192.0.2.5"},
        {"192.0.2.4", "192.0.2.4", "192.0.2.3"},
        {"192.0.2.77/24", "192.0.2.1", "192.0.3.77"}, /* bits beyond the mask mean nothing */
        {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
        {"0.0.0.0/1", "127.255.255.255", "128.0.0.0"},
        {"::1", "::1", "::2"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
        {"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
        {"2001:db8::5/128", "2001:db8::5", "2001:db8::4"},
        {"fc00::/7", "fdff::1", "fe00::1"},
        {"::ffff:192.0.2.0/24", "192.0.2.200", "192.0.3.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!trusted(cases[i].network, cases[i].inside))
            fail_msg("%s is not in %s", cases[i].inside, cases[i].network);
        if (trusted(cases[i].network, cases[i].outside))
            fail_msg("%s is in %s", cases[i].outside, cases[i].network);
    }
}

static void what_is_no_network_is_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",           "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",  "10.0.0.0/8/8", "10.0.0/8",
        "10.0.0.0/x", "::1/129",     "::g",         "proxy.test", "/8",           "10.0.0.256",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[64], fine[] = "::1";
        char *list[] = {fine, text};
        struct err e = {""};
        assert_true(slice_copy(slice_of(wrong[i]), text, sizeof text));
        if (proxies_new(list, 2, &e) != NULL)
            fail_msg("%s is taken", wrong[i]);
        assert_memory_equal(e.text, wrong[i], strlen(wrong[i]));
    }
}

/* ---- X-Forwarded-For ---- */

static void the_last_address_that_is_no_proxy_is_the_client(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("10.0.0.0/8", "2001:db8:f::/48");
    expect(p, "10.0.0.1", "192.0.2.1", "192.0.2.1");
    expect(p, "10.0.0.1", "192.0.2.1, 10.9.9.9", "192.0.2.1");
    expect(p, "10.0.0.1", "192.0.2.1,10.9.9.9,2001:db8:f::3, 10.0.0.7", "192.0.2.1");
    expect(p, "2001:db8:f::1", "2001:db8::99", "2001:db8::99");
    expect(p, "10.0.0.1", " \t192.0.2.1 \t", "192.0.2.1");
    proxies_free(p);
}

static void what_a_client_wrote_itself_never_wins(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("10.0.0.0/8", NULL);
    expect(p, "10.0.0.1", "198.51.100.7, 192.0.2.1", "192.0.2.1");
    expect(p, "10.0.0.1", "198.51.100.7, 10.0.0.2, 192.0.2.1, 10.0.0.3", "192.0.2.1");
    expect(p, "10.0.0.1", "junk, <script>, 192.0.2.1", "192.0.2.1");
    expect(p, "10.0.0.1", ",,,192.0.2.1", "192.0.2.1");
    expect(p, "10.0.0.1", "127.0.0.1, 192.0.2.1", "192.0.2.1");
    expect(p, "192.0.2.1", "198.51.100.7, 10.0.0.2", "192.0.2.1"); /* the peer is no proxy */
    proxies_free(p);
}

static void only_trusted_hops_are_walked(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("10.0.0.1", "10.0.0.2");
    expect(p, "10.0.0.1", "192.0.2.1, 10.0.0.3", "10.0.0.3");
    expect(p, "10.0.0.3", "192.0.2.1", "10.0.0.3");
    proxies_free(p);
}

static void where_the_list_tells_nothing_the_proxy_is_all_that_is_known(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("10.0.0.0/8", NULL);
    expect_proxy(p, "10.0.0.1", "", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "10.0.0.2", "10.0.0.2");
    expect_proxy(p, "10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3");
    expect_proxy(p, "10.0.0.1", "192.0.2.1, unknown", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "192.0.2.1, junk, 10.0.0.2", "10.0.0.2");
    expect_proxy(p, "10.0.0.1", "192.0.2.1,", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "192.0.2.1, ", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", ",", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "192.0.2.1 198.51.100.1", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "999.0.2.1", "10.0.0.1");
    proxies_free(p);
}

static void ports_and_brackets_are_left_out(void **state)
{
    (void)state;
    struct proxies *p = proxies_of("10.0.0.0/8", "2001:db8:f::/48");
    expect(p, "10.0.0.1", "192.0.2.1:4711", "192.0.2.1");
    expect(p, "10.0.0.1", "192.0.2.1:4711, 10.0.0.2:80", "192.0.2.1");
    expect(p, "10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1");
    expect(p, "10.0.0.1", "[2001:db8::1]", "2001:db8::1");
    expect(p, "10.0.0.1", "192.0.2.1, [2001:db8:f::2]:80", "192.0.2.1");
    expect(p, "10.0.0.1", "2001:db8::1", "2001:db8::1");
    expect_proxy(p, "10.0.0.1", ":4711", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "[]:4711", "10.0.0.1");
    expect_proxy(p, "10.0.0.1", "[", "10.0.0.1");
    proxies_free(p);
}

static void a_very_long_list_is_read_from_its_end(void **state)
{
    (void)state;
    static char list[40000];
    struct proxies *p = proxies_of("10.0.0.0/8", NULL);
    struct text t = text_init(list, sizeof list);
    for (int i = 0; i < 2000; i++)
        text_str(&t, "198.51.100.7, ");
    text_str(&t, "192.0.2.1");
    for (int i = 0; i < 500; i++)
        text_str(&t, ", 10.0.0.7");
    assert_false(t.cut);
    expect(p, "10.0.0.1", list, "192.0.2.1");
    memset(list, 'f', sizeof list - 1);
    expect_proxy(p, "10.0.0.1", list, "10.0.0.1");
    proxies_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_proxies_the_peer_is_the_client),
        cmocka_unit_test(an_ipv4_address_has_one_form),
        cmocka_unit_test(a_connection_without_an_address_is_counted_for_nobody),
        cmocka_unit_test(the_zone_of_a_peer_is_left_out),
        cmocka_unit_test(a_network_is_64_bits_of_ipv6_and_all_of_ipv4),
        cmocka_unit_test(a_network_ends_where_its_bits_do),
        cmocka_unit_test(what_is_no_network_is_named),
        cmocka_unit_test(the_last_address_that_is_no_proxy_is_the_client),
        cmocka_unit_test(what_a_client_wrote_itself_never_wins),
        cmocka_unit_test(only_trusted_hops_are_walked),
        cmocka_unit_test(where_the_list_tells_nothing_the_proxy_is_all_that_is_known),
        cmocka_unit_test(ports_and_brackets_are_left_out),
        cmocka_unit_test(a_very_long_list_is_read_from_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
