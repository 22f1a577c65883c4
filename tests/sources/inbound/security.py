"""The promises that every kind of door keeps, asked over HTTP: a kind's test subclasses `DoorContract`.

    class TestStripe(DoorContract):
        kind, example, stale_after, repeats = "stripe", "stripe_payment_failed", timedelta(minutes=5), 200
        tamper = (b"usd", b"eur")

        def sign(self, body, secret, at):
            return {"Stripe-Signature": ...}

A kind whose proof is part of the body or the address overrides `request` instead of `sign`.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from alerts.models import Alert, Liveness
from channels_health.models import ChannelStatus
from sources import intake
from sources.inbound import INBOUND
from sources.inbound.base import Inbound, NotTaken, Parsed, Sent
from sources.models import Change, Event, Integration, WebhookLog
from tests.factories import NINE, IntegrationFactory

EXAMPLES = Path(__file__).parent / "examples"
SECOND = timedelta(seconds=1)
STORED: tuple[type[models.Model], ...] = (Alert, Event, Change, ChannelStatus)
WRONG_VALUES: tuple[Any, ...] = (None, True, 7, -1e300, 10**400, "x", "\ud800\0", [], [None], [7], [[]], {}, {"": None})

BAD_TEXT = "\ud800\0" + "x" * 300
"""What PostgreSQL keeps in no text, and longer than most columns."""
DEEPEST = 4
"""So deep in a body each spot is tried over HTTP; the values are tried everywhere, without a database."""


def example(name: str) -> bytes:
    """A documented body of a provider: `examples/<name>.json`."""
    return (EXAMPLES / f"{name}.json").read_bytes()


def spots(value: Any, at: tuple = ()) -> Iterator[tuple]:
    """The path of everything in a JSON value, the whole one first; of lists only the first two items."""
    yield at
    if isinstance(value, dict):
        for name in value:
            yield from spots(value[name], (*at, name))
    elif isinstance(value, list):
        for index in range(min(2, len(value))):
            yield from spots(value[index], (*at, index))


def put(value: Any, path: tuple, new: Any) -> Any:
    """A copy of a JSON value with `new` at a path."""
    if not path:
        return new
    copy = deepcopy(value)
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return copy


def _at(value: Any, path: tuple) -> Any:
    for step in path:
        value = value[step]
    return value


def check_values(parsed: Parsed) -> None:
    """That what a kind returns is of the types which the rooms above rely on."""
    for signal in parsed.signals:
        assert signal.labels or signal.key
        for texts in (signal.labels, signal.annotations):
            assert all(isinstance(text, str) for pair in texts.items() for text in pair), texts
        for text in (signal.url, signal.key, signal.name, signal.severity_key):
            assert isinstance(text, str)
            text.encode()
        for at in (signal.starts_at, signal.ends_at):
            assert at is None or at.tzinfo
    for told in (*parsed.events, *parsed.changes, *parsed.channels):
        for name, value in asdict(told).items():
            if name in ("labels", "data", "links", "images", "identifiers"):
                assert json.dumps(value, allow_nan=False), name
            elif name == "duration":
                assert value is None or abs(value) < 1e15
            elif name == "missing":
                assert all(isinstance(part, str) for part in value)
            elif name == "at":
                assert value is None or value.tzinfo
            else:
                assert isinstance(value, str), name
                value.encode()


class DoorContract:
    """What a kind must keep to be a door.

    kind          as in INBOUND
    example       name of the documented body that must be taken and become something
    tamper        (found in the body, put in its place): a change that the signature must notice
    stale_after   how old a signature may be; None: the sender's form holds no time
    repeats       what the same request is answered a second time: 200 duplicate, 409 replay, or 202 for senders that
                  repeat themselves by design and number nothing; nothing is stored twice in any case
    repeat_verdict  how the log calls it, where the status alone does not tell
    covers_body   False: the sender cannot sign and sends the secret along
    rotates       False: the proof needs no secret of ours
    wrong_type    a content type that is refused; None: the kind takes any
    wrong_bodies  JSON that is no payload of this kind
    garbage       what a body that is no payload may be answered
    """

    kind: str
    example: str
    tamper: tuple[bytes, bytes]
    stale_after: timedelta | None = None
    repeats: int = 200
    repeat_verdict = ""
    covers_body = True
    rotates = True
    secret = "c29tZSBzZWNyZXQgb2Ygb3Vycw"
    other_secret = "YW5vdGhlciBzZWNyZXQgb2YgbWluZQ"
    options: dict[str, Any] = {}
    content_type = "application/json"
    wrong_type: str | None = "text/plain"
    wrong_bodies: tuple[bytes, ...] = (b"[]", b"[7]", b"7", b'"text"', b"null", b"true", b'{"data": null}', b"[[]]")
    garbage: tuple[int, ...] = (400,)

    def sign(self, body: bytes, secret: str, at: datetime) -> dict[str, str]:
        """The headers with which the sender proves that it knows `secret`, at that instant."""
        raise NotImplementedError

    def request(self, body: bytes, secret: str, at: datetime) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a signed request."""
        return body, self.sign(body, secret, at)

    # the stage

    @property
    def inbound(self) -> Inbound:
        return INBOUND[self.kind]

    @pytest.fixture
    def now(self, monkeypatch) -> list[datetime]:
        """The clock of the doors: put another instant into it."""
        clock = [NINE]
        monkeypatch.setattr(timezone, "now", lambda: clock[0])
        return clock

    @pytest.fixture
    def door(self, db, now) -> Integration:
        intake.refusals.forget()
        secret = self.secret if self.rotates else ""
        return IntegrationFactory(kind=self.kind, name="the door", key="d-1", secret=secret, options=self.options)

    @pytest.fixture
    def send(self, client, door, now):
        """Post a body, signed unless told otherwise; `headers` are sent as they are, instead of a signature."""

        def post(body: bytes | None = None, *, secret=None, at=None, headers=None, key=door.key, type=None):
            body = example(self.example) if body is None else body
            if headers is None:
                body, headers = self.request(body, secret or self.secret, at or now[0])
            path = self.inbound.path.format(key=key)
            return client.post(path, body, content_type=type or self.content_type, headers=headers)

        return post

    def stored(self) -> dict[str, int]:
        return {model.__name__: model.objects.count() for model in STORED}

    def assert_refused(self, answer, *statuses: int) -> str:
        """The words of a refusal that left nothing behind but its row in the log."""
        assert answer.status_code in statuses, (answer.status_code, answer.content)
        assert not any(self.stored().values())
        log = WebhookLog.objects.latest("pk")
        assert (log.verdict, log.status_code) == ("refused", answer.status_code)
        assert len(log.reason) > 10
        return log.reason

    # who is believed

    def test_a_signed_request_is_stored_and_logged(self, send, door):
        answer = send()
        assert answer.status_code in (200, 202), answer.content
        assert any(self.stored().values())
        log = WebhookLog.objects.get()
        assert (log.verdict, log.integration) == ("accepted", door)
        assert log.became

    def test_without_a_signature_it_is_refused(self, send):
        self.assert_refused(send(headers={}), 401)

    def test_a_tampered_body_is_refused(self, send, now):
        body, headers = self.request(example(self.example), self.secret, now[0])
        if not self.covers_body:
            headers = {name: value[:-3] for name, value in headers.items()}
        else:
            assert self.tamper[0] in body
            body = body.replace(*self.tamper)
        self.assert_refused(send(body, headers=headers), 401)

    def test_another_secret_is_refused(self, send):
        self.assert_refused(send(secret=self.other_secret), 401)

    def test_a_broken_signature_is_refused(self, send, now):
        _, headers = self.request(example(self.example), self.secret, now[0])
        for name in headers:
            for wrong in ("", "=", "t=,v1=", "nonsense", "t=1,v1=zz", "v1,", "é", "9" * 400, "Basic ====", "Bearer "):
                answer = send(headers=headers | {name: wrong})
                assert answer.status_code in (200, 202, 401, 409), (name, wrong, answer.content)
        assert WebhookLog.objects.filter(status_code=401).exists()

    def test_an_old_signature_is_refused(self, send, now):
        if self.stale_after is None:
            return
        for age in (self.stale_after + SECOND, -self.stale_after - SECOND, timedelta(days=400)):
            self.assert_refused(send(at=now[0] - age), 401)

    @pytest.mark.parametrize("side", [1, -1])
    def test_one_that_is_just_fresh_enough_is_taken(self, send, now, side):
        age = (self.stale_after or timedelta(0)) * side
        assert send(at=now[0] - age).status_code in (200, 202)

    def test_the_same_request_again_changes_nothing(self, send, now):
        body, headers = self.request(example(self.example), self.secret, now[0])
        assert send(body, headers=headers).status_code in (200, 202)
        before = self.stored(), list(Liveness.objects.values_list("firing", "times"))
        now[0] += 10 * SECOND
        answer = send(body, headers=headers)
        assert answer.status_code == self.repeats, answer.content
        assert (self.stored(), list(Liveness.objects.values_list("firing", "times"))) == before
        verdict = self.repeat_verdict or {200: "duplicate", 409: "refused", 202: "accepted"}[self.repeats]
        assert WebhookLog.objects.latest("pk").verdict == verdict

    def test_the_old_secret_is_good_until_it_is_taken_away(self, send, door):
        if not self.rotates:
            return
        door.secret, door.old_secret = self.other_secret, self.secret
        door.save()
        assert send(secret=self.secret).status_code in (200, 202)
        door.old_secret = ""
        door.save()
        kept = self.stored()
        assert send(secret=self.secret).status_code == 401
        assert self.stored() == kept
        assert send(secret=self.other_secret).status_code in (200, 202, 409)

    def test_secrets_stand_nowhere(self, send, door):
        door.old_secret = self.other_secret
        door.save()
        answers = [send(), send(secret="d3Jvbmcgc2VjcmV0"), send(secret=self.other_secret), send(b"{")]
        texts = [answer.content.decode() for answer in answers]
        for model in (WebhookLog, *STORED):
            texts += [str(list(row.values())) for row in model.objects.values()]
        for secret in (self.secret, self.other_secret, "d3Jvbmcgc2VjcmV0"):
            assert not any(secret in text for text in texts)

    # what is not taken

    def test_no_door_has_that_key(self, send):
        self.assert_refused(send(key="nobody"), 404)

    def test_the_door_is_switched_off(self, send, door):
        door.enabled = False
        door.save()
        assert "switched off" in self.assert_refused(send(), 403)

    def test_too_large(self, send, settings):
        settings.WEBHOOK_MAX_BYTES = len(self.request(example(self.example), self.secret, NINE)[0]) - 1
        assert "larger than" in self.assert_refused(send(), 413)

    def test_another_content_type(self, send):
        if self.wrong_type is None:
            assert self.inbound.content_types == ()
            return
        assert "content type" in self.assert_refused(send(type=self.wrong_type), 415)

    @pytest.mark.parametrize("body", [b"{", b" \n", b"\xff\xfe", b"not json", b"[" * 50_000, b'{"a": 1}}'])
    def test_what_is_no_json(self, send, body):
        self.assert_refused(send(body), *self.garbage)

    def test_json_that_is_no_payload(self, send):
        for body in self.wrong_bodies:
            intake.refusals.forget()
            self.assert_refused(send(body), *self.garbage)

    def test_values_of_the_wrong_type_are_refused_or_left_out(self, door):
        """Every spot of the documented body takes every wrong value: what comes out is sound, or a refusal in words."""
        payload = json.loads(example(self.example))
        for path in spots(payload):
            for wrong in WRONG_VALUES:
                body = put(payload, path, wrong)
                sent = Sent("POST", self.request(b"{}", self.secret, NINE)[1], {}, json.dumps(body).encode())
                try:
                    message = self.inbound.message_id(sent, body)
                    parsed = self.inbound.parse(body, sent, door, at=NINE)
                except NotTaken as refusal:
                    assert (refusal.status, len(str(refusal)) > 10) == (400, True), (path, wrong)
                    continue
                assert isinstance(message, str), (path, wrong)
                check_values(parsed)

    def test_values_of_the_wrong_type_are_never_an_error_of_ours(self, send):
        payload = json.loads(example(self.example))
        for path in spots(payload):
            if len(path) > DEEPEST:
                continue
            intake.refusals.forget()
            wrong: Any = None if len(path) % 2 else [{"x": None}]
            if isinstance(there := _at(payload, path), (str, float, int)):
                wrong = BAD_TEXT if isinstance(there, str) else float("inf")
            answer = send(json.dumps(put(payload, path, wrong)).encode())
            assert answer.status_code in (200, 202, 409, *self.garbage), (path, answer.content)
