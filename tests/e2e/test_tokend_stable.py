"""Stable mode: the token is WeChat's as long as WeChat says, force_refresh is the last resort, and
the two families of tokens leave each other alone.

Written from the contract: sections 2, 3 and 4.4, and from sections 2.2 and 2.3 of WeChat's rules."""
import signal
import time

import pytest

from harness.daemons import Tokend
from harness.odd_wechat import OddWechat
from harness.reporting import PROBE, STABLE, TOKEN, Reporting
from harness.redis_server import RedisServer
from harness.wait import eventually, throughout, until

FAST = {"TOKEN_MODE": "stable", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
        "LEASE_TTL": "1s", "TOKEN_PROBE_INTERVAL": "off"}


@pytest.fixture
def make(make_cluster):
    """make(2, tokend={…}, expires_in="6s", …): a cluster in stable mode and the reports about it."""
    def make_reporting(tokends=1, tokend=None, **wxsim):
        return Reporting(make_cluster(tokends, tokend={**FAST, **(tokend or {})}, **wxsim))
    return make_reporting


def state(reports, *names):
    cluster = reports.cluster
    return [int(v or 0) for v in cluster.redis.client.hmget(cluster.keys.state, names)]


def live(cluster):
    """For throughout(): whatever Redis holds lives."""
    for key in (cluster.keys.token, cluster.keys.previous):
        token = cluster.redis.client.get(key)
        told = cluster.wxsim.check(token) if token else None
        same = cluster.redis.client.get(key) == token
        assert not (told and same) or told["live"], f"{key}: {told}"


# ---- the normal call ----

def test_who_knows_nothing_gets_the_token_that_is_there_for_what_remains_of_it(make, tmp_path):
    reports = make(expires_in="60s", overlap="5s", tokend={"TOKEN_OVERLAP": "5s"})
    cluster = reports.cluster
    token = cluster.token()
    eventually(lambda: cluster.wxsim.check(token)["usable_for_ms"] < 58500)
    (tmp_path / "other").mkdir()
    redis = cluster.stack.add(RedisServer(tmp_path / "other").start())
    other = cluster.stack.add(Tokend(tmp_path / "other", redis, cluster.wxsim.url, cluster.app,
                                     **FAST, TOKEN_OVERLAP="5s"))
    eventually(lambda: redis.client.get(cluster.keys.token))
    assert redis.client.get(cluster.keys.token) == token == cluster.token()
    assert redis.client.hget(cluster.keys.record, "version") == "1"
    left = cluster.wxsim.check(token)["usable_for_ms"]
    assert left - 1200 < redis.client.pttl(cluster.keys.token) <= left + 1
    assert other.get(f"{reports.path}/token").json()["expires_in"] < 59
    assert cluster.wxsim.issued() == 1 and cluster.wxsim.check(token)["rank"] == "current"


def test_a_restart_over_an_empty_redis_gets_the_same_token(make):
    reports = make()
    cluster = reports.cluster
    token = cluster.token()
    for _ in range(3):
        cluster.tokend.stop()
        cluster.redis.restart()
        cluster.tokend.start_again()
        cluster.settled(token, 1)
    assert cluster.wxsim.issued() == 1


def test_it_wakes_up_in_the_last_minutes_and_keeps_the_old_token_through_them(make):
    reports = make(expires_in="6s", overlap="2s", tokend={"TOKEN_OVERLAP": "2s"})
    cluster, client = reports.cluster, reports.cluster.redis.client
    for version in (2, 3):
        old = cluster.token()
        calls = cluster.wxsim.calls(STABLE)
        until(lambda: cluster.token() != old, lambda: live(cluster))
        assert cluster.wxsim.check(old)["usable_for_ms"] > 800, "the old one was nearly over"
        assert cluster.version() == version
        assert client.get(cluster.keys.previous) == old
        told = cluster.wxsim.check(old)
        assert told["rank"] == "previous" and told["usable_for_ms"] <= 2000
        assert client.pttl(cluster.keys.previous) <= told["usable_for_ms"] + 1
        assert cluster.wxsim.calls(STABLE) - calls <= 4
    assert cluster.wxsim.issued() == cluster.version()
    assert not state(reports, "forced_today")[0]


def test_the_same_token_back_is_no_refresh(make):
    reports = make(2)
    cluster, client = reports.cluster, reports.cluster.redis.client
    token = cluster.token()
    published = cluster.redis.subscribe(cluster.keys.refreshed)
    for number in range(5):
        calls = cluster.wxsim.calls(STABLE)
        cluster.order(cluster.tokends[number % 2])
        eventually(lambda: cluster.wxsim.calls(STABLE) == calls + 1)
        eventually(lambda: not client.exists(cluster.keys.intent))
        assert state(reports, "version", "issued_today", "forced_today") == [1, 1, 0]
    reports.heard_out()
    cluster.settled(token, 1)
    assert not published.get_message(timeout=0.1)
    published.close()
    assert len(reports.events("refreshed")) == 1 and not client.exists(cluster.keys.previous)
    told = cluster.leader().get(f"{reports.path}").json()
    assert (told["issued_today"], told["version"], told["state"]) == (1, 1, "fresh")
    assert cluster.wxsim.issued() == 1


def test_while_the_same_token_comes_back_it_is_not_asked_for_again_and_again(make):
    reports = make(expires_in="10s", overlap="500ms",
                   tokend={"TOKEN_OVERLAP": "5s", "TOKEN_RETRY_MIN": "1s", "TOKEN_RETRY_MAX": "2s"})
    cluster = reports.cluster
    cluster.await_version(2)
    calls = cluster.wxsim.calls(STABLE)
    print(f"\n{calls} calls in a life of 10 s, asking from 5 s before its end on")
    assert 3 <= calls <= 9
    assert cluster.wxsim.issued() == 2


def test_an_answer_that_got_lost_is_asked_for_again_and_is_the_same_token(make):
    reports = make(expires_in="6s", overlap="3s", tokend={"TOKEN_OVERLAP": "3s"})
    cluster = reports.cluster
    cluster.wxsim.fault(STABLE, "lost", times=2)
    until(lambda: cluster.version() == 2, lambda: live(cluster))
    assert cluster.wxsim.calls(STABLE, "lost") == 2
    assert cluster.wxsim.issued() == 2


def test_a_leader_that_dies_with_the_answer_held_costs_nothing(make):
    reports = make(2, expires_in="8s", overlap="4s", tokend={"TOKEN_OVERLAP": "4s"})
    cluster = reports.cluster
    leader = cluster.leader()
    cluster.wxsim.fault(STABLE, "hold")
    eventually(lambda: cluster.wxsim.stats()["held"] == 1)
    issued = cluster.wxsim.issuances(family="stable")[-1]["token"]
    leader.process.kill()
    until(lambda: cluster.version() == 2, lambda: live(cluster))
    assert cluster.token() == issued and cluster.wxsim.issued() == 2
    cluster.wxsim.release()


# ---- force_refresh ----

def called_dead(cluster, times=1):
    """The token is WeChat's current one, and the next probes are refused all the same."""
    cluster.wxsim.fault(PROBE, "errcode", errcode=40001, times=times)


def redis_ms(cluster):
    seconds, micros = cluster.redis.client.time()
    return seconds * 1000 + micros // 1000


def test_a_token_proven_dead_is_asked_for_normally_first_and_then_forced(make):
    reports = make()
    cluster, client = reports.cluster, reports.cluster.redis.client
    old = cluster.token()
    calls = cluster.wxsim.calls(STABLE)
    called_dead(cluster)
    begin = redis_ms(cluster)
    reports.by_http(cluster.tokend, version=1)
    reports.repaired(old)
    assert cluster.wxsim.calls(STABLE) == calls + 2
    assert cluster.wxsim.issued() == 2 and cluster.version() == 2
    assert not client.exists(cluster.keys.previous)
    forced_today, forced_at, day, forced_day = state(reports, "forced_today", "forced_at", "day",
                                                     "forced_day")
    assert forced_today == 1 and begin <= forced_at <= redis_ms(cluster) and day == forced_day
    for _ in range(3):
        cluster.order()
        reports.heard_out()
    assert cluster.wxsim.issued() == 2 and state(reports, "forced_today") == [1]


@pytest.mark.parametrize("by", ["report", "periodic probe"])
def test_where_another_environment_forced_a_new_one_ours_is_not_forced(make, by):
    interval = "off" if by == "report" else "300ms"
    reports = make(tokend={"TOKEN_PROBE_INTERVAL": interval})
    cluster = reports.cluster
    dead = reports.die("stable")
    if by == "report":
        reports.by_http(cluster.tokend, version=1)
    reports.repaired(dead)
    assert reports.notes()["displaced"] == 1
    assert cluster.wxsim.issued() == 1, "the other environment's token will do"
    assert not cluster.redis.client.exists(cluster.keys.previous)
    assert state(reports, "forced_today") == [0]


def test_neither_orders_nor_false_reports_nor_wake_ups_force(make):
    reports = make(2, expires_in="4s", overlap="1s", tokend={"TOKEN_OVERLAP": "1s"})
    cluster = reports.cluster

    def pester():
        for tokend in cluster.tokends:
            cluster.order(tokend)
            reports.by_http(tokend, version=cluster.version())
        live(cluster)
    throughout(pester, 7, every=0.2)
    assert cluster.wxsim.issued() == cluster.version() <= 4
    assert state(reports, "forced_today") == [0]


def test_a_token_that_another_environment_forced_away_long_ago_is_not_offered_as_previous(make):
    reports = make(overlap="300ms", expires_in="60s", tokend={"TOKEN_OVERLAP": "300ms"})
    cluster = reports.cluster
    old = cluster.token()
    cluster.wxsim.displace(family="stable")
    eventually(lambda: not cluster.wxsim.check(old)["live"])
    cluster.order()
    reports.repaired(old)
    live(cluster)
    assert not cluster.redis.client.exists(cluster.keys.previous)


def test_a_forced_call_whose_answer_got_lost_is_followed_by_a_normal_one(make):
    reports = make()
    cluster = reports.cluster
    old = cluster.token()
    cluster.wxsim.fault(STABLE, "delay")
    cluster.wxsim.fault(STABLE, "lost")
    called_dead(cluster)
    reports.by_http(cluster.tokend, version=1)
    reports.repaired(old, timeout=8)
    assert cluster.wxsim.issued() == 2 and state(reports, "forced_today") == [1]


@pytest.mark.parametrize("why", ["20 today", "30 s"])
def test_how_often_it_was_forced_counts_over_restarts_and_leaders(make, why):
    reports = make(3)
    cluster, client = reports.cluster, reports.cluster.redis.client
    old, day = cluster.token(), state(reports, "day")[0]

    def used(times, at):
        client.hset(cluster.keys.state, mapping={"forced_day": day, "forced_today": times,
                                                 "forced_at": at})

    if why == "20 today":
        used(20, 0)
    else:
        used(1, redis_ms(cluster))
    called_dead(cluster, times=-1)
    reports.tell("stream", 1)
    for refused in (1, 2):
        reports.await_note("force_refused")
        assert len(reports.events("force_refused")) == refused
        leader = cluster.leader()
        told = leader.get(reports.path).json()
        assert (told["state"], told["reason"], told["last_error"]) == (
            "waiting_for_quota", "dead", "quota")
        assert cluster.lines(leader, event="refresh.noted")
        assert cluster.token() == old and cluster.wxsim.issued() == 1
        if refused == 2:
            used(19, redis_ms(cluster) - 40000)
        leader.process.kill()
    reports.repaired(old)
    assert cluster.wxsim.issued() == 2
    assert state(reports, "forced_today") == [20]


def test_a_force_that_came_too_soon_is_made_up_for_half_a_minute_later(make):
    reports = make()
    cluster = reports.cluster
    old = cluster.token()
    cluster.redis.client.hset(cluster.keys.state, mapping={
        "forced_day": state(reports, "day")[0], "forced_today": 1, "forced_at": redis_ms(cluster)})
    called_dead(cluster)
    begin = time.monotonic()
    reports.by_http(cluster.tokend, version=1)
    reports.await_note("force_refused")
    calls = cluster.wxsim.calls(STABLE)
    for _ in range(50):
        reports.by_http(cluster.tokend, version=1)
    reports.repaired(old, timeout=45, every=0.05)
    assert 29 < time.monotonic() - begin < 40
    assert cluster.wxsim.calls(STABLE) == calls + 2 and reports.probes() == 1
    assert reports.notes()["force_refused"] == 1
    assert state(reports, "forced_today") == [2]
    reports.heard_out()


# ---- from one mode to the other ----

@pytest.fixture
def from_file(stack, redis, make_wxsim, app, tmp_path):
    """from_file(**wxsim): a tokend whose app stands in an INI file; .mode(name) changes it."""
    class FromFile:
        def __init__(self, **options):
            self.app, self.redis, self.wxsim = app, redis, make_wxsim(**options)
            self.file = tmp_path / "tokend.ini"
            self.write("classic")
            self.tokend = stack.add(Tokend(tmp_path, redis, self.wxsim.url,
                                           argv=["-c", str(self.file)],
                                           **{**FAST, "TOKEN_MODE": None, "TOKEN_OVERLAP": "1s",
                                              "TOKEN_REFRESH_LEAD": "500ms"}))

        def write(self, mode):
            self.file.write_text(f"[app {app.id}]\nsecret = {app.secret}\nmode = {mode}\n")

        def mode(self, mode):
            before = self.tokend.process.log().count("app.changed")
            self.write(mode)
            self.tokend.process.signal(signal.SIGHUP)
            eventually(lambda: self.tokend.process.log().count("app.changed") > before)

        def get(self, key):
            return redis.client.get(f"tokend:{{{app.id}}}:{key}")

        def fresh(self, old):
            self.tokend.post(f"/v1/apps/{app.id}/token/refresh")
            return eventually(lambda: (t := self.get("access_token")) != old and t)
    return FromFile


def test_a_change_of_the_mode_keeps_the_token_and_offers_it_as_previous_to_its_own_end(from_file):
    it = from_file(expires_in="12s", overlap="1s")
    tokens = [eventually(lambda: it.get("access_token"))]
    for mode in ("stable", "classic"):
        it.mode(mode)
        assert it.get("access_token") == tokens[-1] and it.wxsim.issued() == len(tokens)
        tokens.append(it.fresh(tokens[-1]))
        told = it.wxsim.check(tokens[-1])
        assert (told["family"], told["rank"]) == (mode, "current")
        assert it.get("previous_access_token") == tokens[-2]
    # a second and more later, WeChat's overlap within one family is over
    stable = it.wxsim.check(tokens[1])
    assert stable["rank"] == "current" and stable["usable_for_ms"] > 3000

    def offered_to_its_end():
        offered = it.get("previous_access_token") == tokens[1]
        assert offered or it.wxsim.check(tokens[1])["usable_for_ms"] < 1200
    until(lambda: not it.wxsim.check(tokens[1])["live"], offered_to_its_end, timeout=15)
    assert it.get("previous_access_token") != tokens[1]
    assert it.wxsim.stats()["dead_token_uses"] == 0


def test_a_new_mode_comes_into_force_with_the_next_refresh(from_file):
    it = from_file(expires_in="4s", overlap="1s")
    old = eventually(lambda: it.get("access_token"))
    it.mode("stable")
    fresh = eventually(lambda: (t := it.get("access_token")) and t != old and t, every=0.005)
    assert it.wxsim.check(fresh)["family"] == "stable"
    previous = it.get("previous_access_token")
    assert previous == old and it.wxsim.check(previous)["live"]


# ---- odd answers ----

ODD = ['0', '-1', '-7200', '0.5', '0.999', '"soon"', '""', 'null', 'true', '[]', '{}', '1e300',
       '99999999999999999999', '"-5"', '86401', '-9223372036854775808']


@pytest.fixture
def odd(stack, redis, tmp_path, app):
    def make_odd(path, *bodies, **settings):
        wechat = stack.add(OddWechat({path: bodies, PROBE: ['{"ip_list":[]}']}))
        env = {**FAST, "TOKEN_RETRY_MIN": "10ms", "TOKEN_RETRY_MAX": "20ms", **settings}
        return wechat, stack.add(Tokend(tmp_path, redis, wechat.url, app, **env))
    return make_odd


def answer(token, expires_in):
    rest = f',"expires_in":{expires_in}' if expires_in else ""
    return f'{{"access_token":"{token}"{rest}}}'


@pytest.mark.parametrize("mode,path", [("stable", STABLE), ("classic", TOKEN)])
def test_a_life_that_is_none_is_no_token(odd, redis, app, mode, path):
    key = f"tokend:{{{app.id}}}:access_token"
    odd_ones = [answer("odd", e) for e in [*ODD, None]]
    wechat, tokend = odd(path, *odd_ones, answer("good", "7200"), TOKEN_MODE=mode)

    def not_odd():
        assert redis.client.get(key) in (None, "good")
    until(lambda: redis.client.get(key), not_odd, timeout=20, every=0.002)
    assert wechat.calls.count(path) == len(odd_ones) + 1
    ttl = redis.client.pttl(key)
    wechat.say(path, *odd_ones, answer("better", "300"))
    tokend.post(f"/v1/apps/{app.id}/token/refresh")

    def unharmed():
        assert redis.client.get(key) in ("good", "better") and redis.client.pttl(key) <= ttl
    until(lambda: redis.client.get(key) == "better", unharmed, timeout=20, every=0.002)
    assert 0 < redis.client.pttl(key) <= 300000


@pytest.mark.parametrize("told,seconds", [('"300"', 300), ("300.9", 300), ("1", 1), ("86400", 86400)])
def test_a_life_in_another_form_is_never_made_longer(odd, redis, app, told, seconds):
    key = f"tokend:{{{app.id}}}:access_token"
    odd(STABLE, answer("good", told))
    eventually(lambda: redis.client.get(key) == "good", every=0.002)
    assert 0 < redis.client.pttl(key) <= seconds * 1000


def test_a_second_of_life_again_and_again_is_not_hammered(odd, redis, app):
    wechat, tokend = odd(STABLE, answer("short", "1"), TOKEN_RETRY_MIN="1s", TOKEN_RETRY_MAX="2s")
    eventually(lambda: redis.client.get(f"tokend:{{{app.id}}}:access_token"))
    begin, before = time.monotonic(), wechat.calls.count(STABLE)
    throughout(lambda: None, 4)
    calls, took = wechat.calls.count(STABLE) - before, time.monotonic() - begin
    print(f"\n{calls} calls in {took:.1f} s")
    assert calls <= 2 * took + 2
    assert redis.client.hget(f"tokend:{{{app.id}}}:state", "version") == "1"
