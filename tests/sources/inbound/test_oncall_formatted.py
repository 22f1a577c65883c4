from datetime import timedelta

from notifications.transports.json import signature
from tests.sources.inbound.security import DoorContract


class TestOnCallFormatted(DoorContract):
    kind, example = "oncall", "oncall_formatted"
    stale_after, repeats = timedelta(minutes=5), 409
    tamper = (b"Oh no!", b"Oh my!")

    def sign(self, body, secret, at):
        return {"X-Opscenter-Signature": signature(secret, body, at=at)}
