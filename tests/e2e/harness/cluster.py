"""Several tokends over one Redis, and what their consumers may expect whatever happens to it."""
import json
import os

import pytest

from .daemons import Tokend
from .platform import Platform
from .wait import eventually

LEASE_S = 1
QUICK = {"TOKEN_OVERLAP": "1s", "TOKEN_RETRY_MIN": "50ms", "TOKEN_RETRY_MAX": "200ms",
         "LEASE_TTL": f"{LEASE_S}s", "DRAIN_TIMEOUT": "1s"}
READ_S = 1.5         # no read over HTTP waits for Redis, which may take longer than this
MOST_WARNINGS = 12   # of a tokend in an outage: three of a kind, then they are only counted

several = pytest.mark.parametrize("tokends", [1, 3])   # alone, and with others


class Cluster(Platform):
    """`tokends` of them, with the settings `tokend`. ways: an object with url for each, that leads
    to the Redis (a Proxy), instead of the Redis itself. settle: begins with all of one mind."""

    def __init__(self, folder, tokends=3, tokend=None, ways=(), redis=None, settle=True, **wxsim):
        super().__init__(folder, tokend=tokend, redis=redis, way=next(iter(ways), None),
                         **wxsim)
        self.tokends, self.ways = [self.tokend], ways
        try:
            for number in range(1, tokends):
                where = os.path.join(str(folder), f"tokend-{number}")
                os.mkdir(where)
                self.tokends.append(self.stack.add(
                    Tokend(where, ways[number] if ways else self.redis, self.wxsim.url, self.app,
                           **(tokend or {}))))
            if settle:
                self.settled()
        except BaseException:
            self.stack.stop()
            raise

    def running(self):
        return [t for t in self.tokends if t.process.running()]

    def leaders(self):
        return [t for t in self.running() if t.get("/v1/apps").json()["leading"]]

    def leader(self, timeout=15):
        """The only one that leads, once there is exactly one."""
        return eventually(lambda: len(found := self.leaders()) == 1 and found[0], timeout,
                          what="one leader")

    def followers(self):
        leader = self.leader()
        return [t for t in self.running() if t is not leader]

    # ---- the network, where there are ways ----

    def way(self, tokend):
        return self.ways[self.tokends.index(tokend)]

    def slow_down(self, delay):
        for way in self.ways:
            way.delay = delay

    # ---- what HTTP says ----

    def served(self, tokend=None):
        """(status, token or the problem's code, version) of GET /v1/apps/A/token."""
        answer = (tokend or self.tokend).get(f"/v1/apps/{self.app.id}/token", timeout=READ_S)
        body = answer.json()
        return answer.status_code, body.get("access_token", body.get("code")), body.get("version")

    def all_serve(self, token, version):
        """For throughout(): every tokend hands out this one, and WeChat would take it."""
        for tokend in self.running():
            assert self.served(tokend) == (200, token, version), tokend.folder
        assert self.wxsim.check(token)["live"]

    def settled(self, token=None, version=None, timeout=15):
        """Waits until one leads and all of them and Redis agree on a token that lives, on this one
        if it is given."""
        def agree():
            mine = self.token(), self.version()
            assert mine[0] and (token is None or mine == (token, version)), mine
            assert len(self.leaders()) == 1
            self.all_serve(*mine)
            previous = self.redis.client.get(self.keys.previous)
            assert not previous or self.wxsim.check(previous)["live"], "a dead previous token"
            return mine
        return eventually(agree, timeout, what="all of one mind")

    def order(self, tokend=None):
        assert (tokend or self.tokend).post(
            f"/v1/apps/{self.app.id}/token/refresh").status_code == 202

    def order_in_a_failover(self):
        """As who is told 503, because a tokend only now finds the old master silent, and asks
        again."""
        eventually(lambda: self.order() or True, what="an order")

    # ---- what the log says ----

    def complains(self, tokend, words):
        """It says so, and does not flood its log."""
        warnings = self.lines(tokend)
        assert len(warnings) <= MOST_WARNINGS, warnings
        assert any(words in str(line) for line in warnings), warnings

    @staticmethod
    def lines(tokend, level="warn", event=None):
        """Its log's lines of this level and above, as dicts; of this event only, if given."""
        levels = ("debug", "info", "warn", "error")
        found = []
        for line in tokend.process.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if levels.index(entry["level"]) >= levels.index(level) and event in (None,
                                                                                 entry["event"]):
                found.append(entry)
        return found


def metric(tokend, name, **labels):
    """The value of one series of /metrics; None when there is none."""
    wanted = {f'{key}="{value}"' for key, value in labels.items()}
    for line in tokend.get("/metrics").text.splitlines():
        series, _, value = line.rpartition(" ")
        family, _, rest = series.partition("{")
        if family == name and wanted <= set(rest.rstrip("}").split(",")):
            return float(value)
    return None
