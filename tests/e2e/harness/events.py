"""A client of GET /v1/events, as a browser's EventSource is one."""
import http.client
import json
import socket
import threading
from urllib.parse import urlencode

from .wait import eventually


class Listener:
    """Listens until stop(), in a thread of its own. Does not connect again by itself."""

    def __init__(self, tokend, last_id=None, path="/v1/events", headers=None, **query):
        self.events = []        # (id, name, data) in the order in which they came
        self.comments = 0
        self.last_id = last_id or ""
        self.text = ""          # all of it
        self.ended = threading.Event()
        headers = dict(headers or {}, **({"Last-Event-ID": last_id} if last_id else {}))
        connection = http.client.HTTPConnection("127.0.0.1", tokend.port, timeout=60)
        connection.request("GET", f"{path}?{urlencode(query, doseq=True)}", headers=headers)
        self.socket = connection.sock
        self.answer = connection.getresponse()
        self.status = self.answer.status
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        waiting = b""
        try:
            while piece := self.answer.read1(65536):
                *blocks, waiting = (waiting + piece).split(b"\n\n")
                for block in blocks:
                    self._take(block.decode())
        except (OSError, http.client.HTTPException):
            pass                # the connection broke
        self.ended.set()

    def _take(self, block):
        self.text += block + "\n\n"
        fields = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            else:
                self.comments += 1
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            self.events.append((fields.get("id"), fields.get("event"), json.loads(fields["data"])))

    def connected(self):
        """Waits until it was told where "now" is: what happens from here on is heard."""
        assert self.status == 200
        eventually(lambda: self.last_id, what="the first id")
        return self

    def names(self):
        return [name for _, name, _ in self.events]

    def ids(self):
        return [id for id, _, _ in self.events]

    def await_count(self, count, timeout=20):
        eventually(lambda: len(self.events) >= count, timeout, what=f"{count} events")
        return self.events

    def await_event(self, name, timeout=20):
        return eventually(lambda: next((e for e in self.events if e[1] == name), None), timeout,
                          what=f"the event {name}")

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass                # it is closed
        self.thread.join(10)
        self.answer.close()
        self.socket.close()


HAPPEN = """
local id = redis.call('XADD', KEYS[1], unpack(ARGV))
redis.call('PUBLISH', KEYS[1], id)
return id
"""


def happen(redis, keys, event="reported", at="*", **fields):
    """What tokend's scripts do when something happens. Returns the entry's id, `at` if given."""
    pairs = [part for pair in fields.items() for part in pair]
    return redis.client.eval(HAPPEN, 1, keys.events, at, "event", event, *pairs)


def in_streams(redis, apps_keys, after=None):
    """The ids that a listener must have been given, in order, after the one with this id."""
    found = []
    for app, keys in apps_keys:
        found += [(tuple(map(int, id.split("-"))), app.id, f"{id}:{app.id}")
                  for id, _ in redis.client.xrange(keys.events)]
    if after:
        id, _, appid = after.partition(":")
        place = (tuple(map(int, id.split("-"))), appid)
        found = [f for f in found if f[:2] > place]
    return [f[2] for f in sorted(found)]
