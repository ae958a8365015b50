"""Whatever WeChat answers, a good token in Redis stays until a better one is there."""
import pytest

from harness.wait import eventually, throughout

TOKEN = "/cgi-bin/token"
FAST = {"TOKEN_OVERLAP": "1s", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
        "LEASE_TTL": "1s"}


@pytest.mark.parametrize("kind", ["truncated", "empty", "http500", "http502", "busy", "reset",
                                  "huge", "garbage", "lost"])
def test_a_bad_answer_leaves_the_good_token_untouched_and_is_got_over(make_platform, kind):
    platform = make_platform(tokend=FAST, expires_in="4s", overlap="1s")
    good, version = platform.await_token(), platform.version()
    ttl = platform.redis.client.pttl(platform.keys.token)
    platform.wxsim.fault(TOKEN, kind, times=2)

    def tried_twice():
        bad = platform.wxsim.calls(TOKEN, kind)
        assert platform.token() == good or bad == 2
        return bad == 2
    eventually(tried_twice, timeout=5, every=0.005)
    fresh = eventually(lambda: (t := platform.token()) != good and t, timeout=3, every=0.005)
    assert fresh, "the good token was removed before a better one came"
    assert platform.wxsim.check(fresh)["rank"] == "current"
    assert platform.version() == version + 1
    assert 0 < ttl <= 4000


def test_while_wechat_is_down_the_token_is_served_to_its_end_and_no_longer(make_platform):
    platform = make_platform(tokend=FAST, expires_in="4s", overlap="1s")
    good = platform.await_token()
    platform.wxsim.fault("*", "http502", times=-1)

    def served_to_the_end():
        token = platform.token()
        left = platform.wxsim.check(good)["usable_for_ms"]
        assert token in (good, None)
        if left > 1000:
            assert token == good
        return token is None
    eventually(served_to_the_end, timeout=8)
    assert platform.tokend.get(f"/v1/apps/{platform.app.id}/token").status_code == 503
    platform.wxsim.reset()
    eventually(platform.token, what="a token after WeChat came back")


def test_a_wrong_secret_is_asked_with_at_most_4_times_in_4_seconds_and_never_logged(make_platform):
    wrong = "f00dfeedf00dfeedf00dfeedf00dfeed"
    platform = make_platform(tokend={"LEASE_TTL": "1s", "WECHAT_SECRET": wrong})
    eventually(lambda: platform.wxsim.calls(TOKEN, "40125") >= 1)
    throughout(lambda: platform.token() is None or pytest.fail("a token out of nothing"), 4)
    assert platform.wxsim.calls(TOKEN) <= 4
    assert wrong not in platform.tokend.process.log()


@pytest.mark.parametrize("trouble", ["frozen", "ip_refused", "punished"])
def test_trouble_with_the_account_is_not_hammered_and_leaves_the_token_alone(
        make_platform, trouble):
    platform = make_platform(tokend=FAST, expires_in="4s", overlap="1s")
    good = platform.await_token()
    platform.wxsim.set_app(**{trouble: True})
    eventually(lambda: platform.wxsim.calls(TOKEN) >= 2, timeout=5)
    throughout(lambda: platform.token() == good or pytest.fail("the token went"), 1)
    assert platform.wxsim.calls(TOKEN) <= 6


def test_an_answer_that_never_comes_is_given_up_and_asked_for_again(make_platform):
    platform = make_platform(tokend={**FAST, "WECHAT_TIMEOUT": "500ms"}, expires_in="4s",
                             overlap="1s")
    good, version = platform.await_token(), platform.version()
    platform.wxsim.fault(TOKEN, "hang")
    eventually(lambda: platform.wxsim.calls(TOKEN, "hang") == 1, timeout=5)
    assert platform.token() == good
    platform.await_version(version + 1, timeout=5)
