"""A Redis that is silent, and a network that is cut: the lead goes, reads go on from memory,
nothing is refreshed for it, and a stop does not hang.

Written from the contract: sections 4.2 and 4.7, and docs/protocol.md, sections 5 and 12."""
import signal
import time

import pytest

from harness.cluster import LEASE_S, several
from harness.wait import eventually, throughout

TOKEN = "/cgi-bin/token"


# ---- silent ----

@several
def test_a_redis_that_hangs_is_given_up_and_taken_up_again(make_long_overlap, redis, tokends):
    cluster = make_long_overlap(tokends)
    token, version = cluster.settled()
    with redis.process.frozen():
        eventually(lambda: not cluster.leaders(), LEASE_S + 2)
        throughout(lambda: cluster.all_serve(token, version), 8)
        for tokend in cluster.tokends:
            cluster.complains(tokend, "does not answer")
    cluster.settled(token, version, 5)
    assert cluster.wxsim.issued() == 1


@pytest.mark.parametrize("what", ["silent", "slow", "gone"])
@pytest.mark.parametrize("attempt", [False, True], ids=["at rest", "in a refresh"])
def test_a_stop_meanwhile_takes_no_longer_than_the_drain_timeout(
        make_long_overlap, redis, what, attempt):
    cluster = make_long_overlap(1, LEASE_TTL="10s")
    token, _ = cluster.settled()
    if attempt:
        cluster.wxsim.fault(TOKEN, "hold")
        cluster.order()
        eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    if what == "silent":
        redis.process.signal(signal.SIGSTOP)
    elif what == "slow":
        cluster.slow_down(2)
    else:
        redis.kill()
    try:
        cluster.wxsim.release()
        start = time.monotonic()
        cluster.tokend.stop()
        took = time.monotonic() - start
    finally:
        if what == "silent":
            redis.process.signal(signal.SIGCONT)
    assert took < 1 + 1


# ---- cut off ----

def test_what_a_cut_off_leader_wrote_arrives_late_and_is_refused(make_long_overlap):
    cluster = make_long_overlap(2)
    cluster.settled()
    leader, other = cluster.leader(), cluster.followers()[0]
    way = cluster.way(leader)
    cluster.wxsim.fault(TOKEN, "hold")
    cluster.order(leader)
    eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    way.cut()
    cluster.wxsim.release()
    eventually(lambda: "recommit" in leader.process.log())
    eventually(lambda: other.get("/v1/apps").json()["leading"], LEASE_S + 2)
    version = cluster.await_version(2)
    versions = [version]

    def never_back():
        versions.append(cluster.version())
        assert versions[-1] >= versions[-2]
        assert cluster.wxsim.check(cluster.token())["live"]
    way.mend()
    throughout(never_back, 4)
    cluster.settled()
    assert cluster.wxsim.issued() <= 4


def test_all_cut_off_and_together_again_have_one_leader_and_the_same_token(make_long_overlap):
    cluster = make_long_overlap(3)
    token, version = cluster.settled()
    for way in cluster.ways:
        way.cut()
    eventually(lambda: not cluster.leaders(), LEASE_S + 2)
    throughout(lambda: cluster.all_serve(token, version), 2)
    for way in cluster.ways:
        way.mend()
    cluster.settled(token, version, 5)
    assert cluster.wxsim.issued() == 1
