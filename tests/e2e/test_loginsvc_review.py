"""loginsvc in odd conditions: settings that can never work, clients and a WeChat that behave unlike
the usual ones. Written from the contract: sections 1, 5.1 (document 002) and 5.3."""
import http.server
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from harness.apps import App, new_data_key, new_jwt_secret, new_phone
from harness.daemons import Loginsvc
from harness.keys import Keys
from harness.process import answers, bin_dir, clean_env
from harness.wait import eventually


def check_config(folder, *argv, **changes):
    """loginsvc --check-config; a change to None leaves the setting out."""
    app = App()
    settings = {"WECHAT_APPID": app.id, "WECHAT_SECRET": app.secret,
                "JWT_SECRET": new_jwt_secret(), "DATA_KEY": new_data_key(), **changes}
    return subprocess.run([os.path.join(bin_dir(), "loginsvc"), "--check-config", *argv],
                          cwd=folder, env=clean_env(**settings), capture_output=True, text=True,
                          timeout=20)


def test_check_config_finds_every_setting_that_would_keep_the_service_from_starting(tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
    assert check_config(tmp_path).returncode == 0
    for name, bad in [
            ("JWT_PRIVATE_KEY", check_config(tmp_path, JWT_SECRET=None, JWT_PRIVATE_KEY_FILE=key)),
            ("JWT_ISSUER", check_config(tmp_path, "--set", "jwt_issuer=")),
            ("appid", check_config(tmp_path, WECHAT_APPID="wx" + "a" * 31))]:
        assert bad.returncode == 1 and name in bad.stdout + bad.stderr, (name, bad)


def heeds_reloads(process):
    """Does SIGHUP not end the process any more?"""
    with open(f"/proc/{process.pid}/status") as status:
        sets = dict(line.split(":", 1) for line in status)
    return any(int(sets[name], 16) & 1 << (signal.SIGHUP - 1)
               for name in ("SigBlk", "SigIgn", "SigCgt"))


def test_a_reload_asked_for_while_the_service_starts_is_not_lost(tmp_path, stack, redis, wxsim):
    ini, later = tmp_path / "apps.ini", App()
    ini.write_text("")
    service = stack.add(Loginsvc(tmp_path, redis, wxsim.url, wxsim.apps[0], argv=["-c", ini]))
    service.stop()
    writer = sqlite3.connect(service.database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # the start waits for it

    def ready():
        if writer.in_transaction and heeds_reloads(service.process):
            ini.write_text(f"[app {later.id}]\nsecret = {later.secret}\n")
            service.process.signal(signal.SIGHUP)
            writer.execute("ROLLBACK")
        return answers(service.url + "/healthz")()

    service.process.start(ready)
    writer.close()
    refused = service.post("/v1/login", {"appid": later.id, "loginCode": "x" * 32})
    assert refused.json()["code"] != "unknown_app"


# ---- another WeChat than wxsim ----

class OddWechat(http.server.ThreadingHTTPServer):
    """Answers the two exchanges of a login; each test says in which manner."""

    daemon_threads = True

    def __init__(self, app, **manner):
        self.app, self.phone, self.manner, self.calls = app, new_phone(), manner, []
        version = manner.get("version", "HTTP/1.1")
        super().__init__(("127.0.0.1", 0),
                         type("Handler", (OddHandler,), {"protocol_version": version}))
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class OddHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"openid": "oOdd", "session_key": "HyVFkGl5F5OQWJZZaNzBBg==", "unionid": None})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        phone, country = self.server.phone, "86"
        if self.server.manner.get("numbers"):
            phone, country = int(phone), 86
        self.answer({"errcode": "0", "errmsg": "ok", "more": [{"a": None}], "phone_info": {
            "phoneNumber": phone, "purePhoneNumber": phone, "countryCode": country,
            "watermark": {"timestamp": str(int(time.time())), "appid": self.server.app.id}}})

    def answer(self, what):
        manner = self.server.manner
        self.server.calls.append(self.path.split("?")[0])
        body = json.dumps(what, indent=manner.get("indent")).encode()
        self.send_response(200)
        self.send_header("content-type", manner.get("type", "application/json"))
        if manner.get("chunk"):
            self.send_header("transfer-encoding", "chunked")
        elif not manner.get("no_length"):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.write(body, manner.get("chunk"), manner.get("pause", 0))

    def write(self, body, chunk, pause):
        for i in range(0, len(body), chunk or 16):
            piece = body[i:i + (chunk or 16)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunk else piece)
            time.sleep(pause)
        if chunk:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("manner", [
    {"version": "HTTP/1.0", "no_length": True}, {"version": "HTTP/1.0"},
    {"type": "text/plain", "indent": 4}, {"numbers": True}, {"chunk": 7}, {"pause": 0.01}],
    ids=lambda manner: "-".join(manner))
def test_logins_succeed_whatever_the_manner_of_wechats_answers(tmp_path, stack, redis, manner):
    app = App()
    keys = Keys(app)
    wechat = stack.add(OddWechat(app, **manner))
    redis.client.hset(keys.record, mapping={"access_token": "a-token", "version": 1})
    redis.client.pexpire(keys.record, 60000)
    service = stack.add(Loginsvc(tmp_path, redis, wechat.url, app))
    eventually(lambda: service.get("/readyz").json()["checks"]["apps_without_token"] == 0,
               what="loginsvc has the token")
    for n in range(3):
        body = service.post("/api/user/login", {"loginCode": f"l{n}", "phoneCode": f"p{n}"}).json()
        assert body["code"] == 200 and body["data"]["userInfo"]["phone"] == wechat.phone
    assert len(wechat.calls) == 6
