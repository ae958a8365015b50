"""What tokend costs and how fast it is: with ten thousand apps, at a single refresh, over HTTP."""
import os
import signal
import time

import load
from harness.apps import App
from harness.daemons import Tokend
from harness.keys import Keys
from harness.redis_server import RedisServer
from harness.stack import Stack
from harness.town import Town
from harness.wait import eventually
from harness.wxsim import Wxsim
from meter import (Watch, cpu_s, forget_peak, median, peak_mib, resident_mib,
                   seconds_until)
from table import Table

RUNS = 3
RATE = 1000            # fetches a second in the cold start that is measured
NO_LIMIT = 100000
STEADY_S = 10
LONG_S = 300
LATENCY_MS = 50        # of WeChat, where a single refresh is measured
REFRESHES = 15
ROUND_TRIPS = 2        # of a passive refresh: the probe and the fetch
QUIET = {"LOG_LEVEL": "warn"}


class Phases:
    """Memory by phase: what was resident at most since the last one."""

    def __init__(self, pid):
        self.pid, self.seen = pid, []
        forget_peak(pid)

    def end(self, name):
        self.seen.append((name, peak_mib(self.pid)))
        forget_peak(self.pid)


# ---- many apps ----

def cold_start(folder, count, rate):
    """(seconds from the program's start to a token for each app, us of CPU for one, MiB)."""
    stack = Stack()
    try:
        redis = stack.add(RedisServer(folder).start())
        town = Town(stack, folder, redis, count, TOKEN_FETCH_RATE=str(rate), **QUIET)
        began = time.monotonic()
        pid = town.start().process.pid
        eventually(lambda: town.missing() == 0, LONG_S, 0.05, "the cold start")
        took = time.monotonic() - began
        assert town.wxsim.issued() == count, "not one fetch for each app"
        return took, cpu_s(pid) * 1e6 / count, peak_mib(pid)
    finally:
        stack.stop()


def measure_cold_start(table, folder, count):
    times, _, peaks = zip(cold_start(folder, count, RATE))
    table.row(f"cold start at TOKEN_FETCH_RATE={RATE}", times, "s",
              f"{median(times) * RATE / count:.2f} x what the rate allows")
    table.row("  resident at most", peaks, "MiB", digits=1)
    times, costs, peaks = zip(*(cold_start(folder, count, NO_LIMIT) for _ in range(RUNS)))
    table.row("cold start without that limit", times, "s",
              f"{count / median(times):,.0f} refreshes/s")
    table.row("  CPU of tokend for one refresh", costs, "us", digits=0)
    table.row("  resident at most", peaks, "MiB", digits=1)


def measure_steady(table, pid):
    watch = Watch(pid)
    time.sleep(STEADY_S)
    table.row(f"steady state, over {STEADY_S} s", 100 * watch.cpu_s() / watch.wall_s(),
              "% of a core", "at most 2 wanted")
    table.row("  resident", resident_mib(pid), "MiB", "at most 64 wanted", digits=1)


def measure_adoption(table, town):
    times, issued = [], town.wxsim.issued()
    for _ in range(RUNS):
        town.tokend.process.stop()
        began = time.monotonic()
        town.tokend.start_again()
        eventually(lambda: town.missing() == 0 and town.led(), LONG_S, 0.05, "adoption")
        times.append(time.monotonic() - began)
    assert town.wxsim.issued() == issued, "a start with valid records fetched tokens"
    table.row("start to all adopted, none fetched", times, "s", "at most 2 wanted")


def measure_redis_back(table, town, keys):
    times, issued = [], town.wxsim.issued()
    for _ in range(RUNS):
        town.redis.restart()
        times.append(seconds_until(lambda: town.redis.client.dbsize() >= keys, LONG_S,
                                   what="the records in the new Redis"))
    assert town.wxsim.issued() == issued, "an empty Redis cost tokens"
    table.row("Redis back empty to all records back, none fetched", times, "s")


def measure_reload(table, town, changed=100):
    times, fetched = [], town.wxsim.issued()
    for run in range(RUNS):
        new = [App() for _ in range(changed)]
        for app in new:
            town.wxsim.set_app(app, secret=app.secret)
        began = time.monotonic()
        town.reload(town.apps[changed:] + new)
        eventually(lambda: town.tokend.get(f"/v1/apps/{new[-1].id}/token").status_code == 200
                   and town.missing() == 0, LONG_S, 0.01, "the new apps")
        times.append(time.monotonic() - began)
        assert town.wxsim.issued() == fetched + changed * (run + 1), "others were disturbed"
    table.row(f"SIGHUP: {changed} apps gone, {changed} new ones served", times, "s",
              "no other app fetched")


def leads(tokend):
    return tokend.get("/readyz").json()["checks"]["leading"]


def measure_takeover(table, town, folder):
    other = os.path.join(folder, "other")
    os.mkdir(other)
    tokends = [town.tokend, town.make(other)]
    for how, runs, lost in ((signal.SIGTERM, RUNS, False), (signal.SIGKILL, 1, True)):
        times = []
        for _ in range(runs):
            eventually(lambda: any(leads(t) for t in tokends) and town.led(), LONG_S, 0.05)
            leader = next(t for t in tokends if leads(t))
            follower = next(t for t in tokends if t is not leader)
            began = time.monotonic()
            leader.process.signal(how)
            eventually(lambda: leads(follower), 30, 0.002, "another leader")
            times.append(time.monotonic() - began)
            leader.process.wait()
            if lost:
                leader.process.kill()
            else:
                leader.process.stop()
            leader.start_again()
        table.row(f"another leads after {how.name}", [t * 1000 for t in times], "ms",
                  "LEASE_TTL is 10 s" if lost else "", digits=0)


def many_apps(folder, count):
    table = Table(f"{count:,} apps in one tokend")
    measure_cold_start(table, folder, count)
    stack = Stack()
    try:
        redis = stack.add(RedisServer(folder).start())
        town = Town(stack, folder, redis, count, TOKEN_FETCH_RATE=str(NO_LIMIT), **QUIET)
        town.start()
        eventually(lambda: town.missing() == 0, LONG_S, 0.05)
        measure_adoption(table, town)
        pid = town.tokend.process.pid
        phases = Phases(pid)
        measure_steady(table, pid)
        phases.end("steady state")
        measure_redis_back(table, town, 3 * count)  # token, record and state of each
        phases.end("Redis back empty")
        assert town.tokend.get("/metrics").status_code == 200
        phases.end("/metrics")
        assert town.tokend.get("/v1/apps").status_code == 200
        phases.end("/v1/apps")
        measure_reload(table, town)
        phases.end("SIGHUP")
        for name, peak in phases.seen:
            table.row(f"  resident at most, {name}", peak, "MiB", digits=1)
        measure_takeover(table, town, folder)
    finally:
        stack.stop()


# ---- one refresh ----

def repaired_after(keys, redis, wxsim, report):
    """Another environment displaces the token; the report of it, until the new one is in Redis."""
    version = int(redis.client.hget(keys.record, "version"))
    wxsim.displace(times=2)
    began = time.monotonic()
    report(version)
    eventually(lambda: int(redis.client.hget(keys.record, "version") or 0) > version, 30, 0.0005)
    return (time.monotonic() - began) * 1000


def one_refresh(folder):
    table = Table(f"a passive refresh: report to new token in Redis, WeChat taking {LATENCY_MS} ms")
    stack, app = Stack(), App()
    try:
        redis = stack.add(RedisServer(folder).start())
        wxsim = stack.add(Wxsim(folder, [app], latency=f"{LATENCY_MS}ms"))
        tokend = stack.add(Tokend(folder, redis, wxsim.url, app, **QUIET))
        keys = Keys(app)
        eventually(lambda: redis.client.get(keys.token))

        def over_http(version):
            tokend.post(f"/v1/apps/{app.id}/token/report", {"version": version, "errcode": 40001})

        def by_stream(version):
            redis.client.xadd(keys.reports, {"version": version, "errcode": 40001, "by": "bench"})

        for what, report in (("reported over HTTP", over_http), ("by the stream", by_stream)):
            times = []
            for _ in range(REFRESHES):
                time.sleep(0.55)  # reports cost one probe in half a second
                times.append(repaired_after(keys, redis, wxsim, report))
            table.row(what, times, "ms", f"{median(times) / LATENCY_MS:.2f} x WeChat's time, "
                      f"of which {ROUND_TRIPS} are its own", digits=0)
    finally:
        stack.stop()


# ---- reading over HTTP ----

def measure_http(url, pid):
    """(requests a second, us of CPU for one), of RUNS runs."""
    rates, costs = [], []
    for _ in range(RUNS):
        watch = Watch(pid)
        report = load.wrk(url)
        rates.append(load.requests_per_s(report))
        costs.append(watch.cpu_s() * 1e6 / load.requests_done(report))
    return rates, costs


def reading(folder):
    table = Table(f"reading a token, {load.CONNECTIONS} connections")
    if not load.have("wrk"):
        table.missing("reading over HTTP", "wrk is not installed")
        return
    stack, app = Stack(), App()
    try:
        redis = stack.add(RedisServer(folder).start())
        wxsim = stack.add(Wxsim(folder, [app]))
        tokend = stack.add(Tokend(folder, redis, wxsim.url, app, **QUIET))
        keys = Keys(app)
        eventually(lambda: redis.client.get(keys.token))
        path = f"/v1/apps/{app.id}/token"
        rates, costs = measure_http(tokend.url + path, tokend.process.pid)
        table.row("tokend, GET /v1/apps/A/token", rates, "/s", digits=0)
        table.row("  CPU for one", costs, "us", digits=1)
        if load.have("nginx"):
            nginx = stack.add(load.nginx_with_file(folder, tokend.get(path).content))
            peer, peer_costs = measure_http(f"{nginx.url}/file", nginx.worker())
            table.row("nginx, the same answer as a file", peer, "/s",
                      f"tokend is {median(rates) / median(peer):.2f} x that", digits=0)
            table.row("  CPU for one", peer_costs, "us",
                      f"tokend takes {median(costs) / median(peer_costs):.2f} x that", digits=1)
        else:
            table.missing("nginx, the same answer as a file", "nginx is not installed")
        gets = [load.redis_gets_per_s(redis, keys.token) for _ in range(RUNS)]
        table.row("Redis itself, GET of the key", gets, "/s",
                  f"tokend is {median(rates) / median(gets):.2f} x that", digits=0)
    finally:
        stack.stop()


def bench(folder, apps):
    many_apps(folder, apps)
    one_refresh(folder)
    reading(folder)
