"""One POST against a real server that behaves, and against those that do not."""

import datetime as dt
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.transports import http
from notifications.transports.base import AddressRefused, TryAgain, Undeliverable
from tests.notifications.far_side import free_port

SECRET = "T0SECRET/B0SECRET"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def short(monkeypatch):
    """Patience in tenths of a second."""
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 0.8)


def post(url: str) -> http.Answer:
    return http.post(url, b'{"a": 1}', {"Content-Type": "application/json"}, service="Slack")


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_an_answer(receiver, status):
    assert post(receiver.url("/hook", status)).status == status
    assert receiver.got[0].body == b'{"a": 1}'
    assert receiver.got[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(receiver, status):
    with pytest.raises(TryAgain, match=f"^Slack answered {status}.$") as refusal:
        post(receiver.url("/hook", status))
    assert refusal.value.after is None


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_passed_on(receiver, status):
    with pytest.raises(TryAgain) as refusal:
        post(receiver.url("/hook", (status, {"Retry-After": "7"}, b"")))
    assert refusal.value.after == timedelta(seconds=7)


def test_retry_after_as_a_date_is_passed_on(receiver):
    later = datetime.now(UTC) + timedelta(seconds=90)
    with pytest.raises(TryAgain) as refusal:
        post(receiver.url("/hook", (503, {"Retry-After": format_datetime(later, usegmt=True)}, b"")))
    assert timedelta(seconds=80) < refusal.value.after <= timedelta(seconds=90)


@pytest.mark.parametrize(
    "value, wait",
    [
        ("0", 0),
        ("120", 120),
        ("1.5", 1.5),
        (" 3 ", 3),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("-1", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("9" * 30, None),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read(value, wait):
    assert http.retry_after(value, now=NOON) == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize("status", [404, 410])
def test_an_unknown_address_is_refused(receiver, status):
    with pytest.raises(AddressRefused, match="no longer knows this address"):
        post(receiver.url("/hook", status))


@pytest.mark.parametrize("status", [400, 401, 403, 405, 413, 422])
def test_other_refusals_are_final_but_not_the_address(receiver, status):
    with pytest.raises(Undeliverable, match=str(status)) as refusal:
        post(receiver.url("/hook", status))
    assert not isinstance(refusal.value, AddressRefused)


def test_a_redirect_is_not_followed(receiver):
    elsewhere = receiver.url("/elsewhere")
    with pytest.raises(Undeliverable, match="redirect"):
        post(receiver.url("/hook", (307, {"Location": elsewhere}, b"")))
    assert [got.path for got in receiver.got] == ["/hook"]


@pytest.mark.req("CARD-07")
def test_a_receiver_that_hangs_is_left_at_the_timeout(receiver, short):
    with pytest.raises(TryAgain, match="did not answer in time"):
        post(receiver.url("/hook", "hang"))


def test_a_receiver_that_drips_is_left_at_the_deadline(receiver, short):
    with pytest.raises(TryAgain, match="did not answer in time"):
        post(receiver.url("/hook", "drip"))


def test_a_connection_that_ends_early_is_tried_again(receiver):
    with pytest.raises(TryAgain, match="ended the connection"):
        post(receiver.url("/hook", "close"))
    assert post(receiver.url("/hook")).status == 200  # and the next one is not spoilt


def test_an_answer_that_breaks_off_behind_its_status_counts(receiver):
    assert post(receiver.url("/hook", "cut")).status == 200
    assert post(receiver.url("/hook")).status == 200


def test_nobody_listening_is_tried_again():
    with pytest.raises(TryAgain, match="refused"):
        post(f"http://127.0.0.1:{free_port()}/hook")


@pytest.mark.req("CARD-07")
def test_an_unverified_certificate_is_not_accepted(tmp_path):
    certificate = tmp_path / "own.pem"
    certificate.write_bytes(self_signed("127.0.0.1"))
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    with pytest.raises(TryAgain, match="certificate of Slack could not be verified"):
        post(f"https://127.0.0.1:{server.server_port}/hook")
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "url", ["https://", "http://[::1/x", "ftp://example.org/x", "http://a b/c", "https://x:99999/"]
)
def test_what_is_no_url_is_refused_unasked(url):
    with pytest.raises(AddressRefused):
        post(url)


def test_connections_are_kept(receiver):
    for _ in range(5):
        post(receiver.url("/hook"))
    assert len({got.connection for got in receiver.got}) == 1


def test_a_long_answer_is_not_read_to_its_end(receiver):
    assert post(receiver.url("/hook", (200, {}, b"x" * 200_000))).status == 200
    assert post(receiver.url("/hook")).status == 200


@pytest.mark.parametrize("body, told", [(b"invalid_blocks", " (invalid_blocks)"), (b"<p>/hook/T0SECRET", "")])
def test_only_a_code_is_repeated_from_an_answer(receiver, body, told):
    with pytest.raises(Undeliverable) as refusal:
        post(receiver.url("/hook", (400, {}, body)))
    assert str(refusal.value) == f"Slack answered 400{told}: it refuses this message."


@pytest.mark.parametrize("step", [302, 400, 403, 404, 429, 500, "hang", "close", "drip", "nobody", "strange"])
def test_no_error_or_log_holds_the_address(receiver, short, caplog, step):
    caplog.set_level("DEBUG")
    url = receiver.url(f"/services/{SECRET}", (step, {}, SECRET.encode()) if isinstance(step, int) else step)
    if step == "nobody":
        url = f"http://127.0.0.1:{free_port()}/services/{SECRET}"
    if step == "strange":
        url = receiver.url(f"/services/{SECRET}", (200, {"Bad Header": "x"}, b""))
        post(url)
    else:
        with pytest.raises((TryAgain, Undeliverable)) as refusal:
            post(url)
        assert "SECRET" not in str(refusal.value)
        assert refusal.value.__cause__ is None
    assert "SECRET" not in caplog.text


def self_signed(host: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - dt.timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
