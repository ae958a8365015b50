"""The stand-ins for api.weixin.qq.com: starting one, steering it, asking its books."""
import os
import sys

import requests

from .process import Process, answers, bin_dir, clean_env, start_on_free_port


class Wxsim:
    """A running wxsim, or another program that takes the same options and orders (OtherWechat).
    Calls to the simulated API go through get/post, orders through the named methods; an order that
    it refuses is an error of the test."""

    name = "wxsim"

    def command(self):
        return [os.path.join(bin_dir(), "wxsim")]

    def __init__(self, folder, apps, **options):
        """options: settings by their long names, expires_in="2s" for --expires-in 2s."""
        self.apps = list(apps)
        def make(port):
            argv = [*self.command(), "--listen", f"127.0.0.1:{port}"]
            for app in self.apps:
                argv += ["--app", f"{app.id}:{app.secret}"]
            for name, value in options.items():
                dashes = "-" if len(name) == 1 else "--"
                argv += [dashes + name.replace("_", "-"), str(value)]
            log_path = os.path.join(folder, f"{self.name}-{port}.log")
            return Process(self.name, argv, log_path, clean_env(), cwd=str(folder))

        self.process, self.port = start_on_free_port(
            make, lambda port: answers(f"http://127.0.0.1:{port}/_sim/stats"))
        self.url = f"http://127.0.0.1:{self.port}"
        self.session = requests.Session()

    def stop(self):
        self.session.close()
        self.process.stop()

    # ---- the simulated API ----

    def get(self, path, timeout=10, **query):
        return self.session.get(self.url + path, params=query, timeout=timeout)

    def post(self, path, body, timeout=10, **query):
        return self.session.post(self.url + path, params=query, json=body, timeout=timeout)

    def fetch(self, app=None, **changes):
        """GET /cgi-bin/token; a change to None leaves the parameter out."""
        app = app or self.apps[0]
        query = dict(grant_type="client_credential", appid=app.id, secret=app.secret)
        query.update(changes)
        return self.get("/cgi-bin/token", **query).json()

    def fetch_stable(self, app=None, **changes):
        app = app or self.apps[0]
        body = dict(grant_type="client_credential", appid=app.id, secret=app.secret)
        body.update(changes)
        return self.post("/cgi-bin/stable_token", body).json()

    def login(self, code, app=None, **changes):
        app = app or self.apps[0]
        query = dict(grant_type="authorization_code", appid=app.id, secret=app.secret, js_code=code)
        query.update(changes)
        return self.get("/sns/jscode2session", **query).json()

    def phone(self, token, code, **body):
        return self.post("/wxa/business/getuserphonenumber", dict(body, code=code),
                         access_token=token).json()

    def probe(self, token):
        """The cheapest call that needs a token."""
        return self.get("/cgi-bin/get_api_domain_ip", access_token=token).json()

    # ---- orders ----

    def order(self, name, **fields):
        answer = self.session.post(f"{self.url}/_sim/{name}", json=fields, timeout=10)
        assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.text}"
        return answer.json()

    def stats(self):
        return self.session.get(self.url + "/_sim/stats", timeout=10).json()

    def calls(self, path, outcome=None):
        """How often the path was called, or called with this outcome."""
        outcomes = self.stats()["calls"].get(path, {})
        return outcomes.get(outcome, 0) if outcome else sum(outcomes.values())

    def issued(self):
        return self.stats()["issued"]

    def login_code(self, **fields):
        return self.order("login-code", **fields)["code"]

    def phone_code(self, phone, **fields):
        return self.order("phone-code", phone=phone, **fields)["code"]

    def encrypted_phone(self, openid, phone, **fields):
        """What the user's mini program gets in e.detail of getPhoneNumber: {"encryptedData",
        "iv"}."""
        return self.order("encrypted-phone", openid=openid, phone=phone, **fields)

    def fault(self, path, kind, times=1, **fields):
        self.order("fault", path=path, kind=kind, times=times, **fields)

    def release(self):
        return self.order("release")["released"]

    def displace(self, app=None, **fields):
        self.order("displace", appid=(app or self.apps[0]).id, **fields)

    def set_app(self, app=None, **fields):
        self.order("app", appid=(app or self.apps[0]).id, **fields)

    def check(self, token):
        """What the books say of a token: {"live", "rank", "usable_for_ms", …}."""
        return self.order("check", token=token)

    def issuances(self, app=None, family="classic"):
        """Who was issued which token when, and when it died or will: dicts with token, at, dies_at
        (Unix ms) and displaced, in order."""
        told = self.session.get(f"{self.url}/_sim/issuances", timeout=10).json()
        app = app or self.apps[0]
        mine = [i for i in told["issuances"] if (i["appid"], i["family"]) == (app.id, family)]
        for number, i in enumerate(mine):
            if "dies_at" not in i:
                later = [n["at"] for n in mine[number + 1:number + 3]]
                ends = [i["at"] + told["lifetime_ms"]]
                ends += [at + told["overlap_ms"] for at in later[:1]] + later[1:]
                i["dies_at"] = min(ends)
        return mine

    def reset(self, **fields):
        return self.order("reset", **fields)


class OtherWechat(Wxsim):
    """A running other_wechat.py."""

    name = "other-wechat"

    def command(self):
        here = os.path.dirname(os.path.abspath(__file__))
        return [sys.executable, os.path.join(here, "other_wechat.py")]
