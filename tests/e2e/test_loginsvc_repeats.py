"""One-time codes are spent once, and a repeat gets the same answer: contract section 5.3."""
import concurrent.futures
import os

import pytest

from harness.apps import new_phone
from harness.daemons import Loginsvc
from harness.logins import (PHONE_PATH, SESSION_PATH, another_instance, bearer, both_codes, log_in,
                            ready_platform, session_from)
from harness.wait import eventually


@pytest.fixture
def platform(make_platform):
    return ready_platform(make_platform)


def calls(platform):
    return platform.wxsim.calls(SESSION_PATH), platform.wxsim.calls(PHONE_PATH)


def test_parallel_repeats_at_several_instances_are_one_login(platform):
    services = [platform.loginsvc, another_instance(platform)]
    for path, names in (("/v1/login", ("loginCode", "phoneCode")),
                        ("/api/user/login", ("loginCode", "phoneCode")),
                        ("/api/auth/wechat", ("code", "phoneCode")),
                        ("/api/user/thirdLogin", ("code", "phoneCode"))):
        before = calls(platform)
        body = both_codes(platform, names=names)
        platform.wxsim.fault(SESSION_PATH, "delay", ms=300)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda i: services[i % 2].post(path, body), range(8)))
        assert {a.status_code for a in answers} == {200}
        assert len({a.text for a in answers}) == 1, "the same answer to all"
        assert calls(platform) == (before[0] + 1, before[1] + 1)


def test_a_repeat_gets_the_same_answer_without_a_call_to_wechat(platform):
    body = both_codes(platform)
    first = platform.loginsvc.post("/v1/login", body)
    before = calls(platform)
    second = another_instance(platform).post("/v1/login", body)
    assert (second.status_code, second.text) == (200, first.text)
    assert calls(platform) == before
    sessions = platform.loginsvc.get("/v1/sessions", **bearer(first.json()["accessToken"]))
    assert len(sessions.json()["sessions"]) == 1


def test_after_the_window_a_repeat_is_refused(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_REPLAY_WINDOW": "300ms"})
    body = both_codes(platform)
    assert platform.loginsvc.post("/v1/login", body).status_code == 200
    before = calls(platform)
    eventually(lambda: platform.loginsvc.post("/v1/login", body).status_code == 409,
               what="the end of the window")
    refused = platform.loginsvc.post("/v1/login", body).json()
    assert (refused["code"], refused["detail"]) == ("code_used", "授权已被使用，请重新点击按钮授权")
    assert calls(platform) == before


def test_with_the_window_off_a_repeat_is_refused_at_once(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_REPLAY_WINDOW": "0"})
    body = both_codes(platform)
    assert platform.loginsvc.post("/v1/login", body).status_code == 200
    before = calls(platform)
    assert platform.loginsvc.post("/v1/login", body).status_code == 409
    assert calls(platform) == before


def test_a_repeat_from_another_address_is_refused_not_answered(platform):
    body = both_codes(platform)
    url = platform.loginsvc.url + "/v1/login"
    assert platform.loginsvc.post("/v1/login", body).status_code == 200
    before = calls(platform)
    elsewhere = session_from("127.0.0.2")
    assert elsewhere.post(url, json=body).status_code == 409
    elsewhere.close()
    forwarded = {"headers": {"X-Forwarded-For": "203.0.113.7"}}
    assert platform.loginsvc.post("/v1/login", body, **forwarded).status_code == 409
    assert calls(platform) == before


def test_a_code_of_one_login_is_not_spent_by_another(platform):
    body = both_codes(platform)
    assert platform.loginsvc.post("/v1/login", body).status_code == 200
    before = calls(platform)
    for other in ({"loginCode": body["loginCode"]}, {"phoneCode": body["phoneCode"]},
                  dict(both_codes(platform), phoneCode=body["phoneCode"]),
                  dict(both_codes(platform), loginCode=body["loginCode"])):
        assert platform.loginsvc.post("/v1/login", other).status_code == 409
    shown = platform.loginsvc.post("/api/functions/decryptPhoneNumber",
                                   {"code": body["phoneCode"]})
    assert shown.json()["success"] is False
    assert calls(platform) == before


@pytest.mark.parametrize("kind", ["lost", "reset", "empty", "garbage", "http500"])
@pytest.mark.parametrize("path", [SESSION_PATH, PHONE_PATH])
def test_a_code_whose_answer_was_lost_is_never_sent_again_and_says_so(make_platform, path, kind):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_REPLAY_WINDOW": "200ms"})
    body = both_codes(platform)
    platform.wxsim.fault(path, kind)
    first = platform.loginsvc.post("/v1/login", body)
    assert first.status_code == 504
    assert first.json()["detail"] == "微信没有及时回应，请重新点击登录"
    again = platform.loginsvc.post("/v1/login", body)
    assert again.status_code in (504, 409)
    eventually(lambda: platform.loginsvc.post("/v1/login", body).status_code == 409)
    assert platform.wxsim.calls(path) == 1


def test_a_code_that_wechat_did_not_look_at_may_be_used_again(make_platform):
    """Without a token neither code is sent; later the same codes log in."""
    platform = ready_platform(make_platform, loginsvc={"LOGIN_TIMEOUT": "500ms"})
    platform.tokend.process.kill()
    platform.redis.client.flushall()
    fresh = another_instance_without_token(platform)
    body = both_codes(platform)
    refused = fresh.post("/v1/login", body)
    assert (refused.status_code, refused.json()["code"]) == (503, "no_token")
    assert refused.headers["Retry-After"]
    platform.tokend.start_again()
    platform.await_token()
    answer = eventually(lambda: (a := fresh.post("/v1/login", body)).status_code == 200 and a)
    assert answer.json()["isNew"] is True


def another_instance_without_token(platform):
    folder = os.path.join(platform.loginsvc.folder, "fresh")
    os.mkdir(folder)
    kept = {k: v for k, v in platform.loginsvc.settings.items()
            if k not in ("REDIS_URL", "WECHAT_API_BASE")}
    return platform.stack.add(Loginsvc(folder, platform.redis, platform.wxsim.url, **kept))


def test_a_login_that_could_not_be_stored_is_stored_by_its_repeat(platform):
    """The phone code is paid for: a database that hiccups does not burn it."""
    body = both_codes(platform, openid="oHiccup", phone="13600136000")
    platform.wxsim.fault(SESSION_PATH, "hold")
    hidden = platform.loginsvc.database + ".hidden"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        login = pool.submit(platform.loginsvc.post, "/v1/login", body)
        eventually(lambda: platform.wxsim.calls(SESSION_PATH) == 1, what="the code is at WeChat")
        os.rename(platform.loginsvc.database, hidden)
        platform.wxsim.release()
        failed = login.result()
    assert (failed.status_code, failed.json()["code"]) == (503, "database_unavailable")
    assert failed.headers["Retry-After"]
    os.rename(hidden, platform.loginsvc.database)
    before = calls(platform)
    answer = eventually(lambda: (a := platform.loginsvc.post("/v1/login", body)).status_code == 200
                        and a, what="the database is back")
    assert answer.json()["user"]["phoneNumber"] == "13600136000"
    assert calls(platform) == before
    assert platform.loginsvc.post("/v1/login", body).text == answer.text


def test_repeats_are_known_to_the_process_while_redis_is_away(platform):
    body = both_codes(platform)
    platform.redis.kill()
    first = platform.loginsvc.post("/v1/login", body)
    assert first.status_code == 200
    before = calls(platform)
    assert platform.loginsvc.post("/v1/login", body).text == first.text
    elsewhere = session_from("127.0.0.3")
    assert elsewhere.post(platform.loginsvc.url + "/v1/login", json=body).status_code == 409
    elsewhere.close()
    assert calls(platform) == before


def test_a_crash_in_mid_login_burns_its_codes_but_sends_nothing_twice(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_TIMEOUT": "1s"})
    other = another_instance(platform)
    body = both_codes(platform)
    platform.wxsim.fault(SESSION_PATH, "hold")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        login = pool.submit(platform.loginsvc.post, "/v1/login", body)
        eventually(lambda: platform.wxsim.calls(SESSION_PATH) == 1)
        platform.loginsvc.process.kill()
        assert login.exception() is not None
    waited = other.post("/v1/login", body)
    assert waited.status_code in (409, 504)
    eventually(lambda: other.post("/v1/login", body).status_code == 409)
    assert platform.wxsim.calls(SESSION_PATH) == 1


def test_what_is_kept_in_redis_shows_nothing(platform):
    phone = new_phone()
    body = both_codes(platform, openid="oHidden", phone=phone)
    told = platform.loginsvc.post("/v1/login", body).json()
    client, found = platform.redis.client, []
    eventually(lambda: client.keys("tokend:{*}:login:kept:*"), what="the kept answer")
    for key in client.scan_iter("tokend:{*}:login:*"):
        assert client.pttl(key) != -1, f"{key} lives for ever"
    for key in client.scan_iter("*"):
        if client.type(key) == "string":
            found.append((key, client.execute_command("GET", key, NEVER_DECODE=True)))
    secrets = [body["loginCode"], body["phoneCode"], phone, "oHidden", told["accessToken"],
               told["refreshToken"], "127.0.0.1"]
    for key, value in found:
        for secret in secrets:
            assert secret not in key and secret.encode() not in value, key
    assert any(":login:kept:" in key for key, _ in found)
    assert any(":session_key:" in key for key, _ in found)


def test_binding_and_showing_a_phone_are_repeated_too(platform):
    token = log_in(platform)["accessToken"]
    for path, body, kw in (
            ("/v1/phone", {"phoneCode": platform.wxsim.phone_code(new_phone())}, bearer(token)),
            ("/api/auth/phone", {"phoneCode": platform.wxsim.phone_code(new_phone())},
             bearer(token)),
            ("/api/functions/decryptPhoneNumber",
             {"code": platform.wxsim.phone_code(new_phone())}, {}),
            ("/getPhoneNumber/", {"code": platform.wxsim.phone_code(new_phone())}, {})):
        first = platform.loginsvc.post(path, body, **kw)
        before = calls(platform)
        assert platform.loginsvc.post(path, body, **kw).text == first.text
        assert calls(platform) == before
