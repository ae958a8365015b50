"""What a request needs that only the running services can give: codes, tokens, keys, persons."""
import itertools
import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import requests

from .apps import new_phone

KEYS = {scope: f"{scope}-key-{secrets.token_hex(12)}" for scope in ("read", "report", "admin")}
API_KEYS = ",".join(f"{scope}er:{key}:{scope}" for scope, key in KEYS.items())


@dataclass(frozen=True)
class Real:
    """Stands in a request for what World.make(name) gives when it is sent."""

    name: str


@dataclass
class Ask:
    """A request to be: body is what becomes JSON or a form, or bytes to be sent as they are."""

    operation: object
    path: dict = field(default_factory=dict)
    query: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    media: str = None
    body: object = None


@dataclass
class Person:
    openid: str
    token: str
    refresh_token: str
    id: int


class World:
    """Over a Platform with loginsvc, whose tokend has the KEYS."""

    def __init__(self, platform):
        self.platform, self.wxsim, self.app = platform, platform.wxsim, platform.app
        self.services = {"loginsvc": platform.loginsvc, "tokend": platform.tokend}
        self.private = set()    # what no log may say
        self.numbers = itertools.count()

    def _secret(self, text):
        self.private.add(text)
        return text

    def person(self, openid=None):
        """Somebody who has just logged in, by default for the first time."""
        openid = openid or f"oPerson{next(self.numbers)}"
        answer = self.platform.loginsvc.post("/v1/login", {
            "loginCode": self._secret(self.wxsim.login_code(openid=openid)), "device": "test"})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return Person(openid, self._secret(body["accessToken"]),
                      self._secret(body["refreshToken"]), body["user"]["id"])

    # ---- what Real stands for: make_NAME(person) ----

    def make(self, name, person):
        return getattr(self, f"make_{name}")(person)

    def make_LoginCode(self, person):
        openid = person.openid if person else f"oPerson{next(self.numbers)}"
        return self._secret(self.wxsim.login_code(openid=openid))

    def make_PhoneCode(self, _):
        return self._secret(self.wxsim.phone_code(self._secret(new_phone())))

    def make_RegisterTicket(self, person):
        body = {"phoneCode": self.make_PhoneCode(person)}
        answer = self.platform.loginsvc.post("/v1/login", body)
        return self._secret(answer.json()["registerTicket"])

    def make_RefreshToken(self, _):
        return self.person().refresh_token

    def make_Encrypted(self, person):
        return self.wxsim.encrypted_phone(person.openid, self._secret(new_phone()))

    def make_SessionId(self, person):
        other = self.person(person.openid)
        answer = self.platform.loginsvc.get("/v1/sessions", headers=bearer(other.token))
        return next(s["id"] for s in answer.json()["sessions"] if s["current"])

    def make_Token(self, _):
        return self.person().token

    def make_Appid(self, _):
        return self.app.id

    def make_ApiKey(self, _):
        return KEYS["read"]

    def make_Version(self, _):
        return self.platform.version()

    # ---- sending ----

    def fill(self, value, person):
        """The value with what its Reals stand for; encryptedData and iv belong together."""
        if isinstance(value, Real):
            return self.make(value.name, person)
        if isinstance(value, list):
            return [self.fill(each, person) for each in value]
        if not isinstance(value, dict):
            return value
        encrypted = None
        filled = {}
        for name, each in value.items():
            if each in (Real("EncryptedData"), Real("Iv")):
                encrypted = encrypted or self.make_Encrypted(person)
                filled[name] = encrypted["iv" if each.name == "Iv" else "encryptedData"]
            else:
                filled[name] = self.fill(each, person)
        return filled

    def authorization(self, operation, person):
        if operation.scheme == "session":
            return bearer(person.token)
        if operation.scheme == "apiKey":
            return bearer(KEYS[operation.scopes[0]])
        return {}

    def send(self, ask, authorization=None):
        """Returns the requests.Response; `filled` in it is the body that was sent, as an object."""
        return self.prepared(ask, authorization)()

    def prepared(self, ask, authorization=None):
        """Makes all that the request needs, for an operation on a user that user too; what it
        returns sends the request."""
        operation, person = ask.operation, None
        if authorization is None:
            person = self.person() if operation.scheme == "session" else None
            authorization = self.authorization(operation, person)
        path = operation.path
        for name, value in ask.path.items():
            path = path.replace("{%s}" % name, quote(str(self.fill(value, person)), safe=""))
        query = {k: v for k, v in self.fill(ask.query, person).items() if v is not None}
        headers = {**self.fill(ask.headers, person), **authorization}
        filled = self.fill(ask.body, person)

        def send():
            answer = self.request(operation.service, operation.method, path, query, headers,
                                  encode(filled, ask.media))
            answer.filled = filled
            return answer
        return send

    def request(self, service, method, path, query=None, headers=None, data=None):
        """As it is: the path is not made nicer, nor a Content-Type added."""
        daemon = self.services[service]
        call = requests.Request(method, daemon.url, headers=headers, data=data)
        prepared = daemon.session.prepare_request(call)
        prepared.url = daemon.url + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        answer = daemon.session.send(prepared, timeout=20, stream=path == "/v1/events",
                                     allow_redirects=False)
        if path == "/v1/events":
            take_first_of_stream(answer)
        return answer


def take_first_of_stream(answer):
    """What a stream says at once becomes the answer's body; an error is whole."""
    streams = answer.status_code == 200 and answer.request.method == "GET"
    answer._content = next(answer.iter_content(None), b"") if streams else answer.raw.read()
    answer._content_consumed = True
    answer.close()


def encode(body, media):
    if body is None or isinstance(body, bytes):
        return body
    if media == "application/x-www-form-urlencoded":
        return urlencode(body).encode()
    return json.dumps(body, ensure_ascii=False).encode()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}
