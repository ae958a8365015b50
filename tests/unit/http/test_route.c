#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/route.h"

static void handle(struct http_call *call, void *arg)
{
    (void)call;
    (void)arg;
}

static const struct http_route table[] = {
    {HTTP_GET, "/", handle, 0, NULL},
    {HTTP_GET, "/v1/apps", handle, 0, NULL},
    {HTTP_GET, "/v1/apps/{appid}", handle, 0, NULL},
    {HTTP_GET, "/v1/apps/{appid}/token", handle, 0, NULL},
    {HTTP_POST, "/v1/apps/{appid}/token", handle, 0, NULL},
    {HTTP_DELETE, "/v1/{a}/{b}", handle, 0, NULL},
    {HTTP_POST, "/getPhoneNumber", handle, HTTP_ROUTE_SLASH, NULL},
    {HTTP_GET, "/head", handle, 0, NULL},
    {HTTP_HEAD, "/head", handle, 0, NULL},
    {HTTP_GET, "/slash/", handle, 0, NULL},
};

static struct route_match find(enum http_method method, const char *path)
{
    static int arg;
    struct route_tables t = {0};
    struct route_match m;
    route_tables_add(&t, table, ARRAY_LEN(table), &arg);
    route_find(&t, method, slice_of(path), &m);
    if (m.route)
        assert_ptr_equal(m.arg, &arg);
    return m;
}

static void expect_route(enum http_method method, const char *path, int index)
{
    struct route_match m = find(method, path);
    if (index < 0)
        assert_null(m.route);
    else
        assert_ptr_equal(m.route, &table[index]);
}

static void fixed_paths_match_exactly(void **state)
{
    (void)state;
    expect_route(HTTP_GET, "/", 0);
    expect_route(HTTP_GET, "/v1/apps", 1);
    expect_route(HTTP_GET, "/v1/apps/", -1);
    expect_route(HTTP_GET, "/v1/app", -1);
    expect_route(HTTP_GET, "/v1/appsx", -1);
    expect_route(HTTP_GET, "//v1/apps", -1);
    expect_route(HTTP_GET, "", -1);
    expect_route(HTTP_GET, "*", -1);
    expect_route(HTTP_GET, "/V1/apps", -1);
    expect_route(HTTP_GET, "/slash/", 9);
    expect_route(HTTP_GET, "/slash", -1);
}

static void a_parameter_is_one_whole_segment(void **state)
{
    (void)state;
    struct route_match m = find(HTTP_GET, "/v1/apps/wx01/token");
    assert_ptr_equal(m.route, &table[3]);
    assert_int_equal(m.nparams, 1);
    assert_true(slice_is(m.params[0], "wx01"));
    expect_route(HTTP_GET, "/v1/apps//token", -1);
    expect_route(HTTP_GET, "/v1/apps/a/b/token", -1);
    expect_route(HTTP_GET, "/v1/apps/wx01/token/", -1);
    m = find(HTTP_DELETE, "/v1/x/y");
    assert_int_equal(m.nparams, 2);
    assert_true(slice_is(m.params[1], "y"));
}

static void the_method_chooses_among_routes_of_a_path(void **state)
{
    (void)state;
    expect_route(HTTP_POST, "/v1/apps/a/token", 4);
    expect_route(HTTP_PUT, "/v1/apps/a/token", -1);
}

static void a_slash_more_only_where_the_route_says_so(void **state)
{
    (void)state;
    expect_route(HTTP_POST, "/getPhoneNumber", 6);
    expect_route(HTTP_POST, "/getPhoneNumber/", 6);
    expect_route(HTTP_POST, "/getPhoneNumber//", -1);
}

static void head_is_served_by_get_unless_it_has_a_route(void **state)
{
    (void)state;
    expect_route(HTTP_HEAD, "/v1/apps", 1);
    expect_route(HTTP_HEAD, "/head", 8);
    expect_route(HTTP_HEAD, "/getPhoneNumber", -1);
}

static void what_a_path_takes_is_known_without_its_method(void **state)
{
    char text[64];
    struct text out = text_init(text, sizeof text);
    (void)state;
    struct route_match m = find(HTTP_PUT, "/v1/apps/a/token");
    assert_ptr_equal(m.at_path, &table[3]);
    route_allow(m.allowed, &out);
    assert_string_equal(text, "GET, HEAD, POST, OPTIONS");
    assert_int_equal(find(HTTP_PUT, "/nowhere").allowed, 0);
}

static void all_methods_fit_into_allow(void **state)
{
    char text[64];
    struct text out = text_init(text, sizeof text);
    (void)state;
    route_allow((1u << HTTP_METHOD_COUNT) - 1, &out);
    assert_false(out.cut);
}

static void earlier_tables_win(void **state)
{
    static const struct http_route first[] = {{HTTP_GET, "/v1/{x}", handle, 0, NULL}};
    struct route_tables t = {0};
    struct route_match m;
    (void)state;
    route_tables_add(&t, first, ARRAY_LEN(first), NULL);
    route_tables_add(&t, table, ARRAY_LEN(table), NULL);
    route_find(&t, HTTP_GET, SLICE_LIT("/v1/apps"), &m);
    assert_ptr_equal(m.route, &first[0]);
    assert_true(slice_is(m.params[0], "apps"));
}

static void parameters_are_found_by_name(void **state)
{
    (void)state;
    assert_int_equal(route_param_index("/v1/{a}/x/{bc}", "a"), 0);
    assert_int_equal(route_param_index("/v1/{a}/x/{bc}", "bc"), 1);
    assert_int_equal(route_param_index("/v1/{a}/x/{bc}", "b"), -1);
    assert_int_equal(route_param_index("/v1/{a}/x/{bc}", "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_paths_match_exactly),
        cmocka_unit_test(a_parameter_is_one_whole_segment),
        cmocka_unit_test(the_method_chooses_among_routes_of_a_path),
        cmocka_unit_test(a_slash_more_only_where_the_route_says_so),
        cmocka_unit_test(head_is_served_by_get_unless_it_has_a_route),
        cmocka_unit_test(what_a_path_takes_is_known_without_its_method),
        cmocka_unit_test(all_methods_fit_into_allow),
        cmocka_unit_test(earlier_tables_win),
        cmocka_unit_test(parameters_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
