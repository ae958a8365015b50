"""loginsvc logs users in by phone: the documents' shapes, the JWT, verification, and the promises
for bad days. Written from the contract: sections 5.1 (document 002), 5.2 and 5.3."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import time

import pytest

from harness.apps import new_phone
from harness.platform import Platform
from harness.wait import eventually

LOGIN = "/api/user/login"
CHECK = "/api/user/checkToken"
PHONE_PATH = "/wxa/business/getuserphonenumber"
SESSION_PATH = "/sns/jscode2session"
FAST = {"TOKEN_RETRY_MIN": "50ms", "LEASE_TTL": "1s"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One platform for the tests that leave it as it was."""
    platform = Platform(tmp_path_factory.mktemp("platform"), tokend=FAST, loginsvc={})
    await_ready(platform)
    yield platform
    platform.stop()


@pytest.fixture
def platform(make_platform):
    """One to break."""
    fresh = make_platform(tokend=FAST, loginsvc={})
    await_ready(fresh)
    return fresh


def await_ready(platform):
    eventually(lambda: platform.loginsvc.get("/readyz").status_code == 200,
               what="loginsvc is ready")


def codes(platform, openid=None, phone=None):
    fields = {"openid": openid} if openid else {}
    return {"loginCode": platform.wxsim.login_code(**fields),
            "phoneCode": platform.wxsim.phone_code(phone or new_phone())}


def log_in(platform, **who):
    """Document 002's login; the answer's data."""
    answer = platform.loginsvc.post(LOGIN, codes(platform, **who))
    assert answer.status_code == 200 and answer.json()["code"] == 200, answer.text
    return answer.json()["data"]


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def part(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


# ---- document 002: login ----

def test_a_login_answers_as_document_002_says(shared):
    phone = new_phone()
    answer = shared.loginsvc.post(LOGIN, codes(shared, phone=phone))
    assert answer.status_code == 200
    assert "json" in answer.headers["Content-Type"]
    body = answer.json()
    assert set(body) == {"code", "message", "data"}
    assert (body["code"], body["message"]) == (200, "登录成功")
    assert set(body["data"]) == {"token", "userInfo"}
    assert set(body["data"]["userInfo"]) == {"id", "phone", "nickname", "avatar"}
    assert body["data"]["userInfo"]["phone"] == phone


def test_a_login_may_come_as_a_form(shared):
    answer = shared.loginsvc.session.post(shared.loginsvc.url + LOGIN, data=codes(shared))
    assert answer.json()["code"] == 200


def test_the_same_person_is_the_same_user(shared):
    first = log_in(shared, openid="oSame", phone="13912345678")
    again = log_in(shared, openid="oSame", phone="13912345678")
    other = log_in(shared)
    assert first["userInfo"]["id"] == again["userInfo"]["id"] != other["userInfo"]["id"]


@pytest.mark.parametrize("body", [{}, {"loginCode": "a" * 32}, {"phoneCode": "b" * 64},
                                  {"loginCode": "", "phoneCode": ""}])
def test_a_missing_code_is_missing_parameters(shared, body):
    answer = shared.loginsvc.post(LOGIN, body)
    assert answer.status_code == 200
    assert answer.json() == {"code": 400, "message": "参数缺失"}


def test_codes_that_wechat_refuses_are_told_to_the_user(shared):
    swapped = codes(shared)
    swapped = {"loginCode": swapped["phoneCode"], "phoneCode": swapped["loginCode"]}
    garbage = {"loginCode": "x" * 32, "phoneCode": "y" * 64}
    for body in (swapped, garbage):
        answer = shared.loginsvc.post(LOGIN, body)
        assert answer.status_code == 200
        assert answer.json()["code"] == 500 and answer.json()["message"]
        assert not {"token", "data"} & set(answer.json())


def test_many_logins_at_once_are_all_served(shared):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: log_in(shared)["userInfo"]["id"], range(64)))
    assert len(set(ids)) == 64


# ---- the JWT, checkToken, /v1/verify ----

def test_the_jwt_has_the_contracts_claims(shared):
    data = log_in(shared, openid="oClaims")
    head, claims = (part(p) for p in data["token"].split(".")[:2])
    assert head["alg"] == "HS256"
    assert {"sub", "userId", "openid", "appid", "sid", "iat", "exp", "iss"} <= set(claims)
    assert claims["openid"] == "oClaims" and claims["appid"] == shared.app.id
    assert isinstance(claims["sub"], str)
    assert str(claims["userId"]) == claims["sub"] == str(data["userInfo"]["id"])
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["exp"] - claims["iat"] == 30 * 86400


def test_checktoken_knows_a_good_token(shared):
    data = log_in(shared, openid="oChecked")
    answer = shared.loginsvc.post(CHECK, **bearer(data["token"]))
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (200, 200, "Token 有效")
    assert set(body["data"]) == {"userId", "openid", "iat", "exp"}
    assert body["data"]["openid"] == "oChecked"
    assert str(body["data"]["userId"]) == str(data["userInfo"]["id"])


def test_checktoken_without_a_token_is_unauthorised(shared):
    answer = shared.loginsvc.post(CHECK)
    assert (answer.status_code, answer.json()) == (200, {"code": 401, "message": "未授权"})


def forge(token, secret, alg="HS256", **claims):
    """The token with other claims or another algorithm, signed with `secret`."""
    head, body, _ = token.split(".")
    pack = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=").decode()
    signed = pack({**part(head), "alg": alg}) + "." + pack({**part(body), **claims})
    digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}.get(alg)
    signature = hmac.new(secret.encode(), signed.encode(), digest).digest() if digest else b""
    return signed + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def test_forged_and_expired_tokens_are_refused(shared):
    token, secret = log_in(shared)["token"], shared.loginsvc.settings["JWT_SECRET"]
    body = token.split(".")[1]
    assert shared.loginsvc.post(CHECK, **bearer(forge(token, secret))).json()["code"] == 200
    flipped = ("A" if body[10] != "A" else "B")
    bad = ["nonsense", token + "x", token.replace(body, body[:10] + flipped + body[11:]),
           forge(token, "another secret of more than 32 bytes"), forge(token, secret, alg="none"),
           forge(token, secret, alg="HS512"), forge(token, secret, exp=int(time.time()) - 1)]
    for forged in bad:
        answer = shared.loginsvc.post(CHECK, **bearer(forged))
        assert (answer.status_code, answer.json()) == (
            200, {"code": 403, "message": "Token 无效或已过期"})
        assert shared.loginsvc.get("/v1/verify", **bearer(forged)).status_code == 401


def test_verify_tells_a_proxy_who_it_is(shared):
    data = log_in(shared, openid="oProxy")
    answer = shared.loginsvc.get("/v1/verify", **bearer(data["token"]))
    assert answer.status_code == 200
    assert answer.headers["X-User-Id"] == str(data["userInfo"]["id"])
    assert answer.headers["X-Openid"] == "oProxy"
    assert answer.headers["X-Session-Id"] == part(data["token"].split(".")[1])["sid"]
    assert shared.loginsvc.get("/v1/verify").status_code == 401


# ---- the native API ----

def test_the_native_login_works_by_openid_and_by_both_codes(shared):
    phone = new_phone()
    by_openid = shared.loginsvc.post("/v1/login", {
        "loginCode": shared.wxsim.login_code(openid="oNative")})
    assert by_openid.status_code == 200, by_openid.text
    assert {"accessToken", "expiresIn", "user", "isNew"} <= set(by_openid.json())
    assert by_openid.json()["isNew"] is True
    both = shared.loginsvc.post("/v1/login", codes(shared, "oNative", phone)).json()
    assert both["isNew"] is False
    assert both["user"]["id"] == by_openid.json()["user"]["id"]
    by_phone = shared.loginsvc.post("/v1/login", {"phoneCode": shared.wxsim.phone_code(phone)})
    assert by_phone.json()["user"]["id"] == both["user"]["id"]
    verified = shared.loginsvc.get("/v1/verify", **bearer(both["accessToken"]))
    assert verified.headers["X-User-Id"] == str(both["user"]["id"])


def test_a_phone_that_nobody_registered_gets_a_ticket(shared):
    phone = new_phone()
    answer = shared.loginsvc.post("/v1/login", {"phoneCode": shared.wxsim.phone_code(phone)})
    assert answer.status_code == 404
    body = answer.json()
    assert (body["code"], body["phoneNumber"]) == ("not_registered", phone)
    assert body["registerTicket"]


@pytest.mark.parametrize("body, status", [({}, 400), ({"loginCode": "x" * 32}, 422)])
def test_native_errors_are_problems_in_json(shared, body, status):
    answer = shared.loginsvc.post("/v1/login", body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert {"code", "request_id"} <= set(answer.json())


# ---- promises ----

def test_a_login_costs_one_round_trip_to_wechat_not_two(make_platform):
    platform = make_platform(tokend=FAST, loginsvc={}, latency="200ms")
    await_ready(platform)

    def seconds():
        body = codes(platform)
        start = time.monotonic()
        assert platform.loginsvc.post(LOGIN, body).json()["code"] == 200
        return time.monotonic() - start
    best = min(seconds() for _ in range(5))
    assert 0.2 <= best < 0.35


def test_a_displaced_token_is_repaired_inside_the_login(platform):
    log_in(platform)
    issued = platform.wxsim.issued()
    platform.wxsim.reset()
    platform.wxsim.displace(times=2)
    data = log_in(platform)
    assert data["userInfo"]["phone"]
    assert platform.wxsim.calls(PHONE_PATH) == 2
    assert platform.wxsim.calls(SESSION_PATH) == 1
    assert platform.wxsim.check(platform.token())["live"]
    assert issued == 1 and platform.wxsim.issued() == 1


def test_one_refresh_repairs_many_logins_that_meet_the_dead_token_together(platform):
    log_in(platform)
    platform.wxsim.reset()
    platform.wxsim.displace(times=2)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        logins = list(pool.map(lambda _: log_in(platform), range(12)))
    assert len(logins) == 12
    assert platform.wxsim.issued() == 1


@pytest.mark.parametrize("path, kind", [
    (SESSION_PATH, "lost"), (PHONE_PATH, "lost"), (SESSION_PATH, "reset"), (PHONE_PATH, "reset"),
    (PHONE_PATH, "truncated"), (SESSION_PATH, "http502")])
def test_a_code_that_may_have_been_spent_is_not_sent_again_also_on_a_warm_connection(
        shared, path, kind):
    log_in(shared)
    before = shared.wxsim.calls(path)
    shared.wxsim.fault(path, kind)
    answer = shared.loginsvc.post(LOGIN, codes(shared))
    assert answer.status_code == 200 and answer.json()["code"] == 500
    assert shared.wxsim.calls(path) == before + 1
    assert shared.wxsim.stats()["faults"] == 0
    log_in(shared)


def test_logins_go_on_while_redis_is_away(platform):
    log_in(platform)
    platform.redis.process.kill()
    for _ in range(3):
        log_in(platform)


def test_a_login_survives_a_rotation_of_the_token_at_any_moment(make_platform):
    platform = make_platform(tokend={**FAST, "TOKEN_OVERLAP": "500ms"}, loginsvc={},
                             expires_in="2s", overlap="500ms")
    await_ready(platform)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        log_in(platform)
    assert platform.version() >= 3
    assert platform.wxsim.stats()["dead_token_uses"] == 0


def test_no_secret_code_phone_or_token_reaches_log_metrics_or_database(shared):
    phone, body = new_phone(), codes(shared)
    body["phoneCode"] = shared.wxsim.phone_code(phone)
    token = shared.loginsvc.post(LOGIN, body).json()["data"]["token"]
    shared.loginsvc.post(CHECK, **bearer(token))
    log = eventually(shared.loginsvc.process.log)
    metrics = shared.loginsvc.get("/metrics").text
    for private in (shared.app.secret, shared.token(), token, phone, *body.values()):
        assert private not in log and private not in metrics
    database = b"".join(open(os.path.join(shared.folder, name), "rb").read()
                        for name in os.listdir(shared.folder) if name.startswith("users.db"))
    assert database and phone.encode() not in database and token.encode() not in database


def test_health_and_metrics(shared):
    assert shared.loginsvc.get("/healthz").status_code == 200
    assert shared.loginsvc.get("/readyz").status_code == 200
    metrics = shared.loginsvc.get("/metrics")
    assert metrics.status_code == 200 and "# TYPE" in metrics.text


def test_users_survive_a_restart(platform):
    before = log_in(platform, openid="oStay")
    platform.loginsvc.stop()
    platform.loginsvc.start_again()
    await_ready(platform)
    assert log_in(platform, openid="oStay")["userInfo"]["id"] == before["userInfo"]["id"]
    assert platform.loginsvc.post(CHECK, **bearer(before["token"])).json()["code"] == 200
