"""wxsim answers as api.weixin.qq.com does: paths, shapes, order of checks, lives of tokens and
codes."""
import hashlib
import hmac
import re
import socket
import time

import pytest

from harness.apps import App, new_phone
from harness.wait import eventually
from harness.wxsim import Wxsim

RID = r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$"
PHONE_PATH = "/wxa/business/getuserphonenumber"


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    """One wxsim for all tests of this file; each test brings an app of its own."""
    server = Wxsim(tmp_path_factory.mktemp("wxsim"), [App()])
    yield server
    server.stop()


@pytest.fixture
def me(sim, app):
    sim.set_app(app, secret=app.secret)
    yield app
    sim.reset()


def error(answer, number, sns=False):
    assert answer["errcode"] == number, answer
    assert re.search(("," if sns else "[^,]") + RID, answer["errmsg"]), answer
    return answer["errmsg"]


# ---- /cgi-bin/token ----

def test_a_fetch_gives_a_token_and_its_lifetime_and_nothing_else(sim, me):
    answer = sim.get("/cgi-bin/token", grant_type="client_credential", appid=me.id,
                     secret=me.secret)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; encoding=utf-8"
    assert set(answer.json()) == {"access_token", "expires_in"}
    assert answer.json()["expires_in"] == 7200
    assert re.fullmatch(r"\d+_[\w-]{100,}", answer.json()["access_token"])


def test_current_and_one_previous_token_live_and_the_third_fetch_kills_the_oldest(sim, me):
    first, second = (sim.fetch(me)["access_token"] for _ in range(2))
    assert first != second
    assert "ip_list" in sim.probe(first) and "ip_list" in sim.probe(second)
    third = sim.fetch(me)["access_token"]
    error(sim.probe(first), 40001)
    assert "ip_list" in sim.probe(second) and "ip_list" in sim.probe(third)
    assert [sim.check(t)["rank"] for t in (first, second, third)] == ["old", "previous", "current"]
    assert [sim.check(t)["live"] for t in (first, second, third)] == [False, True, True]


def test_the_refusal_of_a_dead_token_is_worded_as_today(sim, me):
    message = error(sim.probe("57_nonsense"), 40001)
    assert message.startswith("invalid credential, access_token is invalid or not latest, could "
                              "get access_token by getStableAccessToken, more details at ")


def test_the_first_part_of_a_rid_is_the_time(sim, me):
    rid = error(sim.fetch(me, appid="wxnobody"), 40013).rsplit(" ", 1)[1]
    assert abs(int(rid[:8], 16) - time.time()) < 5


@pytest.mark.parametrize("changes, number", [
    (dict(appid=None, secret=None, grant_type=None), 41002),
    (dict(appid="wxnobody", secret=None, grant_type=None), 40013),
    (dict(secret=None, grant_type=None), 41004),
    (dict(secret="wrong", grant_type=None), 40125),
    (dict(grant_type=None), 40002),
    (dict(grant_type="authorization_code"), 40002),
])
def test_a_fetch_is_checked_in_the_order_of_the_platform(sim, me, changes, number):
    error(sim.fetch(me, **changes), number)
    assert sim.stats()["apps"][me.id]["issued"] == {"classic": 0, "stable": 0}


@pytest.mark.parametrize("trouble, number", [
    ("frozen", 40243), ("ip_refused", 40164), ("ip_pending", 89501), ("call_pending", 89503),
    ("punished", 50004), ("account_frozen", 50007)])
def test_trouble_with_the_account_stops_both_ways_to_a_token(sim, me, trouble, number):
    sim.set_app(me, **{trouble: True})
    error(sim.fetch(me), number)
    error(sim.fetch_stable(me), number)
    sim.set_app(me, **{trouble: False})
    assert "access_token" in sim.fetch(me)


def test_the_whitelist_error_names_the_address_that_the_platform_saw(sim, me):
    sim.set_app(me, ip_refused=True)
    assert error(sim.fetch(me), 40164).startswith(
        "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist")


def test_a_changed_secret_is_in_force_at_once(sim, me):
    sim.set_app(me, secret="another")
    error(sim.fetch(me), 40125)
    assert "access_token" in sim.fetch(me, secret="another")


def test_the_day_limit_of_classic_fetches(make_wxsim):
    sim = make_wxsim(classic_per_day=2)
    assert "access_token" in sim.fetch() and "access_token" in sim.fetch()
    message = error(sim.fetch(), 45009)
    assert message.startswith("reach max api daily quota limit, could get access_token by "
                              "getStableAccessToken")
    assert "access_token" in sim.fetch_stable()


def test_tokens_may_be_as_long_as_the_documents_allow(sim, me):
    sim.set_app(me, token_chars=512)
    token = sim.fetch(me)["access_token"]
    assert len(token) == 512 and "ip_list" in sim.probe(token)


def test_answers_may_have_fields_that_nobody_has_heard_of(sim, me):
    sim.set_app(me, extra_fields=True)
    answer = sim.fetch(me)
    assert answer["expires_in"] == 7200 and len(answer) > 2
    assert len(sim.probe(answer["access_token"])) > 1


# ---- /cgi-bin/stable_token ----

def test_stable_gives_the_same_token_again_and_never_touches_the_classic_one(sim, me):
    classic = sim.fetch(me)["access_token"]
    first, second = sim.fetch_stable(me), sim.fetch_stable(me)
    assert first["access_token"] == second["access_token"] != classic
    assert 7198 <= second["expires_in"] <= 7200
    assert all("ip_list" in sim.probe(t) for t in (classic, first["access_token"]))
    assert sim.stats()["apps"][me.id]["issued"] == {"classic": 1, "stable": 1}


def test_stable_wants_a_post_with_json(sim, me):
    error(sim.get("/cgi-bin/stable_token").json(), 43002)
    form = sim.session.post(sim.url + "/cgi-bin/stable_token",
                            data=dict(appid=me.id, secret=me.secret))
    assert error(form.json(), 41002).startswith("appid missing")
    error(sim.fetch_stable(me, secret="wrong"), 40125)
    error(sim.fetch_stable(me, grant_type="x"), 40002)


def test_a_second_forced_refresh_within_the_gap_does_not_refresh(sim, me):
    first = sim.fetch_stable(me, force_refresh=True)["access_token"]
    again = sim.fetch_stable(me, force_refresh=True)["access_token"]
    assert again == first


def test_forced_refreshes_displace_the_token_up_to_the_day_limit(make_wxsim):
    sim = make_wxsim(forced_gap="0ms", forced_per_day=3)
    tokens = [sim.fetch_stable(force_refresh=True)["access_token"] for _ in range(3)]
    assert len(set(tokens)) == 3
    assert [sim.check(t)["live"] for t in tokens] == [False, True, True]
    error(sim.fetch_stable(force_refresh=True), 45009)
    assert sim.fetch_stable()["access_token"] == tokens[2]


def test_stable_minute_limit(make_wxsim):
    sim = make_wxsim(stable_per_minute=2)
    answers = [sim.fetch_stable() for _ in range(3)]
    error(answers[2], 45011)


# ---- short lives ----

def test_a_token_ends_when_its_short_life_is_over(make_wxsim):
    sim = make_wxsim(expires_in="1s", overlap="200ms")
    answer = sim.fetch()
    assert answer["expires_in"] == 1
    token = answer["access_token"]
    assert 0 < sim.check(token)["usable_for_ms"] <= 1000
    eventually(lambda: sim.probe(token).get("errcode") == 42001, timeout=3)
    assert sim.check(token) | {"live": False, "rank": "current"} == sim.check(token)
    assert sim.stats()["dead_token_uses"] == 1


def test_the_previous_token_ends_with_the_overlap(make_wxsim):
    sim = make_wxsim(expires_in="60s", overlap="300ms")
    first = sim.fetch()["access_token"]
    sim.fetch()
    assert 0 < sim.check(first)["usable_for_ms"] <= 300
    assert "ip_list" in sim.probe(first)
    eventually(lambda: sim.probe(first).get("errcode") == 40001, timeout=3)


def test_stable_renews_when_no_more_than_the_overlap_is_left(make_wxsim):
    sim = make_wxsim(expires_in="2s", overlap="1s")
    first = sim.fetch_stable()["access_token"]
    second = eventually(
        lambda: (t := sim.fetch_stable()["access_token"]) != first and t, timeout=3)
    left = sim.check(first)
    assert left["live"] and left["rank"] == "previous" and left["usable_for_ms"] <= 1000
    assert sim.check(second)["rank"] == "current"
    eventually(lambda: sim.probe(first).get("errcode") == 42001, timeout=3)


# ---- a POST without Content-Length ----

@pytest.mark.parametrize("path", ["/cgi-bin/stable_token", PHONE_PATH])
def test_a_chunked_post_gets_412_without_a_body(sim, me, path):
    answer = sim.session.post(sim.url + path, data=(part for part in [b"{}"]))
    assert answer.status_code == 412
    assert answer.content == b""


def test_a_post_without_any_length_gets_412(sim, me):
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(b"POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 412")


# ---- /sns/jscode2session ----

def test_a_login_code_gives_openid_and_session_key_once(sim, me):
    code = sim.login_code(appid=me.id)
    answer = sim.get("/sns/jscode2session", grant_type="authorization_code", appid=me.id,
                     secret=me.secret, js_code=code)
    assert answer.headers["Content-Type"] == "text/plain"
    assert set(answer.json()) == {"openid", "session_key"}
    assert re.fullmatch(r"o[\w-]{27}", answer.json()["openid"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", answer.json()["session_key"])
    assert error(sim.login(code, me), 40163, sns=True).startswith("code been used")


def test_a_login_code_can_stand_for_a_chosen_user(sim, me):
    for _ in range(2):
        code = sim.login_code(appid=me.id, openid="oAlice", unionid="uAlice")
        answer = sim.login(code, me)
        assert (answer["openid"], answer["unionid"]) == ("oAlice", "uAlice")


@pytest.mark.parametrize("changes, number", [
    (dict(appid=None), 41002), (dict(appid="wxnobody"), 40013), (dict(secret=None), 41004),
    (dict(secret="wrong"), 40125), (dict(js_code=None), 41008), (dict(js_code="nonsense"), 40029),
    (dict(js_code="x" * 900), 40029),
    (dict(grant_type="x"), 40002)])
def test_logins_are_refused_in_the_style_of_sns(sim, me, changes, number):
    error(sim.login(sim.login_code(appid=me.id), me, **changes), number, sns=True)


def test_a_login_code_of_another_app_is_invalid_and_not_spent(sim, me):
    other = App()
    sim.set_app(other, secret=other.secret)
    code = sim.login_code(appid=me.id)
    error(sim.login(code, other), 40029, sns=True)
    assert "openid" in sim.login(code, me)


def test_codes_end(make_wxsim):
    sim = make_wxsim(code_ttl="100ms")
    token = sim.fetch()["access_token"]
    login, phone = sim.login_code(), sim.phone_code("13800001111")
    made = time.monotonic()
    eventually(lambda: time.monotonic() - made > 0.15)
    error(sim.login(login), 40029, sns=True)
    error(sim.phone(token, phone), 40029)


def test_a_code_can_be_made_to_fail(sim, me):
    assert error(sim.login(sim.login_code(appid=me.id, errcode=40226), me), 40226,
                 sns=True).startswith("code blocked")


# ---- /wxa/business/getuserphonenumber ----

def test_a_phone_code_gives_the_number_once(sim, me):
    token, phone = sim.fetch(me)["access_token"], new_phone()
    code = sim.phone_code(phone, appid=me.id)
    answer = sim.post(PHONE_PATH, {"code": code}, access_token=token)
    assert answer.headers["Content-Type"] == "application/json; encoding=utf-8"
    info = answer.json()["phone_info"]
    assert answer.json() == {"errcode": 0, "errmsg": "ok", "phone_info": info}
    stamp = info.pop("watermark")
    assert info == {"phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86"}
    assert stamp["appid"] == me.id and abs(stamp["timestamp"] - time.time()) < 5
    message = error(sim.phone(token, code), 40029)
    assert re.search(r"^invalid code hint: \[[\w.-]{16}\] rid: ", message)


def test_a_foreign_number_carries_its_country(sim, me):
    token = sim.fetch(me)["access_token"]
    code = sim.phone_code("91234567", appid=me.id, countryCode="852")
    info = sim.phone(token, code)["phone_info"]
    assert (info["phoneNumber"], info["purePhoneNumber"], info["countryCode"]) == (
        "85291234567", "91234567", "852")


def test_the_country_code_may_be_a_number(sim, me):
    sim.set_app(me, country_code_number=True)
    code = sim.phone_code("13800001111", appid=me.id)
    assert sim.phone(sim.fetch(me)["access_token"], code)["phone_info"]["countryCode"] == 86


def test_the_token_is_checked_before_the_code_which_survives(sim, me):
    code = sim.phone_code("13800001111", appid=me.id)
    error(sim.phone("57_dead", code), 40001)
    error(sim.phone("", code), 41001)
    assert sim.phone(sim.fetch(me)["access_token"], code)["errcode"] == 0
    stats = sim.stats()
    assert stats["unknown_token_uses"] == 1 and stats["dead_token_uses"] == 0


def test_phone_requests_that_are_wrong_themselves(sim, me):
    token = sim.fetch(me)["access_token"]
    error(sim.get(PHONE_PATH, access_token=token).json(), 43002)

    def post(body):
        return sim.session.post(sim.url + PHONE_PATH, params={"access_token": token}, data=body)
    error(post("").json(), 44002)
    assert re.search(r"data format error hint: \[.{16}\]", error(post("code=1").json(), 47001))
    error(post("[]").json(), 47001)
    error(post("{}").json(), 40029)
    error(sim.phone(token, sim.login_code(appid=me.id)), 40029)


def test_a_phone_code_belongs_to_its_app_and_its_user(sim, me):
    other = App()
    sim.set_app(other, secret=other.secret)
    code = sim.phone_code("13800001111", appid=me.id, openid="oAlice")
    error(sim.phone(sim.fetch(other)["access_token"], code), 40013)
    token = sim.fetch(me)["access_token"]
    error(sim.phone(token, code, openid="oBob"), 40029)
    assert sim.phone(token, code, openid="oAlice")["errcode"] == 0


def test_an_account_without_the_permission_gets_no_numbers(sim, me):
    sim.set_app(me, unauthorized=True)
    error(sim.phone(sim.fetch(me)["access_token"], sim.phone_code("1", appid=me.id)), 48001)


def test_the_minute_limit_of_phone_calls_does_not_spend_the_code(make_wxsim):
    sim = make_wxsim(phone_per_minute=1)
    token = sim.fetch()["access_token"]
    error(sim.phone(token, "x"), 40029)
    error(sim.phone(token, sim.phone_code("13800001111")), 45011)


# ---- sessions ----

def sign(session_key):
    return hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()


def session_query(token, user):
    return dict(access_token=token, openid=user["openid"], sig_method="hmac_sha256",
                signature=sign(user["session_key"]))


def test_the_signature_of_a_session_is_the_documents(sim):
    assert sign("o0q0otL8aEzpcZL/FT9WsQ==") == (
        "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128")


def test_checksession_knows_the_session_key_of_the_last_login(sim, me):
    token = sim.fetch(me)["access_token"]
    old = sim.login(sim.login_code(appid=me.id, openid="oCarol"), me)
    user = sim.login(sim.login_code(appid=me.id, openid="oCarol"), me)

    def check(**query):
        return sim.get("/wxa/checksession", **query).json()
    good = session_query(token, user)
    assert check(**good) == {"errcode": 0, "errmsg": "ok"}
    error(check(**session_query(token, old)), 87009)
    error(check(**good | {"openid": "oNo"}), 87007)
    error(check(**good | {"sig_method": "md5"}), 87008)
    error(check(access_token=token), 40097)
    error(check(**good | {"access_token": "57_x"}), 40001)


def test_resetusersessionkey_kills_the_old_key(sim, me):
    token = sim.fetch(me)["access_token"]
    user = sim.login(sim.login_code(appid=me.id), me)
    fresh = sim.get("/wxa/resetusersessionkey", **session_query(token, user)).json()
    assert fresh["openid"] == user["openid"] and fresh["session_key"] != user["session_key"]
    error(sim.get("/wxa/checksession", **session_query(token, user)).json(), 87009)
    assert sim.get("/wxa/checksession", **session_query(token, fresh)).json()["errcode"] == 0


# ---- lists, quotas, the rest ----

@pytest.mark.parametrize("path", ["/cgi-bin/get_api_domain_ip", "/cgi-bin/getcallbackip"])
def test_address_lists_need_a_living_token(sim, me, path):
    answer = sim.get(path, access_token=sim.fetch(me)["access_token"]).json()
    assert set(answer) == {"ip_list"} and answer["ip_list"]
    error(sim.get(path).json(), 41001)
    error(sim.get(path, access_token="57_x").json(), 40001)


def test_quotas_can_be_asked_for_and_cleared(sim, me):
    token = sim.fetch(me)["access_token"]

    def quota(path):
        return sim.post("/cgi-bin/openapi/quota/get", {"cgi_path": path}, access_token=token).json()

    def clear(appid):
        return sim.post("/cgi-bin/clear_quota", {"appid": appid}, access_token=token).json()
    assert quota("/cgi-bin/token")["quota"] == {"daily_limit": 2000, "used": 1, "remain": 1999}
    error(quota("/sns/jscode2session"), 76022)
    error(quota("nonsense"), 76021)
    error(clear("wxother"), 40013)
    assert clear(me.id) == {"errcode": 0, "errmsg": "ok"}
    assert quota("/cgi-bin/token")["quota"]["used"] == 0
    v2 = sim.post("/cgi-bin/clear_quota/v2", {"appid": me.id, "appsecret": me.secret}).json()
    assert v2["errcode"] == 0
    error(sim.post("/cgi-bin/clear_quota/v2", {"appid": me.id}).json(), 41004)


@pytest.mark.parametrize("path", ["/", "/cgi-bin/", "/cgi-bin/Token", "/wxa/business/nothing"])
def test_unknown_paths_are_invalid_urls(sim, me, path):
    answer = sim.get(path)
    assert answer.status_code == 200
    error(answer.json(), 40066)


def test_the_same_seed_gives_the_same_texts(make_wxsim):
    one, two, other = make_wxsim(seed=7), make_wxsim(seed=7), make_wxsim(seed=8)

    def everything(sim):
        return (sim.fetch()["access_token"], sim.login(sim.login_code())["openid"],
                sim.phone_code("1"))
    texts = everything(one)
    assert texts == everything(two)
    assert set(texts).isdisjoint(everything(other))
