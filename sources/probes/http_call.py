"""One HTTP request with an end: nothing after the deadline, nothing above a size, nobody but the host we asked."""

import io
import json
import socket
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sources.probes.base import BadSpec, ProbeError, check_keys, check_type
from sources.probes.masking import mask, mask_url, secrets_in

LARGEST = 1_000_000  # bytes of an answer
CHUNK = 65_536
HOPS = 5
METHODS = ("GET", "HEAD", "POST", "OPTIONS")
REDIRECTS = ("same-host", "any", "none")
KEYS = ("url", "method", "headers", "body", "expect_status", "verify", "redirects")
ends_at: ContextVar[float] = ContextVar("ends_at")  # time.monotonic()
public_only: ContextVar[bool | None] = ContextVar("public_only", default=None)


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers, the body as text with our secrets masked, and the milliseconds it took."""

    status: int
    headers: Mapping[str, str]
    text: str
    latency_ms: float

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def document(self) -> Any:
        """Return the body as JSON; a body that is none raises ValueError."""
        try:
            return json.loads(self.text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def check(spec: Mapping[str, Any], *, required: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    """Raise BadSpec unless the keys of `spec` that concern the request are right and no unknown one is there."""
    check_keys(spec, required=("url", *required), allowed=(*KEYS, *allowed))
    check_type(spec, "url", str, "an address")
    parts = urlsplit(spec["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSpec("url", f"This should begin with http:// or https:// and a host: {mask_url(spec['url'])}")
    if (method := spec.get("method", "GET")) not in METHODS:
        raise BadSpec("method", f"There is no method {method!r}. Allowed: {', '.join(METHODS)}.")
    if (redirects := spec.get("redirects", REDIRECTS[0])) not in REDIRECTS:
        raise BadSpec("redirects", f"There is no choice {redirects!r}. Allowed: {', '.join(REDIRECTS)}.")
    check_type(spec, "headers", Mapping, "a set of names and texts")
    for name, value in (spec.get("headers") or {}).items():
        if not isinstance(value, str) or not name.isascii() or any(c in f"{name}{value}" for c in "\r\n"):
            raise BadSpec(f"headers.{name}", "A header's name and value are texts on one line.")
    check_type(spec, "body", (str, Mapping, list), "a text, or a document that is sent as JSON")
    check_type(spec, "verify", bool, "true or false")
    expected = spec.get("expect_status")
    if expected is not None and not (
        isinstance(expected, list) and expected and all(type(code) is int and 100 <= code < 600 for code in expected)
    ):
        raise BadSpec("expect_status", f"This should be a list of codes such as [200, 503], and it is {expected!r}.")


def ask(spec: Mapping[str, Any], timeout: timedelta, *, public: bool | None = None) -> Answer:
    """Send the request of `spec` once and return the whole answer; raise ProbeError when there is none.

    public   True: only hosts of the public network are asked, for addresses that somebody without rights to the
             machine may enter; False: private ones too, but none that only the machine's own provider answers at

    `timeout` is for everything together, with two exceptions that the standard library sets: looking up the host's
    name, and each further address of a host whose first one is silent.
    """
    url, headers = spec["url"], dict(spec.get("headers") or {})
    secrets = secrets_in(url, headers)
    started, token = time.monotonic(), ends_at.set(time.monotonic() + timeout.total_seconds())
    guard = public_only.set(public)
    try:
        with requests.Session() as session:
            session.trust_env = False  # a .netrc or proxy of the machine is no part of the rule
            session.mount("http://", Timed())
            session.mount("https://", Timed())
            response = _follow(session, spec, headers)
            body = _body(response)
            return Answer(
                status=response.status_code,
                headers=response.headers,
                text=_hide(_text(response, body), secrets),
                latency_ms=round((time.monotonic() - started) * 1000, 3),
            )
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _told(error, mask(url, secrets), secrets, timeout) from None
    finally:
        ends_at.reset(token)
        public_only.reset(guard)


def get_path(document: Any, path: str) -> Any:
    """Return what stands at a dotted path such as `queues.0.depth`; what is not there raises LookupError."""
    for step in path.split(".") if path else ():
        if isinstance(document, Mapping) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            raise LookupError(path)
    return document


class Timed(HTTPAdapter):
    """Connections whose reads and writes end at `ends_at`, also when the other side sends byte after byte."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": TimedHTTPPool, "https": TimedHTTPSPool}


class TimedHTTP(HTTPConnection):
    def _new_conn(self):
        public = public_only.get()
        if public is not None:  # before a packet is sent
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
            for *_, address in found:
                _admit(str(address[0]), self.host, public)
        sock = super()._new_conn()
        if public is not None:  # and again, since a name may be answered otherwise the second time
            _admit(sock.getpeername()[0], self.host, public)
        sock.settimeout(_left())  # the TLS handshake is under this one
        return sock

    def connect(self) -> None:
        super().connect()
        self.sock = TimedSocket(self.sock)


def _admit(address: str, host: str, public: bool) -> None:
    """Refuse an address that is not of the public network, or (not `public`) one of the machine's provider."""
    found = ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_link_local or found.is_multicast or (public and not found.is_global):
        raise ProbeError(f"{host} is {found}, which is no address of the public network.", reason="limit")


class TimedHTTPS(TimedHTTP, HTTPSConnection):
    pass


class TimedHTTPPool(HTTPConnectionPool):
    ConnectionCls = TimedHTTP


class TimedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = TimedHTTPS


class TimedSocket:
    """A socket, or a TLS one, that gives each read and write only the time that is left."""

    def __init__(self, sock) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data, *flags) -> None:
        self._sock.settimeout(_left())
        self._sock.sendall(data, *flags)

    def makefile(self, mode: str = "rb", *args: Any, **options: Any):
        return io.BufferedReader(TimedReader(self._sock))


class TimedReader(io.RawIOBase):
    def __init__(self, sock) -> None:
        self._sock, self._file = sock, sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        self._sock.settimeout(_left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _left() -> float:
    left = ends_at.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left


def _follow(session: requests.Session, spec: Mapping[str, Any], headers: dict[str, str]) -> requests.Response:
    """Send, and follow redirects as `redirects` says; one that is not followed is the answer."""
    body, choice = spec.get("body"), spec.get("redirects", REDIRECTS[0])
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    request = session.prepare_request(
        requests.Request(spec.get("method", "GET"), spec["url"], headers=headers, data=(body and body.encode()) or None)
    )
    for _ in range(HOPS):
        response = session.send(
            request, stream=True, timeout=_left(), verify=spec.get("verify", True), allow_redirects=False
        )
        following = response.next
        if following is None or choice == "none":
            return response
        here, there = urlsplit(request.url), urlsplit(following.url)
        if there.hostname != here.hostname or (here.scheme, there.scheme) == ("https", "http"):
            if choice == "same-host":
                return response
            for name in headers:  # what was meant for one host is not shown to another
                following.headers.pop(name, None)
        response.close()
        request = following
    raise requests.TooManyRedirects(f"it redirects more than {HOPS} times")


def _body(response: requests.Response) -> bytes:
    body = b""
    while chunk := response.raw.read(CHUNK, decode_content=True):
        body += chunk
        if len(body) > LARGEST:
            raise ProbeError(f"{mask_url(response.url)} answered with more than {LARGEST:,} bytes.", reason="limit")
    return body


def _text(response: requests.Response, body: bytes) -> str:
    charset = requests.utils.get_encoding_from_headers(response.headers)
    if charset is None or "charset" not in response.headers.get("Content-Type", "").lower():
        charset = "utf-8"
    try:
        return body.decode(charset, errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _hide(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _told(error: Exception, place: str, secrets: set[str], timeout: timedelta) -> ProbeError:
    """Return `error` as a sentence of ours, with the library's innermost words and no secret."""
    cause = error
    while inner := getattr(cause, "reason", None) or next((a for a in cause.args if isinstance(a, Exception)), None):
        if not isinstance(inner, Exception):
            break
        cause = inner
    words = mask(str(cause).rpartition("): ")[2] or type(cause).__name__, secrets)
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
        seconds = f"{timeout.total_seconds():g} s"
        return ProbeError(f"{place} did not answer within {seconds}.", reason="timeout")
    if isinstance(error, requests.exceptions.SSLError):
        return ProbeError(f"The certificate of {place} is not accepted: {words}", reason="unreachable")
    if isinstance(error, requests.TooManyRedirects):
        return ProbeError(f"{place} sends us in circles: {words}.", reason="answer")
    return ProbeError(f"No answer from {place}: {words}", reason="unreachable")
