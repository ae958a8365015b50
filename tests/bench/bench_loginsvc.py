"""How many logins one loginsvc carries out in a second, and what one costs it."""
import os
import re

import load
from harness.apps import App
from harness.daemons import Loginsvc, Tokend
from harness.keys import Keys
from harness.redis_server import RedisServer
from harness.stack import Stack
from harness.wait import eventually
from harness.wxsim import Wxsim
from meter import Watch, median
from table import Table

RUNS = 3
SECONDS = 3            # of one run
USERS = 400
LOGINS_EACH = 100      # of each user, for one run: more than can be used up
HERE = os.path.dirname(os.path.abspath(__file__))


def mint_codes(wxsim, path):
    """Both codes of every login, a line each; users take turns, as they do in life."""
    lines = []
    for user in range(USERS):
        openid, phone = f"oBench{user:022d}", f"139{user:08d}"
        logins = wxsim.order("login-code", openid=openid, count=LOGINS_EACH)["codes"]
        phones = wxsim.order("phone-code", phone=phone, openid=openid, count=LOGINS_EACH)["codes"]
        lines.append([f"{login} {phone}\n" for login, phone in zip(logins, phones)])
    with open(path, "w", encoding="ascii") as file:
        for turn in zip(*lines):
            file.writelines(turn)


def number(report, name):
    return float(re.search(rf"^{name} ([\d.]+)$", report, re.M).group(1))


def measure_logins(wxsim, loginsvc, folder):
    """One run: (logins a second, us of CPU for one, 99th percentile in ms)."""
    codes = os.path.join(folder, "codes")
    mint_codes(wxsim, codes)
    watch = Watch(loginsvc.process.pid)
    report = load.wrk(loginsvc.url, os.path.join(HERE, "login.lua"), seconds=SECONDS, CODES=codes)
    cpu_s, worked = watch.cpu_s(), number(report, "worked")
    failure = re.search(r"^failure (.*)", report, re.M).group(1)
    assert failure == "none", f"a login was refused: {failure}"
    return (worked * 1e6 / number(report, "duration_us"), cpu_s * 1e6 / worked,
            number(report, "p99_us") / 1000)


def measure_health(loginsvc):
    watch = Watch(loginsvc.process.pid)
    report = load.wrk(loginsvc.url + "/healthz", seconds=2)
    return watch.cpu_s() * 1e6 / load.requests_done(report)


def bench(folder):
    table = Table(f"logins at one loginsvc on SQLite, {load.CONNECTIONS} at a time, by known users")
    if not load.have("wrk"):
        table.missing("logins", "wrk is not installed")
        return
    stack, app = Stack(), App()
    try:
        redis = stack.add(RedisServer(folder).start())
        wxsim = stack.add(Wxsim(folder, [app]))
        stack.add(Tokend(folder, redis, wxsim.url, app, LOG_LEVEL="warn"))
        eventually(lambda: redis.client.get(Keys(app).token))
        loginsvc = stack.add(Loginsvc(folder, redis, wxsim.url, app, LOG_LEVEL="warn"))
        measure_logins(wxsim, loginsvc, folder)  # makes the users
        rates, costs, slowest = zip(*(measure_logins(wxsim, loginsvc, folder)
                                      for _ in range(RUNS)))
        plain = measure_health(loginsvc)
        table.row("POST /api/user/login, both codes", list(rates), "/s",
                  "wxsim and wrk share the machine", digits=0)
        table.row("  CPU of loginsvc for one", list(costs), "us",
                  f"{median(costs) / plain:.1f} x an empty request (/healthz)", digits=1)
        table.row("  99 of 100 answered within", list(slowest), "ms", digits=1)
    finally:
        stack.stop()
