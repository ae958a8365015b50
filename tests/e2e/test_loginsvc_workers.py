"""Several processes on one port: whoever answers /metrics shows all of them, and no counter goes
back while the supervisor lives. docs/login.md, section 8."""
import os
import re
import signal

import pytest
import requests

from harness.apps import App
from harness.daemons import Loginsvc
from harness.logins import await_ready, both_codes, ready_platform
from harness.wait import eventually, throughout, until
from harness.wxsim import Wxsim

WORKERS = 3
SOME = 12   # scrapes, or requests, over new connections: whom the kernel chooses is chance
LOGINS = 'loginsvc_logins_total{dialect="native",outcome="ok"}'
SECONDS = 'loginsvc_login_seconds_count{dialect="native"}'
CLAIMS = 'loginsvc_claims_total{verdict="mine"}'
RESTARTS = "loginsvc_worker_restarts_total"
PRESENT = "loginsvc_workers"
ONLY_GROWS = re.compile(r"\w+_(total|bucket|count|sum)(\{|$)")


@pytest.fixture
def platform(make_platform):
    return ready_platform(make_platform, loginsvc={"LOGINSVC_WORKERS": WORKERS})


def read(text):
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"]
    values = {series: float(value) for series, value in lines}
    assert len(values) == len(lines), "a series stands there twice"
    return values


class Page:
    """/metrics, each time over a new connection. What only grows and was once seen may not be less,
    or gone, in a later scrape."""

    def __init__(self, service):
        self.url, self.highest = service.url + "/metrics", {}

    def scrape(self, timeout=15):
        values = read(requests.get(self.url, timeout=timeout).text)
        for series in filter(ONLY_GROWS.match, {**self.highest, **values}):
            assert values.get(series, -1) >= self.highest.get(series, 0), f"{series} went back"
            self.highest[series] = values[series]
        return values

    def await_everywhere(self, expected):
        """So many scrapes in a row, whoever answers, show exactly this."""
        def shown():
            for _ in range(SOME):
                values = self.scrape()
                assert {series: values.get(series) for series in expected} == expected
            return True
        eventually(shown, what=str(expected))

    def scrape_if_answered(self):
        """A scrape may reach the worker that dies."""
        try:
            self.scrape()
        except requests.ConnectionError:
            pass


def log_in_anew(platform, times):
    """Logins, each over a connection of its own, so that the kernel spreads them."""
    for _ in range(times):
        answer = requests.post(platform.loginsvc.url + "/v1/login", json=both_codes(platform),
                               timeout=15)
        assert answer.status_code == 200, answer.text


def workers_of(service):
    pid = service.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def kill_a_worker(service, page):
    victim = workers_of(service)[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in workers_of(service) and len(workers_of(service)) == WORKERS,
          always=page.scrape_if_answered, what="another worker")


def test_every_scrape_shows_what_all_workers_did(platform):
    page = Page(platform.loginsvc)
    log_in_anew(platform, 30)
    page.await_everywhere({LOGINS: 30, SECONDS: 30, CLAIMS: 30, RESTARTS: 0, PRESENT: WORKERS,
                           "loginsvc_redis_ready": 1, "loginsvc_database_ready": 1,
                           f'loginsvc_token_version{{appid="{platform.app.id}"}}': 1,
                           "loginsvc_series_refused_total": 0})
    assert throughout(page.scrape, duration=0.5, every=0) > SOME
    log_in_anew(platform, 12)
    page.await_everywhere({LOGINS: 42, SECONDS: 42, CLAIMS: 42})


def test_nothing_goes_back_when_workers_are_killed(platform):
    page = Page(platform.loginsvc)
    log_in_anew(platform, 20)
    page.await_everywhere({LOGINS: 20, SECONDS: 20})
    for killed in range(1, 4):
        kill_a_worker(platform.loginsvc, page)
        await_ready(platform.loginsvc)
        page.await_everywhere({RESTARTS: killed, PRESENT: WORKERS})
        log_in_anew(platform, 10)
        done = 20 + 10 * killed
        page.await_everywhere({LOGINS: done, SECONDS: done})


def test_a_worker_that_is_told_to_stop_leaves_all_it_counted(platform):
    page = Page(platform.loginsvc)
    log_in_anew(platform, 20)
    victim = workers_of(platform.loginsvc)[0]
    os.kill(victim, signal.SIGTERM)
    eventually(lambda: victim not in workers_of(platform.loginsvc), what="its end")
    page.await_everywhere({LOGINS: 20, SECONDS: 20, CLAIMS: 20, RESTARTS: 1})


def answering(page):
    """A page kept to one worker that answers; its connection stays with that worker."""
    session = requests.Session()
    def answered():
        try:
            session.get(page.url, timeout=0.5)
            return True
        except requests.RequestException:
            session.close()
    eventually(answered, what="a worker that answers")
    return lambda: read(session.get(page.url, timeout=15).text)


def test_the_gauges_of_a_frozen_worker_leave_the_page_and_its_counters_stay(platform):
    page = Page(platform.loginsvc)
    log_in_anew(platform, 20)
    page.await_everywhere({LOGINS: 20, PRESENT: WORKERS})
    frozen = workers_of(platform.loginsvc)[0]
    os.kill(frozen, signal.SIGSTOP)
    try:
        shown = answering(page)
        eventually(lambda: shown()[PRESENT] == WORKERS - 1, timeout=20, what="it is missed")
        assert shown()[LOGINS] == 20
    finally:
        os.kill(frozen, signal.SIGCONT)
    page.await_everywhere({LOGINS: 20, PRESENT: WORKERS})


def test_an_app_that_is_removed_leaves_the_page_and_comes_back(stack, redis, tmp_path):
    kept, moved = App(), App()
    ini = tmp_path / "apps.ini"

    def write(*apps):
        ini.write_text("".join(f"[app {app.id}]\nsecret = {app.secret}\n" for app in apps))

    write(kept, moved)
    wxsim = stack.add(Wxsim(tmp_path, [kept, moved]))
    service = stack.add(Loginsvc(tmp_path, redis, wxsim.url, argv=("-c", str(ini)),
                                 LOGINSVC_WORKERS=WORKERS))
    page = Page(service)
    life = 'loginsvc_token_remaining_seconds{{appid="{}"}}'.format
    page.await_everywhere({life(kept.id): 0, life(moved.id): 0, PRESENT: WORKERS})
    for apps, shown in ((kept,), None), ((kept, moved), 0):
        write(*apps)
        service.process.signal(signal.SIGHUP)
        page.await_everywhere({life(kept.id): 0, life(moved.id): shown})
