"""The endpoints of documents 000, 001, 003 and 004 in their own shapes; 002 is in
test_loginsvc_main.py. Written from the contract, section 5.1."""
import pytest

from harness.apps import new_phone
from harness.logins import (FAST, PHONE_PATH, SESSION_PATH, await_ready, bearer, both_codes,
                            claims_of)
from harness.platform import Platform


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("platform"), tokend=FAST,
                        loginsvc={"PHONE_LIMIT_PER_USER": "off"})
    await_ready(platform.loginsvc)
    yield platform
    platform.stop()


def codes_000(platform, **who):
    return both_codes(platform, names=("code", "phoneCode"), **who)


# ---- document 000 ----

WECHAT, BIND = "/api/auth/wechat", "/api/auth/phone"


def test_000_logs_in_with_both_codes(shared):
    phone = new_phone()
    answer = shared.loginsvc.post(WECHAT, codes_000(shared, openid="o000", phone=phone))
    body = answer.json()
    assert answer.status_code == 200 and set(body) == {"success", "token", "user"}
    assert body["success"] is True
    assert set(body["user"]) == {"id", "nickname", "phoneNumber", "openId"}
    assert (body["user"]["phoneNumber"], body["user"]["openId"]) == (phone, "o000")
    assert claims_of(body["token"])["userId"] == body["user"]["id"]


def test_000_logs_in_without_a_phone_and_binds_it_later(shared):
    login = shared.loginsvc.post(WECHAT, {"code": shared.wxsim.login_code(openid="o000later")})
    assert login.json()["user"]["phoneNumber"] == ""
    phone = new_phone()
    answer = shared.loginsvc.post(BIND, {"phoneCode": shared.wxsim.phone_code(phone)},
                                  **bearer(login.json()["token"]))
    assert (answer.status_code, answer.json()) == (200, {"success": True, "phoneNumber": phone})
    again = shared.loginsvc.post(WECHAT, {"code": shared.wxsim.login_code(openid="o000later")})
    assert again.json()["user"]["phoneNumber"] == phone


def test_000_stores_the_pure_number_without_the_area_code(shared):
    code = shared.wxsim.phone_code("5551234567", countryCode="1")
    body = {"code": shared.wxsim.login_code(), "phoneCode": code}
    assert shared.loginsvc.post(WECHAT, body).json()["user"]["phoneNumber"] == "5551234567"


@pytest.mark.parametrize("path,body", [(WECHAT, {}), (WECHAT, {"phoneCode": "p" * 64})])
def test_000_without_a_code_is_a_bad_request(shared, path, body):
    answer = shared.loginsvc.post(path, body)
    assert answer.status_code == 400
    assert answer.json() == {"success": False, "error": "参数缺失", "errcode": 0}


def test_000_tells_why_wechat_refused(shared):
    body = codes_000(shared)
    assert shared.loginsvc.post(WECHAT, body).json()["success"]
    used = {"code": body["code"], "phoneCode": shared.wxsim.phone_code(new_phone())}
    assert shared.loginsvc.post(WECHAT, used).status_code == 409
    garbage = shared.loginsvc.post(WECHAT, {"code": "g" * 32})
    assert garbage.status_code == 422
    assert garbage.json() == {"success": False, "error": "授权已失效，请重新点击按钮授权",
                              "errcode": 40029}


def test_000_binds_nothing_without_a_good_token(shared):
    code = {"phoneCode": shared.wxsim.phone_code(new_phone())}
    before = shared.wxsim.calls(PHONE_PATH)
    for kw in ({}, bearer("no.such.token")):
        answer = shared.loginsvc.post(BIND, code, **kw)
        assert answer.status_code == 401
        assert answer.json()["success"] is False and answer.json()["error"]
    assert shared.wxsim.calls(PHONE_PATH) == before


# ---- document 001 ----

THIRD = "/api/user/thirdLogin"


@pytest.mark.parametrize("as_form", [False, True])
def test_001_logs_in_by_json_and_by_form(shared, as_form):
    phone = new_phone()
    body = dict(codes_000(shared, phone=phone), nickname="小明", head_pic="https://p/1.png",
                whatever="else")
    if as_form:
        answer = shared.loginsvc.session.post(shared.loginsvc.url + THIRD, data=body)
    else:
        answer = shared.loginsvc.post(THIRD, body)
    told = answer.json()
    assert answer.status_code == 200 and set(told) == {"code", "message", "data"}
    assert told["code"] == 200 and set(told["data"]) == {"token", "userInfo"}
    user = told["data"]["userInfo"]
    assert user.pop("id") > 0
    assert user == {"phone": phone, "nickname": "小明", "avatar": "https://p/1.png",
                    "head_pic": "https://p/1.png"}


def test_001_logs_in_without_a_phone_code(shared):
    told = shared.loginsvc.post(THIRD, {"code": shared.wxsim.login_code(), "phoneCode": ""}).json()
    assert told["code"] == 200 and told["data"]["userInfo"]["phone"] == ""
    assert "phoneError" not in told["data"]


def test_001_a_failed_phone_exchange_does_not_fail_the_login(shared):
    body = {"code": shared.wxsim.login_code(openid="o001"), "phoneCode": "bad" * 20}
    told = shared.loginsvc.post(THIRD, body).json()
    assert told["code"] == 200 and told["data"]["token"]
    assert told["data"]["userInfo"]["phone"] == ""
    assert told["data"]["phoneError"] == "授权已失效，请重新点击按钮授权"


def test_001_a_failed_phone_exchange_leaves_the_stored_phone_alone(shared):
    phone = new_phone()
    shared.loginsvc.post(THIRD, codes_000(shared, openid="o001kept", phone=phone))
    body = {"code": shared.wxsim.login_code(openid="o001kept"), "phoneCode": "bad" * 20}
    assert shared.loginsvc.post(THIRD, body).json()["data"]["userInfo"]["phone"] == ""
    later = shared.loginsvc.post(THIRD, {"code": shared.wxsim.login_code(openid="o001kept")})
    assert later.json()["data"]["userInfo"]["phone"] == phone


def test_001_a_failed_login_code_fails_the_login(shared):
    body = {"code": "bad" * 10, "phoneCode": shared.wxsim.phone_code(new_phone())}
    answer = shared.loginsvc.post(THIRD, body)
    assert answer.status_code == 422
    assert answer.json() == {"code": 422, "message": "授权已失效，请重新点击按钮授权",
                             "errcode": 40029}


# ---- document 003 ----

FUNCTION = "/api/functions/decryptPhoneNumber"


def test_003_gives_the_number_and_the_country(shared):
    answer = shared.loginsvc.post(FUNCTION, {"code": shared.wxsim.phone_code("13700137000")})
    assert (answer.status_code, answer.json()) == (
        200, {"success": True, "phoneNumber": "13700137000", "countryCode": "86"})


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": None}])
def test_003_without_a_code(shared, body):
    answer = shared.loginsvc.post(FUNCTION, body)
    assert (answer.status_code, answer.json()) == (
        200, {"success": False, "error": "缺少code参数"})


def test_003_says_why_with_status_200(shared):
    answer = shared.loginsvc.post(FUNCTION, {"code": "bad" * 20})
    assert answer.status_code == 200
    assert answer.json() == {"success": False, "error": "授权已失效，请重新点击按钮授权",
                             "errcode": 40029}


# ---- document 004 ----

@pytest.mark.parametrize("path", ["/getPhoneNumber/", "/getPhoneNumber"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_004_tells_who_is_not_registered_and_logs_in_who_is(shared, path, method):
    def ask(phone):
        code = shared.wxsim.phone_code(phone)
        url = shared.loginsvc.url + path
        if method == "GET":
            return shared.loginsvc.session.get(url, params={"code": code})
        return shared.loginsvc.session.post(url, json={"code": code})

    phone = new_phone()
    stranger = ask(phone)
    assert stranger.status_code == 200 and set(stranger.json()) == {"data"}
    data = stranger.json()["data"]
    ticket = data.pop("registerTicket")
    assert data == {"code": 404, "msg": "没有注册", "phoneNumber": phone}

    registered = shared.loginsvc.post("/v1/register", {"registerTicket": ticket, "nickname": "阿花"})
    assert registered.status_code == 200 and registered.json()["isNew"] is True
    data = ask(phone).json()["data"]
    assert set(data) == {"code", "msg", "token", "phoneNumber", "userInfo"}
    assert (data["code"], data["msg"], data["phoneNumber"]) == (200, "登录成功", phone)
    assert data["userInfo"] == {"id": registered.json()["user"]["id"], "phone": phone,
                                "nickname": "阿花", "avatar": ""}
    assert claims_of(data["token"])["userId"] == data["userInfo"]["id"]


def test_004_says_why_in_its_own_shape(shared):
    answer = shared.loginsvc.post("/getPhoneNumber/", {"code": "bad" * 20})
    assert answer.status_code == 422
    assert answer.json() == {"data": {"code": 422, "msg": "授权已失效，请重新点击按钮授权",
                                      "errcode": 40029}}
    assert shared.loginsvc.get("/getPhoneNumber/").json()["data"]["code"] == 400


def test_004_a_head_request_spends_nothing(shared):
    phone = new_phone()
    code = shared.wxsim.phone_code(phone)
    shared.loginsvc.session.head(shared.loginsvc.url + "/getPhoneNumber/", params={"code": code})
    data = shared.loginsvc.post("/getPhoneNumber/", {"code": code}).json()["data"]
    assert data["phoneNumber"] == phone


# ---- each error of WeChat has its own words, in every dialect ----

SAID = {
    40029: "授权已失效，请重新点击按钮授权",
    40163: "授权已被使用，请重新点击按钮授权",
    40226: "该微信账号存在安全风险，暂时无法登录，请在微信中按提示解除限制或联系客服",
    45011: "操作过于频繁，请一分钟后再试",
    40013: "授权与当前小程序不匹配，请退出小程序重新进入，仍有问题请联系客服",
    40125: "登录服务正在维护，请稍后再试或联系客服",
    -1: "微信系统繁忙，请稍后重新点击登录",
    1400001: "手机号验证服务暂不可用，请使用其他方式登录或联系客服",
}

DIALECTS = {
    WECHAT: (("code", "phoneCode"), lambda b: (b["error"], b["errcode"])),
    THIRD: (("code", None), lambda b: (b["message"], b["errcode"])),
    "/api/user/login": (("loginCode", "phoneCode"), lambda b: (b["message"], b["errcode"])),
    FUNCTION: ((None, "code"), lambda b: (b["error"], b["errcode"])),
    "/getPhoneNumber/": ((None, "code"), lambda b: (b["data"]["msg"], b["data"]["errcode"])),
    "/v1/login": (("loginCode", "phoneCode"), lambda b: (b["detail"], b["errcode"])),
}


@pytest.mark.parametrize("path", DIALECTS)
@pytest.mark.parametrize("errcode", SAID)
def test_each_error_of_wechat_is_told_in_its_own_words(shared, path, errcode):
    (login, phone), read = DIALECTS[path]
    body = {}
    if login:
        body[login] = shared.wxsim.login_code()
    if phone:
        body[phone] = shared.wxsim.phone_code(new_phone())
    failing = PHONE_PATH if phone else SESSION_PATH
    shared.wxsim.fault(failing, "errcode", errcode=errcode)
    answer = shared.loginsvc.post(path, body)
    assert read(answer.json()) == (SAID[errcode], errcode)
    retry = {45011: "60", -1: "5", 1400001: "3600"}.get(errcode)
    assert answer.headers.get("Retry-After") == retry
    always_200 = path in ("/api/user/login", FUNCTION)
    status = {40029: 422, 40163: 409, 40226: 422, 45011: 429, 40013: 502, 40125: 502, -1: 503,
              1400001: 503}[errcode]
    assert answer.status_code == (200 if always_200 else status)
    assert len(set(SAID.values())) == len(SAID)
