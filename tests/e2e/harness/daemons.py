"""tokend and loginsvc, started through their environment as the contract describes it."""
import os

import requests

from .apps import new_data_key, new_jwt_secret
from .process import Process, answers, bin_dir, clean_env, start_on_free_port


class Daemon:
    """A running daemon with an HTTP client for it."""

    name = None
    listen = None          # its setting for the address
    ready_path = "/healthz"

    def __init__(self, folder, argv=(), **settings):
        self.folder, self.settings = str(folder), settings
        self.session = requests.Session()
        log_path = os.path.join(self.folder, f"{self.name}.log")

        def make(port):
            env = clean_env(**{self.listen: f"127.0.0.1:{port}", "LOG_FORMAT": "json",
                               "LOG_LEVEL": "debug", **settings})
            return Process(self.name, [os.path.join(bin_dir(), self.name), *argv], log_path, env,
                           cwd=self.folder)

        self.process, self.port = start_on_free_port(
            make, lambda port: answers(f"http://127.0.0.1:{port}{self.ready_path}"))
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path, timeout=15, **kw):
        return self.session.get(self.url + path, timeout=timeout, **kw)

    def post(self, path, body=None, timeout=15, **kw):
        return self.session.post(self.url + path, json=body, timeout=timeout, **kw)

    def stop(self):
        self.session.close()
        self.process.stop()

    def start_again(self):
        """The same program with the same settings on the same port, after stop or kill."""
        self.session = requests.Session()
        self.process.start(answers(self.url + self.ready_path))


class Tokend(Daemon):
    name, listen = "tokend", "TOKEND_LISTEN"

    def __init__(self, folder, redis, wechat_url, app=None, **settings):
        one_app = {"WECHAT_APPID": app.id, "WECHAT_SECRET": app.secret} if app else {}
        super().__init__(folder, REDIS_URL=redis.url, WECHAT_API_BASE=wechat_url,
                         **{**one_app, **settings})


class Loginsvc(Daemon):
    name, listen = "loginsvc", "LOGINSVC_LISTEN"

    def __init__(self, folder, redis, wechat_url, app=None, **settings):
        one_app = {"WECHAT_APPID": app.id, "WECHAT_SECRET": app.secret} if app else {}
        self.database = os.path.join(str(folder), "users.db")
        super().__init__(folder, **{
            "REDIS_URL": redis.url, "WECHAT_API_BASE": wechat_url,
            "DATABASE_URL": f"sqlite:///{self.database}",
            "JWT_SECRET": new_jwt_secret(), "DATA_KEY": new_data_key(),
            **one_app, **settings})
