#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list node;
};

static int number_of(const struct list *node)
{
    return LIST_ENTRY(node, const struct item, node)->number;
}

/* Both directions, so that a wrong prev shows too. */
static void assert_numbers(const struct list *head, const int *numbers, size_t n)
{
    const struct list *node = head->next;
    for (size_t i = 0; i < n; i++, node = node->next)
        assert_int_equal(number_of(node), numbers[i]);
    assert_ptr_equal(node, head);
    node = head->prev;
    for (size_t i = n; i > 0; i--, node = node->prev)
        assert_int_equal(number_of(node), numbers[i - 1]);
    assert_ptr_equal(node, head);
}

static void test_pushes_keep_their_order(void **state)
{
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    struct list head;
    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    list_push_back(&head, &b.node);
    list_push_back(&head, &c.node);
    list_push_front(&head, &a.node);
    assert_numbers(&head, (int[]){1, 2, 3}, 3);
    assert_false(list_empty(&head));
}

static void test_removing_twice_is_harmless(void **state)
{
    struct item a = {.number = 1}, b = {.number = 2};
    struct list head;
    (void)state;
    list_init(&head);
    list_push_back(&head, &a.node);
    list_push_back(&head, &b.node);
    assert_true(list_linked(&a.node));
    list_remove(&a.node);
    list_remove(&a.node);
    assert_false(list_linked(&a.node));
    assert_numbers(&head, (int[]){2}, 1);
    list_push_back(&head, &a.node);
    assert_numbers(&head, (int[]){2, 1}, 2);
}

static void test_pop_takes_the_first_until_empty(void **state)
{
    struct item a = {.number = 1}, b = {.number = 2};
    struct list head;
    (void)state;
    list_init(&head);
    list_push_back(&head, &a.node);
    list_push_back(&head, &b.node);
    assert_ptr_equal(list_pop_front(&head), &a.node);
    assert_false(list_linked(&a.node));
    assert_ptr_equal(list_pop_front(&head), &b.node);
    assert_null(list_pop_front(&head));
}

static void test_taking_all_appends_in_order(void **state)
{
    struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct list from, to;
    (void)state;
    list_init(&from);
    list_init(&to);
    list_push_back(&to, &items[0].node);
    for (size_t i = 1; i < 4; i++)
        list_push_back(&from, &items[i].node);
    list_take_all(&from, &to);
    assert_true(list_empty(&from));
    assert_numbers(&to, (int[]){1, 2, 3, 4}, 4);
    list_take_all(&from, &to);
    assert_numbers(&to, (int[]){1, 2, 3, 4}, 4);
}

static void test_a_walk_may_remove_what_it_stands_on(void **state)
{
    struct item items[5];
    struct list head;
    (void)state;
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i] = (struct item){.number = i};
        list_push_back(&head, &items[i].node);
    }
    LIST_FOR_EACH(it, &head)
    {
        if (number_of(it) % 2 == 0)
            list_remove(it);
    }
    assert_numbers(&head, (int[]){1, 3}, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pushes_keep_their_order),
        cmocka_unit_test(test_removing_twice_is_harmless),
        cmocka_unit_test(test_pop_takes_the_first_until_empty),
        cmocka_unit_test(test_taking_all_appends_in_order),
        cmocka_unit_test(test_a_walk_may_remove_what_it_stands_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
