"""tokend keeps a living token in Redis: rotations, what is published, what expires when, restarts.

Written from the contract: sections 2, 3, 4.1, 4.2 and 4.7."""
import json
import signal
import subprocess
import time

import pytest

from harness.apps import App
from harness.daemons import Tokend
from harness.keys import Keys
from harness.ports import free_port
from harness.process import bin_dir, clean_env
from harness.wait import eventually, throughout

SHORT = dict(expires_in="2s", overlap="500ms")
FAST = {"TOKEN_OVERLAP": "500ms", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
        "LEASE_TTL": "1s"}


class Consumer:
    """Another service: reads the token from Redis and asks wxsim's books whether it lives."""

    def __init__(self, platform):
        self.platform, self.seen = platform, []

    def read(self):
        token = self.platform.token()
        assert token, "Redis holds no token"
        told = self.platform.wxsim.check(token)
        assert told["live"], f"Redis holds a dead token (rank {told['rank']})"
        if token not in self.seen:
            self.seen.append(token)


# ---- rotations ----

def test_the_first_token_is_there_soon_after_the_first_start(make_platform):
    platform = make_platform()
    eventually(platform.token, timeout=2, what="the first token")
    assert platform.version() == 1 and platform.wxsim.issued() == 1


@pytest.mark.parametrize("mode", ["classic", "stable"])
def test_under_short_lifetimes_every_read_is_a_living_token_with_one_issuance_per_rotation(
        make_platform, mode):
    platform = make_platform(tokend={**FAST, "TOKEN_MODE": mode}, **SHORT)
    platform.await_token()
    consumer = Consumer(platform)
    throughout(consumer.read, 6, every=0.005)
    assert len(consumer.seen) >= 4
    eventually(lambda: platform.wxsim.issued() == platform.version(), timeout=2)
    assert platform.version() >= len(consumer.seen)
    assert platform.wxsim.stats()["dead_token_uses"] == 0


def test_each_refresh_is_published_with_its_version_and_never_with_the_token(make_platform):
    platform = make_platform(tokend=FAST, **SHORT)
    platform.await_token()
    pubsub = platform.redis.subscribe(platform.keys.refreshed)
    first, messages = platform.version(), []

    def collect():
        message = pubsub.get_message(timeout=0.05)
        if message and message["type"] == "pmessage":
            messages.append(json.loads(message["data"]))
            assert platform.token() not in message["data"]
        return len(messages) >= 3
    eventually(collect, timeout=10)
    assert [m["version"] for m in messages] == [first + 1, first + 2, first + 3]
    for message in messages:
        assert set(message) == {"appid", "version", "expires_at", "previous_usable_until"}
        assert message["appid"] == platform.app.id
    now = time.time() * 1000
    assert now < messages[-1]["expires_at"] <= now + 2000
    pubsub.close()


def test_what_is_published_stands_in_redis_already(make_platform):
    platform = make_platform(tokend=FAST, **SHORT)
    platform.await_token()
    pubsub = platform.redis.subscribe(platform.keys.refreshed)

    def told():
        message = pubsub.get_message(timeout=0.05)
        if message and message["type"] == "pmessage":
            record = platform.redis.client.hgetall(platform.keys.record)
            assert int(record["version"]) >= json.loads(message["data"])["version"]
            return True
    for _ in range(3):
        eventually(told)
    pubsub.close()


def test_the_record_tells_current_and_previous_token_with_their_times(make_platform):
    platform = make_platform(tokend=FAST, **SHORT)
    client, keys = platform.redis.client, platform.keys
    platform.await_version(2)

    def consistent():
        token, previous, record = (client.get(keys.token), client.get(keys.previous),
                                   client.hgetall(keys.record))
        if not previous or token != client.get(keys.token) or previous != client.get(keys.previous):
            return False  # a rotation came in between, or the overlap is over
        assert record["access_token"] == token
        assert record["previous_access_token"] == previous
        assert record["mode"] == "classic"
        assert 0 < int(record["expires_at"]) - int(record["issued_at"]) <= 2000
        assert int(record["previous_usable_until"]) - int(record["issued_at"]) <= 500
        return True
    eventually(consistent)
    assert client.ttl(keys.state) == -1
    assert not {platform.app.secret, platform.token()} & set(client.hgetall(keys.state).values())


def test_no_key_with_a_token_outlives_the_token(make_platform):
    platform = make_platform(tokend=FAST, **SHORT)
    client, keys, book = platform.redis.client, platform.keys, platform.wxsim
    platform.await_version(2)
    compared = {keys.token: 0, keys.previous: 0}

    def compare():
        for key in compared:
            token = client.get(key)
            if not token:
                continue
            left = book.check(token)["usable_for_ms"]
            ttl = client.pttl(key)
            if client.get(key) == token:
                assert 0 <= ttl <= left + 1, f"{key}: expires in {ttl} ms, the token in {left} ms"
                compared[key] += 1
        assert 0 < client.pttl(keys.record) <= 2000
    throughout(compare, 3, every=0.01)
    assert min(compared.values()) > 10


def test_slow_answers_do_not_stretch_the_life_of_a_token(make_platform):
    platform = make_platform(tokend={**FAST, "LEASE_TTL": "5s"}, expires_in="4s", overlap="1s",
                             latency="600ms")
    token = platform.await_token()
    left = platform.wxsim.check(token)["usable_for_ms"]
    assert 0 < platform.redis.client.pttl(platform.keys.token) <= left + 1


def test_the_daily_budget_holds(make_platform):
    platform = make_platform(tokend={**FAST, "TOKEN_DAILY_BUDGET": "3"},
                             expires_in="1s", overlap="200ms")
    eventually(lambda: platform.wxsim.issued() == 3)
    eventually(lambda: platform.token() is None, what="the end of the last token")
    throughout(lambda: platform.wxsim.issued() == 3 or pytest.fail("over budget"), 1.5)


# ---- restarts ----

@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restart_adopts_the_living_token(make_platform, how):
    platform = make_platform(tokend=FAST)
    token = platform.await_token()
    stop = platform.tokend.stop if how == "stop" else platform.tokend.process.kill
    stop()
    platform.tokend.start_again()
    path = f"/v1/apps/{platform.app.id}/token"
    answer = eventually(lambda: (a := platform.tokend.get(path)).status_code == 200 and a.json())
    assert answer["access_token"] == token == platform.token()
    assert platform.wxsim.issued() == 1


def test_the_version_goes_on_after_the_token_expired_while_tokend_was_away(make_platform):
    platform = make_platform(tokend=FAST, **SHORT)
    platform.await_version(2)
    platform.tokend.stop()
    version = platform.version()
    eventually(lambda: not platform.redis.client.exists(platform.keys.token, platform.keys.record))
    platform.tokend.start_again()
    platform.await_token()
    assert platform.version() == version + 1


def test_a_crash_between_issuance_and_commit_is_repaired_by_a_refresh_at_once(make_platform):
    platform = make_platform(tokend=FAST, expires_in="4s", overlap="1s")
    book = platform.wxsim
    good = platform.await_token()
    book.fault("/cgi-bin/token", "hold")
    eventually(lambda: book.stats()["held"] == 1, what="the refresh that gets no answer")
    assert book.issued() == 2
    assert platform.redis.client.exists(platform.keys.intent)
    platform.tokend.process.kill()
    assert platform.token() == good
    platform.tokend.start_again()
    fresh = eventually(lambda: (t := platform.token()) != good and t, timeout=5)
    assert book.check(fresh)["rank"] == "current"
    assert book.issued() == 3
    assert not platform.redis.client.exists(platform.keys.intent)
    book.release()


def test_redis_that_lost_its_data_gets_the_same_token_and_version_back(make_platform):
    platform = make_platform(tokend=FAST)
    token, version = platform.await_token(), platform.version()
    platform.redis.client.flushall()
    eventually(platform.token, what="the token in Redis again")
    assert (platform.token(), platform.version()) == (token, version)
    assert platform.wxsim.issued() == 1


# ---- operators ----

def test_many_apps_come_from_the_ini_file_and_sighup_adds_one(stack, redis, make_wxsim, tmp_path):
    first, second, late = App(), App(), App()
    wxsim = make_wxsim(first, second, late)
    file = tmp_path / "tokend.ini"
    section = "[app {0.id}]\nsecret = {0.secret}\n"
    file.write_text(section.format(first) + section.format(second) + "mode = stable\n")
    tokend = stack.add(Tokend(tmp_path, redis, wxsim.url, argv=["-c", str(file)], **FAST))
    for app, family in ((first, "classic"), (second, "stable")):
        token = eventually(lambda: redis.client.get(Keys(app).token))
        assert wxsim.check(token)["appid"] == app.id
        assert wxsim.check(token)["family"] == family
    assert not redis.client.exists(Keys(late).token)
    with file.open("a") as text:
        text.write(section.format(late))
    tokend.process.signal(signal.SIGHUP)
    eventually(lambda: redis.client.get(Keys(late).token))
    assert wxsim.issued() == 3
    file.write_text("[app ]\nnonsense\n")
    tokend.process.signal(signal.SIGHUP)
    assert tokend.get(f"/v1/apps/{late.id}/token").status_code == 200
    for app in (first, second, late):
        assert app.secret not in tokend.process.log()


def test_without_a_client_key_it_listens_on_loopback_only(redis, wxsim, app, tmp_path):
    env = clean_env(TOKEND_LISTEN=f"0.0.0.0:{free_port()}", REDIS_URL=redis.url,
                    WECHAT_API_BASE=wxsim.url, WECHAT_APPID=app.id, WECHAT_SECRET=app.secret)
    ended = subprocess.run([f"{bin_dir()}/tokend"], env=env, cwd=tmp_path, timeout=20,
                           capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.strip() and app.secret not in ended.stderr


# ---- HTTP ----

def test_the_api_tells_apps_and_tokens(make_platform):
    platform = make_platform(tokend=FAST, **SHORT)
    platform.await_version(2)
    tokend, appid = platform.tokend, platform.app.id
    assert tokend.get("/healthz").status_code == 200
    eventually(lambda: tokend.get("/readyz").status_code == 200)
    assert appid in tokend.get("/v1/apps").text
    assert appid in tokend.get(f"/v1/apps/{appid}").text
    for path in ("/v1/apps", f"/v1/apps/{appid}", "/metrics"):
        answer = tokend.get(path)
        assert answer.status_code == 200
        assert not {platform.app.secret, platform.token()} & set(answer.text.split('"'))

    def with_previous():
        answer = tokend.get(f"/v1/apps/{appid}/token").json()
        return answer if answer.get("previous") else None
    answer = eventually(with_previous)
    assert platform.wxsim.check(answer["access_token"])["live"]
    assert 0 <= answer["expires_in"] <= 2
    assert answer["version"] >= 2
    assert answer["previous"]["access_token"] != answer["access_token"]
    assert answer["previous"]["usable_for"] <= 1


def test_an_unknown_app_is_a_problem_in_json(make_platform):
    platform = make_platform(tokend=FAST)
    answer = platform.tokend.get("/v1/apps/wxnobody/token")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert {"code", "request_id"} <= set(answer.json())


def test_without_a_token_it_says_so(make_platform):
    platform = make_platform(tokend={**FAST, "WECHAT_SECRET": "wrong"})
    eventually(lambda: platform.wxsim.calls("/cgi-bin/token", "40125"))
    answer = platform.tokend.get(f"/v1/apps/{platform.app.id}/token")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_token")


def test_the_token_is_served_from_memory_while_redis_is_away(make_platform):
    platform = make_platform(tokend=FAST)
    token = platform.await_token()
    platform.redis.process.kill()
    path = f"/v1/apps/{platform.app.id}/token"
    throughout(lambda: platform.tokend.get(path).json()["access_token"] == token
               or pytest.fail("another token"), 1)


# ---- what comes with every program ----

def run(*args, cwd, **env):
    return subprocess.run([f"{bin_dir()}/tokend", *args], env=clean_env(**env), cwd=cwd,
                          timeout=20, capture_output=True, text=True)


def test_the_command_line_explains_and_checks(tmp_path, app):
    one_app = dict(WECHAT_APPID=app.id, WECHAT_SECRET=app.secret)
    assert "TOKEN_REFRESH_LEAD" in run("--help", cwd=tmp_path).stdout
    assert run("--version", cwd=tmp_path).returncode == 0
    assert run("--check-config", cwd=tmp_path, **one_app).returncode == 0
    assert run("--check-config", cwd=tmp_path, TOKEN_MODE="x", **one_app).returncode == 1
    shown = run("--print-config", cwd=tmp_path, **one_app)
    assert shown.returncode == 0 and app.id in shown.stdout and app.secret not in shown.stdout
    bad = run(cwd=tmp_path, TOKEN_OVERLAP="soon", **one_app)
    assert bad.returncode == 2 and "TOKEN_OVERLAP" in bad.stderr and "soon" in bad.stderr
