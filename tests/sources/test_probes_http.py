"""HTTP and JSON sources against a server of ours that says what each test tells it to."""

import contextlib
import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sources.probes import PROBES, BadSpec, ProbeError, Reading
from sources.probes.http_call import get_path

NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
JSON = {"Content-Type": "application/json"}


class Server(ThreadingHTTPServer):
    """Answers `say[path]` = (status, headers, body), or calls it with the handler; keeps what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.say, self.asked = {}, []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        size = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(size).decode()))
        answer = self.server.say[self.path.partition("?")[0]]
        if callable(answer):
            with contextlib.suppress(OSError):
                answer(self)
            return
        status, headers, body = answer
        body = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(body)

    do_POST = do_HEAD = do_OPTIONS = do_GET

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server():
    with running(Server()) as server:
        yield server


def read(kind, spec, timeout=20 * SECOND):
    PROBES[kind].check(spec)
    return PROBES[kind].read(spec, at=NINE, timeout=timeout)


def ask(url, **spec):
    (reading,) = read("http", {"url": url, **spec})
    return reading.fields


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class TestSpec:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"uri": "x"}, "uri: There is no such key here. Allowed: body, expect_status, headers, json"),
            ({"url": ""}, "url: This key is needed"),
            ({"url": "ftp://h/x?token=geheim"}, "url: This should begin with http://"),
            ({"url": "http:///x"}, "url: This should begin with http://"),
            ({"method": "DELETE"}, "method: There is no method 'DELETE'. Allowed: GET, HEAD, POST, OPTIONS."),
            ({"headers": "X: y"}, "headers: This should be"),
            ({"headers": {"X": 5}}, "headers.X: A header's name and value"),
            ({"headers": {"X": "a\r\nY: b"}}, "headers.X: A header's name and value"),
            ({"body": 5}, "body: This should be a text"),
            ({"json": ["a"]}, "json: This should be a path"),
            ({"verify": "no"}, "verify: This should be true or false"),
            ({"expect_status": 200}, "expect_status: This should be a list of codes"),
            ({"expect_status": []}, "expect_status:"),
            ({"expect_status": ["200"]}, "expect_status:"),
            ({"redirects": "yes"}, "redirects: There is no choice 'yes'. Allowed: same-host, any, none."),
            ({"unreachable": "ok"}, "unreachable: There is no choice 'ok'. Allowed: error, reading."),
        ],
    )
    def test_a_bad_spec_names_its_key(self, change, words):
        with pytest.raises(BadSpec) as refusal:
            PROBES["http"].check({"url": "http://h/x"} | change)
        assert words in str(refusal.value)
        assert "geheim" not in str(refusal.value)

    def test_json_needs_to_know_what_to_fan_out(self):
        with pytest.raises(BadSpec, match=r"each: This should be the path"):
            PROBES["json"].check({"url": "http://h/x"})
        PROBES["json"].check({"url": "http://h/x", "each": "", "field": "depth"})

    @pytest.mark.parametrize(
        ("path", "found"), [("", {"a": [{"b": 1}]}), ("a.0.b", 1), ("a", [{"b": 1}]), ("a.1", None), ("a.b", None)]
    )
    def test_a_path_walks_objects_and_lists(self, path, found):
        document = {"a": [{"b": 1}]}
        if found is None:
            with pytest.raises(LookupError):
                get_path(document, path)
        else:
            assert get_path(document, path) == found


class TestHttp:
    @pytest.mark.req("AP-03", "AP-38")
    def test_reads_a_field_of_a_health_document(self, server):
        server.say["/api/health"] = (200, JSON, {"status": "ok", "jobs": [{"failures": 3}], "load": None})
        fields = ask(f"{server.url}/api/health", json="status")
        assert fields.pop("latency_ms") > 0
        assert fields == {
            "reachable": True,
            "status_code": 200,
            "ok": True,
            "body": '{"status": "ok", "jobs": [{"failures": 3}], "load": null}',
            "json": {"status": "ok", "jobs": [{"failures": 3}], "load": None},
            "status": "ok",
            "jobs": [{"failures": 3}],
            "load": None,
            "value": "ok",
        }
        assert ask(f"{server.url}/api/health", json="jobs.0.failures")["value"] == 3

    def test_a_field_that_is_not_there_is_no_value(self, server):
        server.say["/"] = (200, JSON, {"value": 5})
        assert "value" not in ask(server.url, json="status")
        assert ask(server.url)["value"] == 5

    @pytest.mark.parametrize("status", [204, 301, 401, 404, 500, 503])
    def test_every_answer_is_a_reading(self, server, status):
        server.say["/"] = (status, {}, "")
        fields = ask(server.url)
        assert (fields["status_code"], fields["ok"], fields["reachable"]) == (status, status == 204, True)

    def test_a_503_may_still_carry_the_document(self, server):
        server.say["/"] = (503, JSON, {"status": "down"})
        assert ask(server.url, json="status")["value"] == "down"

    @pytest.mark.req("DX-66")
    def test_a_status_that_is_not_expected_is_an_error(self, server):
        server.say["/"] = (503, {}, "no")
        assert ask(server.url, expect_status=[200, 503])["status_code"] == 503
        with pytest.raises(ProbeError, match=r"answered 503 where 200 or 204 is expected"):
            ask(server.url, expect_status=[200, 204])

    @pytest.mark.req("RB-27")
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_rejected_token_is_not_called_down(self, server, status):
        server.say["/jobs"] = (status, {}, "")
        with pytest.raises(ProbeError, match=rf"/jobs\?token=\*\*\* answered {status}: it rejects the token"):
            ask(f"{server.url}/jobs?token=geheim42", expect_status=[200])

    def test_no_json_where_a_path_asks_for_it_is_an_error_in_a_2xx_only(self, server):
        server.say["/"] = (200, {"Content-Type": "text/html"}, "<p>hello")
        with pytest.raises(ProbeError, match=r"answered 200, and not with JSON: Expecting value"):
            ask(server.url, json="status")
        server.say["/"] = (502, {"Content-Type": "text/html"}, "<p>bad gateway")
        assert "value" not in ask(server.url, json="status")

    def test_a_document_nested_beyond_reason_is_no_document(self, server):
        server.say["/"] = (200, JSON, "[" * 200_000)
        with pytest.raises(ProbeError, match=r"not with JSON"):
            ask(server.url, json="a")
        server.say["/"] = (200, JSON, "[" * 900 + "]" * 900)
        assert ask(server.url)["ok"]

    @pytest.mark.req("RB-22")
    def test_the_token_is_nowhere_in_what_comes_back(self, server):
        server.say["/jobs"] = (200, JSON, {"echo": "token geheim/42", "also": "geheim%2F42", "me": "Zaubertrank"})
        fields = ask(f"{server.url}/jobs?token=geheim%2F42", headers={"X-Api-Key": "Zaubertrank"})
        assert "geheim" not in repr(fields) and "Zaubertrank" not in repr(fields)
        assert fields["echo"] == "token ***"
        assert server.asked[0][1] == "/jobs?token=geheim%2F42"
        assert server.asked[0][2]["X-Api-Key"] == "Zaubertrank"

    def test_sends_what_the_spec_says(self, server):
        server.say["/q"] = (200, {}, "")
        ask(f"{server.url}/q", method="POST", body="a=ü", headers={"X-Tenant": "ada"})
        ask(f"{server.url}/q", method="POST", body={"a": 1})
        ask(f"{server.url}/q", method="HEAD")
        (method, _, headers, body), second, third = server.asked
        assert (method, headers["X-Tenant"], body) == ("POST", "ada", "a=ü")
        assert (second[2]["Content-Type"], second[3]) == ("application/json", '{"a": 1}')
        assert third[0] == "HEAD"

    @pytest.mark.req("RB-12")
    def test_no_connection_is_an_error_or_a_reading_as_the_spec_says(self):
        url = f"http://127.0.0.1:{closed_port()}/health?token=geheim42"
        with pytest.raises(ProbeError, match=r"^No answer from .*Connection refused") as failure:
            ask(url)
        assert failure.value.reason == "unreachable"
        assert "geheim" not in str(failure.value)
        fields = ask(url, unreachable="reading")
        assert fields == {"reachable": False, "error": str(failure.value)}

    def test_an_unknown_host_says_so(self):
        with pytest.raises(ProbeError, match=r"^No answer from http://no-such-host.invalid/") as failure:
            ask("http://no-such-host.invalid/")
        assert failure.value.reason == "unreachable"

    def test_an_unexpected_status_as_a_reading_keeps_its_code(self, server):
        server.say["/"] = (502, {}, "")
        fields = ask(server.url, expect_status=[200], unreachable="reading")
        assert (fields["reachable"], fields["status_code"]) == (False, 502)

    def test_only_the_first_2000_characters_are_kept_and_a_megabyte_is_the_end(self, server):
        server.say["/"] = (200, {}, "ü" * 499_999)
        assert ask(server.url)["body"] == "ü" * 2000
        server.say["/"] = (200, {}, b"x" * 1_000_001)
        with pytest.raises(ProbeError, match=r"more than 1,000,000 bytes") as failure:
            ask(server.url)
        assert failure.value.reason == "limit"


def drip(handler, text, pause=0.05):
    """Send a byte at a time, so that no single wait is ever long."""
    for byte in text.encode():
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(pause)


class TestDeadline:
    @pytest.mark.req("DX-71")
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(lambda handler: time.sleep(2), id="silent"),
            pytest.param(lambda handler: drip(handler, "HTTP/1.1 200 OK\r\nX: " + "x" * 40), id="drips-headers"),
            pytest.param(
                lambda handler: drip(handler, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + "x" * 99, 0.02),
                id="drips-body",
            ),
            pytest.param(
                lambda handler: drip(handler, "HTTP/1.1 200 OK\r\n\r\n" + "x" * 99, 0.02), id="drips-until-closed"
            ),
        ],
    )
    def test_the_whole_answer_must_be_there_in_time(self, server, answer):
        server.say["/"] = answer
        with pytest.raises(ProbeError, match=r"did not answer within 0\.3 s") as failure:
            read("http", {"url": f"{server.url}/?token=geheim42"}, timeout=timedelta(seconds=0.3))
        assert failure.value.reason == "timeout"
        assert "geheim" not in str(failure.value)

    def test_an_answer_that_ends_by_closing_is_whole(self, server):
        server.say["/"] = lambda handler: drip(handler, "HTTP/1.0 200 OK\r\n\r\nfine", 0)
        assert ask(server.url)["body"] == "fine"

    def test_an_answer_that_breaks_off_is_an_error(self, server):
        server.say["/"] = lambda handler: drip(handler, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", 0)
        with pytest.raises(ProbeError, match=r"No answer from .*IncompleteRead"):
            ask(server.url)


class TestRedirects:
    def test_stays_with_the_host_it_was_told(self, server):
        server.say |= {"/old": (302, {"Location": "/new"}, ""), "/new": (200, {}, "here")}
        assert ask(f"{server.url}/old")["body"] == "here"
        assert ask(f"{server.url}/old", redirects="none")["status_code"] == 302

    def test_another_host_is_not_asked_unless_the_spec_allows_it_and_never_sees_our_headers(self, server):
        with running(Server()) as other:
            elsewhere = other.url.replace("127.0.0.1", "localhost")
            server.say["/"] = (302, {"Location": f"{elsewhere}/"}, "")
            other.say["/"] = (200, {}, "elsewhere")
            assert ask(server.url, headers={"X-Api-Key": "k"})["status_code"] == 302
            assert other.asked == []
            assert ask(server.url, headers={"X-Api-Key": "k"}, redirects="any")["body"] == "elsewhere"
            assert "X-Api-Key" not in other.asked[0][2]

    def test_a_circle_ends(self, server):
        server.say["/"] = (302, {"Location": "/"}, "")
        with pytest.raises(ProbeError, match=r"sends us in circles"):
            ask(server.url)
        assert len(server.asked) == 5


@pytest.fixture
def tls(server, tmp_path):
    """The server under TLS, with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begins = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = server.url.replace("http://", "https://")
    return server


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
class TestTls:
    def test_a_certificate_nobody_vouches_for_is_refused_unless_the_spec_says_so(self, tls):
        tls.say["/"] = (200, {}, "fine")
        with pytest.raises(ProbeError, match=r"^The certificate of https://.* is not accepted: .*CERTIFICATE_VERIFY"):
            ask(tls.url)
        assert ask(tls.url, verify=False)["body"] == "fine"

    def test_the_deadline_holds_under_tls_too(self, tls):
        tls.say["/"] = lambda handler: drip(handler, "HTTP/1.1 200 OK\r\n\r\n" + "x" * 99, 0.02)
        with pytest.raises(ProbeError, match=r"did not answer within 0.4 s"):
            read("http", {"url": tls.url, "verify": False}, timeout=timedelta(seconds=0.4))


class TestJson:
    def fan(self, server, document, **spec):
        server.say["/stats"] = (200, JSON, document)
        return read("json", {"url": f"{server.url}/stats", **spec})

    def test_a_reading_for_each_element_of_a_list(self, server):
        document = {"queues": [{"name": "mail", "depth": 5, "up": True}, {"name": "sms", "depth": None}]}
        assert self.fan(server, document, each="queues", field="depth") == [
            Reading({"name": "mail", "depth": 5, "up": True, "value": 5}, {"name": "mail"}),
            Reading({"name": "sms", "depth": None, "value": None}, {"name": "sms"}),
        ]

    def test_a_reading_for_each_member_of_an_object(self, server):
        assert self.fan(server, {"mail": {"depth": 5}, "sms": {}}, each="", field="depth") == [
            Reading({"depth": 5, "value": 5}, {"key": "mail"}),
            Reading({}, {"key": "sms"}),
        ]
        assert self.fan(server, {"mail": 5, "state": "up"}, each="") == [
            Reading({"value": 5}, {"key": "mail"}),
            Reading({"value": "up"}, {"key": "state"}),
        ]

    def test_fields_and_labels_by_whatever_name_the_document_has_for_them(self, server):
        spec = {
            "fields": {"backlog": ["queueSize", "backlog"], "waiting": "counts.waiting"},
            "field": "backlog", "labels": {"queue": ["name", "key"]},
        }  # fmt: skip
        told = self.fan(server, {"a": {"queueSize": 7, "counts": {"waiting": 3}}, "b": {}}, each="", **spec)
        assert [reading.labels["queue"] for reading in told] == ["a", "b"]
        assert [(reading.value, reading.fields["waiting"]) for reading in told] == [(7, 3), (None, None)]
        told = self.fan(server, [{"name": "c", "backlog": 9, "queueSize": None}], each="", **spec)
        assert [(reading.labels["queue"], reading.value) for reading in told] == [("c", 9)]

    @pytest.mark.parametrize("part", ["fields", "labels"])
    def test_a_mapping_that_is_none_is_told(self, part):
        with pytest.raises(BadSpec, match=rf"{part}\.x: This should be a path or a list of paths, and it is 5"):
            PROBES["json"].check({"url": "http://h/x", "each": "", part: {"x": 5}})

    def test_an_empty_list_is_no_reading(self, server):
        assert self.fan(server, [], each="") == []

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            ({"jobs": []}, "has nothing at 'queues'; it has jobs."),
            ([], "has nothing at 'queues'; it has no members."),
            ({"queues": 5}, "has neither list nor object at 'queues', but 5."),
            ("<p>", "did not answer with JSON"),
        ],
    )
    def test_another_shape_is_told(self, server, document, words):
        with pytest.raises(ProbeError, match=r"^http://") as failure:
            self.fan(server, document, each="queues")
        assert words in str(failure.value)

    def test_any_status_but_200_is_an_error(self, server):
        server.say["/"] = (500, JSON, {"queues": []})
        with pytest.raises(ProbeError, match=r"answered 500 where 200 is expected"):
            read("json", {"url": server.url, "each": "queues"})
