import base64
from datetime import timedelta

import pytest

from sources.models import Change, Event, WebhookLog
from tests.factories import NINE
from tests.sources.inbound.making import base64_hmac, body_of, payload
from tests.sources.inbound.security import DoorContract, example


class TestKnock(DoorContract):
    kind, example = "knock", "knock_delivered"
    stale_after, repeats = timedelta(minutes=5), 200
    tamper = (b"user-41", b"user-42")

    def sign(self, body, secret, at):
        t = str(round(at.timestamp() * 1000))  # milliseconds, unlike others
        return {"x-knock-signature": f"t={t},s={base64_hmac(secret.encode(), f'{t}.'.encode() + body)}"}

    def test_a_delivery(self, send):
        assert send().status_code == 202
        event = Event.objects.get()
        assert (event.stream, event.kind, event.name) == ("knock", "message", "order-confirmation")
        assert (event.subject, event.outcome, event.level) == ("2xFq1Zp0bqk7Q4s8m9tJwLr3VdE", "delivered", "info")
        assert event.labels == {
            "event": "message.delivered", "workflow": "order-confirmation", "recipient": "user-41", "channel": "resend",
            "channel_type": "email", "provider": "resend", "tenant": "team-7", "step": "email_1",
        }  # fmt: skip
        assert event.duration == 2.5
        assert event.data["queued_at"] == "2026-11-23T08:59:40.458652Z"
        assert event.data["delivered_at"] == "2026-11-23T08:59:42.958652Z"
        assert event.at == NINE - timedelta(seconds=17, microseconds=41348)

    @pytest.mark.req("DX-22")
    def test_told_twice_is_kept_once_and_a_bad_signature_is_logged(self, send, now, door):
        send()
        now[0] += timedelta(minutes=20)
        answer = send()  # Knock tries again and signs anew
        assert (answer.status_code, answer.json()["duplicate"]) == (200, True)
        event = Event.objects.get()
        assert (event.subject, event.labels["recipient"]) == ("2xFq1Zp0bqk7Q4s8m9tJwLr3VdE", "user-41")
        assert send(secret="another").status_code == 401
        log = WebhookLog.objects.latest("pk")
        assert (log.verdict, log.status_code, log.integration) == ("refused", 401, door)
        assert "does not fit" in log.reason
        assert Event.objects.count() == 1

    @pytest.mark.parametrize(
        ("type", "more", "outcome", "level", "duration"),
        [
            ("message.sent", None, "sent", "info", 2.5),
            ("message.bounced", None, "bounced", "warning", 2.5),
            ("message.undelivered", {"failure_details": "refused"}, "failed", "error", 2.5),
            ("message.delivery_attempted", {"attempt": 1, "retryable": True}, "delayed", "warning", 2.5),
            ("message.delivery_attempted", {"attempt": 8, "retryable": False}, "failed", "error", 2.5),
            ("message.complaint", None, "complained", "warning", None),
            ("message.read", None, "read", "info", None),
            ("message.link_clicked", {"url": "https://a"}, "link_clicked", "info", None),
        ],
    )  # fmt: skip
    def test_types(self, send, type, more, outcome, level, duration):
        assert send(body_of(payload(self.example) | {"type": type, "event_data": more})).status_code == 202
        event = Event.objects.get()
        assert (event.outcome, event.level, event.duration) == (outcome, level, duration)
        assert event.text == ("refused" if more and "failure_details" in more else "")

    def test_an_object_as_recipient_and_a_fallback(self, send):
        told = payload(self.example)
        told["data"] |= {"recipient": {"collection": "teams", "id": "t-1"}, "data": {"fallback": "sms"}}
        send(body_of(told))
        labels = Event.objects.get().labels
        assert (labels["recipient"], labels["fallback"]) == ("teams/t-1", "sms")

    def test_a_workflow_run_that_went_wrong(self, send):
        told = {
            "type": "workflow_recipient_run.error", "created_at": "2026-11-23T08:59:44Z",
            "data": {"id": "run-1", "workflow": "digest", "recipient": "user-41"}, "event_data": None,
        }  # fmt: skip
        send(body_of(told))
        assert Event.objects.values_list("kind", "name", "outcome").get() == ("workflow", "digest", "failed")

    def test_what_is_committed_is_a_change(self, send):
        told = {
            "type": "workflow.committed", "created_at": "2026-11-23T08:59:44Z",
            "data": {"key": "order-confirmation", "name": "Order confirmation", "id": "w-1"},
        }  # fmt: skip
        assert send(body_of(told)).status_code == 202
        change = Change.objects.get()
        assert (change.kind, change.summary) == ("config", "Knock workflow Order confirmation committed")
        send(body_of(told | {"type": "workflow.updated"}))
        assert Change.objects.count() == 1
        assert not Event.objects.exists()

    def test_seconds_instead_of_milliseconds_are_refused(self, send):
        body, t = example(self.example), str(int(NINE.timestamp()))
        signature = base64_hmac(self.secret.encode(), f"{t}.".encode() + body)
        assert "s old" in self.assert_refused(send(headers={"x-knock-signature": f"t={t},s={signature}"}), 401)

    def test_the_padding_of_base64_is_part_of_the_signature(self, send):
        headers = self.sign(example(self.example), self.secret, NINE)
        assert headers["x-knock-signature"].endswith("=")
        assert len(base64.b64decode(headers["x-knock-signature"].partition(",s=")[2])) == 32
        assert send(headers=headers).status_code == 202
