#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "loop/mailbox.h"

enum { SENDERS = 4, LETTERS = 2000 }; /* letters of each sender */

struct letter {
    struct list node;
    int sender, number;
};

struct office {
    struct loop *loop;
    struct mailbox *box;
    pthread_t loop_thread;
    struct letter letters[SENDERS][LETTERS];
    int next[SENDERS]; /* the number that must come next from each sender */
    int received;
    int stop_at;
};

static struct office office;

static void on_mail(struct list *node, void *arg)
{
    struct office *o = arg;
    struct letter *l = LIST_ENTRY(node, struct letter, node);
    assert_true(pthread_equal(pthread_self(), o->loop_thread));
    assert_false(list_linked(node)); /* it is the receiver's */
    assert_int_equal(l->number, o->next[l->sender]++);
    if (++o->received == o->stop_at)
        loop_stop(o->loop);
}

static int open_office(void **state)
{
    (void)state;
    office = (struct office){.loop = loop_new(), .loop_thread = pthread_self()};
    office.box = mailbox_new(office.loop, on_mail, &office);
    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < LETTERS; i++) {
            office.letters[s][i].sender = s;
            office.letters[s][i].number = i;
        }
    }
    return 0;
}

static int close_office(void **state)
{
    (void)state;
    mailbox_free(office.box);
    loop_free(office.loop);
    return 0;
}

static void *send_all(void *arg)
{
    struct letter *letters = arg;
    for (int i = 0; i < LETTERS; i++)
        mailbox_post(office.box, &letters[i].node);
    return NULL;
}

static void every_letter_of_every_thread_arrives_once_and_in_order(void **state)
{
    pthread_t threads[SENDERS];
    (void)state;
    office.stop_at = SENDERS * LETTERS;
    for (int s = 0; s < SENDERS; s++)
        assert_int_equal(pthread_create(&threads[s], NULL, send_all, office.letters[s]), 0);
    loop_run(office.loop);
    for (int s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    assert_int_equal(office.received, SENDERS * LETTERS);
}

static void mail_wakes_a_loop_that_sleeps(void **state)
{
    pthread_t thread;
    (void)state;
    for (int round = 1; round <= 3; round++) {
        office.stop_at = LETTERS * round;
        office.next[0] = 0;
        assert_int_equal(pthread_create(&thread, NULL, send_all, office.letters[0]), 0);
        loop_run(office.loop);
        pthread_join(thread, NULL);
    }
    assert_int_equal(office.received, 3 * LETTERS);
}

static void mail_from_the_loop_thread_is_not_delivered_at_once(void **state)
{
    (void)state;
    office.stop_at = 1;
    mailbox_post(office.box, &office.letters[0][0].node);
    assert_int_equal(office.received, 0);
    loop_run(office.loop);
    assert_int_equal(office.received, 1);
}

static void what_is_not_delivered_yet_is_delivered_when_the_box_goes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        mailbox_post(office.box, &office.letters[1][i].node);
    mailbox_free(office.box);
    office.box = NULL;
    assert_int_equal(office.received, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_letter_of_every_thread_arrives_once_and_in_order,
                                        open_office, close_office),
        cmocka_unit_test_setup_teardown(mail_wakes_a_loop_that_sleeps, open_office, close_office),
        cmocka_unit_test_setup_teardown(mail_from_the_loop_thread_is_not_delivered_at_once,
                                        open_office, close_office),
        cmocka_unit_test_setup_teardown(what_is_not_delivered_yet_is_delivered_when_the_box_goes,
                                        open_office, close_office),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
