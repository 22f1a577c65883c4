"""The certificate of a TLS server: until when it is valid, and whether others accept it.

    {"host": "www.example.org", "port": 443, "server_name": "www.example.org", "ca": "/etc/ssl/ours.pem",
     "unreachable": "error" | "reading"}

`value` and `days_left` are the days until it ends (below 0 when it has), `not_after` and `not_before` instants, `ok`
that a client would accept it (chain, name and time) and `reason` why not, `issuer`, `subject`, `names` (a list) and
`serial` what it says of itself, `expired` and `latency_ms`. `server_name` is the name asked for, `host` when it is not
given; `ca` the certificates trusted instead of the system's own.

A server without TLS is a ProbeError, and so is one that does not answer, unless `"unreachable": "reading"`. A
certificate that is not accepted is a reading. A connection's address is tls://host:443.
"""

import ssl
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from sources.probes.base import ProbeError, Reading, check_keys, check_type
from sources.probes.sockets import Place, blind, check_unreachable, dial, read_place, rejection, trust

SCHEMES = ("tls", "https")
PORT = 443
KEYS = ("url", "host", "port", "server_name", "ca", "unreachable")
DAY = timedelta(days=1)
MOST_NAMES = 100


class Tls:
    kind = "tls"

    def check(self, spec: Mapping[str, Any]) -> None:
        check_keys(spec, required=(), allowed=KEYS)
        read_place(spec, SCHEMES, PORT)
        check_type(spec, "server_name", str, "a name")
        check_type(spec, "ca", str, "certificates or a file of them")
        check_unreachable(spec)

    def read(self, spec: Mapping[str, Any], *, at: datetime, timeout: timedelta) -> list[Reading]:
        place, began = read_place(spec, SCHEMES, PORT), time.monotonic()
        try:
            der, rejected = _handshake(place, trust(spec), spec, timeout)
            took = time.monotonic() - began
            if rejected:  # what is not accepted is not handed out either: ask once more without looking
                der, _ = _handshake(place, blind(), spec, timeout - timedelta(seconds=took))
        except ProbeError as error:
            if spec.get("unreachable") != "reading":
                raise
            return [Reading({"reachable": False, "ok": False, "reason": str(error), "error": str(error)})]
        return [Reading(_fields(der, rejected, at) | {"latency_ms": round(took * 1000, 3)})]


def _handshake(place: Place, context: ssl.SSLContext, spec: Mapping[str, Any], timeout: timedelta) -> tuple[bytes, str]:
    """Return the server's certificate (DER), or b"" and why it is not accepted."""
    with dial(place, timeout) as line:
        line.hurry()
        try:
            with context.wrap_socket(line.sock, server_hostname=spec.get("server_name") or place.host) as secure:
                return secure.getpeercert(binary_form=True) or b"", ""
        except ssl.SSLCertVerificationError as error:
            return b"", rejection(error)


def _fields(der: bytes, rejected: str, at: datetime) -> dict[str, Any]:
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise ProbeError(f"The certificate cannot be read: {error}.") from None
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    left = (ends - at) / DAY
    if not rejected and ends < at:
        rejected = "certificate has expired"
    elif not rejected and at < begins:
        rejected = "certificate is not yet valid"
    return {
        "value": left,
        "days_left": left,
        "not_after": ends,
        "not_before": begins,
        "expired": ends < at,
        "ok": not rejected,
        "reason": rejected,
        "reachable": True,
        "issuer": certificate.issuer.rfc4514_string(),
        "subject": certificate.subject.rfc4514_string(),
        "names": _names(certificate),
        "serial": f"{certificate.serial_number:x}",
    }


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    found = names.get_values_for_type(x509.DNSName)
    return [*found, *map(str, names.get_values_for_type(x509.IPAddress))][:MOST_NAMES]
