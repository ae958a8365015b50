"""Requests made from docs/openapi.yaml, as hypothesis strategies: such as it allows, and such as it
does not."""
import json
import string

from hypothesis import strategies as st

from .openapi_world import Ask, Real

REAL = ("LoginCode", "PhoneCode", "RegisterTicket", "RefreshToken", "EncryptedData", "Iv",
        "SessionId", "Appid", "ApiKey")
CANARY = "canary-7f3a9c51"   # marks what no log may repeat
SHORT = 1300                 # fits before a body, also when each character takes 12 bytes there
FORM = "application/x-www-form-urlencoded"
ODD_TYPES = ["application/json; charset=gbk", "APPLICATION/JSON", "text/plain", "application/xml",
             "multipart/form-data; boundary=x", FORM, "nonsense", CANARY]

plain_text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=60)

odd_text = st.one_of(
    st.sampled_from(["", " ", "a b", "\0", "a\0b", "\n", "\x1f", "\x7f", "登录", "😀", "\u202e\ufeff",
                     "\uffff", "x" * 256, "x" * 257, "登" * 86, "x" * 1400, "登" * 400, "x" * 4097,
                     "%00%zz", "{}", "null", "' OR 1=1 --", "../../etc/passwd",
                     CANARY, CANARY * 200, "x" * 70000]),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=40))

odd_value = st.one_of(
    odd_text, st.none(), st.booleans(), st.integers(), st.just(10 ** 30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([[], {}, ["x"], {"a": None}, [[[[]]]], {CANARY: [CANARY]}]))

extra_fields = st.dictionaries(
    st.sampled_from(["__proto__", "code2", "openid", "user_id", "$ne", CANARY, "é", "x" * 80]),
    st.one_of(plain_text, st.none(), st.integers(-9, 9), st.just([1, {"a": None}])), max_size=2)


# ---- what the document allows ----

def merged(document, schema):
    """The schema and the one that it refers to, as one."""
    return {**document.look_up(schema["$ref"]), **schema} if "$ref" in schema else schema


def value_of(document, schema):
    """A value that the schema allows, a Real where only the services can make one."""
    name = schema.get("$ref", "").rpartition("/")[2]
    whole = merged(document, schema)
    types = whole.get("type", [])
    types = [types] if isinstance(types, str) else types
    nothing = [st.sampled_from([None, ""])] if "null" in types else []
    if name in REAL:
        return st.one_of(st.just(Real(name)), *nothing)
    if "const" in whole:
        return st.just(whole["const"])
    if "enum" in whole:
        return st.sampled_from(whole["enum"])
    if "array" in types:
        return st.lists(value_of(document, whole["items"]), max_size=3)
    if "integer" in types:
        return st.integers(whole.get("minimum", -2 ** 63), whole.get("maximum", 2 ** 63 - 1))
    if "boolean" in types:
        return st.booleans()
    assert "string" in types, f"no strategy for {schema}"
    if name == "EventId":
        return st.from_regex(whole["pattern"], fullmatch=True)
    return st.one_of(plain_text, *nothing).filter(lambda v: document.allows(schema, v))


def field_of(document, name, schema):
    value = value_of(document, schema)
    return st.one_of(value, st.just(Real("Version"))) if name == "version" else value


@st.composite
def bodies(draw, document, schema):
    whole = merged(document, schema)
    needed = set(whole.get("required", []))
    if "anyOf" in whole:
        needed |= set(draw(st.sampled_from(whole["anyOf"]))["required"])
    body = {}
    for name, each in whole["properties"].items():
        if name in needed or draw(st.booleans()):
            value = field_of(document, name, each)
            if name in needed and _may_be_null(each):
                value = value.filter(bool)
            body[name] = draw(value)
    return body


def _may_be_null(schema):
    """It refers to a schema that allows null, so that a required field must be drawn again."""
    return "$ref" in schema and schema.get("type") != "string"


@st.composite
def valid(draw, document, operation):
    ask = Ask(operation)
    for parameter in operation.parameters:
        place = {"path": ask.path, "query": ask.query, "header": ask.headers}[parameter["in"]]
        if parameter["name"] == "Referer":
            continue          # names an app, too: see what the tests of apps do
        if parameter.get("required") or draw(st.booleans()):
            value = value_of(document, parameter["schema"])
            place[parameter["name"]] = draw(value.filter(lambda v: v is not None))
    media = draw(st.sampled_from(list(operation.bodies()) or [None]))
    if media:
        ask.media, ask.body = media, draw(bodies(document, operation.bodies()[media]))
        if media == FORM:
            ask.body = {k: v for k, v in ask.body.items() if isinstance(v, (str, Real))}
        else:
            ask.body.update(draw(extra_fields))
        odd = [t for t in ODD_TYPES if media != FORM or "json" not in t.lower()]
        ask.headers["Content-Type"] = draw(st.sampled_from([media, media, *odd]))
    return ask


# ---- what it does not ----

@st.composite
def spoilt(draw, document, operation):
    """A valid request with some field or parameter lost, or replaced by anything. It may still be
    valid: ask the document."""
    ask = draw(valid(document, operation))
    places = [(p, name) for p in (ask.body, ask.query) if p for name in p]
    if isinstance(ask.body, dict):
        schema = merged(document, operation.bodies()[ask.media])
        places += [(ask.body, name) for name in schema["properties"]]
    for _ in range(draw(st.integers(1, 2)) if places else 0):
        place, name = draw(st.sampled_from(places))
        if draw(st.integers(0, 3)) == 0:
            place.pop(name, None)
        else:
            value = odd_value
            if place is ask.query:
                value = odd_text.filter(lambda text: len(text) < SHORT)
            elif ask.media == FORM:
                value = odd_text
            place[name] = draw(value)
    for name in ask.path:
        ask.path[name] = draw(st.one_of(st.just(ask.path[name]), odd_text.filter(
            lambda text: 0 < len(text) < SHORT)))
    return ask


@st.composite
def malformed(draw, document, operation):
    """A body that nobody can read, or hardly."""
    ask = Ask(operation, path={p["name"]: Real("Appid") for p in operation.parameters
                               if p["in"] == "path"})
    media = draw(st.sampled_from(list(operation.bodies())))
    names = list(merged(document, operation.bodies()[media])["properties"])
    name, pad = draw(st.sampled_from(names)), " " * draw(st.integers(0, 3))
    whole = json.dumps({n: CANARY for n in names})
    ask.body = draw(st.one_of(
        st.binary(max_size=200),
        st.integers(0, len(whole) - 1).map(lambda n: (pad + whole[:n]).encode()),
        st.sampled_from([
            f'{{"{name}":"a","{name}":"b"}}'.encode(), f'{{"{name}":"\\u0000"}}'.encode(),
            f'{{"{name}":"\\ud800"}}'.encode(), f'{{"{name}":"'.encode() + b'\xff\xfe"}',
            f'{{"{name}":1e999}}'.encode(), b'\xef\xbb\xbf{}', b"{} {}", b"[]", b'[{"a":1}]',
            b"null", b"5", b'"text"', b'{"a":' * 3000 + b"1" + b"}" * 3000,
            b"{" * 60000, b"[" * 60000,
            f"{name}=%zz".encode(), f"{name}=%00".encode(), f"{name}=%ff".encode(),
            b"&" * 5000, b"=" * 5000, b"a=b&" * 70, b"<xml/>", b"x" * 65536, b"x" * 65537,
            b"\x1f\x8b\x08\x00gzip?"])))
    ask.headers["Content-Type"] = draw(st.sampled_from([media, *ODD_TYPES]))
    return ask


@st.composite
def forged(draw, token):
    """Values of Authorization, none of which carries `token`."""
    head, claims, signature = (token + "..").split(".")[:3]
    letters = st.text(string.ascii_letters + string.digits + "-_.=/+~ ", max_size=40)
    return draw(st.one_of(
        st.sampled_from([
            None, "", "Bearer", "Bearer ", "Bearer  ", "Basic dXNlcjpwYXNz", "Bearer null",
            f"Bearer {token}x", f"Bearer {token[:-2]}", f"Bearer {head}.{claims}.",
            f"Bearer {head}.{claims}", f"Bearer eyJhbGciOiJub25lIn0.{claims}.",
            f"Bearer eyJhbGciOiJub25lIn0.{claims}.{signature}", f"Bearer .{claims}.{signature}",
            f"Bearer {head}..{signature}", f"Bearer {token},{token}", "Bearer " + "x" * 5000,
            "Bearer " + "a.b.c", "Bearer ..", f"Bearer {CANARY}", "Bearer \xe9\xff", token[:20]]),
        letters.map(lambda text: f"Bearer {text}".strip()), letters.map(str.strip)))
