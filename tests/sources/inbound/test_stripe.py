import json
from datetime import timedelta

import pytest

from sources.models import Event
from tests.factories import NINE
from tests.sources.inbound.making import body_of, hex_hmac, payload
from tests.sources.inbound.security import DoorContract, example


class TestStripe(DoorContract):
    kind, example = "stripe", "stripe_payment_failed"
    stale_after, repeats = timedelta(minutes=5), 200
    tamper = (b"4200", b"42")
    secret = "whsec_c29tZSBzZWNyZXQgb2Ygb3Vycw"

    def sign(self, body, secret, at):
        t = int(at.timestamp())
        return {"Stripe-Signature": f"t={t},v1={hex_hmac(secret, f'{t}.'.encode() + body)},v0=6ffbb59b2300aae63f27240"}

    def test_a_payment_that_failed(self, send):
        assert send().status_code == 202
        event = Event.objects.get()
        assert (event.stream, event.kind, event.name) == ("stripe", "payment", "payment_intent.payment_failed")
        assert (event.outcome, event.level, event.subject) == ("failed", "error", "pi_3SWqLk2eZvKYlo2C1")
        assert event.text == "Your card has insufficient funds."
        assert event.labels["code"] == "card_declined"
        assert (event.labels["method"], event.labels["livemode"], event.labels["currency"]) == ("card", "false", "eur")
        assert (event.data["amount"], event.data["metadata"]) == ("4200", {"order": "o-77"})
        assert (event.at, event.event_id) == (NINE - timedelta(seconds=15), "evt_1SWqLk2eZvKYlo2C0Z1Z2Z3Z")
        assert "9995" not in json.dumps(event.data)  # nothing of the card

    def test_the_charge_of_a_payment_has_the_same_subject(self, send):
        send(example("stripe_charge_succeeded"))
        event = Event.objects.get()
        assert (event.kind, event.outcome, event.subject, event.text) == ("payment", "ok", "pi_3SWqMa", "")

    def test_another_delivery_of_an_event_is_a_duplicate(self, send, now):
        send()
        now[0] += timedelta(hours=1)
        answer = send()  # signed anew
        assert (answer.status_code, answer.json()["duplicate"], Event.objects.count()) == (200, True, 1)

    def test_one_of_several_signatures_is_enough(self, send):
        body, t = example(self.example), int(NINE.timestamp())
        good = hex_hmac(self.secret, f"{t}.".encode() + body)
        header = {"Stripe-Signature": f"t={t},v1={'0' * 64},v1={good}"}
        assert send(body, headers=header).status_code == 202

    @pytest.mark.parametrize(
        ("type", "kind", "outcome"),
        [
            ("charge.failed", "payment", "failed"),
            ("invoice.payment_failed", "payment", "failed"),
            ("invoice.paid", "payment", "ok"),
            ("checkout.session.completed", "payment", "ok"),
            ("checkout.session.async_payment_failed", "payment", "failed"),
            ("checkout.session.expired", "payment", "expired"),
            ("payment_intent.requires_action", "payment", "action required"),
            ("payment_intent.created", "payment", ""),
            ("payout.failed", "payout", "failed"),
            ("customer.subscription.deleted", "customer", ""),
        ],
    )
    def test_types(self, send, type, kind, outcome):
        assert send(body_of(payload(self.example) | {"type": type})).status_code == 202
        event = Event.objects.get()
        assert (event.kind, event.outcome) == (kind, outcome)

    def test_a_dispute_has_the_status_of_the_dispute(self, send):
        told = payload(self.example) | {"type": "charge.dispute.created"}
        told["data"] = {"object": {"id": "dp_1", "object": "dispute", "status": "needs_response", "charge": "ch_1"}}
        send(body_of(told))
        assert Event.objects.values_list("kind", "outcome").get() == ("dispute", "needs_response")

    def test_a_thin_event_names_its_object(self, send):
        told = {
            "id": "evt_test_1", "object": "v2.core.event", "type": "v2.core.account.updated",
            "created": "2026-11-23T08:59:00.000Z", "related_object": {"id": "acct_1", "type": "v2.core.account"},
        }  # fmt: skip
        assert send(body_of(told)).status_code == 202
        assert Event.objects.values_list("name", "subject").get() == ("v2.core.account.updated", "acct_1")
