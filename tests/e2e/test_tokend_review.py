"""tokend where two things come together: a stop without Redis, a poisoned record, a follower that
is behind, a reload among many apps.

Written from the contract: sections 1, 2 and 4."""
import hashlib
import signal
import time

import pytest

from harness.apps import App
from harness.daemons import Tokend
from harness.keys import Keys
from harness.wait import eventually

TOKEN = "/cgi-bin/token"
PROBE = "/cgi-bin/get_api_domain_ip"
FAST = {"TOKEN_OVERLAP": "500ms", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
        "LEASE_TTL": "1s"}


@pytest.fixture
def pair(make_platform, tmp_path):
    """A platform whose tokend leads, and a second tokend that follows."""
    platform = make_platform(tokend=FAST)
    platform.await_token()
    folder = tmp_path / "follower"
    folder.mkdir()
    follower = platform.stack.add(Tokend(folder, platform.redis, platform.wxsim.url, platform.app,
                                         **FAST))
    path = f"/v1/apps/{platform.app.id}"
    eventually(lambda: follower.get(path).json()["version"] == 1)
    assert not follower.get("/v1/apps").json()["leading"]
    return platform, follower, path


# ---- stopping ----

def test_without_redis_a_stop_waits_no_longer_than_the_drain_timeout(make_platform):
    platform = make_platform(tokend={**FAST, "DRAIN_TIMEOUT": "1s"})
    platform.await_token()
    platform.wxsim.fault(TOKEN, "hold")
    platform.tokend.post(f"/v1/apps/{platform.app.id}/token/refresh")
    eventually(lambda: platform.redis.client.exists(platform.keys.intent))
    eventually(lambda: platform.wxsim.calls(TOKEN) == 2)
    platform.redis.process.kill()
    platform.wxsim.release()
    eventually(lambda: "recommit" in platform.tokend.process.log())
    start = time.monotonic()
    platform.tokend.stop()
    assert time.monotonic() - start < 4


# ---- a token that could not be written yet ----

def test_what_is_told_as_previous_is_a_token_that_wechat_accepts(make_platform):
    platform = make_platform(tokend={"LEASE_TTL": "2s", "DRAIN_TIMEOUT": "500ms"})
    wxsim, tokend, path = platform.wxsim, platform.tokend, f"/v1/apps/{platform.app.id}/token"
    platform.await_token()
    tokend.post(f"{path}/refresh")
    platform.await_version(2)
    wxsim.displace()
    wxsim.displace()
    wxsim.fault(TOKEN, "hold")
    before = wxsim.calls(TOKEN)
    tokend.post(f"{path}/report", {"version": 2, "errcode": 40001})
    eventually(lambda: wxsim.calls(TOKEN) > before)
    platform.redis.process.kill()
    wxsim.release()
    answer = eventually(lambda: (a := tokend.get(path).json())["version"] == 3 and a)
    assert wxsim.check(answer["access_token"])["live"]
    assert answer["previous"] is None or wxsim.check(answer["previous"]["access_token"])["live"]


# ---- what others write into Redis ----

def test_a_record_that_is_no_token_is_neither_served_nor_fatal(make_platform):
    platform = make_platform(tokend=FAST)
    platform.await_token()
    redis = platform.redis.client
    redis.set(platform.keys.token, b"\xff\xfe", px=60000)
    redis.hset(platform.keys.record, mapping={"access_token": b"\xff\xfe", "version": 7})
    redis.publish(platform.keys.refreshed, "{}")

    def got_over():
        answer = platform.tokend.get(f"/v1/apps/{platform.app.id}/token")
        return answer.status_code == 200 and answer.json()["version"] == 8
    eventually(got_over, timeout=8)
    assert platform.wxsim.check(platform.token())["rank"] == "current"


def test_a_reports_key_that_is_no_stream_does_not_hide_the_reports_of_other_apps(
        stack, redis, make_wxsim, tmp_path):
    broken, other = App(), App()
    wxsim = make_wxsim(broken, other)
    file = tmp_path / "tokend.ini"
    file.write_text("".join(f"[app {a.id}]\nsecret = {a.secret}\n" for a in (broken, other)))
    stack.add(Tokend(tmp_path, redis, wxsim.url, argv=["-c", str(file)], **FAST))
    eventually(lambda: redis.client.get(Keys(other).token))
    redis.client.set(Keys(broken).reports, "no stream")
    wxsim.displace(other)
    dead = redis.client.get(Keys(other).token)
    wxsim.displace(other)
    redis.client.xadd(Keys(other).reports, {"version": 1, "errcode": 40001, "by": "a shop"})
    eventually(lambda: redis.client.get(Keys(other).token) != dead, timeout=4)


def test_a_lease_that_never_ends_is_taken_over(redis, wxsim, stack, tmp_path, app):
    redis.client.set("tokend:leader", "somebody")
    stack.add(Tokend(tmp_path, redis, wxsim.url, app, **FAST))
    eventually(lambda: redis.client.get(Keys(app).token), timeout=3)
    assert redis.client.pttl("tokend:leader") > 0


# ---- a follower ----

def test_a_follower_passes_on_a_report_of_a_version_it_has_not_heard_of_yet(pair):
    platform, follower, path = pair
    probes = platform.wxsim.calls(PROBE)
    platform.redis.client.client_kill_filter(_type="pubsub")
    assert platform.tokend.post(f"{path}/token/refresh").status_code == 202
    platform.await_version(2)
    told = follower.post(f"{path}/token/report", {"version": 2, "errcode": 40001})
    assert told.status_code == 202
    eventually(lambda: platform.wxsim.calls(PROBE) > probes, timeout=3)


def test_a_follower_that_missed_a_message_looks_as_soon_as_it_hears_again(pair):
    platform, follower, path = pair
    for version in (2, 3, 4):
        platform.redis.client.client_kill_filter(_type="pubsub")
        assert platform.tokend.post(f"{path}/token/refresh").status_code == 202
        platform.await_version(version)
        eventually(lambda: follower.get(f"{path}/token").json()["version"] == version, timeout=2)


# ---- many apps ----

def test_one_more_app_leaves_six_hundred_others_alone(stack, redis, make_wxsim, tmp_path):
    apps = [App() for _ in range(601)]
    wxsim = make_wxsim(*apps)
    file = tmp_path / "tokend.ini"
    sections = [f"[app {a.id}]\nsecret = {a.secret}\n" for a in apps]
    file.write_text("".join(sections[:-1]))
    tokend = stack.add(Tokend(tmp_path, redis, wxsim.url, argv=["-c", str(file)],
                              **{**FAST, "LOG_LEVEL": "info"}))
    eventually(lambda: wxsim.issued() == 600, timeout=30)
    file.write_text("".join(sections))
    tokend.process.signal(signal.SIGHUP)
    eventually(lambda: redis.client.get(Keys(apps[-1]).token))
    assert "app.changed" not in tokend.process.log()


# ---- clients ----

def test_the_word_bearer_may_be_written_in_any_case(make_platform):
    platform = make_platform(tokend={**FAST, "TOKEND_API_KEYS": "ops:k3y:read"})
    platform.await_token()
    for word in ("Bearer", "bearer", "BEARER"):
        answer = platform.tokend.get("/v1/apps", headers={"Authorization": f"{word} k3y"})
        assert answer.status_code == 200, word
    for wrong in ("k3y", "Basic k3y", "Bearer", "Bearer ", "Bearer k3", "Bearerk3y"):
        answer = platform.tokend.get("/v1/apps", headers={"Authorization": wrong})
        assert answer.status_code == 401, wrong


def test_whoever_may_not_is_told_so_at_every_address(make_platform):
    keys = "r:kr:read,t:kt:report,a:ka:admin"
    platform = make_platform(tokend={**FAST, "TOKEND_API_KEYS": keys})
    platform.await_token()
    path = f"/v1/apps/{platform.app.id}"
    calls = [("GET", "/v1/apps", "kr"), ("GET", path, "kr"), ("GET", f"{path}/events", "kr"),
             ("GET", f"{path}/token", "kr"), ("POST", f"{path}/token/report", "kt"),
             ("POST", f"{path}/token/refresh", "ka")]
    for method, url, right in calls:
        for key in ("", "wrong", "kr", "kt", "ka"):
            if key == right:
                continue
            answer = platform.tokend.session.request(
                method, platform.tokend.url + url, headers={"Authorization": f"Bearer {key}"})
            known = key in ("kr", "kt", "ka")
            assert answer.status_code == (403 if known else 401), (method, url, key)
            assert answer.json()["code"] == ("forbidden" if known else "unauthorized")


def test_a_client_with_apps_of_its_own_sees_no_other(stack, redis, make_wxsim, tmp_path):
    mine, other = App(), App()
    wxsim = make_wxsim(mine, other)
    file = tmp_path / "tokend.ini"
    digest = hashlib.sha256(b"k3y").hexdigest()
    file.write_text("".join(f"[app {a.id}]\nsecret = {a.secret}\n" for a in (mine, other)) +
                    f"[client shop]\nkey_sha256 = {digest}\nscopes = read\napps = {mine.id}\n")
    tokend = stack.add(Tokend(tmp_path, redis, wxsim.url, argv=["-c", str(file)], **FAST))
    eventually(lambda: wxsim.issued() == 2)
    ours = {"Authorization": "Bearer k3y"}
    listed = tokend.get("/v1/apps", headers=ours).json()["apps"]
    assert [a["appid"] for a in listed] == [mine.id]
    for path in ("", "/token", "/events"):
        assert tokend.get(f"/v1/apps/{mine.id}{path}", headers=ours).status_code == 200
        assert tokend.get(f"/v1/apps/{other.id}{path}", headers=ours).status_code == 404
