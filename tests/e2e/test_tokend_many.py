"""Many apps in one tokend: nothing is done for all of them at once, and none disturbs another.

Rates are low enough to be told from none at all on a slow machine. What many apps cost is measured
by scripts/bench.sh."""
import signal
import time
from collections import Counter

from harness.apps import App
from harness.town import PATIENCE_S, Town, write_apps
from harness.wait import eventually, throughout

TOKEN = "/cgi-bin/token"
MANY = 2000
FEW = 60


def most_in_a_second(times_ms):
    """The highest number of moments within any 1000 ms."""
    most, first = 0, 0
    for i, at in enumerate(times_ms):
        while at - times_ms[first] >= 1000:
            first += 1
        most = max(most, i - first + 1)
    return most


def test_a_start_with_valid_records_adopts_them_all_and_fetches_none(stack, tmp_path, redis):
    town = Town(stack, tmp_path, redis, MANY, TOKEN_FETCH_RATE="5000")
    town.start()
    town.await_all()
    assert town.wxsim.issued() == MANY
    before = town.versions()
    town.tokend.stop()
    town.tokend.start_again()
    town.await_all()
    town.await_led()
    assert town.wxsim.issued() == MANY and town.wxsim.calls(TOKEN) == MANY
    assert town.versions() == before


def test_a_cold_start_fetches_no_faster_than_the_rate_and_is_done_at_it(stack, tmp_path, redis):
    rate, count = 50, 200
    town = Town(stack, tmp_path, redis, count, TOKEN_FETCH_RATE=str(rate))
    town.start()
    town.await_all()
    times = sorted(town.committed_at())
    # A commit is later than its begin by WeChat's answer: that shakes the row a little.
    assert most_in_a_second(times) <= rate + rate // 10, most_in_a_second(times)
    took_s = (times[-1] - times[0]) / 1000
    assert count / rate * 0.9 <= took_s <= count / rate * 2
    assert town.wxsim.issued() == count


def test_no_more_fetches_are_under_way_than_allowed_however_slow_wechat_is(stack, tmp_path, redis):
    town = Town(stack, tmp_path, redis, FEW, TOKEN_FETCH_RATE="5000", TOKEN_FETCH_CONCURRENCY="4")
    town.wxsim.fault(TOKEN, "hold", times=FEW)
    town.start(WECHAT_TIMEOUT="30s", LEASE_TTL="60s")
    eventually(lambda: town.wxsim.stats()["held"] == 4, PATIENCE_S)
    assert town.metric("tokend_fetches_under_way") == 4
    assert town.metric("tokend_fetches_waiting") == FEW - 4
    throughout(lambda: town.assert_held(4), 0.5)
    held = town.wxsim.issued()
    town.wxsim.reset()  # lets them go, and counts from 0 again
    town.await_all()
    assert held + town.wxsim.issued() == FEW and set(town.versions().values()) == {1}


def test_who_is_refused_goes_before_those_who_are_only_without(stack, tmp_path, redis):
    """One fetch in five seconds, with a crowd in line: an order comes before all of them."""
    town = Town(stack, tmp_path, redis, FEW, TOKEN_FETCH_RATE="1", TOKEN_PROBE_INTERVAL="off")
    town.start()
    first = eventually(lambda: [id for id, v in town.versions().items() if v], PATIENCE_S)[0]
    fetched = sum(town.versions().values())
    assert town.tokend.post(f"/v1/apps/{first}/token/refresh").status_code == 202
    eventually(lambda: town.versions()[first] == 2, PATIENCE_S)
    # The one that had its turn already when the order came, and at most one fourth turn besides.
    assert sum(town.versions().values()) - fetched <= 4


def test_who_waits_in_line_when_tokend_stops_leaves_no_intent_behind(stack, tmp_path, redis):
    town = Town(stack, tmp_path, redis, FEW, TOKEN_FETCH_RATE="1")
    town.start()
    eventually(lambda: town.metric("tokend_fetches_waiting"), PATIENCE_S)
    began = time.monotonic()
    town.tokend.stop()
    assert time.monotonic() - began < 10  # the line would have taken a minute
    assert not [key for key in redis.client.scan_iter("*:intent")]
    assert redis.client.get("tokend:leader") is None


def test_redis_back_empty_gets_every_record_again_also_of_those_in_line(stack, tmp_path, redis):
    """An operator has ordered new tokens for all; the line takes a minute when Redis is lost."""
    town = Town(stack, tmp_path, redis, FEW, TOKEN_FETCH_RATE="5000")
    town.start()
    town.await_all()
    town.tokend.stop()
    town.start(TOKEN_FETCH_RATE="1")
    town.await_led()
    for app in town.apps:
        assert town.tokend.post(f"/v1/apps/{app.id}/token/refresh").status_code == 202
    eventually(lambda: town.metric("tokend_fetches_waiting") > FEW * 3 / 4, PATIENCE_S)
    redis.restart()
    eventually(lambda: len(list(redis.client.scan_iter("*:access_token"))) == FEW, FEW / 4,
               what="every token back in Redis")


def test_sighup_adds_and_removes_apps_and_disturbs_no_other(stack, tmp_path, redis):
    town = Town(stack, tmp_path, redis, MANY, TOKEN_FETCH_RATE="5000")
    town.start()
    town.await_all()
    before, connections = town.versions(), redis_connections(redis)
    calls, log = town.wxsim.calls(TOKEN), len(town.tokend.process.log())
    gone, kept, new = town.apps[:50], town.apps[50:], [App() for _ in range(50)]
    town.reload(kept + new, added=new)
    eventually(lambda: town.tokend.get(f"/v1/apps/{new[-1].id}/token").status_code == 200,
               PATIENCE_S)
    town.await_all()
    after = town.versions()
    assert {app.id: after[app.id] for app in kept} == {app.id: before[app.id] for app in kept}
    assert {after[app.id] for app in new} == {1}
    assert town.wxsim.calls(TOKEN) == calls + len(new)
    assert redis_connections(redis) == connections
    assert town.tokend.get(f"/v1/apps/{gone[0].id}").status_code == 404
    named = Counter(event for event in events_of(town.tokend.process.log()[log:]))
    assert named["app.added"] == 50 and named["app.removed"] == 50
    assert named["app.changed"] == 0


def redis_connections(redis):
    """Those of tokend, by the ids that Redis gave them."""
    return {client["id"] for client in redis.client.client_list()
            if client["cmd"] not in ("client", "client|list")}


def events_of(log):
    for line in log.splitlines():
        if '"event":"app.' in line:
            yield line.split('"event":"')[1].split('"')[0]


def test_the_rate_can_be_changed_by_sighup(stack, tmp_path, redis):
    town = Town(stack, tmp_path, redis, FEW)
    write_apps(town.file, town.apps, "token_fetch_rate = 1\n")
    town.start()
    eventually(lambda: sum(town.versions().values()) >= 1, PATIENCE_S)
    assert sum(town.versions().values()) < FEW / 2
    write_apps(town.file, town.apps, "token_fetch_rate = 5000\n")
    town.tokend.process.signal(signal.SIGHUP)
    eventually(lambda: town.missing() == 0, 20, what="all fetched at the new rate")
