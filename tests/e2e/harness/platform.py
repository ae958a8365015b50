"""The whole of it: Redis, wxsim, tokend and loginsvc, wired as an operator would."""
import redis

from .apps import App
from .daemons import Loginsvc, Tokend
from .keys import Keys
from .redis_server import RedisServer
from .stack import Stack
from .wait import eventually
from .wxsim import Wxsim


class Platform:
    """wxsim's options go by their names (expires_in="2s"); the daemons' settings are given as
    tokend={"TOKEN_MODE": "stable"}, loginsvc={…}; loginsvc=None leaves loginsvc out. `redis` is
    what to use instead of a plain server of its own: it has url, client and stop(). `way` has the
    url that leads tokend there, if it is another one. `wechat`: Wxsim or OtherWechat."""

    def __init__(self, folder, tokend=None, loginsvc=None, redis=None, way=None, wechat=Wxsim,
                 **wxsim):
        self.folder, self.app, self.stack = folder, App(), Stack()
        self.keys = Keys(self.app)
        try:
            self.redis = self.stack.add(redis or RedisServer(folder).start())
            self.wxsim = self.stack.add(wechat(folder, [self.app], **wxsim))
            where = (folder, self.redis, self.wxsim.url, self.app)
            self.tokend = self.stack.add(
                Tokend(folder, way or self.redis, self.wxsim.url, self.app, **(tokend or {})))
            self.loginsvc = None
            if loginsvc is not None:
                self.await_token()
                self.loginsvc = self.stack.add(Loginsvc(*where, **loginsvc))
        except BaseException:
            self.stack.stop()
            raise

    # ---- Redis, as any consumer sees it ----

    def token(self):
        return self._read(self.redis.client.get, self.keys.token)

    def version(self):
        version = self._read(self.redis.client.hget, self.keys.record, "version") or ""
        return int(version) if version.isdecimal() else 0

    @staticmethod
    def _read(command, *args):
        """What it gives; None also when a key is of another kind."""
        try:
            return command(*args)
        except redis.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise

    def await_token(self):
        return eventually(self.token, what="a token in Redis")

    def await_version(self, at_least, timeout=15):
        return eventually(lambda: self.version() >= at_least and self.version(), timeout,
                          what=f"version {at_least}")

    # ---- the end ----

    def secrets(self):
        """What no log may contain."""
        return [self.app.secret, *(self.loginsvc.settings[name] for name in
                                   ("JWT_SECRET", "DATA_KEY") if self.loginsvc)]

    def stop(self):
        self.stack.stop()
        for daemon in filter(None, (self.tokend, self.loginsvc)):
            for secret in self.secrets():
                assert secret not in daemon.process.log(), f"{daemon.name} logs a secret"
