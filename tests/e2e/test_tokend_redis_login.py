"""Who may come into Redis and do what there, and a Redis that is not itself yet: tokend says what
is wrong, keeps the password to itself, and comes back without anybody's doing.

Written from the contract: sections 2, 4.2 and 4.7."""
from types import SimpleNamespace

import pytest

from harness.cluster import QUICK
from harness.redis_server import RedisServer
from harness.wait import eventually

PASSWORD = "s3cret-Passw0rd"
USER = ["SETUSER", "tokend", "reset", "on", f">{PASSWORD}", "~tokend:*", "&tokend:*"]
# All that tokend asks of Redis, and no more.
COMMANDS = ("+ping +role +select +subscribe +psubscribe +unsubscribe +punsubscribe +evalsha +eval "
            "+get +set +del +type +pttl +pexpire +time +hget +hset +hmget +hincrby "
            "+xadd +xdel +xrange +xrevrange +publish").split()


def with_login(server, login):
    """The server's address with this login in it."""
    return SimpleNamespace(url=server.url.replace("://", f"://{login}@"))


def warns_of(tokend_log, words):
    return eventually(lambda: words in tokend_log(), what=f"a line with {words!r}")


@pytest.fixture
def tokend_as(make_cluster, stack, redis):
    """tokend_as(login): a cluster of one that logs in so; not yet settled."""
    def made(login, **parts):
        return make_cluster(1, tokend=QUICK, redis=redis, ways=[with_login(redis, login)],
                            settle=False, **parts)
    return made


@pytest.mark.parametrize("right, says", [
    ("", "without any password configured"),
    ("other-Passw0rd", "user or password in REDIS_URL is wrong")])
def test_with_a_wrong_password_it_starts_waits_and_comes_in_when_that_is_mended(
        tokend_as, redis, right, says):
    redis.set_password(right)
    cluster = tokend_as(f":{PASSWORD}")
    log = cluster.tokend.process.log
    warns_of(log, says)
    assert cluster.tokend.get("/healthz").status_code == 200
    assert cluster.tokend.get("/readyz").status_code == 503
    assert cluster.served() == (503, "no_token", None)
    redis.set_password(PASSWORD)
    cluster.settled()
    assert PASSWORD not in log() and cluster.wxsim.issued() == 1


def test_a_password_that_changes_and_changes_back_costs_no_issuance_and_is_never_logged(
        tokend_as, redis):
    redis.set_password(PASSWORD)
    cluster = tokend_as(f":{PASSWORD}")
    token, version = cluster.settled()
    redis.set_password("n3w-Passw0rd")
    warns_of(cluster.tokend.process.log, "user or password in REDIS_URL is wrong")
    cluster.all_serve(token, version)
    redis.set_password(PASSWORD)
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 1
    assert "Passw0rd" not in cluster.tokend.process.log()


def test_the_rights_that_the_documentation_names_are_enough(tokend_as, redis):
    redis.client.execute_command("ACL", *USER, *COMMANDS)
    cluster = tokend_as(f"tokend:{PASSWORD}")
    _, version = cluster.settled()
    for _ in range(2):
        cluster.order()
        version = cluster.await_version(version + 1)
    path = f"/v1/apps/{cluster.app.id}"
    assert cluster.tokend.post(f"{path}/token/report", {"version": version, "errcode": 40001}
                               ).status_code == 202
    eventually(lambda: "flapped" in cluster.tokend.get(f"{path}/events").text)
    cluster.redis.client.delete(cluster.keys.token)
    eventually(cluster.token)
    cluster.settled()
    assert not cluster.lines(cluster.tokend, event="redis.refused")
    assert not cluster.lines(cluster.tokend, event="redis.down")


@pytest.mark.parametrize("denied", [["-evalsha", "-eval"], ["-set"], ["resetkeys"],
                                    ["resetkeys", "~tokend:leader"], ["off"]], ids=" ".join)
def test_rights_that_are_taken_away_are_missed_aloud_and_back_again_all_is_as_before(
        tokend_as, redis, denied):
    redis.client.execute_command("ACL", *USER, *COMMANDS)
    cluster = tokend_as(f"tokend:{PASSWORD}")
    token, version = cluster.settled()
    redis.client.execute_command("ACL", "SETUSER", "tokend", *denied)
    if denied == ["off"]:
        redis.client.execute_command("CLIENT", "KILL", "USER", "tokend")
    warns_of(cluster.tokend.process.log,
             "REDIS_URL is wrong" if denied == ["off"] else "its ACL forbids our user")
    cluster.all_serve(token, version)
    redis.client.execute_command("ACL", *USER, *COMMANDS)
    eventually(lambda: cluster.leaders())
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 1
    assert PASSWORD not in cluster.tokend.process.log()


@pytest.mark.parametrize("denied", ["-hset", "-xadd", "-del", "-pexpire"])
def test_a_right_that_only_a_refresh_needs_delays_it_until_it_is_given(tokend_as, redis, denied):
    redis.client.execute_command("ACL", *USER, *COMMANDS)
    cluster = tokend_as(f"tokend:{PASSWORD}")
    token, version = cluster.settled()
    redis.client.execute_command("ACL", "SETUSER", "tokend", denied)
    cluster.order()
    warns_of(cluster.tokend.process.log, "its ACL forbids our user")
    status, served, _ = cluster.served()
    assert status == 200 and cluster.wxsim.check(served)["live"]
    redis.client.execute_command("ACL", *USER, *COMMANDS)
    cluster.await_version(version + 1)
    cluster.settled()
    assert cluster.token() != token and cluster.wxsim.issued() == 2


def test_without_the_right_to_subscribe_tokend_refreshes_all_the_same(tokend_as, redis):
    redis.client.execute_command("ACL", *USER, *COMMANDS, "resetchannels")
    cluster = tokend_as(f"tokend:{PASSWORD}")
    _, version = cluster.settled()
    warns_of(cluster.tokend.process.log, "its ACL forbids our user")
    eventually(lambda: cluster.order() or cluster.version() > version, every=0.5)
    warnings = cluster.lines(cluster.tokend, event="redis.down")
    assert len(warnings) <= 3, warnings


# ---- not itself yet ----

def test_a_redis_that_still_loads_its_data_is_waited_for(make_cluster, tmp_path):
    redis = RedisServer(tmp_path, key_load_delay=0, loading_process_events_interval_bytes=1024)
    cluster = make_cluster(1, tokend=QUICK, redis=redis.start())
    token, version = cluster.settled()
    for number in range(300):
        redis.client.set(f"filler:{number}", "x" * 100)
    snapshot = redis.snapshot()
    redis.process.argv[redis.process.argv.index("--key-load-delay") + 1] = "10000"
    redis.restart(snapshot)
    warns_of(cluster.tokend.process.log, "still reading its data")
    cluster.all_serve(token, version)
    eventually(lambda: not redis.loading(), timeout=15)
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 1


def test_a_replica_of_a_stranger_loses_all_and_gets_it_back_when_it_is_a_master_again(
        make_cluster, stack, tmp_path, redis):
    stranger = stack.add(RedisServer(tmp_path, name="stranger", tcp=True).start())
    stranger.client.set("whose", "the stranger's")
    cluster = make_cluster(3, tokend=QUICK, redis=redis)
    token, version = cluster.settled()
    redis.client.replicaof("127.0.0.1", stranger.port)
    eventually(lambda: redis.client.get("whose"), timeout=15)
    cluster.all_serve(token, version)
    redis.client.replicaof("NO", "ONE")
    cluster.settled(token, version)
    assert cluster.wxsim.issued() == 1
