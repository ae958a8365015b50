"""Another stand-in for api.weixin.qq.com, so that what holds against wxsim is not a habit of wxsim.

Written from WeChat's documents alone and shares nothing with wxsim but the names of the orders
under /_sim/. Where the documents leave room it does otherwise: text/plain, spread-out JSON with
fields nobody asked for, lower-case headers, chunked answers, connections that it announces to
close and such that it closes when they have idled for a while, or HTTP/1.0 (--http 1.0). Its book
keeps every token with the moments of its issuance and of its death, and every use of a dead one.

A program of its own: python3 other_wechat.py --listen HOST:PORT --app APPID:SECRET …"""
import argparse
import asyncio
import json
import os
import secrets
import signal
import string
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

ALPHABET = string.ascii_letters + string.digits + "-_"
BODY_MAX = 1 << 20
IDLE_S = 0.7


def now_ms():
    return time.time() * 1000


# ---- the book ----

@dataclass
class Token:
    text: str
    appid: str
    family: str
    issued_at: float
    expires_at: float
    dies_at: float       # when WeChat no longer takes it, as far as is known now
    displaced: bool = False


@dataclass
class Family:
    """The tokens of one app from one endpoint: the last two may live."""
    tokens: list = field(default_factory=list)

    def issue(self, appid, name, rules, displaced=False):
        now = now_ms()
        if len(self.tokens) > 1:
            self.tokens[-2].dies_at = min(self.tokens[-2].dies_at, now)
        if self.tokens:
            self.tokens[-1].dies_at = min(self.tokens[-1].expires_at, now + rules.overlap_ms)
        text = "91_" + "".join(secrets.choice(ALPHABET) for _ in range(secrets.choice((137, 400))))
        end = now + rules.lifetime_ms
        self.tokens.append(Token(text, appid, name, now, end, end, displaced))
        return self.tokens[-1]


class Book:
    def __init__(self, apps, rules):
        self.secrets, self.rules = dict(apps), rules
        self.families = {}
        self.tokens = {}
        self.forced = {}             # appid -> when
        self.dead_uses = []          # (when, token's text or None, errcode)
        self.issued = 0

    def family(self, appid, name):
        return self.families.setdefault((appid, name), Family())

    def issue(self, appid, name, displaced=False):
        token = self.family(appid, name).issue(appid, name, self.rules, displaced)
        self.tokens[token.text] = token
        self.issued += 0 if displaced else 1
        return token

    def stable(self, appid, forced):
        """Normal: the same token until its last minutes. Forced: a new one, 30 s apart, 20 a
        day."""
        tokens, now = self.family(appid, "stable").tokens, now_ms()
        times = self.forced.setdefault(appid, [])
        if forced and (not times or now - times[-1] >= 30000):
            if len([t for t in times if now - t < 86400000]) >= 20:
                return None
            times.append(now)
            return self.issue(appid, "stable")
        if tokens and tokens[-1].expires_at - now > self.rules.overlap_ms:
            return tokens[-1]
        return self.issue(appid, "stable")

    def verdict(self, text):
        """0, or the errcode that a use of this token gets."""
        if not text:
            return 41001
        token, now = self.tokens.get(text), now_ms()
        if token and now < token.dies_at:
            return 0
        return 42001 if token and now >= token.expires_at else 40001

    def use(self, text):
        errcode = self.verdict(text)
        if errcode:
            self.dead_uses.append((now_ms(), text, errcode))
        return errcode


# ---- what it answers ----

WORDS = {-1: "system error", 40001: "invalid credential, access_token is invalid or not latest",
         40002: "invalid grant_type", 40013: "invalid appid", 40066: "invalid url",
         40125: "invalid appsecret", 41001: "access_token missing", 41002: "appid missing",
         41004: "appsecret missing", 42001: "access_token expired", 43002: "require POST method",
         45009: "reach max api daily quota limit"}


def refusal(errcode):
    rid = f"{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": errcode, "errmsg": f"{WORDS.get(errcode, 'refused')} rid: {rid}"}


class Wechat:
    """The simulated API: call(method, path, query, body) -> a dict."""

    def __init__(self, book):
        self.book = book

    def admit(self, fields):
        if not fields.get("appid"):
            return 41002
        if fields["appid"] not in self.book.secrets:
            return 40013
        if not fields.get("secret"):
            return 41004
        if fields["secret"] != self.book.secrets[fields["appid"]]:
            return 40125
        return 0 if fields.get("grant_type") == "client_credential" else 40002

    @staticmethod
    def give(token):
        left = int((token.expires_at - now_ms() + 50) // 1000)
        return {"debug": {"served_by": "other"}, "expires_in": left, "access_token": token.text}

    def token(self, method, query, body):
        errcode = self.admit(query)
        return refusal(errcode) if errcode else self.give(self.book.issue(query["appid"],
                                                                          "classic"))

    def stable_token(self, method, query, body):
        if method != "POST":
            return refusal(43002)
        try:
            fields = json.loads(body)
            assert isinstance(fields, dict)
        except (ValueError, AssertionError):
            return refusal(41002)
        errcode = self.admit(fields)
        if errcode:
            return refusal(errcode)
        token = self.book.stable(fields["appid"], fields.get("force_refresh") is True)
        return self.give(token) if token else refusal(45009)

    def ips(self, method, query, body):
        errcode = self.book.use(query.get("access_token"))
        return refusal(errcode) if errcode else {"ip_list": ["101.226.212.27", "58.246.220.31"]}

    ROUTES = {"/cgi-bin/token": token, "/cgi-bin/stable_token": stable_token,
              "/cgi-bin/get_api_domain_ip": ips, "/cgi-bin/getcallbackip": ips}

    def call(self, method, path, query, body):
        route = self.ROUTES.get(path)
        return route(self, method, query, body) if route else refusal(40066)


# ---- orders ----

@dataclass
class Fault:
    path: str
    kind: str      # hold: carried out, answered at the release; late: both at the release;
    times: int     # delay: answered `ms` later; errcode: refused; lost: carried out, then closed
    ms: float = 0
    errcode: int = -1


class Control:
    """GET and POST /_sim/NAME, as wxsim has them where both have them."""

    def __init__(self, book):
        self.book, self.faults, self.calls, self.waiting = book, [], {}, []

    def fault_of(self, path):
        for fault in self.faults:
            if fault.times and (fault.path == "*" or path.startswith(fault.path)):
                fault.times -= 1
                return fault
        return None

    def count(self, path, answer):
        outcome = str(answer.get("errcode", "ok")) if answer else "lost"
        of_path = self.calls.setdefault(path, {})
        of_path[outcome] = of_path.get(outcome, 0) + 1

    async def until_released(self):
        released = asyncio.get_running_loop().create_future()
        self.waiting.append(released)
        await released

    def order(self, name, fields):
        carry_out = getattr(self, "order_" + name, None)
        return carry_out(**fields) if carry_out else None

    def order_fault(self, **fields):
        self.faults.append(Fault(**fields))
        return {}

    def order_release(self):
        released, self.waiting = self.waiting, []
        for future in released:
            future.set_result(None)
        return {"released": len(released)}

    def order_displace(self, appid, family="classic", times=1):
        for _ in range(times):
            self.book.issue(appid, family, displaced=True)
        return {"displaced": times}

    def order_check(self, token):
        known, live = self.book.tokens.get(token), self.book.verdict(token) == 0
        if not known:
            return {"live": False, "rank": "unknown", "usable_for_ms": 0}
        newer = [t.text for t in self.book.family(known.appid, known.family).tokens[-2:][::-1]]
        rank = dict(zip(newer, ("current", "previous"))).get(token, "old")
        return {"live": live, "rank": rank, "appid": known.appid, "family": known.family,
                "usable_for_ms": max(0, int(known.dies_at - now_ms()))}

    def order_stats(self):
        return {"issued": self.book.issued, "held": len(self.waiting), "calls": self.calls,
                "dead_token_uses": len(self.book.dead_uses),
                "faults": len([f for f in self.faults if f.times])}

    def order_issuances(self):
        return {"issuances": [{"token": t.text, "appid": t.appid, "family": t.family,
                               "at": t.issued_at, "dies_at": t.dies_at, "displaced": t.displaced}
                              for t in self.book.tokens.values()]}

    def order_reset(self, **_):
        self.faults, self.calls, self.book.dead_uses, self.book.issued = [], {}, [], 0
        return self.order_release()


# ---- HTTP ----

class Server:
    def __init__(self, book, options):
        self.wechat, self.control = Wechat(book), Control(book)
        self.http, self.latency_s = options.http, options.latency / 1000
        self.answers = 0

    @staticmethod
    async def read(reader):
        """(method, path, query, body or None without a length); None at the end."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {n.strip().lower(): v.strip() for n, _, v in
                   (line.partition(":") for line in head[1:] if line)}
        length = headers.get("content-length")
        assert int(length or 0) <= BODY_MAX
        body = await reader.readexactly(int(length)) if length else None
        url = urlsplit(target)
        return method, url.path, dict(parse_qsl(url.query)), body

    def write(self, writer, answer, status="200 OK"):
        """True when the connection stays."""
        self.answers += 1
        body = (json.dumps(answer, indent=2) + "\n").encode() if answer is not None else b""
        stays = self.http == "1.1" and self.answers % 5 != 0
        head = f"HTTP/{self.http} {status}\r\nserver: other\r\ncontent-type: text/plain\r\n"
        if not stays and self.http == "1.1":
            head += "connection: close\r\n"
        if self.http == "1.1" and self.answers % 2:
            head += "transfer-encoding: chunked\r\n\r\n"
            half = len(body) // 2
            body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n"
                            for part in (body[:half], body[half:]) if part) + b"0\r\n\r\n"
        else:
            head += f"content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return stays

    async def answer(self, method, path, query, body):
        """The answer, or None for none at all."""
        fault = self.control.fault_of(path)
        kind = fault.kind if fault else None
        if kind == "late":
            await self.control.until_released()
        answer = (refusal(fault.errcode) if kind == "errcode"
                  else self.wechat.call(method, path, query, body))
        answer_counted = None if kind == "lost" else answer
        self.control.count(path, answer_counted)
        if kind == "hold":
            await self.control.until_released()
        await asyncio.sleep(self.latency_s + (fault.ms / 1000 if kind == "delay" else 0))
        return answer_counted

    async def one(self, reader, writer, idle_s):
        """One call; True when another may follow on this connection, "order" after an order."""
        method, path, query, body = await asyncio.wait_for(self.read(reader), idle_s)
        if path.startswith("/_sim/"):
            told = self.control.order(path[len("/_sim/"):], json.loads(body) if body else {})
            status = "200 OK" if told is not None else "404 Not Found"
            return self.write(writer, told, status) and "order"
        if method == "POST" and body is None:
            return self.write(writer, None, "412 Precondition Failed")
        answer = await self.answer(method, path, query, body)
        return answer is not None and self.write(writer, answer)

    async def serve(self, reader, writer):
        try:
            stays = await self.one(reader, writer, None)
            while stays:
                await writer.drain()
                stays = await self.one(reader, writer, None if stays == "order" else IDLE_S)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()


async def run(options):
    book = Book((pair.split(":") for pair in options.app), options)
    host, port = options.listen.split(":")
    server = Server(book, options)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.start_server(server.serve, host, int(port))
    await stop.wait()
    os._exit(0)   # whatever is held is held for ever


def ms(text):
    return float(text[:-2]) if text.endswith("ms") else float(text.rstrip("s")) * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--app", action="append", required=True)
    parser.add_argument("--expires-in", type=ms, default=7200000, dest="lifetime_ms")
    parser.add_argument("--overlap", type=ms, default=300000, dest="overlap_ms")
    parser.add_argument("--latency", type=ms, default=0)
    parser.add_argument("--http", choices=("1.0", "1.1"), default="1.1")
    asyncio.run(run(parser.parse_args()))
