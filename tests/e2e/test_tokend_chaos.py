"""Three tokends under 5-second tokens, killed, frozen and robbed: a consumer that reads Redis every
millisecond finds a living token. Against two stand-ins for WeChat.

CHAOS_SECONDS makes the runs longer, CHAOS_SEED repeats one; with -s they tell what they measured."""
import pytest

from harness.chaos import Chaos, seconds
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
    judge = chaos.judge()
    judge.everything()


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
