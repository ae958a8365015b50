/* A kept outcome opens whole, for its own claim only, and only unchanged. */
#include "driver_fixture.h"

#include <string.h>

static const struct claim claim = {.appid = APPID,
                                   .fingerprint = "00000000000000000000000000000001"};

static size_t seal(const struct login_outcome *o, uint8_t out[KEPT_MAX])
{
    return kept_seal(stage.kept_ring, &claim, o, out);
}

static struct slice bytes(const uint8_t *p, size_t n)
{
    return (struct slice){(const char *)p, n};
}

static void assert_closed(const struct keyring *ring, const struct claim *c, struct slice sealed)
{
    static const struct login_outcome nothing;
    struct login_outcome o = full_outcome(LOGIN_OK);
    assert_false(kept_open(ring, c, sealed, &o));
    assert_memory_equal(&o, &nothing, sizeof o);
}

static void every_field_comes_back(void **state)
{
    uint8_t sealed[KEPT_MAX];
    struct login_outcome was = full_outcome(LOGIN_OK), is;
    (void)state;
    size_t n = seal(&was, sealed);
    assert_true(kept_open(stage.kept_ring, &claim, bytes(sealed, n), &is));
    assert_same_outcome(&is, &was);
}

static void the_longest_fields_fit(void **state)
{
    uint8_t sealed[KEPT_MAX];
    struct login_outcome was = full_outcome(LOGIN_OK), is;
    (void)state;
#define FILL(field) memset(was.field, 'x', sizeof was.field - 1)
    FILL(rid);
    FILL(user.openid);
    FILL(user.phone);
    FILL(user.country_code);
    FILL(user.nickname);
    FILL(user.avatar);
    FILL(access_token);
    FILL(refresh_token);
    FILL(register_ticket);
    FILL(openid);
    FILL(unionid);
    FILL(session_key);
    FILL(phone);
    FILL(country_code);
#undef FILL
    size_t n = seal(&was, sealed);
    assert_true(kept_open(stage.kept_ring, &claim, bytes(sealed, n), &is));
    assert_same_outcome(&is, &was);
}

static void it_opens_for_its_own_claim_only(void **state)
{
    uint8_t sealed[KEPT_MAX];
    const struct login_outcome was = full_outcome(LOGIN_OK);
    struct claim other_request = claim, other_app = claim;
    (void)state;
    size_t n = seal(&was, sealed);
    other_request.fingerprint[0] = '1';
    assert_closed(stage.kept_ring, &other_request, bytes(sealed, n));
    other_app.appid[0] = 'y';
    assert_closed(stage.kept_ring, &other_app, bytes(sealed, n));
    assert_closed(stage.tickets, &claim, bytes(sealed, n));
}

static void changed_or_cut_it_does_not_open(void **state)
{
    uint8_t sealed[KEPT_MAX];
    const struct login_outcome was = full_outcome(LOGIN_OK);
    (void)state;
    size_t n = seal(&was, sealed);
    for (size_t i = 0; i < n; i++) {
        sealed[i] ^= 1;
        assert_closed(stage.kept_ring, &claim, bytes(sealed, n));
        sealed[i] ^= 1;
    }
    for (size_t i = 0; i < n; i++)
        assert_closed(stage.kept_ring, &claim, bytes(sealed, i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, driver_setup, driver_teardown)
        TEST(every_field_comes_back),
        TEST(the_longest_fields_fit),
        TEST(it_opens_for_its_own_claim_only),
        TEST(changed_or_cut_it_does_not_open),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
