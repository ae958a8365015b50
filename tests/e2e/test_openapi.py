"""loginsvc and tokend answer as docs/openapi.yaml says, to whatever is sent: requests are made from
the document, and every answer is looked up in it."""
import json
import re
import socket
from types import NoneType
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.apps import App
from harness.openapi import INT64, Document
from harness.openapi_requests import CANARY, forged, malformed, merged, odd_text, spoilt, valid
from harness.openapi_world import API_KEYS, KEYS, Ask, Real, World, bearer
from harness.platform import Platform
from harness.wait import eventually

document = Document()
operations = {o.name: o for o in document.operations}
secured = [n for n, o in operations.items() if o.scheme]
with_body = [n for n, o in operations.items() if o.bodies()]
with_input = [n for n, o in operations.items() if o.bodies() or o.parameters]

TOKEND = {"TOKEN_RETRY_MIN": "50ms", "LEASE_TTL": "1s", "TOKEND_API_KEYS": API_KEYS}
LOGINSVC = {"PHONE_LIMIT_PER_USER": "off", "LOGIN_LIMIT_PER_ADDRESS": "off"}
LENIENT = {"reportToken@tokend", "wechatStableToken@tokend"}  # another type is as good as nothing
BAD_REQUESTS_003 = {"缺少code参数", "请求格式错误", "参数格式错误", "未知的小程序"}


def examples(most):
    """The same ones at each run."""
    return settings(max_examples=most, derandomize=True, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("openapi"), tokend=TOKEND, loginsvc=LOGINSVC)
    eventually(lambda: platform.loginsvc.get("/readyz").status_code == 200, what="readiness")
    world = World(platform)
    yield world
    platform.stop()


# ---- what an answer means, whatever its shape ----

def is_json(answer):
    return answer.headers.get("Content-Type", "").startswith("application/json")


def is_success(answer):
    if not 200 <= answer.status_code < 300:
        return False
    if answer.request.method == "HEAD" or not is_json(answer):
        return True
    body = answer.json()
    body = body.get("data", body) if set(body) == {"data"} else body
    told_code = body.get("code", 200)
    return body.get("success", True) and told_code in (200, 404) and "errcode" not in body


def is_bad_request(answer):
    """The service says that the request is not as it must be."""
    if not is_json(answer):
        return answer.status_code == 400
    body = answer.json()
    return answer.status_code == 400 or body.get("code") == 400 or \
        body.get("error") in BAD_REQUESTS_003


def is_beyond_json(value, service):
    """No library of the service can read it: a NUL, in tokend a number of more than 64 bits."""
    if isinstance(value, dict):
        return any(is_beyond_json(each, service) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(is_beyond_json(each, service) for each in value)
    if isinstance(value, int):
        return service == "tokend" and value not in INT64
    return isinstance(value, str) and "\0" in value


def is_valid(ask, answer):
    """What was sent is as the document says."""
    operation, body = ask.operation, answer.filled
    if operation.name in LENIENT:
        fields = document.body_schema(operation)["properties"]
        body = {n: v for n, v in body.items() if document.allows(fields.get(n, {}), v)}
    if operation.bodies() and not document.allows(operation.bodies()[ask.media], body):
        return False
    for parameter in operation.parameters:
        if parameter["in"] == "query":
            value = ask.query.get(parameter["name"])
            if parameter["name"] == "last_event_id" and ask.headers.get("Last-Event-ID"):
                continue      # not looked at
            several = parameter["schema"].get("type") == "array" and isinstance(value, str)
            if value is None and parameter.get("required"):
                return False
            if not isinstance(value, (Real, NoneType, list)) and not document.allows(
                    parameter["schema"], [value] if several else value):
                return False
    return True


def told(ask, answer):
    return f"{ask} → {answer.status_code} {answer.text[:300]}"


# ---- requests that the document allows ----

@pytest.mark.parametrize("name", operations)
@examples(20)
@given(data=st.data())
def test_what_the_document_allows_succeeds(world, name, data):
    ask = data.draw(valid(document, operations[name]))
    answer = world.send(ask)
    document.check(operations[name], answer)
    registers_first = name == "login@loginsvc" and answer.status_code == 404
    assert is_success(answer) or registers_first, told(ask, answer)


def test_a_referer_names_the_app_where_nothing_else_does(world):
    referer = "https://servicewechat.com/{}/devtools/page-frame.html"
    operation = operations["login@loginsvc"]
    for headers, status in [({"Referer": referer.format(world.app.id)}, 200),
                            ({"Referer": referer.format(App().id)}, 400),
                            ({"Referer": "https://example.com/" + App().id}, 200),
                            ({"Referer": referer.format(App().id),
                              "X-Wx-Appid": world.app.id}, 200),
                            ({"X-Wx-Appid": App().id}, 400)]:
        answer = world.send(Ask(operation, headers=headers, media="application/json",
                                body={"loginCode": Real("LoginCode")}))
        document.check(operation, answer)
        assert answer.status_code == status, headers


def test_the_documents_paths_take_a_slash_more_or_less(world):
    for operation in document.operations:
        if re.match(r"/api/|/getPhoneNumber/", operation.path):
            other = operation.path[:-1] if operation.path.endswith("/") else operation.path + "/"
            answer = world.request(operation.service, operation.method, other)
            document.check(operation, answer)
            assert answer.status_code != 404


def test_a_session_that_ends_and_a_user_who_goes_are_told_as_documented(world):
    person = world.person()
    send = world.request
    gone = send("loginsvc", "DELETE", "/v1/me", headers=bearer(person.token))
    document.check(operations["eraseMe@loginsvc"], gone)
    for name in secured:
        operation = operations[name]
        if operation.scheme == "session":
            path = operation.path.replace("{id}", "0" * 32)
            answer = send("loginsvc", operation.method, path, headers=bearer(person.token))
            document.check(operation, answer)
            assert not is_success(answer), name


def test_what_can_be_used_once_is_refused_as_documented_the_second_time(world):
    person = world.person()
    refresh = operations["refreshToken@loginsvc"]
    register, login = operations["register@loginsvc"], operations["login@loginsvc"]
    ticket, code = world.make("RegisterTicket", None), world.make("LoginCode", None)
    for operation, body, change, status in [
            (refresh, {"refreshToken": person.refresh_token}, {}, 401),
            (register, {"registerTicket": ticket}, {"nickname": "b"}, 409),
            (login, {"loginCode": code}, {"phoneCode": Real("PhoneCode")}, 409)]:
        first = world.send(Ask(operation, media="application/json", body=body))
        again = world.send(Ask(operation, media="application/json", body={**body, **change}),
                           {"X-Forwarded-For": "203.0.113.9"})
        document.check(operation, first)
        document.check(operation, again)
        assert (first.status_code, again.status_code) == (200, status), again.text


def test_other_sessions_and_strange_ones_cannot_be_ended(world):
    operation = operations["endSession@loginsvc"]
    others = world.make("SessionId", world.person())
    for session in (others, "0" * 32, "x", "0" * 31, "A" * 32):
        answer = world.send(Ask(operation, path={"id": session}))
        document.check(operation, answer)
        assert answer.status_code == 404


def test_reports_of_the_current_and_of_former_tokens(world):
    operation = operations["reportToken@tokend"]
    token, version = world.platform.token(), world.platform.version()
    for body in ({"version": version, "errcode": 40001}, {"access_token": token, "errcode": 42001},
                 {"version": 0, "errcode": 40001}, {"access_token": "other", "errcode": 40014}):
        answer = world.send(Ask(operation, path={"appid": world.app.id}, media="application/json",
                                body=body))
        document.check(operation, answer)
        assert answer.status_code == 202
    assert world.platform.version() == version, "the token was good"


# ---- requests that it does not allow ----

@pytest.mark.parametrize("name", with_input)
@examples(70)
@given(data=st.data())
def test_what_the_document_does_not_allow_is_refused_and_nothing_else_is(world, name, data):
    ask = data.draw(spoilt(document, operations[name]))
    answer = world.send(ask)
    document.check(operations[name], answer)
    assert answer.status_code < 500, told(ask, answer)
    if answer.status_code == 413:
        return
    unknown_app = "unknown_app" in answer.text or "未知的小程序" in answer.text
    sent = [answer.filled, ask.path, ask.query]
    if not is_valid(ask, answer):
        assert not is_success(answer), told(ask, answer)
    elif not is_beyond_json(sent, operations[name].service) and not unknown_app:
        assert not is_bad_request(answer), told(ask, answer)


def bounded():
    """(operation, "body" or "query", field, largest, too large) of all that has a bound."""
    for name, operation in operations.items():
        fields = [("query", p["name"], p["schema"]) for p in operation.parameters
                  if p["in"] == "query"]
        if operation.bodies():
            properties = document.body_schema(operation)["properties"]
            fields += [("body", *each) for each in properties.items()]
        for place, field, schema in fields:
            schema = merged(document, schema)
            most = schema.get("maxLength", schema.get("x-max-bytes"))
            if most and field != "appid":       # whose every text but one is refused
                yield name, place, field, "x" * most, "x" * (most + 1)
            if schema.get("x-max-bytes", 0) > 100 and field != "appid":
                yield name, place, field, "登" * (most // 3), "登" * (most // 3 + 1)
            if "maximum" in schema:
                yield name, place, field, schema["maximum"], schema["maximum"] + 1
                yield name, place, field, schema["minimum"], schema["minimum"] - 1


@pytest.mark.parametrize("name, place, field, largest, too_large", bounded(),
                         ids=lambda value: value if str(value)[:9] not in ("x" * 9, "登" * 9)
                         else str(len(value)))
def test_the_bounds_are_exactly_the_documented_ones(world, name, place, field, largest, too_large):
    operation = operations[name]
    for value, refused in ((largest, False), (too_large, True)):
        ask = Ask(operation, path={p["name"]: Real("Appid") for p in operation.parameters
                                   if p["in"] == "path"})
        if operation.bodies():
            schema = document.body_schema(operation)
            ask.media, needed = "application/json", schema.get("required", ["loginCode"])
            ask.body = {n: Real(s["$ref"].rpartition("/")[2])
                        for n, s in schema["properties"].items() if n in needed}
        (ask.body if place == "body" else ask.query)[field] = value
        answer = world.send(ask)
        document.check(operation, answer)
        assert is_bad_request(answer) == refused, told(ask, answer)


@pytest.mark.parametrize("name", with_body)
@examples(50)
@given(data=st.data())
def test_bodies_that_nobody_can_read_are_answered_as_documented(world, name, data):
    ask = data.draw(malformed(document, operations[name]))
    answer = world.send(ask)
    document.check(operations[name], answer)
    assert answer.status_code < 500, told(ask, answer)
    if document.body_schema(operations[name]).get("required"):
        assert not is_success(answer), told(ask, answer)


@pytest.mark.parametrize("name", secured)
@examples(40)
@given(data=st.data())
def test_tokens_and_keys_that_are_not_good_are_refused(world, name, data):
    operation = operations[name]
    real = world.make("Token", None) if operation.scheme == "session" else KEYS["admin"]
    value = data.draw(forged(real))
    path = {p["name"]: Real("Appid") if p["name"] == "appid" else "0" * 32
            for p in operation.parameters if p["in"] == "path"}
    answer = world.send(Ask(operation, path=path), {"Authorization": value} if value else {})
    document.check(operation, answer)
    refused = answer.json().get("code") in (401, 403) if name.startswith("checkToken") else \
        answer.status_code == 401
    assert refused, f"{value!r}: {answer.text}"


@pytest.mark.parametrize("name", [n for n in secured if operations[n].scheme == "apiKey"])
def test_a_key_without_the_scope_is_forbidden_and_an_app_that_is_not_there_is_unknown(world, name):
    operation = operations[name]
    path = {p["name"]: Real("Appid") for p in operation.parameters if p["in"] == "path"}
    for scope in KEYS.keys() - operation.scopes:
        answer = world.send(Ask(operation, path=path), bearer(KEYS[scope]))
        document.check(operation, answer)
        assert answer.status_code == 403
    if path:
        answer = world.send(Ask(operation, path={"appid": App().id}))
        document.check(operation, answer)
        assert answer.status_code == 404


# ---- other methods, other paths, other protocols ----

@pytest.mark.parametrize("path", document.tree["paths"])
@pytest.mark.parametrize("service", ["loginsvc", "tokend"])
def test_a_path_takes_the_documented_methods_and_refuses_all_others(world, service, path):
    mine = {o.method for o in document.operations if (o.service, o.path) == (service, path)}
    real_path = path.replace("{appid}", world.app.id).replace("{id}", "0" * 32)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = None
        if not mine:
            answer = world.request(service, method, real_path)
            document.check_unknown_path(answer)
        elif method == "OPTIONS":
            answer = world.request(service, method, real_path)
            head = {"HEAD"} if "GET" in mine else set()
            assert answer.status_code == 204 and not answer.content
            assert set(answer.headers["Allow"].split(", ")) == mine | head | {"OPTIONS"}
        elif method == "HEAD" and "GET" in mine:
            operation = next(o for o in document.operations if (o.path, o.method) == (path, "GET"))
            person = world.person() if operation.scheme == "session" else None
            answer = world.request(service, method, real_path,
                                   headers=world.authorization(operation, person))
            document.check(operation, answer)
        elif method not in mine:
            answer = world.request(service, method, real_path)
            document.check_other_method(path, answer)
            assert not is_success(answer) or method == "HEAD"
        if answer is not None:
            assert "X-Request-Id" in answer.headers


@pytest.mark.parametrize("service", ["loginsvc", "tokend"])
@examples(60)
@given(segments=st.lists(odd_text, min_size=1, max_size=4),
       method=st.sampled_from(["GET", "POST", "DELETE", "HEAD"]))
def test_a_path_that_is_not_documented_is_not_there(world, service, segments, method):
    path = "/not-there/" + "/".join(quote(s[:2000], safe="") for s in segments)[:9000]
    document.check_unknown_path(world.request(service, method, path))


@pytest.mark.parametrize("service", ["loginsvc", "tokend"])
def test_paths_are_as_they_are_written(world, service):
    for operation in document.operations:
        if operation.service == service and len(operation.path) > 1:
            path = operation.path.replace("{appid}", world.app.id).replace("{id}", "0" * 32)
            for other in (path.upper(), path + "x", "/x" + path, "/" + path[1:].replace("/", "%2f"),
                          path.rstrip("/") + "//", path + "/x"):
                if not document.has_path(other):
                    document.check_unknown_path(
                        world.request(service, operation.method, other))


@pytest.mark.parametrize("service", ["loginsvc", "tokend"])
@pytest.mark.parametrize("head, code", [
    ("BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "unknown_method"),
    ("TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "unknown_method"),
    ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + "y" * 20000 + "\r\n\r\n", "bad_request"),
    ("GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", "bad_request"),
    ("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n" + "x" * 65537,
     "body_too_large"),
    ("POST /healthz HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n",
     "bad_expectation"),
    ("GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "bad_framing"),
    ("GET /healthz?%zz HTTP/1.1\r\nHost: x\r\n\r\n", "bad_encoding")])
def test_what_is_not_http_is_told_as_a_problem(world, service, head, code):
    with socket.create_connection(("127.0.0.1", world.services[service].port), 10) as client:
        client.sendall(head.encode())
        client.settimeout(10)
        text = b""
        while b"}" not in text:
            piece = client.recv(65536)
            assert piece, text
            text += piece
    top, _, body = text.decode().partition("\r\n\r\n")
    assert "application/problem+json" in top and "x-request-id" in top.lower()
    problem = json.loads(body)
    assert not document.faults(document.schema("Problem"), problem)
    assert problem["code"] == code


def test_the_request_id_is_the_clients_when_it_is_one(world):
    for sent, kept in [("a-B_9.", True), ("x" * 64, True), ("x" * 65, False), ("a b", False)]:
        for service in world.services:
            answer = world.request(service, "GET", "/not-there", headers={"X-Request-Id": sent})
            document.check_unknown_path(answer)
            assert (answer.headers["X-Request-Id"] == sent) == kept
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


# ---- what stays inside ----

def test_no_log_and_no_metric_says_what_is_private(world):
    private = {world.app.secret, world.platform.token(), CANARY, *KEYS.values(), *world.private}
    assert len(private) > 100, "to be run after the others"
    for daemon in world.services.values():
        told = daemon.process.log() + daemon.get("/metrics").text
        assert "http.access" in told
        assert not [text for text in private if text in told], daemon.name
