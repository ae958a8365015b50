"""Fixtures of the end-to-end tests. Each test has its own servers, folders and apps."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import process  # noqa: E402
from harness.apps import App  # noqa: E402
from harness.cluster import QUICK, Cluster  # noqa: E402
from harness.platform import Platform  # noqa: E402
from harness.proxy import Proxy  # noqa: E402
from harness.redis_server import RedisServer  # noqa: E402
from harness.stack import Stack  # noqa: E402
from harness.wxsim import Wxsim  # noqa: E402

LOG_TAIL = 20000


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the logs of the programs that it ran."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for p in process.everything:
            report.sections.append((f"log of {p.name}", p.log()[-LOG_TAIL:]))


@pytest.fixture(autouse=True)
def no_stray_processes():
    """Whatever a test started and did not stop is killed and counts as a failure."""
    before = [p for p in process.everything if p.running()]
    process.everything[:] = before
    yield
    stray = [p for p in process.everything if p.running() and p not in before]
    for p in stray:
        p.kill()
    assert not stray, f"not stopped: {[p.name for p in stray]}"


@pytest.fixture
def stack(no_stray_processes):
    """Remembers what to stop: server = stack.add(RedisServer(…).start())."""
    servers = Stack()
    yield servers
    servers.stop()


@pytest.fixture
def app():
    return App()


@pytest.fixture
def redis(stack, tmp_path):
    return stack.add(RedisServer(tmp_path).start())


@pytest.fixture
def make_wxsim(stack, tmp_path, app):
    """make_wxsim(expires_in="2s", …): a wxsim that knows `app`."""
    return lambda *apps, **options: stack.add(Wxsim(tmp_path, apps or [app], **options))


@pytest.fixture
def make_platform(stack, tmp_path):
    """make_platform(tokend={…}, loginsvc={…}, expires_in="2s", …): see harness/platform.py."""
    return lambda **parts: stack.add(Platform(tmp_path, **parts))


@pytest.fixture
def make_cluster(stack, tmp_path):
    """make_cluster(3, tokend={…}, redis=…, expires_in="2s", …): see harness/cluster.py."""
    return lambda tokends, **parts: stack.add(Cluster(tmp_path, tokends, **parts))


@pytest.fixture
def make_far_cluster(make_cluster, stack, redis):
    """make_far_cluster(3, …): a cluster whose tokends have a Proxy each between them and Redis."""
    def made(tokends, **parts):
        ways = [stack.add(Proxy(redis.path).start()) for _ in range(tokends)]
        return make_cluster(tokends, redis=redis, ways=ways, **parts)
    return made


@pytest.fixture
def make_long_overlap(make_far_cluster):
    """make_long_overlap(3, LEASE_TTL="10s", …): a far cluster, and a token that outlives outages."""
    return lambda tokends, **settings: make_far_cluster(
        tokends, tokend={**QUICK, "TOKEN_OVERLAP": "20s", **settings}, overlap="20s")


@pytest.fixture
def wxsim(make_wxsim):
    return make_wxsim()
