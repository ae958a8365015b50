"""wxsim does what tests order: faults of every kind, displaced tokens, honest books, a clean
end."""
import base64
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

from harness.apps import App
from harness.process import bin_dir, clean_env
from harness.wait import eventually

TOKEN = "/cgi-bin/token"


def fetch_url(sim, app):
    return f"{TOKEN}?grant_type=client_credential&appid={app.id}&secret={app.secret}"


class RawCall:
    """A call on a bare connection, so that its end can be told: answer, orderly close, reset."""

    def __init__(self, sim, app):
        self.socket = socket.create_connection(("127.0.0.1", sim.port))
        self.socket.sendall(f"GET {fetch_url(sim, app)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def receive(self, timeout=5):
        self.socket.settimeout(timeout)
        return self.socket.recv(65536)


class Background:
    """A fetch in a thread of its own."""

    def __init__(self, sim, app):
        def run():
            try:
                self.answer = requests.get(sim.url + fetch_url(sim, app), timeout=20)
            except requests.RequestException as error:
                self.answer = error
        self.answer = None
        self.thread = threading.Thread(target=run)
        self.thread.start()

    def join(self):
        self.thread.join(20)
        assert self.answer is not None
        return self.answer


# ---- faults ----

def test_a_fault_catches_only_its_path_and_only_so_often(wxsim, app):
    wxsim.fault("/cgi-bin/token", "busy", times=2)
    assert "ip_list" not in wxsim.probe("x")
    assert wxsim.calls("/cgi-bin/get_api_domain_ip", "40001") == 1
    assert [wxsim.fetch().get("errcode") for _ in range(3)] == [-1, -1, None]
    assert wxsim.stats()["calls"][TOKEN] == {"busy": 2, "ok": 1}


def test_a_star_catches_all_calls_until_the_reset_but_never_an_order(wxsim):
    wxsim.fault("*", "busy", times=-1)
    assert wxsim.fetch()["errcode"] == wxsim.probe("x")["errcode"] == -1
    assert wxsim.get("/unknown").json()["errcode"] == -1
    assert wxsim.stats()["faults"] == 1
    wxsim.reset()
    assert "access_token" in wxsim.fetch()


def test_a_path_may_be_a_prefix(wxsim):
    wxsim.fault("/cgi-bin/", "busy", times=-1)
    assert wxsim.fetch()["errcode"] == wxsim.probe("x")["errcode"] == -1
    assert wxsim.login("x")["errcode"] == 40029


def test_faults_for_one_path_make_a_script(wxsim):
    wxsim.fault(TOKEN, "errcode", errcode=45009)
    wxsim.fault(TOKEN, "busy")
    wxsim.fault(TOKEN, "errcode", errcode=89503)
    assert [wxsim.fetch().get("errcode") for _ in range(4)] == [45009, -1, 89503, None]


def test_errcode_answers_with_the_platforms_words_and_does_nothing(wxsim):
    wxsim.fault(TOKEN, "errcode", errcode=45009)
    assert wxsim.fetch()["errmsg"].startswith("reach max api daily quota limit, could get")
    assert wxsim.issued() == 0


def test_a_living_token_can_be_refused_without_harm(wxsim):
    token = wxsim.fetch()["access_token"]
    wxsim.fault("/cgi-bin/get_api_domain_ip", "errcode", errcode=40001)
    wxsim.fault("/cgi-bin/get_api_domain_ip", "errcode", errcode=42001)
    assert [wxsim.probe(token).get("errcode") for _ in range(3)] == [40001, 42001, None]
    assert wxsim.stats()["dead_token_uses"] == 0


@pytest.mark.parametrize("kind, status", [("http500", 500), ("http502", 502)])
def test_http_errors_carry_a_page(wxsim, kind, status):
    wxsim.fault(TOKEN, kind)
    answer = wxsim.get(TOKEN)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html" and answer.text.startswith("<html>")
    assert wxsim.issued() == 0


def test_garbage_is_no_json(wxsim):
    wxsim.fault(TOKEN, "garbage")
    answer = wxsim.get(TOKEN)
    assert answer.status_code == 200 and answer.content
    with pytest.raises(ValueError):
        answer.json()


def test_empty_has_no_body(wxsim):
    wxsim.fault(TOKEN, "empty")
    answer = wxsim.get(TOKEN)
    assert (answer.status_code, answer.content) == (200, b"")


def test_huge_is_eight_mebibytes_of_json(wxsim):
    wxsim.fault(TOKEN, "huge")
    answer = wxsim.get(TOKEN)
    assert len(answer.content) > 8 << 20
    assert answer.json()["expires_in"] == 7200
    assert wxsim.issued() == 0


def test_truncated_is_half_an_answer_to_a_call_that_was_carried_out(wxsim, app):
    wxsim.fault(TOKEN, "truncated")
    answer = requests.get(wxsim.url + fetch_url(wxsim, app), timeout=5)
    assert answer.status_code == 200 and answer.text.startswith('{"access_token":"57_')
    with pytest.raises(ValueError):
        answer.json()
    assert wxsim.issued() == 1


def test_delay_answers_late_but_issues_at_once(wxsim, app):
    wxsim.fault(TOKEN, "delay", ms=1000)
    start = time.monotonic()
    call = Background(wxsim, app)
    eventually(lambda: wxsim.issued() == 1)
    assert time.monotonic() - start < 1
    assert "access_token" in call.join().json()
    assert time.monotonic() - start >= 1


def test_hang_never_answers_does_nothing_and_notices_when_the_caller_leaves(wxsim, app):
    wxsim.fault(TOKEN, "hang")
    with RawCall(wxsim, app) as call:
        eventually(lambda: wxsim.stats()["hanging"] == 1)
        with pytest.raises(TimeoutError):
            call.receive(timeout=0.3)
    eventually(lambda: wxsim.stats()["hanging"] == 0)
    assert wxsim.issued() == 0


def test_the_reset_of_the_simulator_cuts_what_hangs(wxsim, app):
    wxsim.fault(TOKEN, "hang")
    with RawCall(wxsim, app) as call:
        eventually(lambda: wxsim.stats()["hanging"] == 1)
        assert wxsim.reset()["cut"] == 1
        assert call.receive() == b""


def test_lost_closes_in_order_after_the_call_was_carried_out(wxsim, app):
    wxsim.fault(TOKEN, "lost")
    with RawCall(wxsim, app) as call:
        assert call.receive() == b""
    assert wxsim.issued() == 1


def test_lost_spends_a_code(wxsim):
    code = wxsim.login_code()
    wxsim.fault("/sns/", "lost")
    with pytest.raises(requests.ConnectionError):
        wxsim.login(code)
    assert wxsim.login(code)["errcode"] == 40163


def test_reset_is_a_tcp_reset_before_anything_happened(wxsim, app):
    wxsim.fault(TOKEN, "reset")
    with RawCall(wxsim, app) as call:
        with pytest.raises(ConnectionResetError):
            call.receive()
    assert wxsim.issued() == 0


def test_held_answers_wait_for_the_release_and_may_overtake_each_other(wxsim, app):
    wxsim.fault(TOKEN, "hold")
    first = Background(wxsim, app)
    eventually(lambda: wxsim.stats()["held"] == 1)
    second = wxsim.fetch()["access_token"]
    assert wxsim.issued() == 2
    assert first.thread.is_alive()
    assert wxsim.release() == 1
    late = first.join().json()["access_token"]
    assert wxsim.check(late)["rank"] == "previous"
    assert wxsim.check(second)["rank"] == "current"


def test_a_caller_that_left_a_held_answer_does_no_harm(wxsim, app):
    wxsim.fault(TOKEN, "hold", times=3)
    calls = [RawCall(wxsim, app) for _ in range(3)]
    eventually(lambda: wxsim.stats()["held"] == 3)
    for call in calls:
        call.socket.close()
    assert wxsim.release() == 3
    assert "access_token" in wxsim.fetch()


def test_latency_is_for_all_calls_but_not_for_orders(make_wxsim):
    wxsim = make_wxsim(latency="1s")
    start = time.monotonic()
    wxsim.stats()
    assert time.monotonic() - start < 1
    wxsim.fetch()
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("order", [
    {"kind": "busy"}, {"path": "/x"}, {"path": "/x", "kind": "nonsense"},
    {"path": "x", "kind": "busy"}, {"path": "/x", "kind": "busy", "times": "many"},
    {"path": "/x", "kind": "busy", "times": -2}])
def test_an_order_that_makes_no_sense_is_refused(wxsim, order):
    answer = wxsim.session.post(wxsim.url + "/_sim/fault", json=order)
    assert answer.status_code == 400 and answer.json()["error"]
    assert wxsim.stats()["faults"] == 0


def test_faults_are_bounded(wxsim):
    for _ in range(256):
        wxsim.fault("/x", "busy")
    answer = wxsim.session.post(wxsim.url + "/_sim/fault", json={"path": "/x", "kind": "busy"})
    assert answer.status_code == 400


# ---- the other orders ----

def test_unknown_orders_and_wrong_methods_are_refused(wxsim):
    assert wxsim.session.post(wxsim.url + "/_sim/nothing").status_code == 404
    assert wxsim.session.get(wxsim.url + "/_sim/fault").status_code == 405
    assert wxsim.session.post(wxsim.url + "/_sim/stats").status_code == 405
    assert wxsim.session.post(wxsim.url + "/_sim/release", data="{").status_code == 400


def test_displace_is_a_fetch_by_somebody_else(wxsim):
    token = wxsim.fetch()["access_token"]
    wxsim.displace()
    assert wxsim.check(token)["rank"] == "previous" and wxsim.check(token)["live"]
    wxsim.displace()
    assert wxsim.probe(token)["errcode"] == 40001
    stable = wxsim.fetch_stable()["access_token"]
    wxsim.displace(family="stable", times=2)
    assert not wxsim.check(stable)["live"]
    stats = wxsim.stats()
    assert stats["issued"] == 2 and stats["dead_token_uses"] == 1
    assert stats["apps"][wxsim.apps[0].id]["displaced"] == 4


def test_the_books_say_whose_token_it_is(wxsim, app):
    told = wxsim.check(wxsim.fetch_stable()["access_token"])
    assert told["live"] and told["rank"] == "current"
    assert (told["appid"], told["family"]) == (app.id, "stable")
    assert 7000000 < told["usable_for_ms"] <= 7200000
    assert wxsim.check("nonsense") == {"live": False, "rank": "unknown", "usable_for_ms": 0}


def test_a_reset_clears_the_counters_and_all_kills_the_tokens_too(wxsim):
    token = wxsim.fetch()["access_token"]
    wxsim.reset()
    assert wxsim.issued() == 0 and wxsim.stats()["calls"] == {}
    assert wxsim.check(token)["live"]
    wxsim.reset(all=True)
    assert wxsim.check(token) == wxsim.check(token) | {"live": False, "rank": "old"}


def test_an_app_can_be_added_while_it_runs(wxsim):
    late = App()
    assert wxsim.fetch(late)["errcode"] == 40013
    wxsim.set_app(late, secret=late.secret)
    assert "access_token" in wxsim.fetch(late)


def test_many_codes_come_in_one_order(wxsim):
    codes = wxsim.order("login-code", count=500)["codes"]
    assert len(set(codes)) == 500
    assert "openid" in wxsim.login(codes[499])
    phones = wxsim.order("phone-code", count=3, phone="13800001111")["codes"]
    token = wxsim.fetch()["access_token"]
    assert all(wxsim.phone(token, code)["errcode"] == 0 for code in phones)


def decrypted(session_key, told):
    """What the openssl program makes of the data: bytes; an error when the padding is wrong."""
    key, iv, data = (base64.b64decode(text, validate=True)
                     for text in (session_key, told["iv"], told["encryptedData"]))
    return subprocess.run(["openssl", "enc", "-d", "-aes-128-cbc", "-K", key.hex(), "-iv",
                           iv.hex()], input=data, capture_output=True, check=True).stdout


def test_an_encrypted_phone_is_for_the_session_key_of_the_last_login(wxsim, app):
    first = wxsim.login(wxsim.login_code(openid="oEve"))["session_key"]
    assert len(base64.b64decode(first, validate=True)) == 16
    told = wxsim.encrypted_phone("oEve", "13800001111")
    assert set(told) == {"encryptedData", "iv"}
    assert len(base64.b64decode(told["iv"], validate=True)) == 16
    plain = json.loads(decrypted(first, told))
    assert abs(plain["watermark"].pop("timestamp") - time.time()) < 60
    assert plain == {"phoneNumber": "13800001111", "purePhoneNumber": "13800001111",
                     "countryCode": "86", "watermark": {"appid": app.id}}
    wxsim.login(wxsim.login_code())     # somebody else's
    again = wxsim.encrypted_phone("oEve", "13800001111")
    assert again["iv"] != told["iv"] and json.loads(decrypted(first, again))
    second = wxsim.login(wxsim.login_code(openid="oEve"))["session_key"]
    assert second != first
    told = wxsim.encrypted_phone("oEve", "98765432", countryCode="852", age_s=3600)
    plain = json.loads(decrypted(second, told))
    assert (plain["phoneNumber"], plain["countryCode"]) == ("85298765432", "852")
    assert abs(plain["watermark"]["timestamp"] + 3600 - time.time()) < 60


@pytest.mark.parametrize("order", [
    {"openid": "oEve", "phone": "13800001111"}, {"openid": "oEve"}, {"phone": "13800001111"},
    {"openid": "oFay", "phone": "13800001111", "age_s": "old"},
    {"openid": "oFay", "phone": "13800001111", "appid": "wxnobody"}])
def test_there_is_no_encrypted_phone_without_a_login_or_a_number(wxsim, order):
    wxsim.login(wxsim.login_code(openid="oFay"))
    answer = wxsim.session.post(wxsim.url + "/_sim/encrypted-phone", json=order)
    assert answer.status_code == 400 and answer.json()["error"]


# ---- the program ----

def run(*args, env=None, cwd=None):
    return subprocess.run([os.path.join(bin_dir(), "wxsim"), *args], env=env or clean_env(),
                          capture_output=True, text=True, timeout=20, cwd=cwd)


def test_help_explains_settings_orders_and_every_fault(tmp_path):
    told = run("--help", cwd=tmp_path)
    assert told.returncode == 0
    for word in ("--listen", "--app", "--expires-in", "--overlap", "--code-ttl", "--latency",
                 "--seed", "login-code", "phone-code", "encrypted-phone", "displace", "release",
                 "stats"):
        assert word in told.stdout, word
    for kind in ("delay", "hang", "reset", "http500", "busy", "errcode", "garbage", "empty", "lost",
                 "hold", "truncated", "http502", "huge"):
        assert kind in told.stdout, kind


def test_version_and_check_config(tmp_path):
    assert run("--version", cwd=tmp_path).stdout.startswith("wxsim ")
    assert run("--check-config", "--app", "wxa:s", cwd=tmp_path).returncode == 0
    bad = run("--check-config", "--overlap", "3h", cwd=tmp_path)
    assert bad.returncode == 1 and "OVERLAP" in (bad.stdout + bad.stderr).upper()


def test_print_config_masks_the_secrets(tmp_path):
    told = run("--print-config", "--app", "wxa:topsecretvalue", "--expires-in", "900s",
               cwd=tmp_path)
    assert told.returncode == 0
    assert "900s" in told.stdout and "topsecretvalue" not in told.stdout + told.stderr


@pytest.mark.parametrize("args", [["--nonsense"], ["--expires-in", "soon"], ["--app", "wxa"],
                                  ["--listen", "nowhere"], ["--app", "wxa:s"] * 1001])
def test_bad_usage_ends_with_2_and_a_line(tmp_path, args):
    told = run(*args, cwd=tmp_path)
    assert told.returncode == 2
    assert told.stderr.strip()


def test_apps_may_stand_in_the_file_that_tokend_reads_them_from(make_wxsim, tmp_path, app):
    file, other = tmp_path / "apps.ini", App()
    file.write_text(f"[app {other.id}]\nsecret = {other.secret}\nmode = stable\n")
    wxsim = make_wxsim(c=file)
    assert wxsim.fetch(app)["access_token"] != wxsim.fetch(other)["access_token"]
    assert wxsim.fetch(other, secret="another")["errcode"] == 40125


def test_an_app_without_a_secret_is_refused(tmp_path):
    file = tmp_path / "apps.ini"
    file.write_text("[app wxa]\nmode = stable\n")
    told = run("-c", str(file), cwd=tmp_path)
    assert told.returncode == 2 and "[app wxa]: expected a secret" in told.stderr


def test_a_port_that_is_taken_ends_with_1(wxsim, tmp_path):
    told = run("--listen", f"127.0.0.1:{wxsim.port}", cwd=tmp_path)
    assert told.returncode == 1 and "listen" in told.stderr


def test_sighup_takes_a_good_file_over_and_keeps_the_old_settings_when_it_is_bad(
        make_wxsim, tmp_path):
    file = tmp_path / "wxsim.ini"
    file.write_text("expires_in = 100s\noverlap = 10s\n")
    wxsim = make_wxsim(c=file)
    assert wxsim.fetch()["expires_in"] == 100
    file.write_text("expires_in = nonsense\n")
    wxsim.process.signal(signal.SIGHUP)
    eventually(lambda: "config.refused" in wxsim.process.log())
    assert wxsim.fetch()["expires_in"] == 100
    file.write_text("expires_in = 50s\noverlap = 10s\n")
    wxsim.process.signal(signal.SIGHUP)
    eventually(lambda: wxsim.fetch()["expires_in"] == 50)


def test_sigterm_answers_what_waits_and_ends_with_0(make_wxsim, app):
    wxsim = make_wxsim()
    for kind in ("hold", "hang", "delay"):
        wxsim.fault(TOKEN, kind, ms=60000)
    held = Background(wxsim, app)
    eventually(lambda: wxsim.stats()["held"] == 1)
    hanging = Background(wxsim, app)
    eventually(lambda: wxsim.stats()["hanging"] == 1)
    delayed = Background(wxsim, app)
    eventually(lambda: wxsim.issued() == 2)
    wxsim.stop()
    assert "access_token" in held.join().json()
    assert "access_token" in delayed.join().json()
    assert isinstance(hanging.join(), requests.ConnectionError)


def test_neither_secrets_nor_tokens_nor_codes_reach_the_log(make_wxsim, app):
    wxsim = make_wxsim(log_level="debug")
    token, code = wxsim.fetch()["access_token"], wxsim.login_code(openid="oDave")
    user = wxsim.login(code)
    phone = wxsim.phone_code("13855550000")
    wxsim.phone(token, phone)
    wxsim.fetch(secret="not-the-secret")
    log = wxsim.process.log()
    assert TOKEN in log and "40125" in log
    for secret in (app.secret, token, code, phone, user["session_key"], "oDave", "13855550000",
                   "not-the-secret"):
        assert secret not in log


def test_requests_are_not_logged_by_default(wxsim):
    wxsim.fetch()
    assert TOKEN not in wxsim.process.log()
