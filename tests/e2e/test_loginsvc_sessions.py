"""Sessions of the native API: refresh, reuse, logout, the list, and word of it in all instances.
Written from the contract, section 5.2."""
import time

import pytest

from harness.apps import new_phone
from harness.logins import (another_instance, await_ready, bearer, claims_of, log_in,
                            ready_platform)
from harness.platform import Platform
from harness.logins import FAST
from harness.wait import eventually


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A platform with two instances on one database."""
    platform = Platform(tmp_path_factory.mktemp("platform"), tokend=FAST, loginsvc={})
    await_ready(platform.loginsvc)
    platform.other = another_instance(platform)
    yield platform
    platform.stop()


def verify(service, token):
    return service.get("/v1/verify", **bearer(token)).status_code


def refresh(service, token):
    return service.post("/v1/token/refresh", {"refreshToken": token})


def sessions_of(service, token):
    answer = service.get("/v1/sessions", **bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()["sessions"]


# ---- refresh ----

def test_a_refresh_gives_new_tokens_for_the_same_session(pair):
    first = log_in(pair)
    answer = refresh(pair.other, first["refreshToken"])
    second = answer.json()
    assert answer.status_code == 200
    assert set(second) == {"accessToken", "expiresIn", "refreshToken"}
    assert second["refreshToken"] != first["refreshToken"]
    old, new = claims_of(first["accessToken"]), claims_of(second["accessToken"])
    assert (old["sid"], old["sub"], old["openid"]) == (new["sid"], new["sub"], new["openid"])
    assert verify(pair.loginsvc, second["accessToken"]) == 200
    assert verify(pair.loginsvc, first["accessToken"]) == 200, "it lives until it is over"
    assert refresh(pair.loginsvc, second["refreshToken"]).status_code == 200


def test_a_refresh_token_used_twice_ends_its_session_everywhere(pair):
    first = log_in(pair)
    second = refresh(pair.loginsvc, first["refreshToken"]).json()
    reused = refresh(pair.other, first["refreshToken"])
    assert (reused.status_code, reused.json()["code"]) == (401, "invalid_refresh_token")
    assert refresh(pair.loginsvc, second["refreshToken"]).status_code == 401
    for service in (pair.loginsvc, pair.other):
        eventually(lambda: verify(service, second["accessToken"]) == 401, timeout=1)


@pytest.mark.parametrize("token", ["", "x", "0" * 32 + "." + "A" * 43, "a.b.c", "é" * 20, None, 5,
                                   "0" * 100000])
def test_what_is_no_refresh_token_is_refused(pair, token):
    answer = pair.loginsvc.post("/v1/token/refresh", {"refreshToken": token})
    assert answer.status_code in (400, 401, 413)


def test_another_session_outlives_the_one_that_was_stolen(pair):
    mine = log_in(pair, openid="oTwoPhones")
    other = log_in(pair, openid="oTwoPhones")
    refresh(pair.loginsvc, mine["refreshToken"])
    refresh(pair.loginsvc, mine["refreshToken"])
    assert verify(pair.loginsvc, other["accessToken"]) == 200
    assert refresh(pair.loginsvc, other["refreshToken"]).status_code == 200


# ---- logout ----

def test_logout_reaches_every_instance_within_a_second(pair):
    token = log_in(pair)["accessToken"]
    assert verify(pair.other, token) == 200
    assert pair.loginsvc.post("/v1/logout", {}, **bearer(token)).json() == {"ended": 1}
    assert verify(pair.loginsvc, token) == 401
    eventually(lambda: verify(pair.other, token) == 401, timeout=1, what="the other instance knows")
    assert pair.other.post("/api/user/checkToken", **bearer(token)).json() == {
        "code": 403, "message": "Token 无效或已过期"}
    assert pair.other.get("/v1/me", **bearer(token)).status_code == 401


def test_logout_everywhere_ends_all_of_the_user_and_nobody_elses(pair):
    mine = [log_in(pair, openid="oMany") for _ in range(5)]
    foreign = log_in(pair)
    answer = pair.loginsvc.post("/v1/logout", {"all": True}, **bearer(mine[0]["accessToken"]))
    assert answer.json() == {"ended": 5}
    for one in mine:
        eventually(lambda: verify(pair.other, one["accessToken"]) == 401, timeout=1)
        assert refresh(pair.other, one["refreshToken"]).status_code == 401
    assert verify(pair.other, foreign["accessToken"]) == 200


def test_word_that_was_lost_while_redis_was_away_is_caught_up(make_platform):
    platform = ready_platform(make_platform)
    other = another_instance(platform)
    tokens = [log_in(platform)["accessToken"] for _ in range(2)]
    platform.redis.kill()
    eventually(lambda: not other.get("/readyz").json()["checks"]["redis"])
    assert platform.loginsvc.post("/v1/logout", {}, **bearer(tokens[0])).status_code == 200
    eventually(lambda: verify(other, tokens[0]) == 401, timeout=8, what="the database tells it")
    platform.redis.revive()
    assert platform.loginsvc.post("/v1/logout", {}, **bearer(tokens[1])).status_code == 200
    eventually(lambda: verify(other, tokens[1]) == 401, timeout=8)


def test_what_was_ended_stays_ended_over_a_restart(make_platform):
    platform = ready_platform(make_platform)
    token = log_in(platform)["accessToken"]
    platform.loginsvc.post("/v1/logout", {}, **bearer(token))
    platform.loginsvc.process.kill()
    platform.redis.client.flushall()
    platform.loginsvc.start_again()
    await_ready(platform.loginsvc)
    assert verify(platform.loginsvc, token) == 401


# ---- the list ----

def test_the_list_shows_each_terminal(pair):
    def terminal(device):
        body = {"loginCode": pair.wxsim.login_code(openid="oList"), "device": device}
        return pair.loginsvc.post("/v1/login", body).json()["accessToken"]

    phone, tablet = terminal("iPhone 15"), terminal("平板")
    listed = sessions_of(pair.other, phone)
    assert [s["device"] for s in listed] == ["平板", "iPhone 15"], "the newest first"
    assert [s["current"] for s in listed] == [False, True]
    for s in listed:
        assert set(s) == {"id", "device", "createdAt", "lastUsedAt", "expiresAt", "current"}
        assert abs(s["createdAt"] / 1000 - time.time()) < 60
        assert s["expiresAt"] - s["createdAt"] == 90 * 86400 * 1000

    gone = pair.other.session.delete(f"{pair.other.url}/v1/sessions/{listed[0]['id']}",
                                     **bearer(phone))
    assert (gone.status_code, gone.text) == (204, "")
    eventually(lambda: verify(pair.loginsvc, tablet) == 401, timeout=1)
    assert [s["device"] for s in sessions_of(pair.loginsvc, phone)] == ["iPhone 15"]


def test_nobody_ends_the_session_of_another(pair):
    mine, theirs = log_in(pair), log_in(pair)
    sid = claims_of(theirs["accessToken"])["sid"]
    for id in (sid, "0" * 32, "nonsense"):
        answer = pair.loginsvc.session.delete(f"{pair.loginsvc.url}/v1/sessions/{id}",
                                              **bearer(mine["accessToken"]))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert verify(pair.loginsvc, theirs["accessToken"]) == 200


@pytest.mark.parametrize("method,path", [("GET", "/v1/sessions"), ("DELETE", "/v1/sessions/x"),
                                         ("POST", "/v1/logout"), ("GET", "/v1/me"),
                                         ("PATCH", "/v1/me"), ("DELETE", "/v1/me"),
                                         ("POST", "/v1/phone"), ("POST", "/v1/phone/decrypt"),
                                         ("GET", "/v1/verify")])
def test_what_is_a_users_own_needs_his_token(pair, method, path):
    for kw, code in (({}, "unauthorized"), (bearer("x.y.z"), "invalid_token")):
        answer = pair.loginsvc.session.request(method, pair.loginsvc.url + path, **kw)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_access_token_is_over_before_its_session(make_platform):
    platform = ready_platform(make_platform, loginsvc={"JWT_TTL": "1s", "SESSION_TTL": "1h"})
    first = log_in(platform)
    assert first["expiresIn"] == 1
    eventually(lambda: verify(platform.loginsvc, first["accessToken"]) == 401)
    second = refresh(platform.loginsvc, first["refreshToken"])
    assert second.status_code == 200
    assert verify(platform.loginsvc, second.json()["accessToken"]) == 200


def test_a_session_that_nobody_refreshes_is_over(make_platform):
    platform = ready_platform(make_platform, loginsvc={"JWT_TTL": "1s", "SESSION_TTL": "1s"})
    token = log_in(platform, phone=new_phone())["refreshToken"]
    other = log_in(platform)
    eventually(lambda: refresh(platform.loginsvc, token).status_code == 401, every=1.1,
               what="the end of the session")
    assert refresh(platform.loginsvc, other["refreshToken"]).status_code == 401
