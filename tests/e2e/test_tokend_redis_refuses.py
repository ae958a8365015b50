"""Redis is there and refuses to work: tokend serves from memory, says so, and comes back by itself.

Written from the contract: sections 4.2 and 4.7, and docs/protocol.md, section 12."""
import time

import pytest

from harness.cluster import LEASE_S, QUICK, metric, several
from harness.redis_faults import REFUSALS
from harness.redis_server import RedisServer
from harness.wait import eventually, throughout

TOKEN = "/cgi-bin/token"
BACK_S = 3        # within which all is well again

each_fault = pytest.mark.parametrize("name", REFUSALS)


@pytest.fixture
def make(make_cluster, tmp_path):
    """make(fault, tokends): a cluster whose Redis can have that fault."""
    def made(fault, tokends=1, **parts):
        return make_cluster(tokends, redis=RedisServer(tmp_path, **fault.options).start(),
                            tokend=QUICK, **parts)
    return made


def away(cluster):
    """Every tokend has noticed that Redis does not do what it is asked."""
    def noticed():
        ready = [t.get("/readyz") for t in cluster.running()]
        return not cluster.leaders() and all(
            r.status_code == 200 and not r.json()["checks"]["redis"] for r in ready)
    eventually(noticed, LEASE_S + 5, what="the outage noticed")


@several
@each_fault
def test_while_redis_refuses_reads_go_on_and_when_it_is_mended_all_is_as_before(
        make, tokends, name):
    fault = REFUSALS[name]
    cluster = make(fault, tokends)
    token, version = cluster.settled()
    fault.begin(cluster.redis)
    away(cluster)
    throughout(lambda: cluster.all_serve(token, version), LEASE_S)
    for tokend in cluster.tokends:
        assert metric(tokend, "tokend_redis_ready") == 0
        cluster.complains(tokend, fault.says)
    fault.end(cluster.redis)
    cluster.settled(token, version, BACK_S)
    assert cluster.wxsim.issued() == 1
    assert metric(cluster.leader(), "tokend_redis_ready") == 1
    cluster.order()
    cluster.await_version(version + 1)


def test_what_the_next_leader_must_be_told_is_tried_again_and_again_and_said_but_now_and_then(make):
    fault = REFUSALS["full"]
    cluster = make(fault)
    token, version = cluster.settled()
    cluster.wxsim.fault(TOKEN, "errcode", times=1000, errcode=40164)
    cluster.order()
    eventually(lambda: cluster.wxsim.calls(TOKEN) >= 2)
    fault.begin(cluster.redis)
    away(cluster)
    throughout(lambda: cluster.all_serve(token, version), 4)
    assert 0 < len(cluster.lines(cluster.tokends[0], "warn", "refresh.passed_on")) <= 5
    fault.end(cluster.redis)
    cluster.wxsim.reset()
    cluster.await_version(version + 1)


@several
@each_fault
def test_a_token_fetched_while_redis_refuses_is_kept_and_written_later(make, tokends, name):
    fault = REFUSALS[name]
    cluster = make(fault, tokends)
    token, version = cluster.settled()
    leader = cluster.leader()
    cluster.wxsim.fault(TOKEN, "hold")
    cluster.order(leader)
    eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    fault.begin(cluster.redis)
    cluster.wxsim.release()
    eventually(lambda: cluster.wxsim.check(token)["rank"] == "previous")
    away(cluster)
    status, served, _ = cluster.served(leader)
    assert status == 200 and cluster.wxsim.check(served)["live"]
    fault.end(cluster.redis)
    eventually(lambda: cluster.version() > version, BACK_S + LEASE_S)
    cluster.settled()
    # Another one that takes the lease finds the intent and refreshes; told of the token that was
    # kept, it cannot know which of the two WeChat issued last, and refreshes once more.
    assert cluster.wxsim.issued() <= (2 if tokends == 1 else 4)


@each_fault
def test_a_stop_while_redis_refuses_takes_no_longer_than_the_drain_timeout(make, name):
    fault = REFUSALS[name]
    cluster = make(fault)
    token, _ = cluster.settled()
    cluster.wxsim.fault(TOKEN, "hold")
    cluster.order()
    eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    fault.begin(cluster.redis)
    cluster.wxsim.release()
    eventually(lambda: cluster.wxsim.check(token)["rank"] == "previous")
    start = time.monotonic()
    cluster.tokend.stop()
    took = time.monotonic() - start
    fault.end(cluster.redis)
    assert took < 1 + 1
