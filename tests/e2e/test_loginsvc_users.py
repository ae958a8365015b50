"""A user of the native API: registration by ticket, profile, phones, erasure, the key rotation."""
import glob
import os
import sqlite3
import subprocess

import pytest

from harness.apps import new_data_key, new_phone
from harness.logins import (FAST, await_ready, another_instance, bearer, both_codes, claims_of,
                            log_in, ready_platform)
from harness.platform import Platform
from harness.process import bin_dir, clean_env
from harness.wait import eventually


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("platform"), tokend=FAST,
                        loginsvc={"PHONE_LIMIT_PER_USER": "off"})
    await_ready(platform.loginsvc)
    yield platform
    platform.stop()


def ticket_for(platform, phone, service=None):
    code = {"phoneCode": platform.wxsim.phone_code(phone)}
    answer = (service or platform.loginsvc).post("/v1/login", code)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (404, "not_registered")
    assert body["phoneNumber"] == phone
    return body["registerTicket"]


def register(platform, ticket, service=None, **fields):
    return (service or platform.loginsvc).post("/v1/register",
                                               {"registerTicket": ticket, **fields})


# ---- registration ----

def test_a_ticket_registers_its_phone(shared):
    phone = new_phone()
    answer = register(shared, ticket_for(shared, phone), nickname="小红", avatar="https://a/2.png",
                      device="Mate")
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"accessToken", "expiresIn", "refreshToken", "user", "isNew"}
    assert body["isNew"] is True
    user = body["user"]
    assert (user["phoneNumber"], user["countryCode"], user["nickname"], user["avatar"]) == (
        phone, "86", "小红", "https://a/2.png")
    again = shared.loginsvc.post("/v1/login", {"phoneCode": shared.wxsim.phone_code(phone)}).json()
    assert again["user"]["id"] == user["id"] and again["isNew"] is False


def test_a_ticket_with_a_login_code_registers_the_openid_too(shared):
    phone = new_phone()
    answer = register(shared, ticket_for(shared, phone),
                      loginCode=shared.wxsim.login_code(openid="oTicket"))
    assert claims_of(answer.json()["accessToken"])["openid"] == "oTicket"
    by_openid = shared.loginsvc.post("/v1/login",
                                     {"loginCode": shared.wxsim.login_code(openid="oTicket")})
    assert by_openid.json()["user"] == answer.json()["user"]


def test_who_registered_by_phone_alone_is_the_same_user_by_openid_later(shared):
    phone = new_phone()
    first = register(shared, ticket_for(shared, phone)).json()["user"]
    later = log_in(shared, openid="oLaterKnown", phone=phone)
    assert (later["user"]["id"], later["isNew"]) == (first["id"], False)


def test_a_ticket_is_good_once(shared):
    ticket = ticket_for(shared, new_phone())
    first = register(shared, ticket)
    assert first.status_code == 200
    assert register(shared, ticket).text == first.text, "a repeat gets the same answer"
    code = shared.wxsim.login_code()
    used = register(shared, ticket, loginCode=code)
    assert (used.status_code, used.json()["code"]) == (409, "ticket_used")
    whole = shared.loginsvc.post("/v1/login", {"loginCode": code})
    assert whole.status_code == 200, "no code is spent on a used ticket"


def test_a_used_ticket_is_known_to_the_database(make_platform):
    platform = ready_platform(make_platform)
    ticket = ticket_for(platform, new_phone())
    assert register(platform, ticket).status_code == 200
    platform.loginsvc.process.kill()
    platform.redis.client.flushall()
    platform.loginsvc.start_again()
    await_ready(platform.loginsvc)
    used = register(platform, ticket)
    assert used.status_code == 409, used.text
    assert used.json()["code"] == "ticket_used"
    assert used.json()["detail"] == "该注册凭证已被使用，请直接登录"


@pytest.mark.parametrize("ticket", ["x", "A" * 200, "..", "é"])
def test_what_is_no_ticket_is_refused(shared, ticket):
    answer = register(shared, ticket)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_ticket")


def test_a_changed_ticket_is_refused(shared):
    ticket = ticket_for(shared, new_phone())
    for at in range(0, len(ticket), 17):
        other = "A" if ticket[at] != "A" else "B"
        assert register(shared, ticket[:at] + other + ticket[at + 1:]).status_code == 422
    assert register(shared, ticket).status_code == 200


# ---- the profile ----

def test_the_profile_is_seen_and_changed(shared):
    who = log_in(shared, openid="oMe")
    me = bearer(who["accessToken"])
    assert shared.loginsvc.get("/v1/me", **me).json() == who["user"]
    url = shared.loginsvc.url + "/v1/me"
    changed = shared.loginsvc.session.patch(url, json={"nickname": "新名字"}, **me)
    assert (changed.status_code, changed.json()["nickname"]) == (200, "新名字")
    both = shared.loginsvc.session.patch(url, json={"nickname": "", "avatar": "https://a/3"}, **me)
    assert (both.json()["nickname"], both.json()["avatar"]) == ("", "https://a/3")
    assert shared.loginsvc.get("/v1/me", **me).json() == both.json()
    assert shared.loginsvc.session.patch(url, json={}, **me).json() == both.json()


def test_the_profile_is_changed_by_put_too_as_wx_request_knows_no_patch(shared):
    me = bearer(log_in(shared)["accessToken"])
    changed = shared.loginsvc.session.put(shared.loginsvc.url + "/v1/me", json={"nickname": "名"},
                                          **me)
    assert (changed.status_code, changed.json()["nickname"]) == (200, "名")


@pytest.mark.parametrize("body", [{"nickname": 5}, {"nickname": "x" * 300}, {"avatar": ["x"]},
                                  {"nickname": "a\u0000b"}, {"nickname": "tab\there"}])
def test_what_is_no_profile_is_refused_and_changes_nothing(shared, body):
    who = log_in(shared)
    me = bearer(who["accessToken"])
    answer = shared.loginsvc.session.patch(shared.loginsvc.url + "/v1/me", json=body, **me)
    assert answer.status_code == 400
    assert shared.loginsvc.get("/v1/me", **me).json() == who["user"]


def test_a_phone_is_bound_to_who_asks(shared):
    phone = new_phone()
    who = shared.loginsvc.post("/v1/login", {"loginCode": shared.wxsim.login_code()}).json()
    answer = shared.loginsvc.post("/v1/phone", {"phoneCode": shared.wxsim.phone_code(phone)},
                                  **bearer(who["accessToken"]))
    assert answer.status_code == 200
    assert answer.json() == {"phoneNumber": phone, "countryCode": "86",
                             "user": dict(who["user"], phoneNumber=phone, countryCode="86")}


# ---- the legacy way ----

def decrypt(platform, token, body):
    return platform.loginsvc.post("/v1/phone/decrypt", body, **bearer(token))


def test_encrypted_data_gives_and_binds_the_phone(shared):
    who = shared.loginsvc.post(
        "/v1/login", {"loginCode": shared.wxsim.login_code(openid="oLegacy")}).json()
    phone = new_phone()
    sealed = shared.wxsim.encrypted_phone("oLegacy", phone)
    answer = decrypt(shared, who["accessToken"], sealed)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"phoneNumber": phone, "countryCode": "86",
                             "user": dict(who["user"], phoneNumber=phone, countryCode="86")}


def test_whatever_is_wrong_with_encrypted_data_is_one_answer(shared):
    who = shared.loginsvc.post(
        "/v1/login", {"loginCode": shared.wxsim.login_code(openid="oWrong")}).json()
    good = shared.wxsim.encrypted_phone("oWrong", new_phone())
    shared.wxsim.login(shared.wxsim.login_code(openid="oForeign"))
    foreign = shared.wxsim.encrypted_phone("oForeign", new_phone())
    old = shared.wxsim.encrypted_phone("oWrong", new_phone(), age_s=3600)
    data = good["encryptedData"]
    wrong = [foreign, old, dict(good, iv=foreign["iv"]), dict(good, iv="AAAA"),
             dict(good, encryptedData=data[:-8]), dict(good, encryptedData="!!!!"),
             dict(good, encryptedData=("B" if data[0] != "B" else "C") + data[1:])]
    answers = [decrypt(shared, who["accessToken"], body) for body in wrong]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(422, "decrypt_failed")}
    assert len({a.json()["detail"] for a in answers}) == 1
    assert decrypt(shared, who["accessToken"], good).status_code == 200


def test_without_a_login_by_wechat_there_is_no_session_key(shared):
    who = register(shared, ticket_for(shared, new_phone())).json()
    answer = decrypt(shared, who["accessToken"], {"encryptedData": "A" * 64, "iv": "A" * 24})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_session_key")
    assert decrypt(shared, who["accessToken"], {}).status_code == 400


# ---- erasure ----

def traces(platform, *texts):
    """Which of these texts stand in the database's files."""
    found = set()
    for path in glob.glob(platform.loginsvc.database + "*"):
        with open(path, "rb") as file:
            content = file.read()
        found |= {(os.path.basename(path), text) for text in texts if text.encode() in content}
    return found


def test_erasure_leaves_nothing_of_the_person(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_LIMIT_PER_ADDRESS": "off"})
    texts = ("小明删除我小明删除我", "https://avatar.example/erase-me.png", "oEraseMe")
    person = {**both_codes(platform, openid="oEraseMe", phone="13811112222"),
              "nickname": texts[0], "avatar": texts[1], "device": "erase-me-device"}
    for n in range(60):   # neighbours, so that pages are split and moved
        platform.loginsvc.post("/v1/login", {"loginCode": platform.wxsim.login_code(),
                                             "nickname": f"neighbour {n} " + "n" * 180})
    who = platform.loginsvc.post("/v1/login", person).json()
    for n in range(60):
        platform.loginsvc.post("/v1/login", {"loginCode": platform.wxsim.login_code(),
                                             "nickname": f"neighbour {n} " + "m" * 180})
    texts += ("erase-me-device",)
    assert traces(platform, *texts)
    gone = platform.loginsvc.session.delete(platform.loginsvc.url + "/v1/me",
                                            **bearer(who["accessToken"]))
    assert gone.status_code == 204
    assert traces(platform, *texts, "13811112222") == set()
    assert platform.loginsvc.get("/v1/me", **bearer(who["accessToken"])).status_code == 401
    assert not [k for k in platform.redis.client.scan_iter("*:session_key:*")
                if k.endswith(f":{who['user']['id']}")]
    again = log_in(platform, openid="oEraseMe")
    assert again["isNew"] is True and again["user"]["id"] != who["user"]["id"]
    assert again["user"]["nickname"] == ""


# ---- a new DATA_KEY ----

def reseal(platform, keys, *options):
    settings = {k: v for k, v in platform.loginsvc.settings.items() if v is not None}
    env = clean_env(**{**settings, "DATA_KEY": keys})
    return subprocess.run([os.path.join(bin_dir(), "loginsvc"), *options, "--reseal"], env=env,
                          cwd=platform.loginsvc.folder, capture_output=True, text=True, timeout=60)


def test_phones_are_resealed_under_a_new_key_while_logins_go_on(make_platform):
    platform = ready_platform(make_platform, loginsvc={"LOGIN_LIMIT_PER_ADDRESS": "off"})
    old, new = platform.loginsvc.settings["DATA_KEY"], new_data_key()
    phones = {f"oSeal{n}": new_phone() for n in range(30)}
    for openid, phone in phones.items():
        log_in(platform, openid=openid, phone=phone)
    both = another_instance(platform, DATA_KEY=f"{new},{old}")
    platform.loginsvc.stop()
    done = reseal(platform, f"{new},{old}")
    assert done.returncode == 0, done.stderr
    assert "30 of 30 phones seen" in done.stdout and "30 sealed anew" in done.stdout
    again = reseal(platform, f"{new},{old}")
    assert again.returncode == 0 and " 0 sealed anew" in again.stdout
    both.stop()
    only_new = another_instance(platform, DATA_KEY=new)
    for openid, phone in phones.items():
        told = only_new.post("/v1/login", {"phoneCode": platform.wxsim.phone_code(phone)}).json()
        assert told["user"]["phoneNumber"] == phone
    assert old not in done.stdout + done.stderr and new not in done.stdout + done.stderr


def test_reseal_with_a_wrong_key_says_so(make_platform):
    platform = ready_platform(make_platform)
    log_in(platform)
    wrong = reseal(platform, new_data_key())
    assert wrong.returncode == 1 and "DATA_KEY" in wrong.stderr


def test_the_database_shows_no_phone(shared):
    log_in(shared, phone="13899990000")
    eventually(lambda: traces(shared, "13899990000") == set())
    rows = sqlite3.connect(shared.loginsvc.database).execute("SELECT count(*) FROM users")
    assert rows.fetchone()[0] > 0
