"""Masters and sentinels that come and go: an old master that comes back as one moves nobody back,
and sentinels may be away.

Written from the contract: sections 2 (redis-sentinel://), 4.2, and docs/protocol.md, section 12."""
import signal

import pytest
import redis

from harness.cluster import QUICK
from harness.daemons import Tokend
from harness.sentinel import Sentinels
from harness.wait import eventually, throughout_until

FOLLOWED_S = 10   # from the new master being known to all being well there
DEMOTED_S = 30    # within which sentinels make an old master a replica


@pytest.fixture
def make(make_cluster, tmp_path):
    """make(tokends): a cluster behind sentinels."""
    return lambda tokends: make_cluster(tokends, redis=Sentinels(tmp_path), tokend=QUICK)


def role(server):
    """None while a sentinel that changes it kills its clients, us among them."""
    try:
        return server.client.info("replication")["role"]
    except redis.ConnectionError:
        return None


# ---- an old master comes back ----

def test_a_master_that_died_and_comes_back_moves_nobody_back(make):
    cluster = make(3)
    cluster.settled()
    old = cluster.redis.master
    old.kill()
    cluster.redis.await_failover(old)
    cluster.settled(timeout=FOLLOWED_S)
    cluster.order_in_a_failover()
    cluster.await_version(2)
    fresh = cluster.settled()
    old.revive()
    assert role(old) == "master"
    throughout_until(lambda: role(old) == "slave", lambda: cluster.all_serve(*fresh), DEMOTED_S)
    cluster.settled(*fresh)
    assert cluster.wxsim.issued() == fresh[1]


def test_a_master_that_hangs_and_wakes_up_as_a_master_moves_nobody_back(make):
    cluster = make(3)
    token, version = cluster.settled()
    old = cluster.redis.master
    cluster.redis.await_replicas(cluster.keys.token)
    with old.process.frozen():
        cluster.redis.await_failover(old)
        cluster.settled(token, version, FOLLOWED_S)
        cluster.order_in_a_failover()
        cluster.await_version(version + 1)
        fresh, _ = cluster.settled()
    for tokend in cluster.tokends:
        assert cluster.served(tokend) == (200, fresh, version + 1)
    throughout_until(lambda: role(old) == "slave",
                     lambda: cluster.all_serve(fresh, version + 1), DEMOTED_S)
    cluster.settled(fresh, version + 1)
    assert cluster.wxsim.issued() == 2


def test_what_was_written_to_a_master_that_is_none_any_more_is_brought_along(make):
    cluster = make(3)
    cluster.settled()
    old = cluster.redis.master
    cluster.redis.await_replicas(cluster.keys.token)
    with old.process.frozen():
        cluster.redis.await_failover(old)  # so soon that no tokend has given up its connection
    assert role(old) == "master"
    version = cluster.served()[2]
    cluster.order_in_a_failover()
    eventually(lambda: all(cluster.served(t)[2] == version + 1 for t in cluster.tokends))
    token = cluster.served()[1]
    throughout_until(lambda: role(old) == "slave",
                     lambda: cluster.all_serve(token, version + 1), DEMOTED_S)
    cluster.settled(token, version + 1)
    assert cluster.wxsim.issued() == 2


# ---- sentinels that are away ----

def start_late(cluster, tmp_path):
    """One more tokend."""
    folder = tmp_path / "late"
    folder.mkdir()
    return Tokend(folder, cluster.redis, cluster.wxsim.url, cluster.app, **QUICK)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_the_first_sentinel_may_be_away_when_tokend_starts_and_when_the_master_dies(
        make, tmp_path, how):
    cluster = make(1)
    token, version = cluster.settled()
    first = cluster.redis.sentinels[0].process
    first.signal(signal.SIGSTOP if how == "frozen" else signal.SIGKILL)
    late = cluster.stack.add(start_late(cluster, tmp_path))
    cluster.tokends.append(late)
    cluster.settled(token, version)
    old = cluster.redis.master
    old.kill()
    cluster.redis.await_failover(old)
    cluster.settled(token, version, FOLLOWED_S)
    first.kill()
    assert cluster.wxsim.issued() == 1


def test_without_any_sentinel_a_tokend_that_is_connected_works_on_and_another_says_why_it_waits(
        make, tmp_path):
    cluster = make(1)
    _, version = cluster.settled()
    for sentinel in cluster.redis.sentinels:
        sentinel.process.kill()
    late = cluster.stack.add(start_late(cluster, tmp_path))
    eventually(lambda: cluster.lines(late, event="redis.down"))
    cluster.complains(late, "sentinel 127.0.0.1:")
    assert late.get("/readyz").status_code == 503
    assert cluster.leader() is cluster.tokend
    assert cluster.tokend.post(f"/v1/apps/{cluster.app.id}/token/refresh").status_code == 202
    eventually(lambda: cluster.served()[2] == version + 1)
