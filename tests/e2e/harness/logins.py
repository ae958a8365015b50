"""What the tests of loginsvc do again and again: codes, logins, bearers, more instances."""
import base64
import json
import os

import requests
from requests.adapters import HTTPAdapter

from .apps import new_phone
from .daemons import Loginsvc
from .wait import eventually

FAST = {"TOKEN_RETRY_MIN": "50ms", "LEASE_TTL": "1s"}   # a tokend that is soon there
PHONE_PATH = "/wxa/business/getuserphonenumber"
SESSION_PATH = "/sns/jscode2session"


def await_ready(*services):
    for service in services:
        eventually(lambda: service.get("/readyz").status_code == 200, what="loginsvc is ready")


def ready_platform(make_platform, **parts):
    """A platform with loginsvc, ready for logins."""
    platform = make_platform(**{"tokend": FAST, "loginsvc": {}, **parts})
    await_ready(platform.loginsvc)
    return platform


def another_instance(platform, **changes):
    """One more loginsvc on the platform's Redis, WeChat and database, with the same keys."""
    first = platform.loginsvc
    folder = os.path.join(first.folder, f"instance-{len(platform.stack.servers)}")
    os.mkdir(folder)
    settings = {name: value for name, value in first.settings.items() if value is not None}
    for given in ("REDIS_URL", "WECHAT_API_BASE"):
        settings.pop(given)
    wechat = changes.pop("WECHAT_API_BASE", platform.wxsim.url)
    added = platform.stack.add(Loginsvc(folder, platform.redis, wechat, **{**settings, **changes}))
    await_ready(added)
    return added


def both_codes(platform, openid=None, phone=None, app=None, names=("loginCode", "phoneCode")):
    who = {"openid": openid} if openid else {}
    where = {"appid": app.id} if app else {}
    return {names[0]: platform.wxsim.login_code(**who, **where),
            names[1]: platform.wxsim.phone_code(phone or new_phone(), **where)}


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def log_in(platform, service=None, **who):
    """POST /v1/login with both codes; the answer."""
    answer = (service or platform.loginsvc).post("/v1/login", both_codes(platform, **who))
    assert answer.status_code == 200, answer.text
    return answer.json()


def claims_of(jwt):
    """What a JWT says of itself, unchecked."""
    text = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class FromAddress(HTTPAdapter):
    """Sends from another address of the loopback network."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **kw):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kw)


def session_from(address):
    session = requests.Session()
    session.mount("http://", FromAddress(address))
    return session
