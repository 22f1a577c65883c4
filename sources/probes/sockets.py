"""A TCP connection, plain or TLS, whose every step ends at one deadline; for probes that speak a protocol of their own.

Two things may take longer than the deadline, as with HTTP: looking up the host's name, and each further address of a
host whose first one is silent.
"""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.probes.base import BadSpec, ProbeError, check_type

CHUNK = 65_536
UNREACHABLE = ("error", "reading")
PEM = "-----BEGIN"


@dataclass(frozen=True)
class Place:
    """A host and a port, and how errors name them: `tcp://db.example.org:5432`."""

    host: str
    port: int
    scheme: str = "tcp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Line:
    """An open connection."""

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self.sock, self.ends_at, self.rest = sock, ends_at, b""

    def hurry(self) -> None:
        """Have the socket's next step end at the deadline."""
        self.sock.settimeout(_left(self.ends_at))

    def send(self, data: bytes) -> None:
        self.hurry()
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """Return the next bytes, b"" at the end."""
        if self.rest:
            found, self.rest = self.rest, b""
            return found
        self.hurry()
        return self.sock.recv(CHUNK)

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes; EOFError when the other side hangs up before."""
        found = bytearray()
        while len(found) < size:
            found += self._more()
        self.rest = bytes(found[size:])
        return bytes(found[:size])

    def read_line(self, most: int = CHUNK) -> bytes:
        """Return a line without its CRLF; EOFError as `read`, ValueError when it is longer than `most` bytes."""
        found = bytearray()
        while b"\r\n" not in found:
            if len(found) > most:
                raise ValueError("a line without an end")
            found += self._more()
        line, _, rest = bytes(found).partition(b"\r\n")
        self.rest = rest
        return line

    def _more(self) -> bytes:
        more = self.receive()
        if not more:
            raise EOFError
        return more


@contextmanager
def dial(place: Place, timeout: timedelta, *, tls: ssl.SSLContext | None = None, name: str = "") -> Iterator[Line]:
    """An open connection to `place`, closed at the end; ProbeError when there is none or it breaks within.

    timeout   from now to the end of the block
    tls       speak TLS by this; `name` is the name that is asked for and that the certificate must have
    """
    ends_at = time.monotonic() + timeout.total_seconds()
    sock: socket.socket | None = None
    try:
        sock = socket.create_connection((place.host, place.port), timeout=_left(ends_at))
        if tls:
            sock.settimeout(_left(ends_at))
            sock = tls.wrap_socket(sock, server_hostname=name or place.host)
        yield Line(sock, ends_at)
    except TimeoutError:
        seconds = f"{timeout.total_seconds():g} s"
        raise ProbeError(f"{place} did not answer within {seconds}.", reason="timeout") from None
    except EOFError:
        raise ProbeError(f"{place} hung up in the middle of its answer.", reason="unreachable") from None
    except ssl.SSLCertVerificationError as error:
        words = f"The certificate of {place} is not accepted: {rejection(error)}."
        raise ProbeError(words, reason="unreachable") from None
    except ssl.SSLError as error:
        words = (error.reason or str(error)).replace("_", " ").lower()
        raise ProbeError(f"{place} does not speak TLS with us: {words}.", reason="unreachable") from None
    except UnicodeError:
        raise ProbeError(f"No connection to {place}: there can be no such host.", reason="unreachable") from None
    except OSError as error:
        words = error.strerror or str(error)
        raise ProbeError(f"No connection to {place}: {words}.", reason="unreachable") from None
    finally:
        if sock:
            sock.close()


def rejection(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate is not accepted, in OpenSSL's own words: `certificate has expired`."""
    return (error.verify_message or str(error)).rstrip(".")


def read_place(spec: Mapping[str, Any], schemes: tuple[str, ...], default_port: int | None = None) -> Place:
    """Return the place that `spec` names, by `host` and `port` or by `url`; raise BadSpec.

    schemes   that the address of a connection may have; errors name the first
    """
    scheme = schemes[0]
    if "url" in spec:
        check_type(spec, "url", str, "an address")
        if "host" in spec or "port" in spec:
            raise BadSpec("host", "Say where it is either by an address or by `host` and `port`.")
        parts = urlsplit(spec["url"])
        try:
            port = parts.port or default_port
        except ValueError:
            raise BadSpec("url", "The port should be a number from 1 to 65535.") from None
        if parts.scheme not in schemes or not parts.hostname or port is None:
            example = f"{scheme}://host:{default_port or 'port'}"
            raise BadSpec("url", f"An address should look like {example}.")
        return Place(parts.hostname, port, scheme)
    host, port = spec.get("host"), spec.get("port", default_port)
    if not isinstance(host, str) or not host or any(sign in host for sign in "/@ \r\n"):
        raise BadSpec("host", f"This should be the name or address of a host, and it is {host!r}.")
    if isinstance(port, str) and port.isdecimal():  # from a parameter
        port = int(port)
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65_535:
        raise BadSpec("port", f"This should be a number from 1 to 65535, and it is {port!r}.")
    return Place(host.strip("[]"), port, scheme)


def check_unreachable(spec: Mapping[str, Any]) -> None:
    if (choice := spec.get("unreachable", UNREACHABLE[0])) not in UNREACHABLE:
        raise BadSpec("unreachable", f"There is no choice {choice!r}. Allowed: {', '.join(UNREACHABLE)}.")


def trust(spec: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what certificates are checked by: `ca`, PEM text or the path of a file of it, else the system's own.

    With `verify` false they are not checked at all.
    """
    if spec.get("verify") is False:
        return blind()
    try:
        ca = spec.get("ca") or ""
        if ca.lstrip().startswith(PEM):
            return ssl.create_default_context(cadata=ca)
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        words = getattr(error, "strerror", None) or str(error)
        raise ProbeError(f"The certificates of `ca` cannot be used: {words}.", reason="unset") from None


def blind() -> ssl.SSLContext:
    """What takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
