/* Reading the body of a login request, and whose app it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/dialects/body.h"
#include "loginsvc/dialects/caller.h"

static struct body parsed(const char *text)
{
    struct body b;
    assert_true(body_parse(slice_of(text), &b));
    return b;
}

static void assert_code(const char *text, enum body_field field, const char *value)
{
    struct body b = parsed(text);
    struct slice out;
    assert_int_equal(body_code(&b, "code", &out), field);
    if (value)
        assert_true(slice_is(out, value));
    body_deinit(&b);
}

static void json_and_form_give_the_same_fields(void **state)
{
    (void)state;
    assert_code("{\"code\":\"a-b_c\"}", BODY_TEXT, "a-b_c");
    assert_code(" \r\n{\"code\":\"a-b_c\"}\n", BODY_TEXT, "a-b_c");
    assert_code("code=a-b_c", BODY_TEXT, "a-b_c");
    assert_code("x=1&code=a%2Db_c&code=other", BODY_TEXT, "a-b_c");
}

static void fields_of_others_may_hold_anything(void **state)
{
    (void)state;
    assert_code("{\"code\":\"a\",\"x\":{\"y\":[null,1.5e3,-0,98765432109876543210987654321]}}",
                BODY_TEXT, "a");
}

static void what_is_not_given_is_absent(void **state)
{
    (void)state;
    assert_code("", BODY_ABSENT, "");
    assert_code("{}", BODY_ABSENT, "");
    assert_code("{\"code\":null}", BODY_ABSENT, "");
    assert_code("{\"code\":\"\"}", BODY_ABSENT, "");
    assert_code("code=", BODY_ABSENT, "");
}

static void a_code_is_printable_ascii_of_256_bytes_at_most(void **state)
{
    char text[320] = "{\"code\":\"";
    (void)state;
    assert_code("{\"code\":7}", BODY_WRONG, NULL);
    assert_code("{\"code\":[\"a\"]}", BODY_WRONG, NULL);
    assert_code("{\"code\":\"a b\"}", BODY_WRONG, NULL);
    assert_code("{\"code\":\"a\\n\"}", BODY_WRONG, NULL);
    assert_code("{\"code\":\"a\\u007f\"}", BODY_WRONG, NULL);
    assert_code("{\"code\":\"登录\"}", BODY_WRONG, NULL);
    size_t head = strlen(text);
    memset(text + head, 'x', 256);
    memcpy(text + head + 256, "\"}", 3);
    assert_code(text, BODY_TEXT, NULL);
    memcpy(text + head + 256, "x\"}", 4);
    assert_code(text, BODY_WRONG, NULL);
}

static void a_text_may_be_chinese_but_has_no_control_characters(void **state)
{
    struct body b = parsed("{\"name\":\"小 明\",\"tab\":\"a\\tb\"}");
    struct slice out;
    (void)state;
    assert_int_equal(body_text(&b, "name", 7, &out), BODY_TEXT);
    assert_true(slice_is(out, "小 明"));
    assert_int_equal(body_text(&b, "name", 6, &out), BODY_WRONG);
    assert_int_equal(body_text(&b, "tab", 16, &out), BODY_WRONG);
    body_deinit(&b);
}

static void what_is_neither_an_object_nor_a_form_is_refused(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{",
        "{\"code\":\"a\"}x",
        "{\"code\":\"a\",\"code\":\"b\"}",
        "code=%zz",
        "code=%00",
        "{\"code\":\"\xff\"}",
        "code=%ff",
        "{\"a\":\"\\u0000\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct body b;
        if (body_parse(slice_of(bad[i]), &b))
            fail_msg("accepted: %s", bad[i]);
    }
}

static void a_flag_is_true_or_false_and_nothing_else(void **state)
{
    static const struct {
        const char *body;
        int flag; /* -1: unreadable */
    } cases[] = {
        {"", 0},         {"{\"all\":null}", 0},     {"{\"all\":false}", 0}, {"all=", 0},
        {"all=0", 0},    {"all=false", 0},          {"{\"all\":true}", 1},  {"all=1", 1},
        {"all=true", 1}, {"{\"all\":\"true\"}", 1}, {"{\"all\":1}", -1},    {"{\"all\":[]}", -1},
        {"all=yes", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct body b = parsed(cases[i].body);
        bool flag;
        bool readable = body_flag(&b, "all", &flag);
        if ((readable ? flag : -1) != cases[i].flag)
            fail_msg("%s", cases[i].body);
        body_deinit(&b);
    }
}

static void only_wechats_own_referer_names_an_app(void **state)
{
    (void)state;
    assert_true(slice_is(
        caller_referer_appid(SLICE_LIT("https://servicewechat.com/wx12/devtools/page-frame.html")),
        "wx12"));
    assert_true(
        slice_is(caller_referer_appid(SLICE_LIT("https://servicewechat.com/wx12")), "wx12"));
    assert_null(caller_referer_appid(SLICE_LIT("https://servicewechat.com/")).p);
    assert_null(caller_referer_appid(SLICE_LIT("https://servicewechat.com.evil.example/wx12/")).p);
    assert_null(caller_referer_appid(SLICE_LIT("http://servicewechat.com/wx12/")).p);
    assert_null(caller_referer_appid((struct slice){NULL, 0}).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_form_give_the_same_fields),
        cmocka_unit_test(fields_of_others_may_hold_anything),
        cmocka_unit_test(what_is_not_given_is_absent),
        cmocka_unit_test(a_code_is_printable_ascii_of_256_bytes_at_most),
        cmocka_unit_test(a_text_may_be_chinese_but_has_no_control_characters),
        cmocka_unit_test(what_is_neither_an_object_nor_a_form_is_refused),
        cmocka_unit_test(a_flag_is_true_or_false_and_nothing_else),
        cmocka_unit_test(only_wechats_own_referer_names_an_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
