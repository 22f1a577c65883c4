"""Senders that know nothing of us: PagerDuty's own Python client with its base address changed.

The client speaks to https addresses only, so a small TLS front stands before the test server.
"""

import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pagerduty
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.models import Alert, Liveness
from incidents.models import Incident, Status
from sources.models import Change
from tests.factories import IntegrationFactory, PolicyFactory, SeverityFactory

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def door():
    policy = PolicyFactory(key="default")
    for rank, key in enumerate(("P0", "P1", "P2", "P3")):
        SeverityFactory(policy=policy, key=key, rank=rank)
    return IntegrationFactory(kind="pagerduty", name="tools", key=KEY, policy=policy)


def certificate(folder) -> str:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(hours=1))
    signed = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "tls.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    path.write_bytes(path.read_bytes() + key.private_bytes(serialization.Encoding.PEM, *form))
    return str(path)


@pytest.fixture
def front(live_server, tmp_path):
    """Address and certificate of a server that passes on to the test server what it gets by TLS."""

    class Front(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = {name: self.headers[name] for name in ("Content-Type", "Accept") if self.headers[name]}
            answer = requests.post(live_server.url + self.path, data=body, headers=told, timeout=10)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *args):
            """What was asked is in our own log."""

    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}", path
        server.shutdown()


@pytest.fixture
def client_for(front):
    """The client as its documentation has it, for a routing key."""

    def made(key: str) -> pagerduty.EventsApiV2Client:
        trusted = ssl.create_default_context(cafile=front[1])
        return pagerduty.EventsApiV2Client(key, base_url=front[0], verify=trusted, trust_env=False)

    return made


@pytest.fixture
def tool(client_for, door):
    return client_for(KEY)


def test_trigger_acknowledge_and_resolve(tool):
    key = tool.trigger("Disk is full", "db-1", severity="error", custom_details={"free": "1%"},
                       links=[{"href": "https://example.org/", "text": "Graph"}])  # fmt: skip
    assert len(key) == 32
    assert tool.trigger("Disk is full", "db-1", dedup_key=key) == key
    assert tool.acknowledge(key) == key
    incident = Incident.objects.get()
    assert (incident.status, incident.title) == (Status.ACKNOWLEDGED, "Disk is full")
    assert tool.resolve(key) == key
    assert not Liveness.objects.get().firing
    assert Alert.objects.get().annotations["summary"] == "Disk is full"


def test_a_change_event(tool):
    sent_at = datetime.now(UTC).isoformat() + "Z"  # as the client writes it by itself, where its Python lets it
    tool.submit("Deployed 4.2.1", source="ci", custom_details={"service": "checkout"}, timestamp=sent_at,
                links=[{"href": "https://ci.example.org/7"}])  # fmt: skip
    change = Change.objects.get()
    assert (change.summary, change.source, change.service) == ("Deployed 4.2.1", "ci", "checkout")
    assert change.url == "https://ci.example.org/7"
    assert abs((change.received_at - change.at).total_seconds()) < 60  # the client's odd timestamp was understood


def test_what_is_refused_reaches_the_tool_with_its_reason(tool, client_for):
    with pytest.raises(pagerduty.HttpError) as refusal:
        tool.trigger("Disk is full", "db-1", severity="fatal")
    assert refusal.value.response.status_code == 400
    assert "payload.severity" in refusal.value.response.text
    with pytest.raises(pagerduty.HttpError) as refusal:
        client_for("f" * 32).trigger("Disk is full", "db-1")
    assert "Invalid routing key" in refusal.value.response.text
    assert not Alert.objects.exists()
