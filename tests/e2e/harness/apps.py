"""Apps that no other test knows."""
import base64
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class App:
    id: str = field(default_factory=lambda: "wx" + secrets.token_hex(8))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))


def new_phone():
    """A mainland mobile number that no other test has."""
    return "139" + "".join(secrets.choice("0123456789") for _ in range(8))


def new_jwt_secret():
    return secrets.token_urlsafe(48)


def new_data_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()
