/* The ledger keeps the order of issuances, and the last of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wxsim/ledger.h"

static void add(struct ledger *l, uint64_t serial)
{
    ledger_add(l, &(struct issuance){.grant = {.serial = serial}});
}

static void issuances_come_in_their_order(void **state)
{
    struct ledger *l = ledger_new();
    (void)state;
    assert_int_equal(ledger_count(l), 0);
    for (uint64_t serial = 1; serial <= 3; serial++)
        add(l, serial);
    assert_int_equal(ledger_count(l), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ledger_at(l, i)->grant.serial, i + 1);
    ledger_clear(l);
    assert_int_equal(ledger_count(l), 0);
    ledger_free(l);
}

static void of_too_many_the_oldest_go(void **state)
{
    struct ledger *l = ledger_new();
    (void)state;
    for (uint64_t serial = 1; serial <= LEDGER_MAX + 5; serial++)
        add(l, serial);
    assert_int_equal(ledger_count(l), LEDGER_MAX);
    assert_int_equal(ledger_at(l, 0)->grant.serial, 6);
    assert_int_equal(ledger_at(l, LEDGER_MAX - 1)->grant.serial, LEDGER_MAX + 5);
    ledger_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issuances_come_in_their_order),
        cmocka_unit_test(of_too_many_the_oldest_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
