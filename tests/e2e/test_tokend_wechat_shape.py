"""tokend in WeChat's own shape: SDKs that are told another base URL, with an API key for a secret.

Written from the contract, section 4.6, and from what SDKs do with the answers."""
import hashlib
import re

import pytest
import requests

from harness.apps import App
from harness.cluster import Cluster
from harness.daemons import Tokend
from harness.keys import Keys
from harness.redis_server import RedisServer
from harness.wait import eventually, throughout
from harness.wxsim import Wxsim

FAST = {"TOKEN_OVERLAP": "500ms", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
        "LEASE_TTL": "1s"}
READ, REPORT, OTHERS, BLIND = "k-read-1f0c", "k-report-77aa", "k-others-0e2b", "k-blind-41d9"
WRONG = "k-wrong-9c55"
TOKEN, STABLE = "/cgi-bin/token", "/cgi-bin/stable_token"
SAYS = {-1: "system error", 40002: "invalid grant_type", 40013: "invalid appid",
        40125: "invalid appsecret", 41002: "appid missing", 41004: "appsecret missing",
        43001: "require GET method", 43002: "require POST method"}


def classic(tokend, method="GET", **query):
    return tokend.session.request(method, tokend.url + TOKEN, params=query, timeout=15)


def stable(tokend, **body):
    return tokend.post(STABLE, body)


def asking(app, secret=READ, **changes):
    ask = {"grant_type": "client_credential", "appid": app.id, "secret": secret, **changes}
    return {name: value for name, value in ask.items() if value is not None}


def assert_token(answer, token):
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; encoding=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"access_token", "expires_in"} and body["access_token"] == token
    assert type(body["expires_in"]) is int and 0 < body["expires_in"] <= 7200
    return body["expires_in"]


def assert_error(answer, errcode):
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; encoding=utf-8"
    body = answer.json()
    assert set(body) == {"errcode", "errmsg"} and body["errcode"] == errcode, body
    assert re.fullmatch(SAYS[errcode] + r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}",
                        body["errmsg"])


@pytest.fixture
def office(stack, redis, make_wxsim, tmp_path):
    """A tokend with two apps, one in each mode, and clients that may do different things."""
    class Office:
        def __init__(self, **settings):
            self.redis, self.app, self.second = redis, App(), App()
            self.keys = Keys(self.app)
            self.wxsim = make_wxsim(self.app, self.second)
            file = tmp_path / "tokend.ini"
            file.write_text(f"[app {self.app.id}]\nsecret = {self.app.secret}\n"
                            f"[app {self.second.id}]\nsecret = {self.second.secret}\n"
                            "mode = stable\n" + client("read", READ, "read") +
                            client("report", REPORT, "read report") +
                            client("others", OTHERS, "read", self.second.id) +
                            client("blind", BLIND, "report admin"))
            self.tokend = stack.add(Tokend(tmp_path, redis, self.wxsim.url,
                                           argv=["-c", str(file)], **{**FAST, **settings}))
            eventually(lambda: self.token() and self.token(self.second))

        def token(self, app=None):
            return redis.client.get(Keys(app or self.app).token)

        def events(self):
            return [fields["event"] for _, fields in redis.client.xrange(self.keys.events)]

    return Office()


def client(name, key, scopes, apps=""):
    digest = hashlib.sha256(key.encode()).hexdigest()
    return (f"[client {name}]\nkey_sha256 = {digest}\nscopes = {scopes}\n" +
            (f"apps = {apps}\n" if apps else ""))


# ---- tokens ----

def test_both_endpoints_hand_out_the_current_token_whatever_the_mode(office):
    for app in (office.app, office.second):
        token = office.token(app)
        lives = [assert_token(classic(office.tokend, **asking(app)), token),
                 assert_token(classic(office.tokend, method="POST", **asking(app)), token),
                 assert_token(stable(office.tokend, **asking(app)), token),
                 assert_token(stable(office.tokend, **asking(app), force_refresh=False), token)]
        own = office.tokend.get(f"/v1/apps/{app.id}/token",
                                headers={"Authorization": f"Bearer {READ}"}).json()
        assert all(abs(life - own["expires_in"]) <= 2 for life in lives)
    assert office.wxsim.issued() == 2
    assert_token(classic(office.tokend, **asking(office.second, OTHERS)),
                 office.token(office.second))


def test_a_follower_answers_as_the_leader_does(stack, tmp_path):
    cluster = stack.add(Cluster(tmp_path, tokends=2, tokend=FAST))
    for tokend in cluster.tokends:
        assert_token(classic(tokend, **asking(cluster.app, "any")), cluster.token())
        assert_token(stable(tokend, **asking(cluster.app, "any")), cluster.token())


def test_what_is_left_of_a_token_is_never_told_as_nothing(make_platform):
    """An SDK that keeps a token for 0 s keeps it for ever, or asks again in a loop."""
    platform = make_platform(tokend=FAST, expires_in="2s", overlap="500ms")
    platform.await_token()
    platform.wxsim.fault(TOKEN, "errcode", 1000, errcode=50002)
    told = set()

    def ask():
        body = classic(platform.tokend, **asking(platform.app, "any")).json()
        told.add(body.get("expires_in", body.get("errcode")))
    throughout(ask, 3)
    assert told <= {-1, 1, 2} and {-1, 1} <= told


def test_without_any_living_token_wechat_is_busy(make_platform):
    platform = make_platform(tokend=FAST, wechat=BusyWxsim)
    for ask in (classic, stable):
        assert_error(ask(platform.tokend, **asking(platform.app, "any")), -1)


def BusyWxsim(folder, apps, **options):
    """A WeChat that has no tokens."""
    wxsim = Wxsim(folder, apps, **options)
    wxsim.fault(TOKEN, "busy", 1000000)
    return wxsim


# ---- errors ----

def test_errors_come_in_wechats_order(office):
    """Each row has all the faults of the rows below it."""
    app, other = office.app, App()
    cases = [(dict(appid=None, secret=None, grant_type=None), 41002),
             (dict(appid="", secret=None, grant_type=None), 41002),
             (dict(appid=other.id, secret=None, grant_type="x"), 40013),
             (dict(secret=None, grant_type="x"), 41004),
             (dict(secret="", grant_type="x"), 41004),
             (dict(secret=WRONG, grant_type="x"), 40125),
             (dict(secret=app.secret, grant_type="x"), 40125),
             (dict(secret=BLIND, grant_type="x"), 40125),
             (dict(secret=OTHERS, grant_type="x"), 40013),
             (dict(grant_type="x"), 40002),
             (dict(grant_type=None), 40002)]
    for changes, errcode in cases:
        for ask in (classic, stable):
            assert_error(ask(office.tokend, **asking(app, **changes)), errcode)


def test_the_wrong_method_is_said_before_anything_else(office):
    for method in ("GET", "PUT", "DELETE"):
        answer = office.tokend.session.request(method, office.tokend.url + STABLE)
        assert_error(answer, 43002)
    assert_error(classic(office.tokend, method="DELETE"), 43001)


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", "appid=wx1&secret=x",
                                  '{"appid": 7}', '{"appid": null}', '{"appid": ["wx1"]}',
                                  '{"appid": "wx1", "appid": "wx1"}'])
def test_a_body_that_names_no_app_is_as_good_as_none(office, body):
    for kind in ("application/json", "application/x-www-form-urlencoded", None):
        headers = {"Content-Type": kind} if kind else {}
        assert_error(office.tokend.session.post(office.tokend.url + STABLE, data=body.encode(),
                                                headers=headers), 41002)


def test_a_query_that_cannot_be_read_is_an_error_in_wechats_shape_too(office):
    assert_error(office.tokend.get(TOKEN + "?appid=%00"), 41002)


def test_without_clients_any_secret_will_do_but_one_is_needed(make_platform):
    platform = make_platform(tokend=FAST)
    token = platform.await_token()
    for ask in (classic, stable):
        assert_token(ask(platform.tokend, **asking(platform.app, "whatever")), token)
        assert_error(ask(platform.tokend, **asking(platform.app, None)), 41004)


# ---- force_refresh ----

def test_force_refresh_is_a_report_and_never_an_order(office):
    token = office.token()
    for _ in range(3):
        assert_token(stable(office.tokend, **asking(office.app, REPORT), force_refresh=True), token)
    eventually(lambda: "flapped" in office.events(), what="the report weighed")
    assert "ordered" not in office.events()
    assert office.wxsim.issued() == 2 and office.token() == token
    told = {fields["event"]: fields
            for _, fields in office.redis.client.xrange(office.keys.events)}
    assert told["reported"]["errcode"] == "40001"


def test_force_refresh_about_a_dead_token_brings_a_new_one(office):
    dead = office.token()
    for _ in range(2):
        office.wxsim.displace(office.app)
    stable(office.tokend, **asking(office.app, REPORT), force_refresh=True)
    eventually(lambda: office.token() != dead, what="another token")
    fresh = stable(office.tokend, **asking(office.app, REPORT)).json()["access_token"]
    assert office.wxsim.check(fresh)["live"]


@pytest.mark.parametrize("value", [True, "true", 1])
def test_without_the_scope_or_as_no_boolean_force_refresh_is_ignored(office, value):
    secret = READ if value is True else REPORT
    assert_token(stable(office.tokend, **asking(office.app, secret), force_refresh=value),
                 office.token())
    stable(office.tokend, **asking(office.second, REPORT), force_refresh=True)
    second = Keys(office.second)
    eventually(lambda: "flapped" in [fields["event"] for _, fields in
                                     office.redis.client.xrange(second.events)])
    assert "reported" not in office.events()


# ---- as SDKs do ----

class Sdk:
    """Keeps the token for what it was told less a margin, and asks again then (silenceper: 1500 s
    from the classic one, 300 s from the stable one; WxJava 200 s; EasyWeChat none)."""

    def __init__(self, base_url, app, secret, margin, post):
        self.base_url, self.ask, self.margin, self.post = base_url, asking(app, secret), margin, post

    def token(self):
        if self.post:
            answer = requests.post(self.base_url + STABLE, json=self.ask, timeout=15)
        else:
            answer = requests.get(self.base_url + TOKEN, params=self.ask, timeout=15)
        body = answer.json()
        assert body.get("errcode", 0) == 0, body
        assert body["expires_in"] - self.margin > 0, "it would not keep it at all"
        return body["access_token"]


@pytest.mark.parametrize("margin, post", [(1500, False), (300, True), (200, False), (0, True)])
def test_an_sdk_works_with_another_base_url(office, margin, post):
    sdk = Sdk(office.tokend.url, office.app, READ, margin, post)
    assert office.wxsim.probe(sdk.token())["ip_list"]


@pytest.mark.parametrize("mode", ["classic", "stable"])
def test_a_tokend_can_stand_behind_another_one(office, stack, tmp_path, mode):
    """As an SDK that we know well: with an API key for its secret, its token is the first one's."""
    folder = tmp_path / "second"
    folder.mkdir()
    redis = stack.add(RedisServer(folder).start())
    stack.add(Tokend(folder, redis, office.tokend.url, App(office.app.id, READ),
                     **{**FAST, "TOKEN_MODE": mode, "TOKEN_PROBE_INTERVAL": "off"}))
    eventually(lambda: redis.client.get(office.keys.token) == office.token())


# ---- secrets ----

def test_no_secret_stands_in_a_log_a_metric_or_an_answer(office):
    answers = []
    for secret in (READ, REPORT, OTHERS, BLIND, WRONG, office.app.secret):
        for changes in ({}, {"grant_type": "x"}, {"appid": "wxnobody"}, {"appid": ""}):
            answers.append(classic(office.tokend, **asking(office.app, secret, **changes)))
            answers.append(stable(office.tokend, **asking(office.app, secret, **changes)))
        answers.append(office.tokend.get(f"{TOKEN}?secret={secret}&appid=%00"))
        answers.append(office.tokend.session.put(f"{office.tokend.url}{TOKEN}?secret={secret}"))
        answers.append(office.tokend.get(f"{TOKEN}/nowhere?secret={secret}"))
    metrics = office.tokend.get("/metrics").text
    eventually(lambda: office.tokend.process.log().count(TOKEN) >= len(answers) / 2)
    for secret in (READ, REPORT, OTHERS, BLIND, WRONG, office.app.secret):
        assert secret not in office.tokend.process.log()
        assert secret not in metrics
        for answer in answers:
            assert secret not in answer.text + str(answer.headers)
