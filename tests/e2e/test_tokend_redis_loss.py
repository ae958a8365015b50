"""Redis loses what it held, all or a part of it: tokend writes it back and fetches nothing for it.

Written from the contract: sections 3 and 4.2, and docs/protocol.md, section 12."""
import pytest

from harness.cluster import LEASE_S, QUICK, several
from harness.wait import eventually, throughout, throughout_until

TOKEN = "/cgi-bin/token"
LOOK_S = 1.1      # an app looks at its record at least so often
RECONNECT_S = 1   # the longest wait between two attempts to connect


def restored_within(cluster, seconds, token, version):
    """The token is in Redis again."""
    eventually(lambda: cluster.token() == token and cluster.version() == version, seconds, 0.002,
               f"version {version} again")


@several
def test_an_empty_restart_brings_the_same_token_back_and_costs_no_issuance(make_cluster, tokends):
    cluster = make_cluster(tokends, tokend=QUICK)
    token, version = cluster.settled()
    for _ in range(5):
        cluster.redis.restart()
        restored_within(cluster, LEASE_S + RECONNECT_S + 1, token, version)
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 1


@several
def test_a_flush_is_mended_at_the_next_renewal_of_the_lease(make_cluster, tokends):
    cluster = make_cluster(tokends, tokend=QUICK)
    token, version = cluster.settled()
    for _ in range(3):
        cluster.redis.client.flushall()
        restored_within(cluster, LEASE_S + 1, token, version)
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 1


@several
def test_an_empty_restart_in_the_middle_of_a_refresh_costs_one_more_at_most(make_cluster, tokends):
    cluster = make_cluster(tokends, tokend={**QUICK, "WECHAT_TIMEOUT": "4s", "LEASE_TTL": "8s"})
    token, version = cluster.settled()
    cluster.wxsim.fault(TOKEN, "hold")
    cluster.order(cluster.leader())
    eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    cluster.redis.restart()
    eventually(lambda: cluster.leaders(), timeout=10)
    cluster.all_serve(token, version)
    cluster.wxsim.release()
    eventually(lambda: cluster.version() > version, timeout=20)
    fresh, _ = cluster.settled()
    assert fresh != token
    # Another one that took the lease cannot know of the token that was under way: it is told.
    assert cluster.wxsim.issued() <= (2 if tokends == 1 else 3)


# ---- an old snapshot ----

def refreshed(cluster, times=1):
    """Refreshes it by order; what it has then."""
    for _ in range(times):
        version = cluster.version()
        cluster.order()
        cluster.await_version(version + 1)
    return cluster.settled()


@several
@pytest.mark.parametrize("refreshes", [1, 2, 4])
def test_an_older_version_that_comes_back_is_replaced_and_costs_no_issuance(
        make_cluster, tokends, refreshes):
    cluster = make_cluster(tokends)
    old, _ = cluster.settled()
    snapshot = cluster.redis.snapshot()
    token, version = refreshed(cluster, refreshes)
    assert version == refreshes + 1
    for _ in range(2):
        cluster.redis.restart(snapshot)
        restored_within(cluster, 10 + RECONNECT_S + 1, token, version)
    assert cluster.token() != old
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == version


def test_a_snapshot_whose_token_is_dead_is_replaced_and_costs_no_issuance(make_cluster):
    cluster = make_cluster(1, tokend=QUICK, overlap="500ms")
    dead, _ = cluster.settled()
    snapshot = cluster.redis.snapshot()
    token, version = refreshed(cluster)
    eventually(lambda: not cluster.wxsim.check(dead)["live"])
    cluster.redis.restart(snapshot)
    restored_within(cluster, LEASE_S + RECONNECT_S + 1, token, version)
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 2


# ---- what came back is newer than memory ----

@pytest.mark.parametrize("what", ["frozen", "cut off"])
def test_a_leader_that_was_away_takes_what_another_fetched_meanwhile(
        make_far_cluster, what):
    cluster = make_far_cluster(2, tokend=QUICK)
    old, version = cluster.settled()
    away, other = cluster.leader(), cluster.followers()[0]

    def refresh_without_it():
        eventually(lambda: other.get("/v1/apps").json()["leading"], LEASE_S + 2)
        cluster.order(other)
        cluster.await_version(version + 1)
    if what == "frozen":
        with away.process.frozen():
            refresh_without_it()
    else:
        way = cluster.way(away)
        way.cut()
        refresh_without_it()
        assert cluster.served(away) == (200, old, version)
        way.mend()
    token, later = cluster.settled(cluster.token(), version + 1)
    throughout(lambda: cluster.all_serve(token, later), LEASE_S)
    assert cluster.wxsim.issued() == 2


def test_memory_yields_to_a_snapshot_that_is_newer(make_cluster):
    cluster = make_cluster(2, tokend=QUICK)
    _, version = cluster.settled()
    one, other = cluster.followers()[0], cluster.leader()
    with one.process.frozen():
        cluster.order(other)
        cluster.await_version(version + 1)
        token, snapshot = cluster.token(), cluster.redis.snapshot()
        other.process.kill()
        cluster.redis.kill()
    assert cluster.served(one)[2] == version
    cluster.redis.revive(snapshot)
    cluster.settled(token, version + 1)
    assert cluster.wxsim.issued() == 2


# ---- away for long ----

@several
def test_a_redis_away_past_the_end_of_the_token_is_followed_by_a_new_one(make_cluster, tokends):
    cluster = make_cluster(tokends, tokend=QUICK, expires_in="4s", overlap="1s")
    eventually(lambda: cluster.redis.client.pttl(cluster.keys.token) > 3000)
    token, version = cluster.settled()
    issued = cluster.wxsim.issued()
    cluster.redis.kill()

    def served_to_its_end():
        answers = [cluster.served(t) for t in cluster.tokends]
        left = cluster.wxsim.check(token)["usable_for_ms"]
        assert left < 200 or answers == [(200, token, version)] * tokends, left
    throughout_until(lambda: all(cluster.served(t)[:2] == (503, "no_token")
                                 for t in cluster.tokends), served_to_its_end, 8)
    for tokend in cluster.tokends:
        assert tokend.get("/readyz").status_code == 503
        assert tokend.get("/healthz").status_code == 200
    assert not cluster.leaders()
    assert cluster.wxsim.issued() == issued
    cluster.redis.revive()
    eventually(cluster.token, LEASE_S + RECONNECT_S + 1, 0.002)
    _, later = cluster.settled()
    assert later >= version + 1
    assert cluster.wxsim.issued() - issued == later - version


# ---- a key or two ----

def other_kind(client, key):
    """The key becomes one of a kind that it never is."""
    kind = client.type(key)
    client.delete(key)
    client.set(key, "foreign") if kind != "string" else client.lpush(key, "foreign")


TAMPERING = {
    "the token deleted": lambda c, k: c.delete(k.token),
    "the record deleted": lambda c, k: c.delete(k.record),
    "the state deleted": lambda c, k: c.delete(k.state),
    "all of it deleted": lambda c, k: c.delete(k.token, k.record, k.state, k.previous),
    "the token made to stay": lambda c, k: c.persist(k.token),
    "the record made to stay": lambda c, k: c.persist(k.record),
    "a foreign token": lambda c, k: c.set(k.token, "foreign"),
    "a foreign token that ends": lambda c, k: c.set(k.token, "foreign", ex=7000),
    "a foreign token in the record": lambda c, k: c.hset(k.record, "access_token", "foreign"),
    "a record of nonsense": lambda c, k: c.hset(k.record, mapping={
        "version": "many", "issued_at": "-", "expires_at": "x", "mode": "none"}),
    "a token of another kind": lambda c, k: other_kind(c, k.token),
    "a record of another kind": lambda c, k: other_kind(c, k.record),
    "a state of another kind": lambda c, k: other_kind(c, k.state),
    "an intent of another kind": lambda c, k: c.lpush(k.intent, "foreign"),
    "a previous token of another kind": lambda c, k: c.lpush(k.previous, "foreign"),
    "reports of another kind": lambda c, k: c.set(k.reports, "foreign"),
    "events of another kind": lambda c, k: other_kind(c, k.events),
    "the lease deleted": lambda c, k: c.delete("tokend:leader"),
    "a lease of another kind": lambda c, k: other_kind(c, "tokend:leader"),
    "an epoch of another kind": lambda c, k: other_kind(c, "tokend:epoch"),
    "an epoch of nonsense": lambda c, k: c.set("tokend:epoch", "many"),
    "an absurd version": lambda c, k: c.hset(k.state, "version", 2**63 - 1),
    "an absurd epoch of the app": lambda c, k: c.hset(k.state, "epoch", "1e300"),
    "an absurd count": lambda c, k: c.hset(k.state, "issued_today", "inf"),
    "an absurd epoch": lambda c, k: (c.set("tokend:epoch", "1e300"), c.delete("tokend:leader")),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_others_tamper_with_is_mended_at_the_next_look(make_cluster, what):
    cluster = make_cluster(1, tokend=QUICK)
    token, version = cluster.settled()
    TAMPERING[what](cluster.redis.client, cluster.keys)
    if cluster.token() != token or cluster.redis.client.pttl(cluster.keys.token) <= 0:
        restored_within(cluster, LOOK_S + 1, token, version)
    eventually(lambda: cluster.redis.client.pttl(cluster.keys.token) > 0, LOOK_S + 1)
    cluster.order()
    cluster.await_version(version + 1)
    cluster.settled()
    assert cluster.wxsim.issued() == 2
