/* users: DATABASE_URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/users/database_url.h"

static struct database_url parse(const char *text)
{
    struct database_url u;
    struct err e = {""};
    if (!database_url_parse(slice_of(text), &u, &e))
        fail_msg("%s: %s", text, e.text);
    return u;
}

static void a_sqlite_url_is_an_absolute_path(void **state)
{
    (void)state;
    struct database_url u = parse("sqlite:///var/lib/loginsvc/users.db");
    assert_int_equal(u.kind, DATABASE_SQLITE);
    assert_string_equal(u.path, "/var/lib/loginsvc/users.db");
    u = parse("sqlite:///a%20b/%E7%94%A8%E6%88%B7.db");
    assert_string_equal(u.path, "/a b/用户.db");
}

static void a_mysql_url_has_all_its_parts(void **state)
{
    (void)state;
    struct database_url u = parse("mysql://login%40svc:p%3Ass%2Fw@rd@db.example.com:3307/users");
    assert_int_equal(u.kind, DATABASE_MYSQL);
    assert_string_equal(u.user, "login@svc");
    assert_true(slice_is(secret_reveal(&u.password), "p:ss/w@rd"));
    assert_string_equal(u.host, "db.example.com");
    assert_int_equal(u.port, 3307);
    assert_string_equal(u.name, "users");
    database_url_wipe(&u);
    assert_false(secret_is_set(&u.password));
}

static void port_and_password_may_be_left_out(void **state)
{
    (void)state;
    struct database_url u = parse("mysql://root@localhost/users");
    assert_int_equal(u.port, 3306);
    assert_false(secret_is_set(&u.password));
    u = parse("mysql://root:@[::1]:3307/users");
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 3307);
    u = parse("mysql://root@[::1]/users");
    assert_int_equal(u.port, 3306);
}

static void anything_else_is_refused_without_showing_the_password(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "sqlite",
        "sqlite://",
        "sqlite:///",
        "sqlite://users.db",
        "sqlite:/var/users.db",
        "sqlite:///var/lib/",
        "sqlite:///a%2",
        "sqlite:///a%zz",
        "sqlite:///a%00b",
        "sqlite:///a\nb",
        "postgres://root:hunter2@localhost/users",
        "mysql://localhost/users",
        "mysql://:hunter2@localhost/users",
        "mysql://root:hunter2@/users",
        "mysql://root:hunter2@localhost",
        "mysql://root:hunter2@localhost/",
        "mysql://root:hunter2@localhost:0/users",
        "mysql://root:hunter2@localhost:65536/users",
        "mysql://root:hunter2@localhost:/users",
        "mysql://root:hunter2@[::1/users",
        "mysql://root:hunter2@[::1]x/users",
        "mysql://root:hunter2@localhost/users?ssl=1",
        "mysql://root:hunter2%0@localhost/users",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct database_url u;
        struct err e = {""};
        if (database_url_parse(slice_of(wrong[i]), &u, &e))
            fail_msg("accepted: %s", wrong[i]);
        assert_non_null(strstr(e.text, "expected"));
        assert_null(strstr(e.text, "hunter2"));
        assert_false(secret_is_set(&u.password));
    }
}

static void a_url_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[DATABASE_URL_MAX + 2];
    struct database_url u;
    struct err e = {""};
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "sqlite:///", 10);
    text[sizeof text - 1] = '\0';
    assert_false(database_url_parse(slice_of(text), &u, &e));
    text[DATABASE_PATH_SIZE + 9] = '\0'; /* one more than a path may have */
    assert_false(database_url_parse(slice_of(text), &u, &e));
    text[DATABASE_PATH_SIZE + 8] = '\0';
    assert_true(database_url_parse(slice_of(text), &u, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sqlite_url_is_an_absolute_path),
        cmocka_unit_test(a_mysql_url_has_all_its_parts),
        cmocka_unit_test(port_and_password_may_be_left_out),
        cmocka_unit_test(anything_else_is_refused_without_showing_the_password),
        cmocka_unit_test(a_url_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
