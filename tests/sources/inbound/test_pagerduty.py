from datetime import timedelta

from alerts.models import Alert
from notifications.transports.json import signature
from tests.sources.inbound.security import DoorContract, example


class TestPagerDuty(DoorContract):
    """The key stands in the body, and the answers are PagerDuty's."""

    kind, example = "pagerduty", "pagerduty_trigger"
    stale_after, repeats = timedelta(minutes=5), 409
    tamper = (b"1500ms", b"1501ms")

    def sign(self, body, secret, at):
        return {"X-Opscenter-Signature": signature(secret, body, at=at)}

    # PagerDuty's senders cannot sign: the routing key alone lets in, and the same trigger twice is one alert
    test_without_a_signature_it_is_refused = None
    test_a_tampered_body_is_refused = None
    test_another_secret_is_refused = None
    test_a_broken_signature_is_refused = None
    test_an_old_signature_is_refused = None
    test_the_same_request_again_changes_nothing = None
    test_the_old_secret_is_good_until_it_is_taken_away = None

    def test_a_secret_keeps_nobody_out(self, send, door):
        door.secret = "between us"
        door.save()
        for _ in range(2):
            assert send(headers={}).status_code == 202
        assert Alert.objects.count() == 1

    def test_no_door_has_that_key(self, send):
        other = example(self.example).replace(b'"d-1"', b'"' + b"f" * 32 + b'"')
        assert self.assert_refused(send(other), 400) == "Invalid routing key"

    def test_too_large(self, send):
        body = example(self.example)
        assert "larger than" in self.assert_refused(send(body + b" " * (512 * 1024 + 1 - len(body))), 413)

    def test_another_content_type(self, send):
        assert "content type" in self.assert_refused(send(type=self.wrong_type), 400)
