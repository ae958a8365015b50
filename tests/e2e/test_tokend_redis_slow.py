"""A Redis that answers late, or by fits and starts: the lease is lost and won, reads go on from
memory, nothing is refreshed for it.

Written from the contract: sections 4.2 and 4.7, and docs/protocol.md, sections 5 and 12."""
import time

import pytest

from harness.cluster import several
from harness.wait import eventually, throughout

TOKEN = "/cgi-bin/token"


# ---- slow ----

@several
def test_with_answers_slower_than_a_second_all_goes_on_more_slowly(make_long_overlap, tokends):
    cluster = make_long_overlap(tokends, LEASE_TTL="10s", REDIS_TIMEOUT="3s")
    token, version = cluster.settled()
    leader = cluster.leader()
    cluster.slow_down(0.6)
    throughout(lambda: cluster.all_serve(token, version), 5)
    assert cluster.leaders() == [leader]
    cluster.order(leader)
    cluster.await_version(version + 1, timeout=15)
    assert cluster.wxsim.issued() == 2
    eventually(lambda: cluster.served(leader)[2] == version + 1)
    cluster.slow_down(0)
    cluster.settled()
    assert cluster.wxsim.issued() == 2


@several
def test_answers_later_than_anybody_waits_for_cost_the_lead_and_no_issuance(
        make_long_overlap, tokends):
    cluster = make_long_overlap(tokends, REDIS_TIMEOUT="1s")
    token, version = cluster.settled()
    cluster.slow_down(1.5)
    eventually(lambda: not cluster.leaders())
    throughout(lambda: cluster.all_serve(token, version), 5)
    for tokend in cluster.tokends:
        assert not tokend.get("/readyz").json()["checks"]["redis"]
        cluster.complains(tokend, "no answer in time")
    cluster.slow_down(0)
    cluster.settled(token, version, 8)
    assert cluster.wxsim.issued() == 1


def test_a_refresh_whose_answers_come_too_late_is_done_once(make_long_overlap):
    cluster = make_long_overlap(1, REDIS_TIMEOUT="500ms", LEASE_TTL="4s", WECHAT_TIMEOUT="2s")
    token, version = cluster.settled()
    cluster.wxsim.fault(TOKEN, "hold")
    cluster.order()
    eventually(lambda: cluster.wxsim.calls(TOKEN) == 2)
    cluster.slow_down(0.5)
    cluster.wxsim.release()
    cluster.await_version(version + 1, timeout=5)
    throughout(lambda: cluster.version() == version + 1 or pytest.fail("written again"), 3)
    cluster.slow_down(0)
    cluster.settled()
    assert cluster.version() == version + 1 and cluster.wxsim.issued() == 2


@several
def test_a_redis_that_works_by_fits_and_starts_costs_no_issuance(make_long_overlap, redis, tokends):
    cluster = make_long_overlap(tokends)
    token, version = cluster.settled()
    for _ in range(8):
        with redis.process.frozen():
            throughout(lambda: cluster.all_serve(token, version), 0.6)
        time.sleep(0.15)
    cluster.settled(token, version, 5)
    assert cluster.wxsim.issued() == 1
