/* A page of events: the earliest ones, in order, and no more than fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tokend/api/page.h"

static struct event_id numbered(int64_t n)
{
    struct event_id id = {.entry = {n, 0}, .appid = "wx1"};
    return id;
}

static char *text_of(size_t n)
{
    char *text = xcalloc(n + 1, 1);
    memset(text, 'x', n);
    return text;
}

static void offer(struct page *p, int64_t n, size_t bytes)
{
    struct event_id id = numbered(n);
    if (page_wants(p, &id))
        page_add(p, &id, text_of(bytes));
}

static void assert_holds_first(const struct page *p, size_t n)
{
    assert_int_equal(p->n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(p->list[i]->id.entry.ms, i);
}

static void a_page_that_takes_all_is_not_cut(void **state)
{
    struct page p = {.n = 0};
    (void)state;
    for (int64_t i = PAGE_EVENTS - 1; i >= 0; i--)
        offer(&p, i, 10);
    assert_holds_first(&p, PAGE_EVENTS);
    assert_false(p.is_cut);
    page_clear(&p);
    assert_int_equal(p.n + p.bytes, 0);
}

static void one_more_than_fit_cuts_it(void **state)
{
    struct page p = {.n = 0};
    (void)state;
    for (int64_t i = 0; i <= PAGE_EVENTS; i++)
        offer(&p, i, 10);
    assert_holds_first(&p, PAGE_EVENTS);
    assert_true(p.is_cut);
    page_clear(&p);
    assert_false(p.is_cut);
}

static void one_between_the_last_two_of_a_full_page_takes_the_place_of_the_last(void **state)
{
    struct page p = {.n = 0};
    (void)state;
    for (int64_t i = 0; i < PAGE_EVENTS - 1; i++)
        offer(&p, i, 10);
    offer(&p, PAGE_EVENTS, 10);
    offer(&p, PAGE_EVENTS - 1, 10);
    assert_holds_first(&p, PAGE_EVENTS);
    assert_true(p.is_cut);
    assert_int_equal(p.end.entry.ms, PAGE_EVENTS - 1);
    page_clear(&p);
}

static void a_page_may_be_cut_where_more_is_not_known(void **state)
{
    struct page p = {.n = 0};
    struct event_id three = numbered(3), five = numbered(5);
    (void)state;
    for (int64_t i = 0; i < 8; i++)
        offer(&p, i, 10);
    page_cut(&p, &three);
    assert_holds_first(&p, 4);
    assert_int_equal(p.bytes, 40);
    page_cut(&p, &five); /* it ends before that */
    assert_int_equal(p.end.entry.ms, 3);
    offer(&p, 4, 10);
    assert_holds_first(&p, 4);
    page_clear(&p);
}

static void what_comes_behind_an_id_is_found(void **state)
{
    struct page p = {.n = 0};
    (void)state;
    struct event_id id = numbered(1);
    assert_int_equal(page_find(&p, &id), 0);
    for (int64_t i = 0; i < 10; i++)
        offer(&p, 2 * i, 10);
    for (int64_t i = -1; i < 20; i++) {
        id = numbered(i);
        assert_int_equal(page_find(&p, &id), (i + 2) / 2);
    }
    page_clear(&p);
}

static void long_texts_fill_it_sooner_and_what_had_to_leave_leaves_no_gap(void **state)
{
    struct page p = {.n = 0};
    (void)state;
    offer(&p, 0, PAGE_BYTES / 2);
    offer(&p, 3, PAGE_BYTES / 4);
    offer(&p, 1, PAGE_BYTES / 2); /* 3 leaves */
    assert_true(p.is_cut);
    offer(&p, 2, 1); /* would fit, had 3 not been refused behind it: comes with 3 */
    assert_holds_first(&p, 2);
    page_clear(&p);
}

static void one_event_is_taken_however_long(void **state)
{
    struct page p = {.n = 0};
    (void)state;
    offer(&p, 1, 2 * PAGE_BYTES);
    assert_int_equal(p.n, 1);
    offer(&p, 0, 1);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.list[0]->id.entry.ms, 0);
    assert_true(p.is_cut);
    page_clear(&p);
}

/* Whatever the order and the sizes: pages one after the other hold each event once, in order. */
static void pages_one_after_the_other_lose_nothing(void **state)
{
    enum { EVENTS = 10000 };
    struct prng random;
    (void)state;
    prng_seed(&random, 7);
    for (int64_t next = 0; next < EVENTS;) {
        struct page p = {.n = 0};
        int64_t stride = 7, at = prng_between(&random, 0, EVENTS - 1);
        for (int i = 0; i < EVENTS; i++, at = (at + stride) % EVENTS)
            if (at >= next)
                offer(&p, at, (size_t)prng_between(&random, 10, 500));
        assert_true(p.n > 0 && p.bytes <= PAGE_BYTES);
        assert_int_equal(p.is_cut, next + (int64_t)p.n < EVENTS);
        assert_true(!p.is_cut || event_id_compare(&p.list[p.n - 1]->id, &p.end) == 0);
        for (size_t i = 0; i < p.n; i++)
            assert_int_equal(p.list[i]->id.entry.ms, next++);
        page_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_takes_all_is_not_cut),
        cmocka_unit_test(one_more_than_fit_cuts_it),
        cmocka_unit_test(one_between_the_last_two_of_a_full_page_takes_the_place_of_the_last),
        cmocka_unit_test(a_page_may_be_cut_where_more_is_not_known),
        cmocka_unit_test(what_comes_behind_an_id_is_found),
        cmocka_unit_test(long_texts_fill_it_sooner_and_what_had_to_leave_leaves_no_gap),
        cmocka_unit_test(one_event_is_taken_however_long),
        cmocka_unit_test(pages_one_after_the_other_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
