"""Column types of our own: secrets encrypted at rest, and JSON kept as plain text."""

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretUnreadable(Exception):
    """A stored secret was written with a key that is no longer configured."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    def fernet(key: str) -> Fernet:
        digest = hashlib.scrypt(key.encode(), salt=b"opscenter.secret.v1", n=2**12, r=8, p=1, dklen=32)
        return Fernet(base64.urlsafe_b64encode(digest))

    return MultiFernet([fernet(key) for key in keys])


def cipher() -> MultiFernet:
    """Encrypt with SECRET_KEY; decrypt with it or any of SECRET_KEY_FALLBACKS, so keys can be rotated."""
    return _cipher((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def masked(value: str) -> str:
    """What the audit log keeps of a secret: whether there was one."""
    return "***" if value and value != "None" else ""


class EncryptedTextField(models.TextField):
    """Text that is encrypted in the database (Fernet) and plain in Python; empty stays empty."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return cipher().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value, expression, connection):
        if not value:
            return value
        try:
            return cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable(
                f"The secret in {self.model._meta.label}.{self.name} was written with another SECRET_KEY; "
                "add that key to SECRET_KEY_FALLBACKS or enter the secret again."
            ) from error


class JSONTextField(models.TextField):
    """JSON in a text column: cheaper to write in bulk than jsonb, never searched by its inside."""

    # for the type checker: what goes in and comes out is any JSON value, not the text of the column
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any
    _pyi_lookup_exact_type: Any

    def get_prep_value(self, value):
        return value if value is None or isinstance(value, str) else json.dumps(value, separators=(",", ":"))

    def from_db_value(self, value, expression, connection):
        return value if value is None else json.loads(value)

    def to_python(self, value):
        return json.loads(value) if isinstance(value, str) and value else value

    def value_to_string(self, obj):
        return self.get_prep_value(self.value_from_object(obj))
