"""The example mini program (examples/miniprogram), in a fake wx, against the real service."""
import os
import subprocess

from harness.process import clean_env
from harness.wait import eventually

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "miniprogram")
FAST = {"TOKEN_RETRY_MIN": "50ms", "LEASE_TTL": "1s"}


def test_the_example_mini_program_works_with_the_service(make_platform):
    platform = make_platform(tokend=FAST, loginsvc={})
    eventually(lambda: platform.loginsvc.get("/readyz").status_code == 200,
               what="loginsvc is ready")
    told = subprocess.run(
        ["node", "--test", "service.test.js"], cwd=FOLDER, capture_output=True, text=True,
        timeout=150, env=clean_env(LOGINSVC_URL=platform.loginsvc.url,
                                   WXSIM_URL=platform.wxsim.url, APPID=platform.app.id))
    assert told.returncode == 0, told.stdout + told.stderr
