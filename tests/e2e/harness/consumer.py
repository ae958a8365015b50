"""A consumer that reads token and version from Redis every millisecond, a program of its own, and what
it saw: python3 consumer.py SOCKET TOKEN_KEY RECORD_KEY CHANNEL > sightings

It writes a line of JSON whenever what it reads changes: since when and until when (Unix ms, of the
moments before the reads) which token and version were there, and the longest pause between two
reads, which is the machine's doing. Redis away is told as such. What is published goes in between.
Its first line says that it has begun. It bears everything and ends on SIGTERM."""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

from .process import clean_env
from .wait import eventually

PERIOD_S = 0.001
STALLED_S = 1.0       # as long as an answer may take


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w)
                                              for w in (w.encode() for w in words))


class Link:
    """One connection to Redis that comes back by itself."""

    def __init__(self, path, request):
        self.path, self.request = path, request
        self.socket, self.pending = None, b""

    def drop(self):
        if self.socket:
            self.socket.close()
        self.socket, self.pending = None, b""

    def up(self):
        """True when it is connected; `greets` says the request is sent at once."""
        if self.socket:
            return True
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(STALLED_S)
        try:
            link.connect(self.path)
            self.socket = link
        except OSError:
            link.close()
        return self.socket is not None

    def send(self):
        self.socket.sendall(self.request)

    def receive(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise OSError("closed")
        self.pending += piece

    def value(self):
        """The next whole reply (str, None, int or list of such), or Link when more must come."""
        value, rest = parse(self.pending)
        if value is not Link:
            self.pending = rest
        return value


def parse(data):
    line, found, rest = data.partition(b"\r\n")
    if not found:
        return Link, data
    if line[:1] == b"$":
        n = int(line[1:])
        if n < 0:
            return None, rest
        return (rest[:n].decode(), rest[n + 2:]) if len(rest) >= n + 2 else (Link, data)
    if line[:1] == b"*":
        values = []
        for _ in range(int(line[1:])):
            value, rest = parse(rest)
            if value is Link:
                return Link, data
            values.append(value)
        return values, rest
    if line[:1] == b"-":
        raise OSError(line.decode())
    return line[1:].decode(), rest


class Watch:
    def __init__(self, path, token_key, record_key, channel):
        self.reads = Link(path, resp("GET", token_key) + resp("HGET", record_key, "version"))
        self.hears = Link(path, resp("SUBSCRIBE", channel))
        self.seen, self.since, self.until, self.n, self.pause = None, 0, 0, 0, 0

    def read(self):
        """(token, version), or "away"."""
        if not self.reads.up():
            return "away"
        try:
            self.reads.send()
            values = []
            while len(values) < 2:
                value = self.reads.value()
                if value is Link:
                    self.reads.receive()
                else:
                    values.append(value)
            return values
        except OSError:
            self.reads.drop()
            return "away"

    def hear(self):
        fresh = not self.hears.socket
        if not self.hears.up():
            return
        try:
            if fresh:
                self.hears.send()
            while select.select([self.hears.socket], [], [], 0)[0]:
                self.hears.receive()
            while (value := self.hears.value()) is not Link:
                if value[0] == "message":
                    self.tell(published=json.loads(value[2]), at=time.time() * 1000)
        except OSError:
            self.hears.drop()

    def tell(self, **what):
        print(json.dumps(what), flush=True)

    def end_of_run(self):
        if self.n:
            token, version = (None, None) if self.seen == "away" else self.seen
            self.tell(since=self.since, until=self.until, reads=self.n, pause_ms=self.pause,
                      away=self.seen == "away", token=token, version=version and int(version))

    def once(self):
        at = time.time() * 1000
        seen = self.read()
        pause = at - self.until if self.until else 0
        if seen != self.seen:
            self.end_of_run()
            self.seen, self.since, self.n, self.pause = seen, at, 0, 0
        self.until, self.n, self.pause = at, self.n + 1, max(self.pause, pause)
        self.hear()

    def run(self, stopped):
        self.tell(watching=True)
        at = time.monotonic()
        while not stopped:
            self.once()
            at = max(at + PERIOD_S, time.monotonic() - PERIOD_S)
            time.sleep(max(0, at - time.monotonic()))
        self.end_of_run()


class Consumer:
    """The program, running; what it saw, once it is stopped."""

    def __init__(self, folder, platform):
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.path = os.path.join(str(folder), "sightings")
        with open(self.path, "wb") as out, open(self.path + ".err", "wb") as err:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "harness.consumer", platform.redis.path,
                 platform.keys.token, platform.keys.record, platform.keys.refreshed],
                stdout=out, stderr=err, cwd=here, env=clean_env(PYTHONDONTWRITEBYTECODE=1))
        eventually(lambda: os.path.getsize(self.path), what="its first word")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        assert self.child.wait(10) == 0, open(self.path + ".err").read()

    def lines(self):
        with open(self.path) as told:
            return [json.loads(line) for line in told]

    def sightings(self):
        """Dicts with since, until, reads, pause_ms, away, token, version."""
        return [line for line in self.lines() if "since" in line]

    def published(self):
        """(version, expires_at) of each message."""
        messages = [line["published"] for line in self.lines() if "published" in line]
        return [(message["version"], message["expires_at"]) for message in messages]


def main():
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    Watch(*sys.argv[1:]).run(stopped)


if __name__ == "__main__":
    main()
