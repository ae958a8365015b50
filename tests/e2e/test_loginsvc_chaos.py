"""Bad days under load: crashes, displaced tokens, a Redis that dies or hangs, a database that goes
away, a WeChat that is slow. Contract section 5.3."""
import concurrent.futures
import glob
import os
import threading
import time

import pytest
import requests

from harness.apps import new_phone
from harness.logins import (PHONE_PATH, SESSION_PATH, another_instance, await_ready, both_codes,
                            log_in, ready_platform)
from harness.wait import eventually


class Load:
    """Logins one after another on several threads, each with a user of its own, until told to stop.
    `acknowledged`: openid -> (phone, user id), of every login that was answered 200."""

    def __init__(self, platform, services, threads=6):
        self.platform, self.services = platform, services
        self.acknowledged, self.others = {}, []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self, n):
        at = 0
        with requests.Session() as session:
            while not self.stopped.is_set():
                at += 1
                openid, phone = f"oLoad{n}x{at}", new_phone()
                body = both_codes(self.platform, openid=openid, phone=phone)
                url = self.services[at % len(self.services)].url + "/v1/login"
                try:
                    answer = session.post(url, json=body, timeout=15)
                except requests.RequestException:
                    continue
                if answer.status_code == 200:
                    self.acknowledged[openid] = (phone, answer.json()["user"]["id"])
                else:
                    self.others.append((answer.status_code, answer.text))

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def in_database(platform, text):
    return [path for path in glob.glob(platform.loginsvc.database + "*")
            if text.encode() in open(path, "rb").read()]


def test_no_acknowledged_user_is_lost_in_five_crashes(make_platform):
    platform = ready_platform(make_platform, loginsvc={"PHONE_LIMIT_PER_USER": "off"})
    other = another_instance(platform)
    load = Load(platform, [platform.loginsvc, other])
    try:
        for victim in (platform.loginsvc, other, platform.loginsvc, other, platform.loginsvc):
            done = len(load.acknowledged)
            eventually(lambda: len(load.acknowledged) > done + 10, what="logins under way")
            victim.process.kill()
            victim.start_again()
            await_ready(victim)
    finally:
        load.stop()
    assert len(load.acknowledged) > 50
    for openid, (phone, user_id) in load.acknowledged.items():
        code = {"loginCode": platform.wxsim.login_code(openid=openid)}
        user = other.post("/v1/login", code).json()["user"]
        assert (user["id"], user["phoneNumber"]) == (user_id, phone)
    assert not [p for p, _ in load.acknowledged.values() if in_database(platform, p)]


@pytest.mark.parametrize("displacements", [10])
def test_every_login_succeeds_while_tokens_are_displaced(make_platform, displacements):
    platform = ready_platform(make_platform)
    services = [platform.loginsvc, another_instance(platform)]
    per_token = 200 // displacements
    for n in range(displacements):
        version = platform.version()
        issued = platform.wxsim.issued()
        platform.wxsim.displace()
        platform.wxsim.displace()   # the second one kills what is in Redis at once
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            logins = [pool.submit(log_in, platform, services[i % 2]) for i in range(per_token)]
            assert len({login.result()["user"]["id"] for login in logins}) == per_token
        assert platform.version() == version + 1, "one refresh in all"
        assert platform.wxsim.issued() == issued + 1


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_logins_go_on_without_redis(make_platform, how):
    platform = ready_platform(make_platform)
    if how == "killed":
        platform.redis.kill()
        for _ in range(20):
            log_in(platform)
    else:
        with platform.redis.process.frozen():
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                assert len(list(pool.map(lambda _: log_in(platform), range(40)))) == 40
    assert '"claims.alone"' in platform.loginsvc.process.log()


def test_without_the_database_a_login_is_refused_at_once_and_spends_nothing(make_platform):
    platform = ready_platform(make_platform)
    log_in(platform)
    hidden = platform.loginsvc.database + ".hidden"
    os.rename(platform.loginsvc.database, hidden)
    eventually(lambda: platform.loginsvc.get("/readyz").status_code == 503)
    calls = platform.wxsim.calls(SESSION_PATH)
    body = both_codes(platform)
    began = time.monotonic()
    refused = platform.loginsvc.post("/v1/login", body)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["Retry-After"] and time.monotonic() - began < 1
    assert platform.loginsvc.post("/api/user/login", body).json()["code"] == 500
    assert platform.wxsim.calls(SESSION_PATH) == calls
    os.rename(hidden, platform.loginsvc.database)
    eventually(lambda: platform.loginsvc.post("/v1/login", body).status_code == 200)


def test_a_slow_wechat_costs_time_up_to_the_deadline_and_no_more(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_TIMEOUT": "1s",
                                                       "WECHAT_TIMEOUT": "5s"})
    platform.wxsim.fault(SESSION_PATH, "delay", ms=400)
    log_in(platform)
    platform.wxsim.fault(SESSION_PATH, "hang")
    began = time.monotonic()
    late = platform.loginsvc.post("/v1/login", both_codes(platform))
    assert (late.status_code, late.json()["code"]) == (504, "wechat_no_answer")
    assert 0.9 < time.monotonic() - began < 2.5


def test_a_wechat_that_is_down_leaves_the_codes_whole(make_platform):
    platform = ready_platform(make_platform)
    body = both_codes(platform)
    down = another_instance(platform, WECHAT_API_BASE="http://127.0.0.1:9")
    refused = down.post("/v1/login", body)
    assert (refused.status_code, refused.json()["code"]) == (503, "wechat_unreachable")
    assert refused.headers["Retry-After"]
    assert platform.loginsvc.post("/v1/login", body).status_code == 200
    assert platform.wxsim.calls(PHONE_PATH) == 1


def test_a_stop_under_load_answers_what_is_under_way(make_platform):
    platform = ready_platform(make_platform)
    platform.wxsim.fault(SESSION_PATH, "delay", times=20, ms=500)
    bodies = [both_codes(platform) for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        logins = [pool.submit(platform.loginsvc.post, "/v1/login", body) for body in bodies]
        eventually(lambda: platform.wxsim.calls(SESSION_PATH) == 20)
        platform.loginsvc.process.signal(15)
        assert [login.result().status_code for login in logins] == [200] * 20
    assert platform.loginsvc.process.wait() == 0
