"""Amazon SNS: messages signed with a key of our own, whose certificate a server on this machine hands out."""

import base64
import json
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from alerts.models import Alert, Liveness
from sources.inbound import sns_proof
from sources.inbound.sns_proof import allowed
from sources.models import Event, Integration, WebhookLog
from tests.factories import NINE, IntegrationFactory
from tests.sources.inbound.security import DoorContract, example

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("amazon", "other", "expired")}
ORDER = {
    "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
    "SubscriptionConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
}
ORDER["UnsubscribeConfirmation"] = ORDER["SubscriptionConfirmation"]


def certificate(name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    until = NINE - DAY if name == "expired" else NINE + 3650 * DAY
    builder = x509.CertificateBuilder(subject, subject, KEYS[name].public_key(), 1, NINE - 365 * DAY, until)
    return builder.sign(KEYS[name], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


CERTIFICATES = {f"/{name}.pem": certificate(name) for name in KEYS} | {"/none.pem": b"not a certificate"}


class Amazon(BaseHTTPRequestHandler):
    """Hands out certificates and counts who confirms."""

    def do_GET(self):
        self.server.asked.append(self.path)
        path = urlsplit(self.path).path
        status = self.server.answers.get(path, 200 if path in CERTIFICATES or path == "/" else 404)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/amazon.pem")
        self.end_headers()
        self.wfile.write(CERTIFICATES.get(path, b""))

    def log_message(self, *args):
        return None


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Amazon)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def amazon(server, settings):
    """The server of this test, allowed by the installation's settings."""
    server.asked, server.answers = [], {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    settings.SNS_CERT_HOSTS = [server.url]
    sns_proof.forget()
    Signing.url = server.url
    return server


class Signing:
    url = ""


def sign(message: dict, *, key="amazon", cert="", version="2", hasher=None) -> dict:
    message = message | {"SignatureVersion": version, "SigningCertURL": f"{Signing.url}/{cert or key}.pem"}
    names = [name for name in ORDER.get(str(message.get("Type")), []) if message.get(name) is not None]
    text = "".join(f"{name}\n{message[name]}\n" for name in names).encode(errors="replace")
    hasher = hasher or (hashes.SHA256() if version == "2" else hashes.SHA1())
    signature = KEYS[key].sign(text, padding.PKCS1v15(), hasher)
    return message | {"Signature": base64.b64encode(signature).decode()}


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TestSnsDoor(DoorContract):
    kind, example, stale_after = "sns", "sns_cloudwatch_alarm", HOUR
    tamper = (b"ServerCpuTooHigh", b"ServerCpuTooTame")
    rotates = False
    content_type, wrong_type = "text/plain", "application/xml"
    garbage = (400, 401)

    def request(self, body, secret, at):
        headers = {"x-amz-sns-message-type": "Notification"}
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return body, headers
        if not isinstance(message, dict):
            return body, headers
        if isinstance(message.get("Timestamp"), str) and "\0" not in message["Timestamp"]:
            message["Timestamp"] = stamp(at)
        key = "amazon" if secret == self.secret else "other"
        return json.dumps(sign(message, key=key, cert="amazon")).encode(), headers

    def test_a_broken_signature_is_refused(self, send, now):
        """The proof stands in the body, not in a header."""
        good = json.loads(self.request(example(self.example), self.secret, now[0])[0])
        for wrong in ("", "=", "é", "AAAA", None, 7, good["Signature"][:-4], "!" + good["Signature"]):
            self.assert_refused(send(json.dumps(good | {"Signature": wrong}).encode(), headers={}), 401)


@pytest.fixture
def door(db, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NINE)
    return IntegrationFactory(kind="sns", name="aws", key="s-1")


def post(client, message, **headers):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return client.post("/api/ingest/s-1", body, content_type="text/plain; charset=UTF-8", headers=headers)


def notification(text="{}", *, id="m-1", at=NINE, **more):
    message = json.loads(example("sns_cloudwatch_alarm"))
    return message | {"MessageId": id, "Timestamp": stamp(at), "Message": text, **more}


def alarm(state, **more):
    told = json.loads(json.loads(example("sns_cloudwatch_alarm"))["Message"])
    return notification(json.dumps(told | {"NewStateValue": state} | more), id=f"m-{state}-{len(more)}")


def subscription(amazon, **more):
    return {
        "Type": "SubscriptionConfirmation", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "Token": "2336412f37f",
        "TopicArn": TOPIC, "Message": "You have chosen to subscribe to the topic. Visit the SubscribeURL.",
        "SubscribeURL": f"{amazon.url}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f",
        "Timestamp": stamp(NINE), **more,
    }  # fmt: skip


class TestAlarms:
    def test_an_alarm_is_an_alert_until_it_is_ok(self, client, door):
        assert post(client, sign(alarm("ALARM"))).status_code == 202
        alert = Alert.objects.get()
        assert alert.key == "arn:aws:cloudwatch:us-west-2:123456789012:alarm:ServerCpuTooHigh"
        assert alert.labels == {
            "alertname": "ServerCpuTooHigh", "region": "US West (Oregon)", "account": "123456789012",
            "namespace": "AWS/EC2", "metric": "CPUUtilization", "InstanceId": "i-12345678901234567",
        }  # fmt: skip
        assert alert.annotations["summary"].startswith("Threshold Crossed: 1 out of the last 1 datapoints")
        assert alert.url.endswith("region=us-west-2#alarmsV2:alarm/ServerCpuTooHigh")
        live = Liveness.objects.get()
        assert (live.firing, live.starts_at) == (True, NINE - timedelta(seconds=17, milliseconds=764))
        post(client, sign(alarm("OK", StateChangeTime="2026-11-23T08:59:59.000+0000")))
        assert not Liveness.objects.get().firing

    @pytest.mark.parametrize(("does", "firing"), [(None, True), ("keep", True), ("fire", True), ("resolve", False)])
    def test_insufficient_data_does_what_the_options_say(self, client, door, does, firing):
        Integration.objects.filter(pk=door.pk).update(options={"insufficient_data": does} if does else {})
        post(client, sign(alarm("ALARM")))
        answer = post(client, sign(alarm("INSUFFICIENT_DATA", StateChangeTime="2026-11-23T08:59:59.000+0000")))
        assert Liveness.objects.get().firing is firing
        assert ("note" in answer.json()) is (does in (None, "keep"))

    def test_the_form_of_eventbridge(self, client, door):
        arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh"
        detail = {"alarmName": "ServerCpuTooHigh", "state": {"value": "ALARM", "reason": "too high"}}
        told = {
            "version": "0", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
            "account": "123456789012", "region": "us-east-1", "time": stamp(NINE), "resources": [arn], "detail": detail,
        }  # fmt: skip
        post(client, sign(notification(json.dumps(told))))
        assert (Alert.objects.get().key, Alert.objects.get().annotations["summary"]) == (arn, "too high")

    def test_a_state_that_is_none(self, client, door):
        assert "it must be ALARM, OK or" in post(client, sign(alarm("MELTING"))).json()["error"]


class TestOtherMessages:
    def test_it_is_an_event(self, client, door):
        post(client, sign(notification("The disk is full.", Subject="Disk")))
        event = Event.objects.get()
        assert (event.stream, event.kind, event.name, event.text) == ("sns", "message", "Disk", "The disk is full.")
        assert event.labels == {"topic": TOPIC}

    def test_without_a_subject_the_topic_names_it(self, client, door):
        message = notification("[1, 2]")
        message.pop("Subject")
        assert post(client, sign(message)).status_code == 202
        assert (Event.objects.get().name, Event.objects.get().data) == ("MyTopic", {"message": [1, 2]})

    def test_or_an_alert_if_the_options_say_so(self, client, door):
        Integration.objects.filter(pk=door.pk).update(options={"other": "alert", "severity": "P2"})
        post(client, sign(notification("The disk is full.", Subject="Disk")))
        assert (Alert.objects.get().name, Liveness.objects.get().severity_key) == ("Disk", "P2")


class TestTheProof:
    @pytest.mark.parametrize("version", ["1", "2"])
    def test_both_versions_of_the_signature(self, client, door, version):
        assert post(client, sign(alarm("ALARM"), version=version)).status_code == 202

    def test_not_the_hash_of_the_other_version(self, client, door):
        for version, hasher in [("1", hashes.SHA256()), ("2", hashes.SHA1())]:
            answer = post(client, sign(alarm("ALARM"), version=version, hasher=hasher))
            assert (answer.status_code, "does not fit" in answer.json()["error"]) == (401, True)

    def test_the_certificate_is_fetched_once(self, client, door, amazon):
        for number in range(3):
            assert post(client, sign(notification(id=f"m-{number}"))).status_code == 202
        assert amazon.asked == ["/amazon.pem"]

    @pytest.mark.parametrize(
        ("cert", "words"),
        [
            ("other", "does not fit"),
            ("none", "no certificate"),
            ("gone", "not there: 404"),
            ("expired", "not valid now"),
        ],
    )
    def test_not_by_another_certificate(self, client, door, cert, words):
        key = "expired" if cert == "expired" else "amazon"
        answer = post(client, sign(alarm("ALARM"), key=key, cert=cert))
        assert (answer.status_code, words in answer.json()["error"]) == (401, True), answer.content
        assert not Alert.objects.exists()

    def test_a_redirect_is_not_followed(self, client, door, amazon):
        amazon.answers["/moved.pem"] = 302
        assert post(client, sign(alarm("ALARM"), cert="moved")).status_code == 401
        assert amazon.asked == ["/moved.pem"]

    def test_when_amazon_is_away_the_message_is_asked_for_again(self, client, door, amazon):
        amazon.answers["/amazon.pem"] = 503
        answer = post(client, sign(alarm("ALARM")))
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        amazon.answers.clear()
        assert post(client, sign(alarm("ALARM"))).status_code == 202

    @pytest.mark.parametrize(
        "url",
        [
            "https://sns.us-west-2.amazonaws.com.evil.example/x.pem", "https://evil.example/sns.amazonaws.com/x.pem",
            "http://sns.us-west-2.amazonaws.com/x.pem", "https://u@sns.us-west-2.amazonaws.com/x.pem",
            "https://sns.us-west-2.amazonaws.com:8443/x.pem", "https://s3.us-west-2.amazonaws.com/x.pem",
            "https://sns.us-west-2.amazonaws.com@evil.example/x.pem", "https://sns.us-west-2.amazonaws.com/x.html",
            "https://sns..amazonaws.com/x.pem", "file:///etc/passwd", "https://169.254.169.254/x.pem", "", "https://[",
            "https://sns.us-west-2.amazonaws.com.cn.evil.example/x.pem", "https://xsns.us-west-2.amazonaws.com/x.pem",
        ],
    )  # fmt: skip
    def test_no_certificate_from_elsewhere(self, client, door, amazon, url):
        answer = post(client, sign(alarm("ALARM")) | {"SigningCertURL": url})
        assert (answer.status_code, "SigningCertURL must be" in answer.json()["error"]) == (401, True)
        assert amazon.asked == []

    def test_hosts_of_every_partition(self, settings):
        assert allowed("https://sns.us-west-2.amazonaws.com/x.pem")
        assert allowed("https://sns.us-gov-west-1.amazonaws.com:443/x.pem")
        assert allowed("https://sns.cn-north-1.amazonaws.com.cn/x.pem")
        settings.SNS_CERT_HOSTS = ["sns.eu-isoe-west-1.cloud.adc-e.uk"]
        assert allowed("https://sns.eu-isoe-west-1.cloud.adc-e.uk/x.pem")
        assert not allowed("http://sns.eu-isoe-west-1.cloud.adc-e.uk/x.pem")

    def test_only_the_topics_of_the_options(self, client, door):
        Integration.objects.filter(pk=door.pk).update(options={"topic_arns": [TOPIC]})
        assert post(client, sign(alarm("ALARM"))).status_code == 202
        other = post(client, sign(alarm("OK") | {"TopicArn": TOPIC + "2"}))
        assert (other.status_code, "none of this door's topic_arns" in other.json()["error"]) == (401, True)

    def test_a_door_with_a_secret_wants_it_in_the_address_too(self, client, door):
        door.secret = "s3cret"
        door.save()
        assert post(client, sign(alarm("ALARM"))).status_code == 401
        basic = "Basic " + base64.b64encode(b"any:s3cret").decode()
        assert post(client, sign(alarm("ALARM")), Authorization=basic).status_code == 202

    def test_raw_delivery_is_refused_with_what_to_do(self, client, door):
        answer = post(client, b"The disk is full.", **{"x-amz-sns-rawdelivery": "true"})
        assert (answer.status_code, "switch it off" in answer.json()["error"]) == (401, True)


class TestSubscription:
    def confirmed(self, amazon):
        return [path for path in amazon.asked if "ConfirmSubscription" in path]

    def test_it_confirms_itself(self, client, door, amazon):
        answer = post(client, sign(subscription(amazon)))
        assert (answer.status_code, "is being confirmed" in answer.json()["note"]) == (202, True)
        assert self.confirmed(amazon) == [f"/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"]
        assert "2336412f37f" not in WebhookLog.objects.get().payload

    def test_what_could_not_be_confirmed_is_when_it_comes_again(self, client, door, amazon):
        amazon.answers["/"] = 500
        assert post(client, sign(subscription(amazon))).status_code == 503
        amazon.answers.clear()
        again = post(client, sign(subscription(amazon)))
        assert (again.status_code, again.json()["duplicate"], len(self.confirmed(amazon))) == (200, True, 2)

    def test_not_when_the_options_leave_it_to_people(self, client, door, amazon):
        Integration.objects.filter(pk=door.pk).update(options={"confirm": False})
        assert "by a person" in post(client, sign(subscription(amazon))).json()["note"]
        assert self.confirmed(amazon) == []

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:1/?Action=ConfirmSubscription", "https://evil.example/x", "nonsense"]
    )
    def test_no_other_address_is_visited(self, client, door, amazon, url):
        answer = post(client, sign(subscription(amazon, SubscribeURL=url)))
        assert (answer.status_code, "was not visited" in answer.json()["error"]) == (401, True)

    def test_not_of_another_topic_and_not_unsigned(self, client, door, amazon):
        Integration.objects.filter(pk=door.pk).update(options={"topic_arns": ["arn:aws:sns:eu-west-1:1:other"]})
        assert post(client, sign(subscription(amazon))).status_code == 401
        Integration.objects.filter(pk=door.pk).update(options={})
        assert post(client, sign(subscription(amazon), key="other", cert="amazon")).status_code == 401
        assert self.confirmed(amazon) == []

    def test_its_end_is_noted(self, client, door, amazon):
        answer = post(client, sign(subscription(amazon, Type="UnsubscribeConfirmation")))
        assert answer.json()["note"] == f"the subscription to {TOPIC} was ended"
        assert self.confirmed(amazon) == []
