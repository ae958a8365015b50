/* session_watch: ended sessions are known everywhere, by message within milliseconds, and by the
 * table when messages were lost. */
#include "watch_fixture.h"

#include <string.h>

/* ---- at the start ---- */

static void at_the_start_the_whole_table_is_read(void **state)
{
    (void)state;
    struct bench b = bench_open();
    for (unsigned i = 1; i <= 2 * STORE_LIST_MAX + 1; i++)
        write_row(b.table, i, i % 3 ? 30LL * 24 * HOUR_MS : 0); /* many at the same moment */
    struct process p = process_start(&b, b.store, &untimed);
    assert_false(revocation_watch_loaded(p.watch));
    assert_false(has(&p, 1));
    assert_int_equal(stats(&p).age_ms, -1);
    RUN_UNTIL(b.loop, SOON_MS, revocation_watch_loaded(p.watch));
    assert_true(b.store->questions >= 3);
    assert_int_equal(stats(&p).count, 2 * STORE_LIST_MAX + 1);
    for (unsigned i = 1; i <= 2 * STORE_LIST_MAX + 1; i++)
        assert_true(has(&p, i));
    assert_false(has(&p, 2 * STORE_LIST_MAX + 2));
    process_stop(&p);
    struct process restarted = process_start(&b, b.store, &untimed);
    RUN_UNTIL(b.loop, SOON_MS, revocation_watch_loaded(restarted.watch));
    assert_int_equal(stats(&restarted).count, 2 * STORE_LIST_MAX + 1);
    process_stop(&restarted);
    bench_close(&b);
}

static void it_is_not_loaded_before_a_reading_succeeded(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct revocation_watch_options o = untimed;
    o.retry_ms = 20;
    write_row(b.table, 1, 1000);
    b.store->failing = true;
    struct process p = process_start(&b, b.store, &o);
    RUN_UNTIL(b.loop, SOON_MS, stats(&p).readings_failed >= 3);
    b.store->failing = false;
    b.store->full = true;
    uint64_t failed = stats(&p).readings_failed;
    RUN_UNTIL(b.loop, SOON_MS, stats(&p).readings_failed >= failed + 3);
    assert_false(revocation_watch_loaded(p.watch));
    b.store->full = false;
    RUN_UNTIL(b.loop, SOON_MS, revocation_watch_loaded(p.watch));
    assert_true(has(&p, 1));
    process_stop(&p);
    bench_close(&b);
}

static void a_failure_between_two_pages_does_not_count_as_read(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct revocation_watch_options o = untimed;
    o.retry_ms = 20;
    for (unsigned i = 1; i <= STORE_LIST_MAX + 5; i++)
        write_row(b.table, i, HOUR_MS - (int64_t)i);
    b.store->holding = true;
    struct process p = process_start(&b, b.store, &o);
    RUN_UNTIL(b.loop, SOON_MS, b.store->asked);
    store_answer(b.store); /* the first page; the second is asked for */
    b.store->failing = true;
    store_answer(b.store);
    assert_false(revocation_watch_loaded(p.watch));
    b.store->failing = b.store->holding = false;
    RUN_UNTIL(b.loop, SOON_MS, revocation_watch_loaded(p.watch));
    assert_int_equal(stats(&p).count, STORE_LIST_MAX + 5);
    process_stop(&p);
    bench_close(&b);
}

static void it_loads_and_keeps_up_without_redis(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct revocation_watch_options o = untimed;
    o.blind_period_ms = 30;
    server_kill(b.server);
    write_row(b.table, 1, 1000);
    struct process p = process_start(&b, b.store, &o);
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 1));
    write_row(b.table, 2, 0);
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 2));
    assert_false(stats(&p).live);
    process_stop(&p);
    bench_close(&b);
}

/* ---- by message ---- */

static void an_ended_session_is_known_everywhere_without_the_database(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process one = process_settled(&b, b.store, &untimed);
    struct process two = process_settled(&b, b.other_store, &untimed);
    int questions = b.store->questions + b.other_store->questions;
    announce(&one, 1, 3);
    assert_true(has(&one, 1) && has(&one, 2) && has(&one, 3)); /* here at once */
    assert_false(has(&two, 1));
    mono_ms_t start = loop_now(b.loop);
    RUN_UNTIL(b.loop, SOON_MS, has(&two, 1) && has(&two, 2) && has(&two, 3));
    assert_in_range(mono_between(start, loop_now(b.loop)), 0, 1000);
    assert_int_equal(b.store->questions + b.other_store->questions, questions);
    RUN_UNTIL(b.loop, SOON_MS, stats(&one).told == 3);
    process_stop(&two);
    process_stop(&one);
    bench_close(&b);
}

static void many_ended_at_once_send_the_others_to_the_database(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process one = process_settled(&b, b.store, &untimed);
    struct process two = process_settled(&b, b.other_store, &untimed);
    for (unsigned i = 1; i <= 150; i++)
        write_row(b.table, i, 0);
    uint64_t heard = stats(&two).heard;
    announce(&one, 1, 100); /* as if the result had had no room for 50 of them */
    assert_true(has(&one, 100));
    RUN_UNTIL(b.loop, SOON_MS, has(&two, 1) && has(&two, 150));
    assert_int_equal(stats(&two).heard, heard + 1);
    RUN_UNTIL(b.loop, SOON_MS, has(&one, 150));
    process_stop(&two);
    process_stop(&one);
    bench_close(&b);
}

static void a_look_message_has_the_table_read(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process p = process_settled(&b, b.store, &untimed);
    write_row(b.table, 1, 0);
    rig_run_for(b.loop, 50);
    assert_false(has(&p, 1));
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 1));
    process_stop(&p);
    bench_close(&b);
}

static void however_many_ask_there_is_one_reading_and_then_one_more(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process p = process_settled(&b, b.store, &untimed);
    b.store->holding = true;
    int before = b.store->questions;
    uint64_t heard = stats(&p).heard;
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, b.store->asked);
    write_row(b.table, 1, 0);
    for (int i = 0; i < 20; i++)
        publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, stats(&p).heard == heard + 21);
    assert_int_equal(b.store->questions, before + 1);
    store_answer(b.store);
    b.store->holding = false;
    RUN_UNTIL(b.loop, SOON_MS, b.store->questions == before + 2 && !b.store->asked);
    rig_run_for(b.loop, 150);
    assert_int_equal(b.store->questions, before + 2);
    process_stop(&p);
    bench_close(&b);
}

static void what_is_no_message_of_ours_is_ignored(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process p = process_settled(&b, b.store, &untimed);
    int before = b.store->questions;
    uint64_t heard = stats(&p).heard;
    static const char *const garbled[] = {"",
                                          "hello",
                                          "**",
                                          "00000000000000000000000000000001",
                                          "0000000000000000000000000000000g 1800000000000",
                                          "00000000000000000000000000000001 9223372036854775807"};
    for (size_t i = 0; i < ARRAY_LEN(garbled); i++)
        publish(&p, garbled[i]);
    RUN_UNTIL(b.loop, SOON_MS, stats(&p).heard == heard + ARRAY_LEN(garbled));
    assert_int_equal(stats(&p).garbled, ARRAY_LEN(garbled));
    assert_int_equal(stats(&p).count, 0);
    assert_int_equal(b.store->questions, before);
    process_stop(&p);
    bench_close(&b);
}

/* ---- by the table ---- */

static void what_was_said_while_redis_was_away_is_caught_up_when_it_is_back(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process one = process_settled(&b, b.store, &untimed);
    struct process two = process_settled(&b, b.other_store, &untimed);
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, !stats(&one).live && !stats(&two).live);
    write_row(b.table, 1, 0);
    announce(&one, 1, 1);
    rig_run_for(b.loop, 100);
    assert_true(has(&one, 1));
    assert_false(has(&two, 1)); /* untimed: no blind readings here */
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, has(&two, 1));
    process_stop(&two);
    process_stop(&one);
    bench_close(&b);
}

static void the_table_is_read_again_and_again(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct revocation_watch_options o = untimed;
    o.period_ms = 100;
    struct process p = process_settled(&b, b.store, &o);
    write_row(b.table, 1, 0);
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 1));
    assert_in_range(stats(&p).age_ms, 0, 1000);
    process_stop(&p);
    bench_close(&b);
}

static void a_subscription_that_is_lost_is_noticed_between_two_readings(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct revocation_watch_options o = untimed;
    o.blind_period_ms = 50;
    struct process p = process_settled(&b, b.store, &o);
    write_row(b.table, 1, 0);
    rig_run_for(b.loop, 200);
    assert_false(has(&p, 1));
    server_kill(b.server);
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 1));
    process_stop(&p);
    bench_close(&b);
}

static void what_was_committed_late_or_by_a_slow_clock_is_found(void **state)
{
    (void)state;
    struct bench b = bench_open();
    write_row(b.table, 1, 0);
    struct process p = process_settled(&b, b.store, &untimed);
    assert_true(has(&p, 1));
    write_row(b.table, 2, 55 * 1000); /* before the latest that was seen */
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 2));
    assert_true(b.store->revoked_at.ms > 0); /* and not by reading all of it again */
    process_stop(&p);
    bench_close(&b);
}

static void a_clock_that_is_ahead_does_not_hide_what_others_write(void **state)
{
    (void)state;
    struct bench b = bench_open();
    write_row(b.table, 1, -10 * HOUR_MS);
    b.table->rows[0].until.ms += 20 * HOUR_MS;
    struct process p = process_settled(&b, b.store, &untimed);
    assert_true(has(&p, 1));
    write_row(b.table, 2, 0);
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 2));
    process_stop(&p);
    bench_close(&b);
}

static void what_is_over_is_forgotten(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct process p = process_settled(&b, b.store, &untimed);
    struct store_session ended = {.id = ""};
    for (unsigned i = 1; i <= 2; i++) {
        assert_true(slice_copy(slice_of(sid_of(i)), ended.id, sizeof ended.id));
        int64_t rest_ms = i == 1 ? -2 * 60 * 1000 : 60 * 1000;
        revocation_watch_announce(p.watch, &ended, 1, wall_after(clock_wall(), rest_ms));
    }
    assert_int_equal(stats(&p).count, 2);
    uint64_t readings = stats(&p).readings;
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, stats(&p).readings > readings);
    assert_false(has(&p, 1));
    assert_true(has(&p, 2));
    process_stop(&p);
    bench_close(&b);
}

static void a_clock_that_is_set_back_brings_back_what_it_had_made_forget(void **state)
{
    (void)state;
    struct bench b = bench_open();
    write_row(b.table, 1, 10 * HOUR_MS);
    write_row(b.table, 2, 0);
    struct process p = process_settled(&b, b.store, &untimed);
    assert_true(has(&p, 1) && has(&p, 2));
    clock_ahead_ms = 2 * HOUR_MS;
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, stats(&p).count == 0);
    clock_ahead_ms = 0;
    publish(&p, "*");
    RUN_UNTIL(b.loop, SOON_MS, has(&p, 1) && has(&p, 2));
    process_stop(&p);
    bench_close(&b);
}

static void the_number_of_known_sessions_is_bounded(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct revocation_watch_options o = untimed;
    o.limit = 100;
    for (unsigned i = 1; i <= 150; i++)
        write_row(b.table, i, 1000 - i);
    struct process p = process_start(&b, b.store, &o);
    RUN_UNTIL(b.loop, SOON_MS, revocation_watch_loaded(p.watch));
    assert_int_equal(stats(&p).count, 100);
    assert_true(stats(&p).lost >= 50);
    process_stop(&p);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_start_the_whole_table_is_read),
        cmocka_unit_test(it_is_not_loaded_before_a_reading_succeeded),
        cmocka_unit_test(a_failure_between_two_pages_does_not_count_as_read),
        cmocka_unit_test(it_loads_and_keeps_up_without_redis),
        cmocka_unit_test(an_ended_session_is_known_everywhere_without_the_database),
        cmocka_unit_test(many_ended_at_once_send_the_others_to_the_database),
        cmocka_unit_test(a_look_message_has_the_table_read),
        cmocka_unit_test(however_many_ask_there_is_one_reading_and_then_one_more),
        cmocka_unit_test(what_is_no_message_of_ours_is_ignored),
        cmocka_unit_test(what_was_said_while_redis_was_away_is_caught_up_when_it_is_back),
        cmocka_unit_test(the_table_is_read_again_and_again),
        cmocka_unit_test(a_subscription_that_is_lost_is_noticed_between_two_readings),
        cmocka_unit_test(what_was_committed_late_or_by_a_slow_clock_is_found),
        cmocka_unit_test(a_clock_that_is_ahead_does_not_hide_what_others_write),
        cmocka_unit_test(what_is_over_is_forgotten),
        cmocka_unit_test(a_clock_that_is_set_back_brings_back_what_it_had_made_forget),
        cmocka_unit_test(the_number_of_known_sessions_is_bounded),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
