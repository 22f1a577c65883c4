"""That a message comes from Amazon SNS: its signature, by a certificate from Amazon's own host and nowhere else.

The certificate and the confirmation of a subscription are the only addresses ever asked, and both only on hosts
`sns.<region>.amazonaws.com`; OPSCENTER_SNS_CERT_HOSTS names more, for partitions of Amazon that have other names.
"""

import base64
import binascii
import re
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.conf import settings

from ..probes import http_call
from ..probes.base import BadSpec, ProbeError
from .base import Sent, read_json, text_at
from .errors import Malformed, NotSigned, NotTaken

HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
TIMEOUT = timedelta(seconds=5)
REMEMBERED = 20
HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": NOTIFICATION, "SubscriptionConfirmation": CONFIRMATION, "UnsubscribeConfirmation": CONFIRMATION,
}  # fmt: skip
OPTIONAL = {"Subject"}

_lock = threading.Lock()
_certificates: dict[str, x509.Certificate] = {}


class Unreachable(NotTaken):
    """Amazon could not be asked just now; SNS sends its message again."""

    status = 503


def message_of(sent: Sent) -> dict[str, Any]:
    """The message of a request; NotSigned when it cannot be one, as nothing in it can be believed."""
    try:
        message = read_json(sent.body)
    except Malformed as error:
        if sent.headers.get("x-amz-sns-rawdelivery"):
            raise NotSigned("Raw message delivery is not signed; switch it off for this subscription.") from error
        raise
    if not isinstance(message, dict):
        raise NotSigned("This is no message of Amazon SNS: it is not an object, so nothing proves its sender.")
    return message


def check(message: dict[str, Any], *, at: datetime) -> str:
    """Raise NotSigned unless Amazon signed the message; return what tells a replay.

    Unreachable when the certificate cannot be fetched now.
    """
    names = SIGNED.get(text_at(message, "Type"))
    hasher = HASHES.get(text_at(message, "SignatureVersion"))
    if not names:
        raise NotSigned(f"Type must be one of {', '.join(SIGNED)}: this is no message of Amazon SNS.")
    if not hasher:
        raise NotSigned("SignatureVersion must be 1 or 2.")
    try:
        signature = base64.b64decode(text_at(message, "Signature"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotSigned("Signature is no base64.") from error
    url = text_at(message, "SigningCertURL") or text_at(message, "SigningCertUrl")
    if not signature or not allowed(url) or not urlsplit(url).path.endswith(".pem"):
        raise NotSigned("SigningCertURL must be https://sns.<region>.amazonaws.com/….pem, and Signature must be there.")
    text = "".join(f"{name}\n{value}\n" for name in names if (value := _signed_text(message, name)) is not None)
    certificate = _certificate(url, at=at)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotSigned("The certificate holds no RSA key, which Amazon's do.")
    try:
        key.verify(signature, text.encode(), padding.PKCS1v15(), hasher())
    except InvalidSignature as error:
        raise NotSigned("Signature does not fit the message and the certificate it names.") from error
    return signature.hex()[:64]


def _signed_text(message: dict[str, Any], name: str) -> str | None:
    """The value of a field that is signed; None for one that may be left out and is."""
    value = message.get(name)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise NotSigned(f"{name} holds half a surrogate pair, which nobody can have signed.") from error
        return value
    if value is None and name in OPTIONAL:
        return None
    raise NotSigned(f"{name} must be a text: it is part of what is signed.")


def allowed(url: str) -> bool:
    """Whether an address is one of Amazon SNS: https, its host, no user, the usual port; or one the settings name."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return False
    if parts.username or parts.password or any(ord(letter) <= 32 for letter in url):
        return False
    if f"{parts.scheme}://{parts.netloc}" in settings.SNS_CERT_HOSTS:  # written with its scheme, by whoever runs this
        return True
    return parts.scheme == "https" and port in (None, 443) and bool(
        HOST.fullmatch(host) or host in settings.SNS_CERT_HOSTS
    )  # fmt: skip


def _certificate(url: str, *, at: datetime) -> x509.Certificate:
    """The certificate at `url`, fetched once; it must be valid at `at`."""
    with _lock:
        certificate = _certificates.get(url)
    if certificate is None:
        certificate = _parsed(fetch(url))
        with _lock:
            while len(_certificates) >= REMEMBERED:
                _certificates.pop(next(iter(_certificates)))
            _certificates[url] = certificate
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        with _lock:
            _certificates.pop(url, None)  # it may be renewed at the same address
        raise NotSigned("The certificate that signed this message is not valid now.")
    return certificate


def _parsed(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise NotSigned("What stands at SigningCertURL is no certificate.") from error


def fetch(url: str) -> str:
    """What an allowed address answers; redirects are not followed. NotSigned when it is not there."""
    try:
        answer = http_call.ask({"url": url, "redirects": "none"}, TIMEOUT)
    except (ProbeError, BadSpec) as error:
        raise Unreachable(f"Amazon could not be asked: {error} Nothing is lost: SNS sends this again.") from error
    if answer.status >= 500 or answer.status == 429:
        raise Unreachable(f"Amazon answered {answer.status}; nothing is lost: SNS sends this again.")
    if answer.status != 200:
        raise NotSigned(f"What the message points to is not there: {answer.status}.")
    return answer.text


def confirm(url: str) -> None:
    """Visit the SubscribeURL of a confirmation whose signature was checked."""
    if not allowed(url):
        raise NotSigned("SubscribeURL must be on https://sns.<region>.amazonaws.com: it was not visited.")
    fetch(url)


def forget() -> None:
    """Drop the certificates that are remembered."""
    with _lock:
        _certificates.clear()
