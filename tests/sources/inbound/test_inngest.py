import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from sources.inbound import INBOUND
from sources.inbound.base import Sent
from sources.inbound.canonical import canonical
from sources.models import Event, Integration
from tests.factories import NINE
from tests.sources.inbound.making import body_of, hex_hmac, payload
from tests.sources.inbound.security import DoorContract, example


class TestInngest(DoorContract):
    kind, example = "inngest", "inngest_failed"
    stale_after, repeats = timedelta(minutes=5), 200
    tamper = (b"500", b"501")
    secret = "signkey-prod-0123456789abcdef0123456789abcdef"
    other_secret = "signkey-prod-ffff456789abcdef0123456789abcdef"

    def sign(self, body, secret, at):
        """Over the canonical form, as Inngest does it: its own key without the prefix, the time behind the body."""
        t = int(at.timestamp())
        with suppress(ValueError, RecursionError):  # what is no JSON is signed as it is
            body = canonical(json.loads(body)).encode()
        return {"X-Inngest-Signature": f"t={t}&s={hex_hmac(secret.rpartition('-')[2], body + str(t).encode())}"}

    def test_a_job_that_failed(self, send):
        assert send().status_code == 202
        event = Event.objects.get()
        assert (event.stream, event.kind, event.name) == ("inngest", "job", "shop-capture-payment")
        assert (event.subject, event.outcome, event.level) == ("01KARP40B1XH8Y0V1W2X3Y4Z5A", "failed", "error")
        assert event.text == "The card processor answered 500."
        assert event.labels == {
            "event": "inngest/function.failed", "function": "shop-capture-payment", "error": "Error",
            "trigger": "payments/capture.requested",
        }  # fmt: skip
        assert event.duration == 55.5
        assert event.at == NINE - timedelta(seconds=4, milliseconds=500)
        assert event.data["trigger"]["data"]["orderId"] == "o-77"
        assert "tok-4711" not in str(event.data)

    def test_a_job_that_ended_well(self, send):
        send(example("inngest_finished"))
        event = Event.objects.get()
        assert (event.outcome, event.level, event.duration) == ("ok", "info", 2.25)

    def test_a_failure_is_told_twice_and_kept_once(self, send, now):
        send()
        finished = payload(self.example) | {"name": "inngest/function.finished", "ts": 1795424395600}
        answer = send(body_of(finished))
        assert (answer.status_code, Event.objects.count()) == (200, 1)
        assert Event.objects.get().outcome == "failed"

    def test_a_job_that_was_cancelled(self, send):
        send(body_of(payload(self.example) | {"name": "inngest/function.cancelled"}))
        assert Event.objects.values_list("outcome", "level").get() == ("cancelled", "warning")

    def test_a_duration_that_is_told_is_taken(self, send):
        told = payload(self.example)
        told["data"]["duration_ms"] = 1250
        send(body_of(told))
        assert Event.objects.get().duration == 1.25

    @pytest.mark.parametrize("form", ["list", "call"])
    def test_several_at_once(self, send, form):
        two = [payload("inngest_failed"), payload("inngest_finished")]
        call = {"ctx": {"run_id": "r", "attempt": 0}, "event": two[0], "events": two, "steps": {}, "version": 1}
        assert send(body_of(two if form == "list" else call)).status_code == 202
        assert sorted(Event.objects.values_list("outcome", flat=True)) == ["failed", "ok"]

    def test_an_event_of_the_application_itself(self, send):
        told = {
            "name": "shop/order.placed",
            "id": "e-1",
            "data": {"orderId": "o-1", "total": 12.5},
            "ts": 1795424395500,
        }
        assert send(body_of(told)).status_code == 202
        event = Event.objects.get()
        assert (event.kind, event.name, event.outcome) == ("event", "shop/order.placed", "")
        assert event.labels["orderId"] == "o-1"

    def test_the_body_as_it_is_may_be_signed_as_well(self, send):
        body, t = example(self.example), int(NINE.timestamp())
        assert canonical(json.loads(body)).encode() != body
        signature = hex_hmac(self.secret.rpartition("-")[2], body + str(t).encode())
        assert send(body, headers={"X-Inngest-Signature": f"t={t}&s={signature}"}).status_code == 202

    @pytest.mark.parametrize(
        "told", [[7], [], {"name": "inngest/function.failed"}, {"name": "inngest/function.failed", "data": []}]
    )
    def test_what_cannot_be_understood(self, send, told):
        self.assert_refused(send(body_of(told)), 400)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é\n"]}, '{"a":[true,null,"é\\n"],"b":1}'),
        ({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7},
         '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'),
        (333333333.33333329, "333333333.3333333"), (1e30, "1e+30"), (4.50, "4.5"), (2e-3, "0.002"),
        (1e-27, "1e-27"), (1e21, "1e+21"), (1e20, "100000000000000000000"),
        (123456789012345680000, "123456789012345680000"), (1795424395500, "1795424395500"),
        (0.000001, "0.000001"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"), (-0.0, "0"), (0, "0"), (-5, "-5"),
        (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (9007199254740993, "9007199254740992"),
        (10.0, "10"), (0.1, "0.1"), (100.25, "100.25"),
    ],
)  # fmt: skip
def test_the_canonical_form(value, text):
    assert canonical(value) == text


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400])
def test_numbers_without_a_canonical_form(value):
    with pytest.raises(ValueError, match="number"):
        canonical([value])


def test_a_signature_that_inngest_itself_made():
    """Recorded in the tests of its JavaScript SDK; the fields in another order, as only their canonical form counts."""
    event = {"data": {}, "id": "", "name": "inngest/scheduled.timer", "ts": 1674082830001, "user": {}, "v": "1"}
    context = {"step_id": "step", "run_id": "01GQ3HTEZ01M7R8Z9PR1DMHDN1", "fn_id": "local-testing-local-cron"}
    body = body_of({"use_api": False, "ctx": context, "event": event, "events": [event], "steps": {}})
    made = "70312c7815f611a4aa0b6f985910a85a6c232c845838d7f49f1d05fd8b2b0779"
    key = "signkey-test-f00f3005a3666b359a79c2bc3380ce2715e62727ac461ae1a2618f8766029c9f"
    sent = Sent("POST", {"X-Inngest-Signature": f"t=1687306735&s={made}"}, {}, body)
    assert INBOUND["inngest"].verify(sent, Integration(secret=key), at=datetime.fromtimestamp(1687306735, UTC)) == made
