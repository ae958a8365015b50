/* The lease: one leads, the others know when to try; every doubt ends the lead in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tokend/refresh/lease.h"

#define TTL INT64_C(10000)

enum { SEEDS = 100 };

/* One lease played by hand: what it asks for must be taken before the next event. */
struct hand {
    struct lease *lease;
    mono_ms_t now;
    struct lease_actions out;
    size_t taken;
    uint64_t op; /* of the operation taken last */
};

static void check_all_taken(const struct hand *h)
{
    if (h->taken < h->out.n)
        fail_msg("the lease also asked for action %d", (int)h->out.list[h->taken].kind);
}

/* It never sleeps for good, nor past the end of its own lease. */
static void check_deadline(const struct hand *h)
{
    mono_ms_t deadline = lease_deadline(h->lease);
    assert_int_equal(deadline.ms == MONO_NEVER.ms, lease_state(h->lease) == LEASE_STOPPED);
    if (lease_leads(h->lease))
        assert_true(deadline.ms <= lease_until(h->lease).ms);
}

static void send(struct hand *h, const struct lease_event *ev)
{
    check_all_taken(h);
    h->out.n = h->taken = 0;
    lease_step(h->lease, h->now, ev, &h->out);
    check_deadline(h);
}

static void tell(struct hand *h, enum lease_event_kind kind)
{
    send(h, &(struct lease_event){.kind = kind});
}

/* Ticks at the deadline; how long that was. */
static int64_t await(struct hand *h)
{
    int64_t ms = mono_between(h->now, lease_deadline(h->lease));
    if (ms > 0)
        h->now = lease_deadline(h->lease);
    tell(h, LEASE_TICK);
    return ms;
}

static const struct lease_action *take(struct hand *h, enum lease_action_kind kind)
{
    assert_true(h->taken < h->out.n);
    const struct lease_action *a = &h->out.list[h->taken++];
    assert_int_equal(a->kind, kind);
    if (a->op)
        h->op = a->op;
    return a;
}

static void grant(struct hand *h, int64_t epoch)
{
    send(h, &(struct lease_event){.kind = LEASE_GRANTED, .op = h->op, .epoch = epoch});
}

static void refuse(struct hand *h, int64_t remaining_ms)
{
    send(h, &(struct lease_event){.kind = LEASE_HELD, .op = h->op, .remaining_ms = remaining_ms});
}

static void fail_it(struct hand *h)
{
    send(h, &(struct lease_event){.kind = LEASE_FAILED, .op = h->op});
}

static void fence(struct hand *h, int64_t epoch)
{
    send(h, &(struct lease_event){.kind = LEASE_FENCED, .epoch = epoch});
}

static void pass(struct hand *h, int64_t ms)
{
    h->now = mono_after(h->now, ms);
}

/* Has asked for the lease. */
static struct hand asking(uint64_t seed)
{
    struct hand h = {.now = {777}};
    h.lease = lease_new(TTL, seed, h.now);
    tell(&h, LEASE_TICK);
    take(&h, LEASE_DO_ACQUIRE);
    return h;
}

static struct hand leading(void)
{
    struct hand h = asking(1);
    grant(&h, 100);
    assert_int_equal(take(&h, LEASE_DO_LEAD)->epoch, 100);
    return h;
}

static void done(struct hand *h)
{
    check_all_taken(h);
    lease_free(h->lease);
}

/* ---- to the lead ---- */

static void a_free_lease_is_taken_and_counts_from_when_it_was_asked_for(void **state)
{
    (void)state;
    struct hand h = asking(1);
    assert_false(lease_leads(h.lease));
    mono_ms_t asked = h.now;
    pass(&h, 300);
    grant(&h, 100);
    assert_int_equal(take(&h, LEASE_DO_LEAD)->epoch, 100);
    assert_true(lease_leads(h.lease));
    assert_int_equal(lease_until(h.lease).ms, mono_after(asked, TTL).ms);
    assert_int_equal(lease_epoch(h.lease), 100);
    done(&h);
}

static void a_held_lease_is_asked_for_again_when_it_is_said_to_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct hand h = asking(seed);
        refuse(&h, 4000);
        assert_in_range(await(&h), 4020, 4080);
        take(&h, LEASE_DO_ACQUIRE);
        refuse(&h, 100 * TTL); /* of another that is set differently: looked at in our own time */
        assert_in_range(await(&h), TTL + 20, TTL + 80);
        take(&h, LEASE_DO_ACQUIRE);
        refuse(&h, -2);
        assert_in_range(await(&h), 20, 80);
        take(&h, LEASE_DO_ACQUIRE);
        done(&h);
    }
}

static void a_redis_that_does_not_answer_is_asked_again_within_a_tenth_of_the_lease(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct hand h = asking(seed);
        fail_it(&h);
        assert_false(lease_leads(h.lease));
        assert_in_range(await(&h), TTL / 20, TTL / 10 + 1);
        take(&h, LEASE_DO_ACQUIRE);
        done(&h);
    }
}

static void an_operation_that_is_never_answered_counts_as_failed(void **state)
{
    (void)state;
    struct hand h = asking(1);
    assert_in_range(await(&h), 1, TTL / 3 + 1);
    assert_int_equal(lease_state(h.lease), LEASE_FOLLOWING);
    await(&h);
    take(&h, LEASE_DO_ACQUIRE);
    done(&h);
}

static void news_of_a_release_is_acted_on_at_once(void **state)
{
    (void)state;
    struct hand h = asking(1);
    refuse(&h, TTL);
    tell(&h, LEASE_LOOK);
    take(&h, LEASE_DO_ACQUIRE);
    done(&h);
}

/* Redis may have answered the question before the release, and the answer come after the news. */
static void news_of_a_release_is_not_lost_while_the_lease_is_asked_for(void **state)
{
    (void)state;
    struct hand h = asking(1);
    tell(&h, LEASE_LOOK);
    refuse(&h, TTL);
    assert_int_equal(await(&h), 0);
    take(&h, LEASE_DO_ACQUIRE);
    refuse(&h, TTL);
    assert_in_range(await(&h), TTL, TTL + 80);
    take(&h, LEASE_DO_ACQUIRE);
    done(&h);
}

/* ---- the lead ---- */

static void it_is_renewed_at_a_third_of_its_life(void **state)
{
    (void)state;
    struct hand h = leading();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(await(&h), TTL / 3);
        take(&h, LEASE_DO_RENEW);
        mono_ms_t asked = h.now;
        pass(&h, 50);
        grant(&h, 100);
        assert_int_equal(lease_until(h.lease).ms, mono_after(asked, TTL).ms);
    }
    assert_int_equal(lease_epoch(h.lease), 100);
    done(&h);
}

static void a_renewal_that_finds_another_leader_ends_the_lead_at_once(void **state)
{
    (void)state;
    struct hand h = leading();
    await(&h);
    take(&h, LEASE_DO_RENEW);
    refuse(&h, 8000);
    take(&h, LEASE_DO_UNLEAD);
    assert_false(lease_leads(h.lease));
    assert_int_equal(lease_until(h.lease).ms, MONO_PAST.ms);
    assert_int_equal(await(&h), 0);
    take(&h, LEASE_DO_ACQUIRE);
    done(&h);
}

static void renewals_that_fail_go_on_until_the_end_of_the_lease_and_not_past_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct hand h = asking(seed);
        grant(&h, 100);
        take(&h, LEASE_DO_LEAD);
        mono_ms_t end = lease_until(h.lease);
        int tries = 0;
        while (await(&h), h.out.list[0].kind == LEASE_DO_RENEW) {
            take(&h, LEASE_DO_RENEW);
            fail_it(&h);
            tries++;
        }
        assert_true(tries >= 5);
        assert_int_equal(h.now.ms, end.ms);
        take(&h, LEASE_DO_UNLEAD);
        take(&h, LEASE_DO_ACQUIRE);
        done(&h);
    }
}

static void a_renewal_under_way_at_the_end_of_the_lease_ends_the_lead(void **state)
{
    (void)state;
    struct hand h = leading();
    mono_ms_t end = lease_until(h.lease);
    await(&h);
    take(&h, LEASE_DO_RENEW);
    h.now = mono_after(end, -1);
    fail_it(&h);
    assert_true(lease_leads(h.lease));
    assert_int_equal(await(&h), 1);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_ACQUIRE);
    done(&h);
}

static void a_process_that_slept_past_the_end_leads_no_more(void **state)
{
    (void)state;
    struct hand h = leading();
    pass(&h, 100 * TTL);
    tell(&h, LEASE_TICK);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_ACQUIRE);
    grant(&h, 101);
    assert_int_equal(take(&h, LEASE_DO_LEAD)->epoch, 101);
    done(&h);
}

/* The answer was there before the process slept, and is read before its timers. */
static void a_grant_that_is_read_too_late_gives_no_time(void **state)
{
    (void)state;
    struct hand h = asking(1);
    pass(&h, 2 * TTL);
    grant(&h, 100);
    take(&h, LEASE_DO_LEAD);
    assert_true(lease_until(h.lease).ms <= h.now.ms);
    assert_true(await(&h) <= 0);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_ACQUIRE);
    done(&h);
}

/* ---- fencing ---- */

static void being_fenced_ends_the_lead_and_draws_a_higher_epoch(void **state)
{
    (void)state;
    struct hand h = leading();
    fence(&h, 250);
    take(&h, LEASE_DO_UNLEAD);
    assert_int_equal(take(&h, LEASE_DO_ACQUIRE)->epoch, 250);
    grant(&h, 251);
    assert_int_equal(take(&h, LEASE_DO_LEAD)->epoch, 251);
    done(&h);
}

static void being_fenced_during_a_renewal_does_not_wait_for_its_answer(void **state)
{
    (void)state;
    struct hand h = leading();
    await(&h);
    uint64_t renewal = take(&h, LEASE_DO_RENEW)->op;
    fence(&h, 250);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_ACQUIRE);
    send(&h, &(struct lease_event){.kind = LEASE_GRANTED, .op = renewal, .epoch = 100});
    assert_false(lease_leads(h.lease));
    grant(&h, 251);
    take(&h, LEASE_DO_LEAD);
    done(&h);
}

static void an_epoch_that_is_not_above_ours_is_no_news(void **state)
{
    (void)state;
    struct hand h = leading();
    fence(&h, 99);
    fence(&h, 100);
    assert_true(lease_leads(h.lease));
    done(&h);
}

static void a_follower_remembers_the_highest_epoch_it_heard_of(void **state)
{
    (void)state;
    struct hand h = asking(1);
    refuse(&h, 1000);
    fence(&h, 250);
    fence(&h, 200);
    await(&h);
    assert_int_equal(take(&h, LEASE_DO_ACQUIRE)->epoch, 250);
    done(&h);
}

/* ---- stop ---- */

static void stopping_ends_the_lead_and_gives_the_lease_back(void **state)
{
    (void)state;
    struct hand h = leading();
    tell(&h, LEASE_STOP);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_RELEASE);
    assert_false(lease_leads(h.lease));
    grant(&h, 100);
    assert_int_equal(lease_state(h.lease), LEASE_STOPPED);
    done(&h);
}

static void stopping_does_not_hang_on_a_redis_that_is_silent(void **state)
{
    (void)state;
    struct hand h = leading();
    tell(&h, LEASE_STOP);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_RELEASE);
    assert_in_range(await(&h), 1, TTL / 3 + 1);
    assert_int_equal(lease_state(h.lease), LEASE_STOPPED);
    done(&h);
}

/* A lease that was asked for may have been granted: it is given back too. */
static void stopping_while_asking_gives_back_what_may_have_been_granted(void **state)
{
    (void)state;
    struct hand h = asking(1);
    uint64_t asked = h.op;
    tell(&h, LEASE_STOP);
    take(&h, LEASE_DO_RELEASE);
    send(&h, &(struct lease_event){.kind = LEASE_GRANTED, .op = asked, .epoch = 100});
    assert_false(lease_leads(h.lease));
    assert_int_equal(lease_state(h.lease), LEASE_RELEASING);
    fail_it(&h);
    assert_int_equal(lease_state(h.lease), LEASE_STOPPED);
    done(&h);
}

static void once_stopped_nothing_starts_it_again(void **state)
{
    (void)state;
    struct hand h = leading();
    tell(&h, LEASE_STOP);
    take(&h, LEASE_DO_UNLEAD);
    take(&h, LEASE_DO_RELEASE);
    fail_it(&h);
    static const enum lease_event_kind kinds[] = {
        LEASE_TICK, LEASE_LOOK, LEASE_FENCED, LEASE_STOP, LEASE_GRANTED, LEASE_HELD, LEASE_FAILED,
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        send(&h, &(struct lease_event){.kind = kinds[i], .op = h.op, .epoch = 1000});
    assert_int_equal(lease_state(h.lease), LEASE_STOPPED);
    done(&h);
}

/* ---- answers that nobody waits for ---- */

static void late_and_duplicate_answers_change_nothing(void **state)
{
    (void)state;
    struct hand h = asking(1);
    uint64_t first = h.op;
    fail_it(&h);
    grant(&h, 100); /* the operation failed already */
    assert_false(lease_leads(h.lease));
    await(&h);
    take(&h, LEASE_DO_ACQUIRE);
    send(&h, &(struct lease_event){.kind = LEASE_GRANTED, .op = first, .epoch = 100});
    assert_false(lease_leads(h.lease));
    grant(&h, 101);
    take(&h, LEASE_DO_LEAD);
    grant(&h, 102);
    refuse(&h, 1000);
    fail_it(&h);
    assert_true(lease_leads(h.lease));
    assert_int_equal(lease_epoch(h.lease), 101);
    done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_lease_is_taken_and_counts_from_when_it_was_asked_for),
        cmocka_unit_test(a_held_lease_is_asked_for_again_when_it_is_said_to_end),
        cmocka_unit_test(a_redis_that_does_not_answer_is_asked_again_within_a_tenth_of_the_lease),
        cmocka_unit_test(an_operation_that_is_never_answered_counts_as_failed),
        cmocka_unit_test(news_of_a_release_is_acted_on_at_once),
        cmocka_unit_test(news_of_a_release_is_not_lost_while_the_lease_is_asked_for),
        cmocka_unit_test(it_is_renewed_at_a_third_of_its_life),
        cmocka_unit_test(a_renewal_that_finds_another_leader_ends_the_lead_at_once),
        cmocka_unit_test(renewals_that_fail_go_on_until_the_end_of_the_lease_and_not_past_it),
        cmocka_unit_test(a_renewal_under_way_at_the_end_of_the_lease_ends_the_lead),
        cmocka_unit_test(a_process_that_slept_past_the_end_leads_no_more),
        cmocka_unit_test(a_grant_that_is_read_too_late_gives_no_time),
        cmocka_unit_test(being_fenced_ends_the_lead_and_draws_a_higher_epoch),
        cmocka_unit_test(being_fenced_during_a_renewal_does_not_wait_for_its_answer),
        cmocka_unit_test(an_epoch_that_is_not_above_ours_is_no_news),
        cmocka_unit_test(a_follower_remembers_the_highest_epoch_it_heard_of),
        cmocka_unit_test(stopping_ends_the_lead_and_gives_the_lease_back),
        cmocka_unit_test(stopping_does_not_hang_on_a_redis_that_is_silent),
        cmocka_unit_test(stopping_while_asking_gives_back_what_may_have_been_granted),
        cmocka_unit_test(once_stopped_nothing_starts_it_again),
        cmocka_unit_test(late_and_duplicate_answers_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
