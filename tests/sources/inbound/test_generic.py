from datetime import timedelta

from notifications.transports.json import signature
from tests.sources.inbound.security import DoorContract


class TestGeneric(DoorContract):
    kind, example = "generic", "generic_alert"
    stale_after, repeats = timedelta(minutes=5), 409
    tamper = (b"502", b"503")
    wrong_bodies = (b"[7]", b"7", b'"text"', b"null", b"true", b"{}", b'{"data": null}', b"[[]]")  # [] is no alert

    def sign(self, body, secret, at):
        return {"X-Opscenter-Signature": signature(secret, body, at=at)}
