"""Redis behind Sentinel: three real sentinels, a master that dies, hangs, loses its tail or comes
back. tokend follows to the new master, brings its record along, and fetches nothing for it.

Written from the contract: sections 2 (redis-sentinel://), 4.2, and docs/protocol.md, section 12."""
import pytest

from harness.cluster import QUICK, several
from harness.sentinel import NAME, Sentinels
from harness.wait import eventually

TOKEN = "/cgi-bin/token"
FOLLOWED_S = 10   # from the new master being known to all being well there


@pytest.fixture
def make(make_cluster, tmp_path):
    """make(tokends, replicas): a cluster behind sentinels."""
    def made(tokends, replicas=1, **settings):
        return make_cluster(tokends, redis=Sentinels(tmp_path, replicas),
                            tokend={**QUICK, **settings})
    return made


@several
def test_when_the_master_dies_the_same_token_is_found_at_the_new_one(make, tokends):
    cluster = make(tokends)
    token, version = cluster.settled()
    old = cluster.redis.master
    old.kill()
    cluster.redis.await_failover(old)
    cluster.settled(token, version, FOLLOWED_S)
    assert cluster.wxsim.issued() == 1
    cluster.order_in_a_failover()
    cluster.await_version(version + 1)
    cluster.settled()


@several
def test_a_master_that_dies_between_issue_and_commit_costs_no_dead_token(make, tokends):
    cluster = make(tokends, WECHAT_TIMEOUT="5s")
    token, version = cluster.settled()
    old = cluster.redis.master
    cluster.wxsim.fault(TOKEN, "hold")
    cluster.order(cluster.leader())
    eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    old.kill()
    cluster.wxsim.release()
    eventually(lambda: cluster.wxsim.check(token)["rank"] == "previous")
    cluster.redis.await_failover(old)
    eventually(lambda: cluster.version() > version, FOLLOWED_S)
    cluster.settled()
    assert cluster.wxsim.issued() <= (2 if tokends == 1 else 4)


@several
def test_a_failover_that_loses_the_last_commit_brings_it_back_with_its_version(make, tokends):
    cluster = make(tokends)
    token, version = cluster.settled()
    cluster.redis.await_replicas(cluster.keys.token)
    old = cluster.redis.master
    replica = next(s for s in cluster.redis.servers if s is not old)
    with replica.process.frozen():
        old.client.client_kill_filter(_type="slave")
        cluster.order()
        cluster.await_version(version + 1)
        fresh = cluster.token()
        eventually(lambda: all(cluster.served(t)[1] == fresh for t in cluster.tokends))
        old.kill()
    new = cluster.redis.await_failover(old)
    assert new is replica
    cluster.settled(fresh, version + 1, FOLLOWED_S)
    assert cluster.wxsim.issued() == 2


@several
def test_a_failover_by_hand_is_followed(make, tokends):
    cluster = make(tokends, replicas=2)
    token, version = cluster.settled()
    cluster.redis.await_replicas(cluster.keys.token)
    for _ in range(2):
        old = cluster.redis.master
        eventually(lambda: failover_by_hand(cluster), timeout=20, every=0.5)
        cluster.redis.await_failover(old)
        cluster.settled(token, version, FOLLOWED_S)
    assert cluster.wxsim.issued() == 1


def failover_by_hand(cluster):
    """Refused while the last failover is too fresh, or no replica is good yet."""
    try:
        return cluster.redis.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", NAME)
    except Exception as error:
        return bool(cluster.redis.client) and "INPROG" in str(error)
