"""Three tokends under 5-second tokens, killed, frozen and robbed: a consumer that reads Redis every
millisecond finds a living token. Against two stand-ins for WeChat.

CHAOS_SECONDS makes the runs longer, CHAOS_SEED repeats one; with -s they tell what they
measured."""
import pytest

from harness.chaos import Chaos, seconds
from harness.wait import eventually, throughout
from harness.wxsim import OtherWechat, Wxsim


@pytest.fixture(params=[Wxsim, OtherWechat], ids=["wxsim", "other"])
def make_chaos(request, stack, tmp_path):
    return lambda **options: stack.add(Chaos(tmp_path, request.param, **options))


def test_killing_the_leader_at_any_moment_leaves_a_living_token(make_chaos):
    chaos = make_chaos()
    chaos.for_seconds(seconds(30), chaos.kill_leader, chaos.kill_between_issue_and_commit)
    chaos.judge().everything()


def test_a_frozen_leader_wakes_up_and_does_no_harm(make_chaos):
    chaos = make_chaos()
    chaos.for_seconds(seconds(15), chaos.freeze_leader, chaos.freeze_with_the_answer_held)
    chaos.judge().everything()


def test_redis_restarted_empty_gets_the_same_token_back(make_chaos):
    chaos = make_chaos()
    chaos.for_seconds(seconds(10), chaos.restart_redis)
    chaos.judge().everything()


def test_redis_restarted_with_its_old_file_is_put_right(make_chaos):
    chaos = make_chaos()
    chaos.for_seconds(seconds(12), chaos.restart_redis_with_its_old_file)
    chaos.judge().everything()


def test_a_token_that_another_environment_displaced_is_replaced_when_a_consumer_reports_it(
        make_chaos):
    chaos = make_chaos()
    chaos.for_seconds(seconds(10), chaos.displace)
    chaos.judge().everything()


def test_all_of_it_mixed(make_chaos):
    chaos = make_chaos()
    chaos.for_seconds_mixed(
        seconds(25), chaos.kill_leader, chaos.kill_between_issue_and_commit, chaos.stop_leader,
        chaos.freeze_leader, chaos.freeze_with_the_answer_held, chaos.restart_redis,
        chaos.restart_redis_with_its_old_file, chaos.displace)
    chaos.judge().everything()


# ---- one at a time ----

@pytest.mark.parametrize("in_between", ["waiting", "at once"])
def test_five_empty_restarts_of_redis_cost_nothing(make_chaos, in_between):
    chaos = make_chaos(expires_in="7200s", overlap="300s")
    token, version = chaos.settled()
    for _ in range(5):
        chaos.restart_redis()
        if in_between == "waiting":
            chaos.settled(token, version)
    chaos.settled(token, version)
    chaos.judge().everything()
    assert chaos.wxsim.issued() == 1


def frozen_with_its_answer_held(chaos, kind, released):
    """The leader, frozen until another one has led for a moment, and awake again. Its answer is
    released while it sleeps, or when it is awake."""
    _, version = chaos.settled()
    leader = chaos.hold_an_answer(kind, ordered=True)
    owner = chaos.redis.client.get("tokend:leader")
    with leader.process.frozen():
        chaos.await_another(owner, "SIGSTOP")
        chaos.await_version(version + 1)
        if released == "asleep":
            chaos.wxsim.release()
    if released == "awake":
        eventually(lambda: not leader.get("/v1/apps").json()["leading"], what="it knows")
        chaos.wxsim.release()
    return leader


@pytest.mark.parametrize("released", ["asleep", "awake"])
@pytest.mark.parametrize("kind", ["hold", "late"])
def test_a_leader_frozen_with_its_answer_held_wakes_up_fenced_and_reports_it(
        stack, tmp_path, kind, released):
    chaos = stack.add(Chaos(tmp_path, OtherWechat, expires_in="7200s", overlap="2s"))
    woken = frozen_with_its_answer_held(chaos, kind, released)
    eventually(lambda: Chaos.lines(woken, event="refresh.fenced_out"), what="its report")
    eventually(lambda: chaos.redis.client.xlen(chaos.keys.reports) == 0, what="it was heard")
    token, version = chaos.settled()
    throughout(lambda: chaos.all_serve(token, version), 2.5)
    assert chaos.wxsim.check(token)["rank"] == "current"
    assert (version, chaos.wxsim.issued()) == (3, 4)
    chaos.judge().everything()


def test_a_leader_that_comes_back_with_an_empty_redis_goes_on_above_the_version_that_others_know(
        make_chaos):
    """As when the machine starts anew that runs both: it may fetch before the others are back."""
    chaos = make_chaos(expires_in="7200s", overlap="300s")
    for version in range(2, 5):
        chaos.order(chaos.leader())
        chaos.await_version(version)
    known = chaos.settled()
    leader = chaos.leader()
    leader.process.kill()
    chaos.redis.kill()
    eventually(lambda: all(chaos.served(t) == (200, *known) for t in chaos.running()))
    chaos.redis.revive()
    leader.start_again()
    eventually(lambda: chaos.token() and chaos.version() >= known[1], what="its version")
    token, _ = chaos.settled()
    assert chaos.wxsim.check(token)["rank"] == "current"
    assert chaos.wxsim.issued() <= 6
