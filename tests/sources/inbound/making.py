"""Signatures as the providers make them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.sources.inbound.security import example


def hex_hmac(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def base64_hmac(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def payload(name: str) -> Any:
    """A documented body, decoded."""
    return json.loads(example(name))


def body_of(value: Any) -> bytes:
    return json.dumps(value).encode()
