#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "redis/url.h"

/* What a URL says, written out: scheme host:port,... path master user password db. */
static void describe(const struct redis_url *u, char *out, size_t size)
{
    struct text t = text_init(out, size);
    text_fmt(&t, "%d", (int)u->scheme);
    for (size_t i = 0; i < u->nhosts; i++)
        text_fmt(&t, " %s|%d", u->hosts[i].name, u->hosts[i].port);
    text_fmt(&t, " path=%s master=%s user=%s password=", u->path, u->master, u->user);
    text_add(&t, secret_reveal(&u->password));
    text_fmt(&t, " db=%d", u->db);
}

static const struct good {
    const char *text, *says, *prints;
} good[] = {
    {"redis://127.0.0.1", "0 127.0.0.1|6379 path= master= user= password= db=0",
     "redis://127.0.0.1:6379/0"},
    {"redis://127.0.0.1:6379/0", "0 127.0.0.1|6379 path= master= user= password= db=0",
     "redis://127.0.0.1:6379/0"},
    {"redis://cache.example:7000/15", "0 cache.example|7000 path= master= user= password= db=15",
     "redis://cache.example:7000/15"},
    {"redis://host/", "0 host|6379 path= master= user= password= db=0", "redis://host:6379/0"},
    {"redis://:secret@host", "0 host|6379 path= master= user= password=secret db=0",
     "redis://:***@host:6379/0"},
    {"redis://app:secret@host:1/2", "0 host|1 path= master= user=app password=secret db=2",
     "redis://app:***@host:1/2"},
    {"redis://a%40b:p%3a%2F%40%25w@h", "0 h|6379 path= master= user=a@b password=p:/@%w db=0",
     "redis://a%40b:***@h:6379/0"},
    {"redis://u:p:q@h", "0 h|6379 path= master= user=u password=p:q db=0",
     "redis://u:***@h:6379/0"},
    {"redis://u:p@q@h", "0 h|6379 path= master= user=u password=p@q db=0",
     "redis://u:***@h:6379/0"},
    {"redis://[::1]", "0 ::1|6379 path= master= user= password= db=0", "redis://[::1]:6379/0"},
    {"redis://:x@[2001:db8::7]:99/3", "0 2001:db8::7|99 path= master= user= password=x db=3",
     "redis://:***@[2001:db8::7]:99/3"},
    {"unix:///run/redis.sock", "2 path=/run/redis.sock master= user= password= db=0",
     "unix:///run/redis.sock?db=0"},
    {"unix:///a%20b/s?db=9", "2 path=/a b/s master= user= password= db=9", "unix:///a b/s?db=9"},
    {"unix://me:pw@/s", "2 path=/s master= user=me password=pw db=0", "unix://me:***@/s?db=0"},
    {"redis-sentinel://a:1,b,[::1]:3/mymaster",
     "3 a|1 b|26379 ::1|3 path= master=mymaster user= password= db=0",
     "redis-sentinel://a:1,b:26379,[::1]:3/mymaster/0"},
    {"redis-sentinel://:pw@a/m/4", "3 a|26379 path= master=m user= password=pw db=4",
     "redis-sentinel://:***@a:26379/m/4"},
};

static void every_form_is_understood_and_printed_without_its_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct redis_url u = {0};
        struct err e = {""};
        char said[1024], printed[REDIS_URL_TEXT_SIZE];
        if (!redis_url_parse(slice_of(good[i].text), &u, &e))
            fail_msg("%s: %s", good[i].text, e.text);
        describe(&u, said, sizeof said);
        assert_string_equal(said, good[i].says);
        assert_string_equal(redis_url_print(&u, printed), good[i].prints);
        redis_url_wipe(&u);
    }
}

static const struct bad {
    const char *text, *complaint;
} bad[] = {
    {"", "must start with"},
    {"localhost:6379", "must start with"},
    {"http://localhost", "must start with"},
    {"redis://", "no host"},
    {"redis://:s3cret@", "no host"},
    {"redis://ho st", "no host"},
    {"redis://host\n", "no host"},
    {"redis://host:", "port"},
    {"redis://host:0", "port"},
    {"redis://host:65536", "port"},
    {"redis://host:6379x", "port"},
    {"redis://::1", "no host"},
    {"redis://fe80::1", "brackets"},
    {"redis://[::1", "brackets"},
    {"redis://[::1]6379", "brackets"},
    {"redis://host/x", "database"},
    {"redis://host/-1", "database"},
    {"redis://host/65536", "database"},
    {"redis://host/0?db=1", "parameters"},
    {"redis://a,b", "more than 1 host"},
    {"redis://user@host", "without a password"},
    {"redis://@host", "without a password"},
    {"redis://u:%@host", "percent-encoded"},
    {"redis://u:%4@host", "percent-encoded"},
    {"redis://u:%zz@host", "percent-encoded"},
    {"redis://u:a%00b@host", "percent-encoded"},
    {"redis://:s3cret/more@host", "no host"},
    {"redis://u:s3cret/more@host", "port"},
    {"redis://:s3cret?more@host", "parameters"},
    {"unix://", "absolute path"},
    {"unix://run/redis.sock", "absolute path"},
    {"unix:///run/redis.sock?x=1", "db=N"},
    {"unix:///run/redis.sock?db=x", "database"},
    {"redis-sentinel://a:1", "master's name"},
    {"redis-sentinel://a:1/", "master's name"},
    {"redis-sentinel://a,/m", "no host"},
    {"redis-sentinel://a,b,c,d,e,f,g,h,i/m", "more than 8 hosts"},
};

static void what_is_wrong_is_said_without_showing_the_password(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redis_url u = {0};
        struct err e = {""};
        if (redis_url_parse(slice_of(bad[i].text), &u, &e))
            fail_msg("accepted: %s", bad[i].text);
        if (!strstr(e.text, bad[i].complaint) || strstr(e.text, "s3cret"))
            fail_msg("%s: %s", bad[i].text, e.text);
        assert_false(secret_is_set(&u.password));
        assert_int_equal(u.nhosts, 0);
        redis_url_wipe(&u);
    }
}

static void names_that_are_too_long_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        int length;
    } forms[] = {{"redis://", "", 256},
                 {"redis://", ":p@h", 256},
                 {"redis://u:", "@h", 1024},
                 {"unix:///", "", 107},
                 {"redis-sentinel://a/", "", 256}};
    char name[1025], text[2048];
    memset(name, 'n', sizeof name);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        for (int less = 0; less <= 1; less++) { /* one less just fits */
            struct redis_url u = {0};
            (void)snprintf(text, sizeof text, "%s%.*s%s", forms[i].before, forms[i].length - less,
                           name, forms[i].after);
            assert_int_equal(redis_url_parse(slice_of(text), &u, NULL), less);
            redis_url_wipe(&u);
        }
    }
}

static void tls_is_accepted_exactly_where_the_build_has_it(void **state)
{
    (void)state;
    struct redis_url u = {0};
    struct err e = {""};
    bool ok = redis_url_parse(SLICE_LIT("rediss://:s3cret@host"), &u, &e);
    assert_int_equal(ok, redis_url_has_tls());
    if (ok)
        assert_int_equal(u.scheme, REDIS_SCHEME_TLS);
    else
        assert_non_null(strstr(e.text, "TLS"));
    redis_url_wipe(&u);
}

static void a_copy_lives_on_its_own(void **state)
{
    (void)state;
    struct redis_url u = {0}, copy = {0};
    assert_true(redis_url_parse(SLICE_LIT("redis://u:pw@h:1/2"), &u, NULL));
    redis_url_copy(&copy, &u);
    redis_url_wipe(&u);
    assert_true(slice_is(secret_reveal(&copy.password), "pw"));
    assert_string_equal(copy.hosts[0].name, "h");
    redis_url_wipe(&copy);
    redis_url_wipe(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_understood_and_printed_without_its_password),
        cmocka_unit_test(what_is_wrong_is_said_without_showing_the_password),
        cmocka_unit_test(names_that_are_too_long_are_refused),
        cmocka_unit_test(tls_is_accepted_exactly_where_the_build_has_it),
        cmocka_unit_test(a_copy_lives_on_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
