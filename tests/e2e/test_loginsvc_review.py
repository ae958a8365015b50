"""loginsvc in odd conditions: settings that can never work, clients and a WeChat that behave unlike
the usual ones. Written from the contract: sections 1, 5.1 (document 002) and 5.3."""
import os
import signal
import sqlite3
import subprocess

from harness.apps import App, new_data_key, new_jwt_secret
from harness.daemons import Loginsvc
from harness.process import answers, bin_dir, clean_env


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
