import base64
from datetime import UTC, datetime, timedelta

import pytest

from sources.inbound.base import Sent
from sources.inbound.resend import check_svix
from sources.models import Event
from tests.factories import NINE
from tests.sources.inbound.making import base64_hmac, body_of, payload
from tests.sources.inbound.security import DoorContract, example


class TestResend(DoorContract):
    kind, example = "resend", "resend_bounced"
    stale_after, repeats = timedelta(minutes=5), 200
    tamper = (b"bounced", b"deliver")
    secret = "whsec_" + base64.b64encode(b"some secret of ours").decode()
    other_secret = "whsec_" + base64.b64encode(b"another secret of mine").decode()

    def sign(self, body, secret, at):
        return self.svix("msg_2xFq1Zp0", body, secret, at)

    def svix(self, id, body, secret, at):
        t = str(int(at.timestamp()))
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
        signature = base64_hmac(key, f"{id}.{t}.".encode() + body)
        return {"svix-id": id, "svix-timestamp": t, "svix-signature": f"v1,{signature}"}

    def test_a_bounce(self, send):
        assert send().status_code == 202
        event = Event.objects.get()
        assert (event.stream, event.kind, event.outcome, event.level) == ("resend", "message", "bounced", "warning")
        assert event.subject == "56761188-7520-42d8-8898-ff6fc54ce618"
        assert event.text == "The recipient's email address is on the suppression list."
        assert (event.labels["bounce_type"], event.labels["bounce_subtype"]) == ("Permanent", "Suppressed")
        assert (event.labels["category"], event.labels["domain"]) == ("confirm_email", "shop.example.org")
        assert event.labels["recipient_domain"] == "example.com"
        assert "ada@example.com" not in str(event.labels)
        assert (event.duration, event.at) == (4.0, NINE - timedelta(seconds=15, microseconds=874000))

    @pytest.mark.parametrize(
        ("type", "outcome", "level"),
        [
            ("email.sent", "sent", "info"),
            ("email.delivered", "delivered", "info"),
            ("email.delivery_delayed", "delayed", "warning"),
            ("email.complained", "complained", "warning"),
            ("email.failed", "failed", "error"),
            ("email.opened", "opened", "info"),
            ("email.something_new", "something_new", "info"),
        ],
    )
    def test_types(self, send, type, outcome, level):
        assert send(body_of(payload(self.example) | {"type": type})).status_code == 202
        assert Event.objects.values_list("outcome", "level").get() == (outcome, level)

    def test_a_failure_says_why(self, send):
        told = payload(self.example) | {"type": "email.failed"}
        told["data"] |= {"bounce": None, "failed": {"reason": "reached_daily_quota"}}
        send(body_of(told))
        assert Event.objects.get().text == "reached_daily_quota"

    def test_tags_in_the_older_form(self, send):
        told = payload(self.example)
        told["data"]["tags"] = [{"name": "category", "value": "welcome"}, "what", {"name": "n"}]
        send(body_of(told))
        assert Event.objects.get().labels["category"] == "welcome"

    def test_what_is_no_mail_is_taken_and_noted(self, send):
        answer = send(body_of({"type": "domain.updated", "created_at": "2026-11-23T08:59:44Z", "data": {"id": "d"}}))
        assert (answer.status_code, Event.objects.count()) == (202, 0)
        assert "domain.updated" in answer.json()["note"]

    def test_one_of_several_signatures_is_enough(self, send):
        headers = self.sign(example(self.example), self.secret, NINE)
        headers["svix-signature"] = f"v1a,xyz v1,{'A' * 43}= {headers['svix-signature']}"
        assert send(headers=headers).status_code == 202

    def test_the_standard_names_of_the_headers_do_as_well(self, send):
        headers = self.sign(example(self.example), self.secret, NINE)
        standard = {name.replace("svix", "webhook"): value for name, value in headers.items()}
        assert send(headers=standard).status_code == 202

    def test_the_id_is_signed(self, send):
        headers = self.sign(example(self.example), self.secret, NINE) | {"svix-id": "msg_other"}
        self.assert_refused(send(headers=headers), 401)


def test_the_signature_of_svix_own_documentation():
    headers = {
        "Svix-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Svix-Timestamp": "1614265330",
        "Svix-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    sent = Sent("POST", headers, {}, b'{"test": 2432232314}')
    at = datetime.fromtimestamp(1614265330, UTC)
    assert check_svix(sent, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at=at) == headers["Svix-Signature"][3:]
