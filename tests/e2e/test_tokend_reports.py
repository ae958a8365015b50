"""Reports of consumers and probes: what is untrue or late costs nothing, what is true is repaired at
once, and nothing that was told is lost, whatever happens to the leader and to Redis.

Written from the contract: sections 3, 4.3 and 4.4."""
import http.client
import json
import threading
import time
from contextlib import contextmanager

import pytest

from harness.cluster import Cluster
from harness.reporting import PROBE, TOKEN, Reporting
from harness.wait import eventually, throughout

FAST = {"TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms", "LEASE_TTL": "1s",
        "TOKEN_PROBE_INTERVAL": "off"}
WAYS = ["leader", "follower", "stream"]


@pytest.fixture
def make(make_cluster):
    """make(2, tokend={…}, latency="100ms", …): a cluster and the reports about it."""
    def make_reporting(tokends=2, tokend=None, **wxsim):
        return Reporting(make_cluster(tokends, tokend={**FAST, **(tokend or {})}, **wxsim))
    return make_reporting


# ---- what is not true ----

def test_a_report_about_another_than_the_current_token_changes_nothing(make):
    reports = make()
    cluster, client = reports.cluster, reports.cluster.redis.client
    old = cluster.token()
    cluster.order()
    cluster.await_version(2)
    token, version = cluster.settled()
    ttl = client.pttl(cluster.keys.token)
    for tokend in cluster.tokends:
        for which in (dict(version=1), dict(version=0), dict(version=-2), dict(version=-2**63),
                      dict(access_token=old), dict(access_token="nobody's"),
                      dict(access_token="")):
            told = reports.by_http(tokend, **which)
            assert told == {"refreshing": False, "version": 2}, which
        for never in (3, 4, 999, 2**63 - 1):
            assert reports.by_http(tokend, version=never)["version"] == 2
    for other in (1, 0, -1, 3, 999):
        reports.by_stream(other)
    reports.heard_out()
    assert reports.probes() == 0 and cluster.wxsim.issued() == 2
    assert "reported" not in reports.notes()
    cluster.settled(token, version)
    assert client.pttl(cluster.keys.token) <= ttl


@pytest.mark.parametrize("by", ["version", "token"])
@pytest.mark.parametrize("way", ["leader", "follower"])
def test_a_report_about_a_living_token_costs_a_probe_and_is_called_flapped(make, way, by):
    reports = make()
    cluster = reports.cluster
    token, version = cluster.settled()
    tokend = cluster.leader() if way == "leader" else cluster.followers()[0]
    which = dict(version=version) if by == "version" else dict(access_token=token)
    assert reports.by_http(tokend, 42001, **which) == {"refreshing": True, "version": version}
    reports.await_note("flapped")
    reports.heard_out()
    assert reports.notes(cluster.leader()) == {"reported": 1, "flapped": 1}
    assert reports.probes() == 1 and cluster.wxsim.issued() == 1
    assert [e["errcode"] for e in reports.events("reported")] == ["42001"]
    assert len(reports.events("flapped")) == 1 and not reports.events("displaced")
    cluster.settled(token, version)


# ---- what is true ----

@pytest.mark.parametrize("way", WAYS)
def test_a_true_report_is_repaired_in_two_round_trips(make, way):
    latency = 0.8
    reports = make(latency=f"{latency * 1000:.0f}ms", tokend={"LEASE_TTL": "5s"})
    cluster = reports.cluster
    cluster.leader()
    dead = reports.die()
    calls = cluster.wxsim.calls(TOKEN)
    begin = time.monotonic()
    reports.tell(way, 1)
    reports.repaired(dead)
    took = time.monotonic() - begin
    print(f"\nrepaired {1000 * (took - 2 * latency):.0f} ms after two round trips ({way})")
    assert 2 * latency <= took < 3 * latency
    assert (reports.probes(), cluster.wxsim.calls(TOKEN) - calls) == (1, 1)
    reports.heard_out()
    cluster.settled(cluster.token(), 2)
    assert not cluster.redis.client.exists(cluster.keys.previous), "a dead token as previous"


@pytest.mark.parametrize("errcode,name", [(None, "displaced"), (40014, "displaced"),
                                          (42001, "expired")])
def test_events_and_metrics_tell_a_displaced_token_from_one_that_ran_out(make, errcode, name):
    reports = make(1)
    cluster = reports.cluster
    if errcode:
        cluster.wxsim.fault(PROBE, "errcode", errcode=errcode)
        dead = cluster.token()
    else:
        dead = reports.die()
    reports.by_http(cluster.tokend, access_token=dead)
    reports.repaired(dead)
    assert reports.notes() == {"reported": 1, name: 1}
    found = reports.events(name)
    assert [(e["version"], e["errcode"]) for e in found] == [("1", str(errcode or 40001))]


def test_the_periodic_probe_finds_a_displaced_token_without_a_report(make):
    reports = make(tokend={"TOKEN_PROBE_INTERVAL": "300ms"})
    cluster = reports.cluster
    eventually(lambda: reports.probes() >= 2)
    assert cluster.wxsim.issued() == 1
    reports.repaired(reports.die(), timeout=5)
    assert reports.notes(cluster.leader()) == {"displaced": 1}
    eventually(lambda: reports.probes() >= 6)
    assert cluster.wxsim.issued() == 2 and cluster.version() == 2


def test_a_true_report_after_many_false_ones_is_repaired_within_a_second(make):
    reports = make()
    cluster = reports.cluster
    tokends = [cluster.leader(), *cluster.followers()]
    for number in range(41):
        reports.by_http(tokends[number % 2], version=1)
    assert cluster.wxsim.issued() == 1
    dead = reports.die()
    begin = time.monotonic()
    reports.by_http(tokends[0], version=1)
    reports.repaired(dead)
    took = time.monotonic() - begin
    print(f"\nrepaired {1000 * took:.0f} ms after the report")
    assert took < 1
    assert cluster.wxsim.issued() == 2


def test_a_token_that_dies_while_it_is_being_probed_is_found_dead_all_the_same(make):
    reports = make()
    cluster = reports.cluster
    leader = cluster.leader()
    cluster.wxsim.fault(PROBE, "hold")
    reports.by_http(leader, version=1)
    eventually(lambda: cluster.wxsim.stats()["held"] == 1)
    dead = reports.die()
    reports.by_http(leader, version=1)
    cluster.wxsim.release()
    reports.repaired(dead, timeout=5)
    assert reports.probes() == 2


# ---- storms ----

class Storm:
    """Threads that report one version again and again, each by a way of its own."""

    def __init__(self, reports, version, each=1000, threads=9):
        self.reports, self.version, self.each = reports, version, each
        cluster = reports.cluster
        leader, follower = cluster.leader(), cluster.followers()[0]
        ways = [lambda: self._http(leader), lambda: self._http(follower), self._stream]
        self.failures, self.slowest, self.sent = [], 0, each * threads
        self.threads = [threading.Thread(target=self._run, args=(ways[n % 3],))
                        for n in range(threads)]

    def _run(self, way):
        try:
            way()
        except Exception as error:  # told by rage() in the test's own thread
            self.failures.append(error)

    def _http(self, tokend):
        connection = http.client.HTTPConnection("127.0.0.1", tokend.port, timeout=20)
        body = json.dumps({"version": self.version, "errcode": 40001})
        for _ in range(self.each):
            connection.request("POST", f"{self.reports.path}/token/report", body,
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 202, answer.status
        connection.close()

    def _stream(self):
        for _ in range(self.each):
            self.reports.by_stream(self.version)

    def _read(self, tokend):
        begin = time.monotonic()
        assert tokend.get(f"{self.reports.path}/token").status_code == 200
        self.slowest = max(self.slowest, time.monotonic() - begin)

    def rage(self):
        """How long it took. Meanwhile the tokens are read from all tokends."""
        begin = time.monotonic()
        for thread in self.threads:
            thread.start()
        while any(t.is_alive() for t in self.threads):
            for tokend in self.reports.cluster.running():
                self._read(tokend)
            time.sleep(0.01)
        assert not self.failures, self.failures[:3]
        return time.monotonic() - begin


def test_a_storm_of_false_reports_costs_two_probes_a_second_at_most_and_no_refresh(make):
    reports = make(3, latency="20ms")
    cluster = reports.cluster
    storm = Storm(reports, 1)
    begin = time.monotonic()
    took = storm.rage()
    reports.heard_out()
    probes, whole = reports.probes(), time.monotonic() - begin
    print(f"\n{storm.sent} false reports in {took:.1f} s: {probes} probes, all heard "
          f"{whole - took:.2f} s later, slowest read {storm.slowest * 1000:.0f} ms")
    assert 1 <= probes <= whole / 0.5 + 1
    assert cluster.wxsim.issued() == 1
    assert storm.slowest < 2
    cluster.settled(cluster.token(), 1)
    throughout(lambda: reports.probes() <= probes + 1 or pytest.fail("it goes on probing"), 1)


def test_a_storm_of_true_reports_costs_one_probe_and_one_refresh(make):
    reports = make(3, latency="50ms")
    cluster = reports.cluster
    storm = Storm(reports, 1)
    dead = reports.die()
    storm.rage()
    reports.repaired(dead)
    reports.heard_out()
    print(f"\n{storm.sent} true reports: slowest read {storm.slowest * 1000:.0f} ms")
    assert reports.probes() == 1
    assert cluster.wxsim.issued() == 2 and cluster.version() == 2
    assert storm.slowest < 2


# ---- nothing is lost ----

@contextmanager
def gone(cluster, leader, how):
    """Without the leader, which is back in the end if it was frozen."""
    if how == "frozen":
        cluster.tokends.remove(leader)
        with leader.process.frozen():
            yield
        cluster.tokends.append(leader)
    else:
        leader.process.kill() if how == "killed" else leader.stop()
        yield


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["killed", "frozen", "stopped"])
def test_a_report_is_not_lost_with_the_leader_that_was_weighing_it(make, how, way):
    reports = make(3)
    cluster = reports.cluster
    leader = cluster.leader()
    dead = reports.die()
    cluster.wxsim.fault(PROBE, "hold")
    reports.tell(way, 1)
    eventually(lambda: cluster.wxsim.stats()["held"] == 1, what="the probe that gets no answer")
    with gone(cluster, leader, how):
        reports.repaired(dead)
        assert reports.probes() == 2
    cluster.wxsim.release()
    reports.heard_out()
    cluster.settled(cluster.token(), 2)
    assert cluster.wxsim.issued() == 2


def test_what_was_told_stands_in_redis_until_it_is_settled(make):
    """Also where the leader knows already: its probe found the token dead before anybody told."""
    reports = make(tokend={"TOKEN_PROBE_INTERVAL": "200ms"})
    cluster = reports.cluster
    cluster.wxsim.fault(TOKEN, "errcode", times=-1, errcode=40164)
    dead = reports.die()
    reports.await_note("displaced")
    reports.by_http(cluster.leader(), version=1)
    assert reports.in_stream() == 1
    for _ in range(20):
        reports.by_http(cluster.leader(), version=1)
    assert reports.in_stream() <= 2
    cluster.wxsim.reset()
    cluster.order()
    reports.repaired(dead)
    reports.heard_out()


def test_a_report_survives_redis_restarted_empty(make):
    reports = make()
    cluster = reports.cluster
    dead = reports.die()
    cluster.wxsim.fault(PROBE, "hold")
    reports.tell("follower", 1)
    eventually(lambda: cluster.wxsim.stats()["held"] == 1)
    cluster.redis.restart()
    cluster.wxsim.release()
    eventually(lambda: (t := cluster.token()) and t != dead, timeout=10)
    cluster.settled(cluster.token(), 2)
    assert cluster.wxsim.issued() == 2


def test_while_redis_is_away_the_leader_takes_a_report_and_a_follower_says_try_again(make):
    reports = make(tokend={"LEASE_TTL": "20s", "REDIS_TIMEOUT": "500ms"})
    cluster = reports.cluster
    leader, follower = cluster.leader(), cluster.followers()[0]
    dead = reports.die()
    cluster.redis.kill()
    refused = follower.post(f"{reports.path}/token/report", {"version": 1, "errcode": 40001})
    assert (refused.status_code, refused.json()["code"]) == (503, "redis_unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    assert reports.by_http(leader, version=1) == {"refreshing": True, "version": 1}
    eventually(lambda: reports.notes(leader).get("displaced") == 1, what="the probe")
    assert cluster.wxsim.issued() == 1, "nothing is begun without an intent in Redis"
    cluster.redis.revive()
    eventually(lambda: (t := cluster.token()) and t != dead)
    cluster.settled(cluster.token(), 2)
    assert cluster.wxsim.issued() == 2


# ---- what is no report ----

NONSENSE = [
    {}, {"version": "", "errcode": ""}, {"hello": "world"}, {"version": "one", "errcode": "bad"},
    {"version": "1.5"}, {"version": "-1"}, {"version": " 1"}, {"version": "0x1"},
    {"version": "99999999999999999999999999", "errcode": "-99999999999999999999999999"},
    {"version": str(2**63 - 1), "errcode": str(2**63 - 1)}, {"version": "1\x00"},
    {"errcode": "40001", "by": "x" * 5000}, {"version": "\u4e00", "\u4e00": "1"},
    {"by": b"\xff\xfe"}, {"Version": "1", "errcode": "40001"},
]


def test_malformed_entries_do_no_harm_and_do_not_pile_up(make):
    reports = make()
    cluster, client = reports.cluster, reports.cluster.redis.client
    for _ in range(20):
        for fields in NONSENSE:
            client.xadd(cluster.keys.reports, fields or {"": ""})
    reports.heard_out()
    assert reports.probes() == 0 and cluster.wxsim.issued() == 1
    dead = reports.die()
    reports.by_stream("1", errcode="forty thousand and one")
    reports.repaired(dead)


@pytest.mark.parametrize("make_wrong", [
    lambda r, key: r.set(key, "no stream"), lambda r, key: r.rpush(key, "a"),
    lambda r, key: r.hset(key, "a", "b"), lambda r, key: r.zadd(key, {"a": 1}),
    lambda r, key: r.xadd(key, {"a": "b"}, id="18446744073709551615-18446744073709551615"),
    lambda r, key: r.xadd(key, {"a": "b"}, id="9223372036854775808-1"),
], ids=["string", "list", "hash", "zset", "last id", "huge id"])
def test_a_reports_key_that_takes_no_report_is_put_right(make, make_wrong):
    reports = make()
    cluster, client = reports.cluster, reports.cluster.redis.client
    make_wrong(client, cluster.keys.reports)
    dead = reports.die()

    eventually(lambda: not client.exists(cluster.keys.reports), timeout=5)
    reports.by_stream(1)
    reports.repaired(dead, timeout=5)
    reports.heard_out()


def test_an_order_is_heard_behind_hundreds_of_reports_that_cannot_be_settled_yet(make):
    reports = make(tokend={"TOKEN_RETRY_MAX": "60s"})
    cluster = reports.cluster
    cluster.wxsim.fault(TOKEN, "errcode", times=-1, errcode=40164)
    dead = reports.die()
    for _ in range(350):
        reports.by_stream(1)
    reports.await_note("displaced")
    cluster.order(cluster.followers()[0])
    reports.await_note("ordered", timeout=5)
    cluster.wxsim.reset()
    cluster.order()
    reports.repaired(dead)
    reports.heard_out()


def test_a_stream_that_is_full_of_nonsense_is_read_without_rest(make):
    """A hundred entries at a time, twenty times a second, would take ten seconds."""
    reports = make()
    cluster = reports.cluster
    dead = reports.die()
    pipe = cluster.redis.client.pipeline(transaction=False)
    for _ in range(20000):
        pipe.xadd(cluster.keys.reports, {"version": 0})
    pipe.xadd(cluster.keys.reports, {"version": 1, "errcode": 40001})
    pipe.execute()
    reports.repaired(dead, timeout=6)
    reports.heard_out()


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"{}", b'{"version":1}', b'{"errcode":40001}',
    b'{"version":"1","errcode":40001}', b'{"version":1.0,"errcode":40001}',
    b'{"version":1,"errcode":"40001"}', b'{"version":true,"errcode":40001}',
    b'{"version":99999999999999999999,"errcode":40001}', b'{"version":1,"errcode":null}',
    b'{"access_token":7,"errcode":40001}', b'{"access_token":null,"errcode":40001}',
    b'\xff\xfe{"version":1,"errcode":40001}', b"version=1&errcode=40001",
    b"[" * 5000, b'{"version":1,"errcode":40001}}',
])
def test_a_body_that_is_no_report_is_refused_with_a_word_about_what_was_expected(single, body):
    answer = single.cluster.tokend.session.post(
        f"{single.cluster.tokend.url}{single.path}/token/report", data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["code"] == "bad_report" and problem["request_id"]
    assert all(word in problem["detail"] for word in ("version", "access_token", "errcode"))
    assert single.in_stream() == 0 and single.probes() == 0


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """One tokend that many bodies are sent to."""
    cluster = Cluster(tmp_path_factory.mktemp("single"), 1, tokend=FAST)
    yield Reporting(cluster)
    cluster.stop()
