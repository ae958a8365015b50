"""loginsvc and tokend answer as docs/openapi.yaml says also when something is refused, used up or
away."""
import concurrent.futures
import re
import socket
import sqlite3
import subprocess

import pytest

from harness.apps import App
from harness.daemons import Loginsvc
from harness.openapi import Document
from harness.openapi_world import API_KEYS, KEYS, Ask, Real, World, bearer
from harness.platform import Platform
from harness.wait import eventually

document = Document()
operations = {o.name: o for o in document.operations}

SESSION_PATH, PHONE_PATH = "/sns/jscode2session", "/wxa/business/getuserphonenumber"
TOKEND = {"TOKEN_RETRY_MIN": "50ms", "LEASE_TTL": "1s", "TOKEND_API_KEYS": API_KEYS}
UNLIMITED = {"PHONE_LIMIT_PER_USER": "off", "LOGIN_LIMIT_PER_ADDRESS": "off",
             "LOGIN_TIMEOUT": "5s", "WECHAT_TIMEOUT": "3s"}
LOGINS = [n for n, o in operations.items() if re.match("login|register|phone|bindPhone", n)]
STREAMS_MAX = 256
LENIENT = "login001@loginsvc"     # a phone code that is refused does not fail it


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One for the tests that leave it as it was."""
    platform = Platform(tmp_path_factory.mktemp("failures"), tokend=TOKEND, loginsvc=UNLIMITED)
    await_ready(platform.loginsvc)
    yield World(platform)
    platform.stop()


@pytest.fixture
def make_world(make_platform):
    """One with other settings of loginsvc, or to break."""
    def made(**loginsvc):
        platform = make_platform(tokend=TOKEND, loginsvc={**UNLIMITED, **loginsvc})
        await_ready(platform.loginsvc)
        return World(platform)
    return made


def await_ready(loginsvc):
    eventually(lambda: loginsvc.get("/readyz").status_code == 200, what="readiness")


def login_ask(name, **headers):
    """With all codes that the operation takes."""
    operation = operations[name]
    if not operation.bodies():
        return Ask(operation, query={"code": Real("PhoneCode")}, headers=headers)
    names = {n: s["$ref"].rpartition("/")[2]
             for n, s in document.body_schema(operation)["properties"].items()}
    body = {n: Real(kind) for n, kind in names.items() if kind.endswith(("Code", "Ticket"))}
    return Ask(operation, headers=headers, media="application/json", body=body)


def checked(name, answer):
    document.check(operations[name], answer)
    return answer


def code_of(answer):
    """What the answer says, as far as its shape has a place for it."""
    return answer.json().get("code") if answer.status_code >= 400 else None


# ---- WeChat ----

@pytest.mark.parametrize("name", LOGINS)
def test_each_refusal_of_wechat_is_answered_as_documented(world, name):
    for errcode in (40029, 40163, 40226, 45011, 45009, -1, 1400001, 40013, 40125, 48001, 123456):
        send = world.prepared(login_ask(name))
        for path in (SESSION_PATH, PHONE_PATH):
            world.wxsim.fault(path, "errcode", errcode=errcode)
        answer = checked(name, send())
        world.wxsim.reset()
        assert answer.status_code != 500, f"{errcode}: {answer.text}"
        assert "token" not in answer.text.lower().replace("register", ""), errcode


@pytest.mark.parametrize("name", LOGINS)
@pytest.mark.parametrize("kind", ["lost", "reset", "empty", "garbage", "http500"])
def test_an_answer_of_wechats_that_is_none_is_answered_as_documented(world, name, kind):
    send = world.prepared(login_ask(name))
    for path in (SESSION_PATH, PHONE_PATH):
        world.wxsim.fault(path, kind)
    answer = checked(name, send())
    world.wxsim.reset()
    if name not in (LENIENT, "register@loginsvc") and not name.startswith(("login002", "phone003")):
        assert answer.status_code == 504, answer.text


def test_a_wechat_that_hangs_is_answered_as_documented(make_world):
    world = make_world(WECHAT_TIMEOUT="300ms", LOGIN_TIMEOUT="1s")
    sends = {name: world.prepared(login_ask(name)) for name in LOGINS}
    for path in (SESSION_PATH, PHONE_PATH):
        world.wxsim.fault(path, "hang", times=100)
    for name, send in sends.items():
        checked(name, send())
    world.wxsim.reset()


def test_a_phone_that_is_refused_leaves_document_001_logged_in(world):
    send = world.prepared(login_ask(LENIENT))
    world.wxsim.fault(PHONE_PATH, "errcode", errcode=40029)
    data = checked(LENIENT, send()).json()["data"]
    assert data["phoneError"] and data["userInfo"]["phone"] == "" and data["token"]


# ---- limits ----

def test_what_comes_too_often_is_answered_as_documented(make_world):
    world = make_world(LOGIN_LIMIT_PER_ADDRESS="1/1m")
    for number, name in enumerate(LOGINS):
        here = {"X-Forwarded-For": f"203.0.113.{number}"}
        asks = [world.prepared(login_ask(name, **here)) for _ in range(2)]
        first, second = (checked(name, send()) for send in asks)
        assert "Retry-After" not in first.headers
        assert 1 <= int(second.headers["Retry-After"]) <= 60
        always_200 = name.startswith(("login002", "phone003"))
        assert second.status_code == (200 if always_200 else 429), name


def test_a_user_with_too_many_phones_is_told_as_documented(make_world):
    world = make_world(PHONE_LIMIT_PER_USER="1/1m")
    for name in ("bindPhone@loginsvc", "phone000@loginsvc"):
        person = bearer(world.person().token)
        first, second = (checked(name, world.send(login_ask(name), person)) for _ in range(2))
        assert (first.status_code, second.status_code) == (200, 429)


def test_a_spent_budget_is_told_as_documented(make_world):
    world = make_world(PHONE_DAILY_BUDGET=1, PHONE_BUDGET_ACTION="stop")
    world.make("PhoneCode", None)
    assert world.send(login_ask("phone003@loginsvc")).json()["success"]
    for name in set(LOGINS) - {LENIENT, "register@loginsvc"}:
        answer = checked(name, world.send(login_ask(name)))
        assert not answer.json().get("success") and "Retry-After" in answer.headers, answer.text
    answer = world.send(login_ask("login@loginsvc"))
    assert (answer.status_code, code_of(answer)) == (503, "phone_budget")


def test_too_many_logins_at_once_are_told_as_documented(make_world):
    world = make_world(LOGIN_MAX=1, LOGIN_TIMEOUT="20s", WECHAT_TIMEOUT="20s")
    asks = {name: world.prepared(login_ask(name)) for name in LOGINS}
    first = world.prepared(login_ask("login@loginsvc"))
    world.wxsim.fault(SESSION_PATH, "hold")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(first)
        eventually(lambda: world.wxsim.calls(SESSION_PATH, "hold") or
                   world.wxsim.stats()["held"], what="a login under way")
        for name, send in asks.items():
            answer = checked(name, send())
            assert answer.headers["Retry-After"] == "1", f"{name}: {answer.text}"
        world.wxsim.release()
        assert checked("login@loginsvc", held.result()).status_code == 200


def test_too_many_streams_are_told_as_documented(world):
    tokend = world.platform.tokend
    head = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEYS['read']}\r\n\r\n"
    open_ones = []
    try:
        for _ in range(STREAMS_MAX):
            client = socket.create_connection(("127.0.0.1", tokend.port), 10)
            open_ones.append(client)
            client.sendall(head.encode())
        for client in open_ones:
            assert client.recv(9) == b"HTTP/1.1 "
        answer = checked("followEvents@tokend", world.send(Ask(operations["followEvents@tokend"])))
        assert (answer.status_code, code_of(answer)) == (503, "too_many_streams")
    finally:
        for client in open_ones:
            client.close()


# ---- other settings ----

@pytest.mark.parametrize("kind, how", [("EC", "ec_paramgen_curve:P-256"),
                                       ("RSA", "rsa_keygen_bits:2048")])
def test_public_keys_are_as_documented(stack, tmp_path, redis, wxsim, kind, how):
    pem = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", kind, "-pkeyopt", how, "-out", pem],
                   check=True, capture_output=True)
    service = stack.add(Loginsvc(tmp_path, redis, wxsim.url, wxsim.apps[0], JWT_SECRET=None,
                                 JWT_PRIVATE_KEY_FILE=pem))
    keys = checked("jwks@loginsvc", service.get("/.well-known/jwks.json")).json()["keys"]
    assert [key["kty"] for key in keys] == [kind]


def test_among_several_apps_one_must_be_named(stack, tmp_path, redis, wxsim):
    ini, other = tmp_path / "apps.ini", App()
    ini.write_text(f"[app {other.id}]\nsecret = {other.secret}\n")
    service = stack.add(Loginsvc(tmp_path, redis, wxsim.url, wxsim.apps[0], argv=["-c", ini]))
    eventually(lambda: service.get("/readyz").json()["checks"]["revocations"], what="readiness")
    for appid, status in ((None, 400), (wxsim.apps[0].id, 200), (App().id, 400)):
        body = {"loginCode": wxsim.login_code(), "appid": appid}
        answer = checked("login@loginsvc", service.post("/v1/login", body))
        assert answer.status_code == status
        assert status == 200 or code_of(answer) == "unknown_app"


# ---- what is away ----

def test_answers_without_redis_are_as_documented(make_world):
    world = make_world()
    person = world.person()
    app = {"appid": world.app.id}
    encrypted = world.make_Encrypted(person)
    world.platform.redis.process.kill()
    decrypt, events = "decryptPhone@loginsvc", "listEvents@tokend"
    told = [checked(decrypt, world.send(
        Ask(operations[decrypt], media="application/json", body=encrypted), bearer(person.token))),
        checked(events, world.send(Ask(operations[events], path=app)))]
    assert [(a.status_code, code_of(a)) for a in told] == [(503, "redis_unavailable")] * 2
    for name in ("readyz@tokend", "readyz@loginsvc", "listApps@tokend", "getApp@tokend",
                 "getToken@tokend", "wechatToken@tokend", "orderRefresh@tokend"):
        path = app if "{appid}" in operations[name].path else {}
        checked(name, world.send(Ask(operations[name], path=path)))


def test_answers_without_a_token_are_as_documented(make_platform, stack, tmp_path):
    platform = make_platform(tokend={**TOKEND, "WECHAT_SECRET": "wrong"})
    platform.loginsvc = stack.add(Loginsvc(tmp_path, platform.redis, platform.wxsim.url,
                                           platform.app, LOGIN_TIMEOUT="1s"))
    eventually(lambda: platform.loginsvc.get("/readyz").json()["checks"]["revocations"],
               what="the ended sessions are known")
    world = World(platform)
    parked = world.send(Ask(operations["getApp@tokend"], path={"appid": world.app.id}))
    assert checked("getApp@tokend", parked).json()["has_token"] is False
    token = world.send(Ask(operations["getToken@tokend"], path={"appid": world.app.id}))
    assert checked("getToken@tokend", token).status_code == 503
    query = {"appid": world.app.id, "secret": KEYS["read"], "grant_type": "client_credential"}
    busy = world.send(Ask(operations["wechatToken@tokend"], query=query))
    assert checked("wechatToken@tokend", busy).json()["errcode"] == -1
    ready = world.send(Ask(operations["readyz@tokend"]))
    assert checked("readyz@tokend", ready).status_code == 503
    login = world.send(login_ask("login@loginsvc"))
    assert checked("login@loginsvc", login).json()["code"] == "no_token"


def test_answers_while_the_database_is_locked_are_as_documented(make_world):
    world = make_world()
    person = world.person()
    session = world.make("SessionId", person)
    writer = sqlite3.connect(world.platform.loginsvc.database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    body = {"refreshToken@loginsvc": {"refreshToken": person.refresh_token},
            "logout@loginsvc": {"all": True}, "changeMe@loginsvc": {"nickname": "a"},
            "endSession@loginsvc": None, "eraseMe@loginsvc": None, "readyz@loginsvc": None,
            "login@loginsvc": {"loginCode": world.make("LoginCode", person)}}

    def ask(name):
        path = {"id": session} if "{id}" in operations[name].path else {}
        return world.send(Ask(operations[name], path=path, media="application/json",
                              body=body[name]), bearer(person.token))

    with concurrent.futures.ThreadPoolExecutor(len(body)) as pool:
        for name, answer in zip(body, pool.map(ask, body)):
            assert checked(name, answer).status_code == 503, f"{name}: {answer.text}"
            if not name.startswith("readyz"):
                assert code_of(answer) == "database_unavailable"
    writer.execute("ROLLBACK")
    writer.close()
    await_ready(world.platform.loginsvc)
