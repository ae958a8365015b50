"""GET /v1/events: what happens to the apps, told to whoever listens, once and in order.

Written from the contract, section 4.5, and tokend/api/events.h."""
import hashlib
import selectors
import signal
import socket
import time

import pytest

from harness.apps import App
from harness.cluster import Cluster
from harness.daemons import Tokend
from harness.events import Listener, happen, in_streams
from harness.keys import Keys
from harness.wait import eventually

FAST = {"TOKEN_OVERLAP": "500ms", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
        "LEASE_TTL": "1s"}
LISTENERS_MAX = 256


@pytest.fixture
def listen(stack):
    """listen(tokend, …): a Listener that is stopped with the test."""
    return lambda *args, **kw: stack.add(Listener(*args, **kw))


@pytest.fixture
def town(stack, redis, make_wxsim, tmp_path):
    """town(text, apps=n): a tokend with n apps and this text in a file, which reload() changes."""
    class Town:
        def __init__(self, extra="", apps=2, **settings):
            self.apps, self.redis = [App() for _ in range(apps)], redis
            self.keys = [Keys(app) for app in self.apps]
            self.file = tmp_path / "tokend.ini"
            self.write(extra)
            wxsim = make_wxsim(*self.apps)
            self.tokend = stack.add(Tokend(tmp_path, redis, wxsim.url, argv=["-c", str(self.file)],
                                           **{**FAST, **settings}))
            eventually(lambda: all(redis.client.exists(keys.token) for keys in self.keys))

        def write(self, extra):
            """{0} in the text is the first app's id."""
            self.file.write_text(extra.format(*[app.id for app in self.apps]) + "".join(
                f"[app {app.id}]\nsecret = {app.secret}\n" for app in self.apps))

        def reload(self, extra):
            self.write(extra)
            self.tokend.process.signal(signal.SIGHUP)

        def expected(self, after=None):
            return in_streams(redis, list(zip(self.apps, self.keys)), after)

    return Town


# ---- the shape ----

def test_a_refresh_is_told_as_it_happens_and_never_the_token(make_platform, listen):
    platform = make_platform(tokend=FAST)
    first = platform.await_token()
    listener = listen(platform.tokend).connected()
    headers = listener.answer.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-store" and headers["X-Accel-Buffering"] == "no"
    assert "retry: 1000\n" in listener.text and listener.comments >= 1
    platform.tokend.post(f"/v1/apps/{platform.app.id}/token/refresh")
    id, name, data = listener.await_event("refreshed")
    stream_id, _, appid = id.partition(":")
    assert (name, appid) == ("refreshed", platform.app.id)
    assert data["appid"] == appid and data["id"] == stream_id and data["event"] == "refreshed"
    assert data["at"] == int(stream_id.split("-")[0]) and data["version"] == 2
    listed = platform.tokend.get(f"/v1/apps/{appid}/events").json()["events"][0]
    assert data == dict(listed, appid=appid)
    for secret in (first, platform.token(), platform.app.secret):
        assert secret not in listener.text


def milliseconds(redis):
    seconds, microseconds = redis.client.time()
    return seconds * 1000 + microseconds // 1000


def test_without_an_id_it_starts_now(make_platform, listen):
    platform = make_platform(tokend=FAST)
    platform.await_token()
    for _ in range(5):
        before = happen(platform.redis, platform.keys)
    # "Now" is a millisecond of Redis's clock: what happens in the same one may be told.
    eventually(lambda: milliseconds(platform.redis) > int(before.split("-")[0]))
    listener = listen(platform.tokend).connected()
    id = happen(platform.redis, platform.keys, "flapped")
    assert listener.await_count(1)[0][:2] == (f"{id}:{platform.app.id}", "flapped")
    assert len(listener.events) == 1


def test_a_quiet_stream_says_so_every_fifteen_seconds(make_platform, listen):
    platform = make_platform(tokend=FAST)
    listener = listen(platform.tokend).connected()
    comments = listener.comments
    eventually(lambda: listener.comments > comments, timeout=30, what="a heartbeat")
    assert not listener.ended.is_set()


# ---- who hears what ----

def client(name, key, scopes="read", apps=""):
    digest = hashlib.sha256(key.encode()).hexdigest()
    apps = f"apps = {apps}\n" if apps else ""
    return f"[client {name}]\nkey_sha256 = {digest}\nscopes = {scopes}\n{apps}"


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_client_hears_of_its_apps_only_and_of_those_it_asks_for(town, listen):
    t = town(client("all", "k-all") + client("one", "k-one", apps="{1}"), apps=3)
    a, b, c = (app.id for app in t.apps)
    whole = listen(t.tokend, headers=bearer("k-all")).connected()
    only_b = listen(t.tokend, headers=bearer("k-one")).connected()
    commas = listen(t.tokend, headers=bearer("k-all"), appid=f"{a},{b}").connected()
    repeated = listen(t.tokend, headers=bearer("k-all"), appid=[c, b]).connected()
    for keys in t.keys:
        happen(t.redis, keys)
    whole.await_count(3)
    for listener, apps in ((only_b, {b}), (commas, {a, b}), (repeated, {b, c})):
        listener.await_count(len(apps))
        assert {data["appid"] for _, _, data in listener.events} == apps
        assert len(listener.events) == len(apps)


def test_whoever_may_not_listen_is_told_so(town, listen):
    t = town(client("all", "k-all") + client("one", "k-one", apps="{1}") +
             client("teller", "k-teller", scopes="report"))
    a, b = (app.id for app in t.apps)
    cases = [({}, {}, 401, "unauthorized"),
             (bearer("wrong"), {}, 401, "unauthorized"),
             (bearer("k-teller"), {}, 403, "forbidden"),
             (bearer("k-one"), {"appid": a}, 404, "unknown_app"),
             (bearer("k-one"), {"appid": f"{b},{a}"}, 404, "unknown_app"),
             (bearer("k-all"), {"appid": "wxnobody"}, 404, "unknown_app")]
    for bad in ("1", "1-0", "x-0:wx1", "1-0:a b", "$"):
        cases.append((bearer("k-all"), {"last_event_id": bad}, 400, "bad_event_id"))
        cases.append(({**bearer("k-all"), "Last-Event-ID": bad}, {}, 400, "bad_event_id"))
    for headers, query, status, code in cases:
        answer = t.tokend.get("/v1/events", headers=headers, params=query)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (headers, query)
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert t.tokend.post("/v1/events", headers=bearer("k-all")).status_code == 405


def test_where_a_stream_begins_names_no_app_of_others(town, listen):
    """Redis's clock was ahead when that event came, so "now" is right behind it."""
    t = town(client("all", "k-all") + client("one", "k-one", apps="{1}"))
    whole = listen(t.tokend, headers=bearer("k-all")).connected()
    seconds, _ = t.redis.client.time()
    id = happen(t.redis, t.keys[0], at=f"{seconds + 3600}000-0")
    whole.await_event("reported")
    one = listen(t.tokend, headers=bearer("k-one")).connected()
    assert t.apps[0].id not in one.text
    later = happen(t.redis, t.keys[1], at=f"{seconds + 3601}000-0")
    one.await_count(1)
    assert one.ids() == [f"{later}:{t.apps[1].id}"] and t.apps[0].id not in one.text
    again = listen(t.tokend, headers=bearer("k-one"), last_id=f"{id}:")
    again.await_count(1)
    assert again.ids() == one.ids()


def test_a_reload_narrows_and_ends_streams(town, listen):
    t = town(client("all", "k-all") + client("one", "k-one") + client("gone", "k-gone"))
    a, b = (app.id for app in t.apps)
    whole, narrowed, gone = (listen(t.tokend, headers=bearer(key)).connected()
                             for key in ("k-all", "k-one", "k-gone"))
    happen(t.redis, t.keys[0])
    for listener in (whole, narrowed, gone):
        listener.await_count(1)
    t.reload(client("all", "k-all") + client("one", "k-one", apps="{1}"))
    eventually(gone.ended.is_set, what="the end of the stream")
    for keys in t.keys:
        happen(t.redis, keys)
    whole.await_count(3)
    narrowed.await_count(2)
    assert [data["appid"] for _, _, data in narrowed.events] == [a, b]
    t.reload(client("all", "k-all", scopes="report") + client("one", "k-one", apps="{1}"))
    eventually(whole.ended.is_set, what="the end of the stream")
    assert not narrowed.ended.is_set() and len(gone.events) == 1


# ---- going on ----

def test_a_listener_goes_on_behind_the_last_id_with_nothing_lost_and_nothing_twice(town, listen):
    t = town()
    for i in range(300):
        happen(t.redis, t.keys[i % 2], n=i)
    expected = t.expected()
    listener = listen(t.tokend, last_id="0-0:")
    listener.await_count(len(expected))
    assert listener.ids() == expected
    middle = expected[len(expected) // 2]
    for how in ({"last_id": middle}, {"last_event_id": middle}):
        again = listen(t.tokend, **how)
        again.await_count(len(expected) - expected.index(middle) - 1)
        happen(t.redis, t.keys[0])
        again.await_count(len(t.expected(middle)))
        assert again.ids() == t.expected(middle)


def test_a_past_longer_than_any_buffer_comes_whole(town, listen):
    t = town(apps=3)
    pipe = t.redis.client.pipeline(transaction=False)
    for i in range(6000):
        pipe.xadd(t.keys[i % 3].events, {"event": "reported", "n": i, "pad": "x" * 200})
    pipe.execute()
    listener = listen(t.tokend, last_id="0-0:")
    listener.await_count(len(t.expected()), timeout=60)
    assert listener.ids() == t.expected()


def test_it_goes_on_after_a_restart_of_tokend_which_ends_streams_at_once(town, listen):
    t = town()
    first = listen(t.tokend).connected()
    happen(t.redis, t.keys[0])
    first.await_count(1)
    start = first.last_id
    began = time.monotonic()
    t.tokend.process.signal(signal.SIGTERM)
    eventually(first.ended.is_set, timeout=5, what="the end of the stream")
    assert time.monotonic() - began < 5
    t.tokend.process.wait()
    t.tokend.stop()
    for keys in t.keys:
        happen(t.redis, keys)
    t.tokend.start_again()
    second = listen(t.tokend, last_id=start)
    second.await_event("leader")
    eventually(lambda: second.ids() == t.expected(start), what="all of it, once")


def test_a_connection_that_broke_before_any_event_goes_on_where_it_began(town, listen):
    t = town()
    first = listen(t.tokend).connected()
    start = first.last_id
    first.stop()
    ids = [f"{happen(t.redis, t.keys[i])}:{t.apps[i].id}" for i in (1, 0)]
    second = listen(t.tokend, last_id=start)
    second.await_count(2)
    assert second.ids() == sorted(ids, key=lambda id: (int(id.split("-")[0]), id))


def test_leader_and_follower_tell_the_same_through_a_change_of_leader(stack, tmp_path, listen):
    cluster = stack.add(Cluster(tmp_path, tokends=2, tokend=FAST))
    leader, (follower,) = cluster.leader(), cluster.followers()
    at_leader, at_follower = listen(leader).connected(), listen(follower).connected()
    start = at_follower.last_id
    began_at_leader = at_leader.last_id
    cluster.order(leader)
    for listener in (at_leader, at_follower):
        listener.await_event("refreshed")
    leader.process.kill()
    eventually(at_leader.ended.is_set, what="the end of the killed one's stream")
    moved = listen(follower, last_id=at_leader.last_id)
    at_follower.await_event("leader")
    cluster.order(follower)
    expected = lambda after: in_streams(cluster.redis, [(cluster.app, cluster.keys)], after)
    eventually(lambda: at_follower.names().count("refreshed") == 2)
    eventually(lambda: at_follower.ids() == expected(start), what="all at the follower")
    eventually(lambda: at_leader.ids() + moved.ids() == expected(began_at_leader),
               what="all for the one that moved")


def test_an_ordinary_life_is_told_everywhere_alike(stack, tmp_path, listen):
    """Two seconds of short tokens at three tokends: the same ids in the same order."""
    cluster = stack.add(Cluster(tmp_path, tokends=3, tokend=FAST, expires_in="2s",
                                overlap="500ms", settle=False))
    cluster.await_token()
    listeners = [listen(t, last_id="0-0:") for t in cluster.tokends]
    eventually(lambda: listeners[0].names().count("refreshed") >= 4)
    known = in_streams(cluster.redis, [(cluster.app, cluster.keys)])
    for listener in listeners:
        listener.await_count(len(known))
        assert listener.ids()[:len(known)] == known


# ---- what goes wrong ----

def test_redis_comes_back_empty_and_the_stream_goes_on(make_platform, listen):
    platform = make_platform(tokend=FAST)
    platform.await_token()
    listener = listen(platform.tokend).connected()
    happen(platform.redis, platform.keys)
    listener.await_count(1)
    platform.redis.restart()
    platform.await_token()
    platform.tokend.post(f"/v1/apps/{platform.app.id}/token/refresh")
    listener.await_event("refreshed")
    assert not listener.ended.is_set()
    expected = in_streams(platform.redis, [(platform.app, platform.keys)])
    eventually(lambda: listener.ids()[1:] == expected, what="all that the new Redis has")


def test_a_listener_that_comes_while_redis_is_away_hears_what_comes_later(make_platform, listen):
    platform = make_platform(tokend=FAST)
    platform.await_token()
    platform.redis.process.kill()
    listener = listen(platform.tokend)
    assert listener.status == 200
    eventually(lambda: listener.comments, what="a sign of life")
    assert not listener.last_id
    platform.redis.restart()
    listener.connected()
    happen(platform.redis, platform.keys, "flapped")
    listener.await_event("flapped")


def open_raw(tokend, path="/v1/events", receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(20)
    s.connect(("127.0.0.1", tokend.port))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    return s


def test_who_does_not_read_is_given_up_and_holds_up_nobody(make_platform, listen):
    platform = make_platform(tokend=FAST)
    platform.await_token()
    good = listen(platform.tokend).connected()
    with open_raw(platform.tokend, receive_buffer=4096) as slow:
        assert slow.recv(12) == b"HTTP/1.1 200"
        sent = 0

        def is_given_up():
            nonlocal sent
            pipe = platform.redis.client.pipeline(transaction=False)
            for _ in range(40):
                pipe.xadd(platform.keys.events, {"event": "reported", "pad": "x" * 3000})
            id = pipe.execute()[-1]
            platform.redis.client.publish(platform.keys.events, id)
            sent += 40
            good.await_count(sent)
            return not is_open(platform.tokend, slow)
        eventually(is_given_up, timeout=60, every=0.2, what="the end of the slow reader")
    assert good.ids() == in_streams(platform.redis, [(platform.app, platform.keys)])[-sent:]
    assert not good.ended.is_set()


def is_open(tokend, client):
    """Whether tokend still has its end of this connection: what the kernel of both says."""
    ends = [f"0100007F:{port:04X}" for port in (tokend.port, client.getsockname()[1])]
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return any(row[1:4] == [*ends, "01"] for row in rows)


def test_more_listeners_than_there_is_room_for_are_told_to_come_later(make_platform):
    platform = make_platform(tokend=FAST)
    platform.await_token()
    opened = [open_raw(platform.tokend) for _ in range(300)]
    try:
        heads = [s.recv(12) for s in opened]
        taken = [s for s, head in zip(opened, heads) if head == b"HTTP/1.1 200"]
        assert len(taken) == LISTENERS_MAX
        assert heads.count(b"HTTP/1.1 503") == 300 - LISTENERS_MAX
        refused = opened[heads.index(b"HTTP/1.1 503")].recv(4096)
        assert b"application/problem+json" in refused and b"too_many_streams" in refused
        assert platform.tokend.get("/readyz").status_code == 200  # nobody else minds
        await_text(taken, b"\nid: ")
        id = happen(platform.redis, platform.keys)
        await_text(taken, f"\nid: {id}:{platform.app.id}\n".encode())
    finally:
        for s in opened:
            s.close()
    with_room = lambda: platform.tokend.get("/v1/events", stream=True).status_code == 200
    eventually(with_room, what="room for a new one")


def await_text(sockets, text, timeout=30):
    """Reads from all of them until each has given `text`."""
    texts = dict.fromkeys(sockets, b"")
    end = time.monotonic() + timeout
    with selectors.DefaultSelector() as waiting:
        for s in sockets:
            waiting.register(s, selectors.EVENT_READ)
        while any(text not in t for t in texts.values()):
            assert time.monotonic() < end, f"{text} did not reach all"
            for key, _ in waiting.select(1):
                texts[key.fileobj] += key.fileobj.recv(65536)
