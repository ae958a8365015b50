"""Limits, the paid call, several apps, proxies: issue of who may do how much. Contract 5 and 5.3."""
import concurrent.futures
import signal
import time

import pytest

from harness.apps import App, new_phone
from harness.daemons import Loginsvc, Tokend
from harness.logins import (FAST, PHONE_PATH, SESSION_PATH, another_instance, await_ready, bearer,
                            both_codes, claims_of, log_in, ready_platform)
from harness.wait import eventually
from harness.wxsim import Wxsim


def forwarded(address, **kw):
    return {"headers": {"X-Forwarded-For": address}, **kw}


# ---- phone exchanges of a user ----

def bind(platform, service, token):
    code = {"phoneCode": platform.wxsim.phone_code(new_phone())}
    return service.post("/v1/phone", code, **bearer(token))


def test_a_user_exchanges_five_phones_a_minute(make_platform):
    platform = ready_platform(make_platform)
    services = [platform.loginsvc, another_instance(platform)]
    token = platform.loginsvc.post("/v1/login", {"loginCode": platform.wxsim.login_code()}).json()[
        "accessToken"]
    answers = [bind(platform, services[n % 2], token) for n in range(7)]
    assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
    refused = answers[-1]
    assert refused.json()["code"] == "too_many_requests" and refused.json()["detail"]
    assert 50 <= int(refused.headers["Retry-After"]) <= 60
    assert platform.wxsim.calls(PHONE_PATH) == 5
    assert bind(platform, services[0], log_in(platform)["accessToken"]).status_code == 200


def test_the_limit_lets_go_when_its_time_is_over(make_platform):
    platform = ready_platform(make_platform, loginsvc={"PHONE_LIMIT_PER_USER": "2/1s"})
    token = platform.loginsvc.post("/v1/login", {"loginCode": platform.wxsim.login_code()}).json()[
        "accessToken"]
    assert [bind(platform, platform.loginsvc, token).status_code for _ in range(3)] == [200, 200,
                                                                                         429]
    eventually(lambda: bind(platform, platform.loginsvc, token).status_code == 200, timeout=3)


def test_a_refused_exchange_leaves_its_code_whole(make_platform):
    platform = ready_platform(make_platform, loginsvc={"PHONE_LIMIT_PER_USER": "1/1s"})
    token = platform.loginsvc.post("/v1/login", {"loginCode": platform.wxsim.login_code()}).json()[
        "accessToken"]
    bind(platform, platform.loginsvc, token)
    code = {"phoneCode": platform.wxsim.phone_code("13500135000")}
    assert platform.loginsvc.post("/v1/phone", code, **bearer(token)).status_code == 429
    answer = eventually(lambda: (a := platform.loginsvc.post("/v1/phone", code, **bearer(token)))
                        .status_code == 200 and a, timeout=3)
    assert answer.json()["phoneNumber"] == "13500135000"


def test_limits_are_per_process_while_redis_is_away(make_platform):
    platform = ready_platform(make_platform, loginsvc={"PHONE_LIMIT_PER_USER": "2/1m"})
    other = another_instance(platform)
    token = platform.loginsvc.post("/v1/login", {"loginCode": platform.wxsim.login_code()}).json()[
        "accessToken"]
    platform.redis.kill()
    for service in (platform.loginsvc, other):
        eventually(lambda: not service.get("/readyz").json()["checks"]["redis"])
        assert [bind(platform, service, token).status_code for _ in range(3)] == [200, 200, 429]


# ---- logins of an address ----

def test_logins_of_one_address_are_counted_over_all_instances(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_LIMIT_PER_ADDRESS": "4/1m"})
    services = [platform.loginsvc, another_instance(platform)]

    def login(n, address):
        return services[n % 2].post("/v1/login", both_codes(platform), **forwarded(address))

    answers = [login(n, "203.0.113.9") for n in range(6)]
    assert [a.status_code for a in answers] == [200] * 4 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert login(0, "203.0.113.10").status_code == 200
    assert platform.wxsim.calls(SESSION_PATH) == 5


def test_what_the_client_wrote_into_the_header_does_not_count(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_LIMIT_PER_ADDRESS": "2/1m"})
    spoofed = [platform.loginsvc.post("/v1/login", both_codes(platform),
                                      **forwarded(f"198.51.100.{n}, 203.0.113.9"))
               for n in range(3)]
    assert [a.status_code for a in spoofed] == [200, 200, 429]


def test_without_trust_the_header_says_nothing(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_LIMIT_PER_ADDRESS": "2/1m",
                                                       "TRUSTED_PROXIES": "192.0.2.1"})
    answers = [platform.loginsvc.post("/v1/login", both_codes(platform),
                                      **forwarded(f"203.0.113.{n}")) for n in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]


# ---- logins of an app at the same time, and beyond what a process can do ----

def test_logins_of_an_app_under_way_are_capped_over_all_instances(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_MAX_PER_APP": "2"})
    services = [platform.loginsvc, another_instance(platform)]
    platform.wxsim.fault(SESSION_PATH, "hold", times=2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(s.post, "/v1/login", both_codes(platform)) for s in services]
        eventually(lambda: platform.wxsim.calls(SESSION_PATH) == 2)
        shed = services[0].post("/v1/login", both_codes(platform))
        assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
        assert shed.headers["Retry-After"] == "1"
        assert platform.wxsim.calls(SESSION_PATH) == 2
        platform.wxsim.release()
        assert [w.result().status_code for w in waiting] == [200, 200]
    assert services[1].post("/v1/login", both_codes(platform)).status_code == 200


def test_load_beyond_a_process_is_shed_at_once_with_the_codes_whole(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_MAX": "1"})
    platform.wxsim.fault(SESSION_PATH, "hold")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(platform.loginsvc.post, "/v1/login", both_codes(platform))
        eventually(lambda: platform.wxsim.calls(SESSION_PATH) == 1)
        body = both_codes(platform)
        began = time.monotonic()
        shed = platform.loginsvc.post("/v1/login", body)
        assert (shed.status_code, shed.headers["Retry-After"]) == (503, "1")
        assert time.monotonic() - began < 1
        platform.wxsim.release()
        assert waiting.result().status_code == 200
    assert platform.loginsvc.post("/v1/login", body).status_code == 200


# ---- the paid call ----

def paid(service, app):
    line = f'loginsvc_phone_exchanges_today{{appid="{app.id}"}} '
    found = [row for row in service.get("/metrics").text.splitlines() if row.startswith(line)]
    return int(float(found[0][len(line):]))


def test_every_phone_that_wechat_gave_is_counted_once(make_platform):
    platform = ready_platform(make_platform)
    other = another_instance(platform)
    body = both_codes(platform)
    platform.loginsvc.post("/v1/login", body)
    platform.loginsvc.post("/v1/login", body)                     # a repeat costs nothing
    other.post("/v1/login", both_codes(platform))
    other.post("/v1/login", {"loginCode": platform.wxsim.login_code()})
    other.post("/api/functions/decryptPhoneNumber", {"code": "bad" * 20})
    other.post("/api/functions/decryptPhoneNumber",
               {"code": platform.wxsim.phone_code(new_phone())})
    eventually(lambda: paid(other, platform.app) == 3)
    keys = list(platform.redis.client.scan_iter(f"tokend:{{{platform.app.id}}}:login:paid:*"))
    assert [platform.redis.client.get(k) for k in keys] == ["3"]
    platform.redis.kill()
    eventually(lambda: not other.get("/readyz").json()["checks"]["redis"])
    other.post("/v1/login", both_codes(platform))
    assert paid(other, platform.app) == 4
    platform.redis.revive()
    eventually(lambda: other.get("/readyz").json()["checks"]["redis"])
    other.post("/v1/login", both_codes(platform))
    eventually(lambda: paid(other, platform.app) >= 2, what="what was not told is told later")


def test_a_budget_warns_or_stops(make_platform):
    platform = ready_platform(make_platform, loginsvc={"PHONE_DAILY_BUDGET": "2"})
    strict = another_instance(platform, PHONE_BUDGET_ACTION="stop")
    for _ in range(3):
        assert log_in(platform)["user"]["phoneNumber"]
    assert '"phone.budget_spent"' in platform.loginsvc.process.log()
    before = platform.wxsim.calls(PHONE_PATH)
    body = both_codes(platform)
    stopped = strict.post("/v1/login", body)
    assert (stopped.status_code, stopped.json()["code"]) == (503, "phone_budget")
    assert 0 < int(stopped.headers["Retry-After"]) <= 86400
    assert platform.wxsim.calls(PHONE_PATH) == before
    by_openid = strict.post("/v1/login", {"loginCode": body["loginCode"]})
    assert by_openid.status_code == 200, "its codes are whole, and an openid costs nothing"


# ---- several apps ----

@pytest.fixture
def two_apps(stack, redis, tmp_path):
    apps = [App(), App()]
    wxsim = stack.add(Wxsim(tmp_path, apps))
    ini = tmp_path / "apps.ini"
    ini.write_text("".join(f"[app {a.id}]\nsecret = {a.secret}\n" for a in apps))
    stack.add(Tokend(tmp_path, redis, wxsim.url, argv=("-c", str(ini)), **FAST))
    service = stack.add(Loginsvc(tmp_path, redis, wxsim.url, argv=("-c", str(ini))))
    await_ready(service)
    for app in apps:
        eventually(lambda: redis.client.get(f"tokend:{{{app.id}}}:access_token"))
    return apps, wxsim, service, ini


def test_apps_are_kept_apart(two_apps):
    (first, second), wxsim, service, _ = two_apps
    unionid = {"unionid": "uSame"}

    def login(app, **kw):
        body = {"loginCode": wxsim.login_code(appid=app.id, openid="oSame", **unionid),
                "phoneCode": wxsim.phone_code("13411112222", appid=app.id)}
        return service.post("/v1/login", body, **kw)

    by_header = login(first, headers={"X-Wx-Appid": first.id}).json()
    by_referer = login(second, headers={
        "Referer": f"https://servicewechat.com/{second.id}/12/page-frame.html"}).json()
    body = {"loginCode": wxsim.login_code(appid=first.id, openid="oSame"), "appid": first.id}
    by_body = service.post("/v1/login", body).json()
    assert by_header["user"]["id"] == by_body["user"]["id"] != by_referer["user"]["id"]
    assert claims_of(by_header["accessToken"])["appid"] == first.id
    assert claims_of(by_referer["accessToken"])["appid"] == second.id
    unnamed = service.post("/v1/login", {"loginCode": wxsim.login_code(appid=first.id)})
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "unknown_app")
    wrong = service.post("/v1/login", {"loginCode": wxsim.login_code(appid=first.id),
                                       "appid": second.id})
    assert wrong.status_code == 422


def test_a_ticket_of_one_app_registers_nobody_at_another(two_apps):
    (first, second), wxsim, service, _ = two_apps
    body = {"phoneCode": wxsim.phone_code(new_phone(), appid=first.id), "appid": first.id}
    ticket = service.post("/v1/login", body).json()["registerTicket"]
    answer = service.post("/v1/register", {"registerTicket": ticket, "appid": second.id})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_ticket")
    assert service.post("/v1/register",
                        {"registerTicket": ticket, "appid": first.id}).status_code == 200


def test_the_tokens_of_an_app_that_was_removed_are_good_no_more(two_apps):
    (first, second), wxsim, service, ini = two_apps
    told = service.post("/v1/login", {"loginCode": wxsim.login_code(appid=first.id),
                                      "appid": first.id}).json()
    assert service.get("/v1/verify", **bearer(told["accessToken"])).status_code == 200
    ini.write_text(f"[app {second.id}]\nsecret = {second.secret}\n")
    service.process.signal(signal.SIGHUP)
    eventually(lambda: service.get("/v1/verify", **bearer(told["accessToken"])).status_code == 401)
    refused = service.post("/v1/token/refresh", {"refreshToken": told["refreshToken"]})
    assert refused.status_code == 401
