"""The keys of the JWTs are rotated while the service runs: what was given out stays good for as long
as the operator keeps the old key, and not longer. Written from the contract: sections 1 and 5.2."""
import base64
import json
import signal
import subprocess

import pytest

from harness.apps import new_jwt_secret
from harness.daemons import Loginsvc
from harness.wait import eventually


class Keyed:
    """A loginsvc whose keys stand in its INI file."""

    def __init__(self, folder, redis, wxsim, stack):
        self.ini, self.wxsim, self.reloads = folder / "login.ini", wxsim, 0
        self.ini.write_text(f"jwt_secret = {new_jwt_secret()}\n")
        self.service = stack.add(Loginsvc(folder, redis, wxsim.url, wxsim.apps[0],
                                          argv=["-c", self.ini], JWT_SECRET=None))

    def secret(self):
        return self.ini.read_text().split("jwt_secret = ")[1].split()[0]

    def reload(self, *lines, event="config.reloaded"):
        self.ini.write_text("\n".join(lines) + "\n")
        told = self.service.process.log().count(event)
        self.service.process.signal(signal.SIGHUP)
        eventually(lambda: self.service.process.log().count(event) > told, what=event)

    def log_in(self):
        answer = self.service.post("/v1/login", {"loginCode": self.wxsim.login_code()})
        assert answer.status_code == 200, answer.text
        return answer.json()["accessToken"]

    def accepts(self, token):
        status = self.service.get("/v1/verify",
                                  headers={"Authorization": f"Bearer {token}"}).status_code
        assert status in (200, 401)
        return status == 200


@pytest.fixture
def keyed(tmp_path, redis, wxsim, stack):
    return Keyed(tmp_path, redis, wxsim, stack)


def header(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def new_pem(folder, name, *how):
    path = folder / name
    subprocess.run(["openssl", "genpkey", *how, "-out", path], check=True, capture_output=True)
    return path


EC = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def test_a_secret_is_rotated_with_an_overlap(keyed):
    old = keyed.secret()
    before = keyed.log_in()
    new = new_jwt_secret()
    keyed.reload(f"jwt_secret = {new}", f"jwt_previous_keys = {old}")
    after = keyed.log_in()
    assert header(before)["kid"] != header(after)["kid"]
    assert keyed.accepts(before) and keyed.accepts(after)
    keyed.reload(f"jwt_secret = {new}")
    assert not keyed.accepts(before) and keyed.accepts(after)
    for secret in (old, new):
        assert secret not in keyed.service.process.log()


def test_a_rotation_goes_from_a_secret_to_a_private_key_and_on_to_the_next(keyed, tmp_path):
    ec, rsa = new_pem(tmp_path, "ec.pem", *EC), new_pem(tmp_path, "rsa.pem", *RSA)
    secret, by_secret = keyed.secret(), keyed.log_in()
    keyed.reload(f"jwt_private_key_file = {ec}", f"jwt_previous_keys = {secret}")
    by_ec = keyed.log_in()
    assert keyed.accepts(by_secret) and keyed.accepts(by_ec)
    previous = tmp_path / "previous"
    previous.write_text(f"{ec.read_text()}HS256:{secret}\n")
    keyed.reload(f"jwt_private_key_file = {rsa}", f"jwt_previous_keys_file = {previous}")
    by_rsa = keyed.log_in()
    assert keyed.accepts(by_secret) and keyed.accepts(by_ec) and keyed.accepts(by_rsa)
    keyed.reload(f"jwt_private_key_file = {rsa}", f"jwt_previous_keys_file = {ec}")
    assert not keyed.accepts(by_secret) and keyed.accepts(by_ec) and keyed.accepts(by_rsa)
    assert [header(t)["alg"] for t in (by_secret, by_ec, by_rsa)] == ["HS256", "ES256", "RS256"]


def test_a_bad_key_keeps_the_old_ones(keyed):
    good, before = keyed.ini.read_text(), keyed.log_in()
    for bad in ("jwt_secret = short", "jwt_private_key = nonsense",
                good + "jwt_previous_keys = -----BEGIN PUBLIC KEY-----"):
        keyed.reload(bad, event="config.reload_refused")
        assert keyed.accepts(before)
        assert header(keyed.log_in())["kid"] == header(before)["kid"]


class Openssl:
    """Signs and verifies JWTs with the openssl program; of ES256 it knows r and s in DER only."""

    def __init__(self, pem, es256):
        self.pem, self.es256 = pem, es256

    def sign(self, text):
        signature = self.run(["-sign", self.pem], text).stdout
        if self.es256:
            r = signature[4:4 + signature[3]]
            s = signature[6 + len(r):]
            signature = b"".join(int.from_bytes(n, "big").to_bytes(32, "big") for n in (r, s))
        return text + "." + base64.urlsafe_b64encode(signature).decode().rstrip("=")

    def accepts(self, token):
        text, _, signature = token.rpartition(".")
        signature = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        if self.es256:
            assert len(signature) == 64
            numbers = b"".join(self.der(signature[at:at + 32]) for at in (0, 32))
            signature = bytes([0x30, len(numbers)]) + numbers
        public, file = self.pem.with_suffix(".public"), self.pem.with_suffix(".signature")
        subprocess.run(["openssl", "pkey", "-in", self.pem, "-pubout", "-out", public], check=True)
        file.write_bytes(signature)
        return self.run(["-verify", public, "-signature", file], text).returncode == 0

    @staticmethod
    def der(number):
        number = number.lstrip(b"\0")
        number = b"\0" + number if number[0] & 0x80 else number
        return bytes([2, len(number)]) + number

    @staticmethod
    def run(how, text):
        return subprocess.run(["openssl", "dgst", "-sha256", *how], input=text.encode(),
                              capture_output=True)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_tokens_are_signed_alike_by_another_program(keyed, tmp_path, algorithm):
    """Both ways, and with as well as without the name of the key."""
    how = EC if algorithm == "ES256" else RSA
    pem, foreign = new_pem(tmp_path, "key.pem", *how), new_pem(tmp_path, "foreign.pem", *how)
    openssl, stranger = (Openssl(path, algorithm == "ES256") for path in (pem, foreign))
    keyed.reload(f"jwt_private_key_file = {pem}")
    ours = keyed.log_in()
    assert header(ours)["alg"] == algorithm
    assert openssl.accepts(ours) and not stranger.accepts(ours)
    named, body, _ = ours.split(".")
    plain = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).decode().rstrip("=")
    for head in (named, plain):
        for _ in range(10):
            assert keyed.accepts(openssl.sign(f"{head}.{body}"))
        assert not keyed.accepts(stranger.sign(f"{head}.{body}"))
