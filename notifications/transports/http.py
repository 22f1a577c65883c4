"""One request over HTTP, with an end in time and answers sorted into sent, try again and undeliverable."""

import http.client
import io
import json
import logging
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from socket import socket
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .base import AddressRefused, TryAgain, Undeliverable

CONNECT_TIMEOUT = 3.05  # seconds, for each address that a host name has
READ_TIMEOUT = 8.0  # between two pieces of an answer
TOTAL_TIMEOUT = 12.0  # from the message being sent to the end of the answer
LONGEST_ANSWER = 64 * 1024  # of which we want a word

# urllib3 logs whole URLs, at DEBUG and with some warnings, and the URL of a webhook is a secret.
logging.getLogger("urllib3").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict:
        """The body as a JSON object; empty when it is none."""
        try:
            read = json.loads(self.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def retry_after(self) -> timedelta | None:
        """What its Retry-After asks for; an HTTP date counts on the wall clock, whatever instant a sweep was given."""
        return retry_after(self.headers.get("Retry-After"), now=datetime.now(UTC))


def post(url: str, body: bytes, headers: Mapping[str, str], *, service: str) -> Answer:
    """POST `body` to `url` and return a 2xx answer; every other end is an error in words that do not hold the URL.

    service  who is asked, for the words: "Slack"
    """
    answer = ask("POST", url, body, headers, service=service)
    judge(answer, service)
    return answer


def ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, service: str) -> Answer:
    """Send one request and return its answer, of whatever status; no answer at all is TryAgain.

    Redirects are not followed: a redirected POST arrives as something else, or elsewhere. Cookies are not kept.
    """
    request = requests.PreparedRequest()
    try:
        request.prepare(method=method, url=url, data=body, headers={"User-Agent": "Opscenter", **headers})
    except (requests.RequestException, ValueError):
        raise AddressRefused(f"The address for {service} is no URL that can be asked; enter it again.") from None
    try:
        response = _adapter().send(
            request,
            stream=True,
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            verify=os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True,
            proxies=get_environ_proxies(url) if _behind_proxy() else None,
        )
        said = response.raw.read(LONGEST_ANSWER, decode_content=False)
        response.close()  # the connection is kept when the answer was read whole, else cut
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
        raise AddressRefused(f"The address for {service} is no URL that can be asked; enter it again.") from None
    except (requests.RequestException, urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
        raise _no_answer(error, service) from None
    return Answer(response.status_code, said, response.headers)


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for, in seconds or as an HTTP date; None when absent or unreadable.

    Source: RFC 9110, section 10.2.3; fractions of a second are read too since Discord sends them.
    """
    value = (value or "").strip()
    try:
        if re.fullmatch(r"\d{1,9}(\.\d+)?", value, re.ASCII):
            return timedelta(seconds=float(value))
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(until - now, timedelta())


def judge(answer: Answer, service: str) -> None:
    """Raise what an answer other than 2xx means for the message, by its status alone."""
    status = answer.status
    if 200 <= status < 300:
        return
    said = f"{service} answered {status}{_reason(answer.body)}"
    if status in (408, 425, 429) or status >= 500:
        raise TryAgain(f"{said}.", answer.retry_after, unsure=status in (502, 504))
    if status in (404, 410):
        raise AddressRefused(f"{said}: it no longer knows this address; enter the present one.")
    if 300 <= status < 400:
        raise Undeliverable(f"{said}, a redirect, which is not followed; enter the address it leads to.")
    if status in (401, 403):
        raise Undeliverable(f"{said}: it refuses us at this address; check the address and its permissions.")
    raise Undeliverable(f"{said}: it refuses this message.")


def _reason(body: bytes) -> str:
    """A code such as Slack's invalid_blocks. Nothing longer is repeated: error pages echo the URL that was asked."""
    return f" ({body.decode()})" if re.fullmatch(rb"[a-z]{2,20}(_[a-z]{2,20}){1,4}", body) else ""


def _no_answer(error: Exception, service: str) -> TryAgain:
    """`error` in words of ours, since its own hold the URL."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.ConnectTimeout):
        return TryAgain(f"{service} could not be reached within {CONNECT_TIMEOUT:.0f} seconds.")
    if isinstance(error, requests.Timeout | urllib3_errors.TimeoutError | TimeoutError):
        return TryAgain(f"{service} did not answer in time; it may have the message all the same.", unsure=True)
    if isinstance(error, requests.exceptions.SSLError | urllib3_errors.SSLError):
        return TryAgain(f"The TLS certificate of {service} could not be verified; check the host name and its chain.")
    if isinstance(error, requests.exceptions.ProxyError | urllib3_errors.ProxyError):
        return TryAgain(f"The proxy on the way to {service} failed.")
    if isinstance(reason, urllib3_errors.NameResolutionError):
        return TryAgain(f"The host name of {service} could not be looked up.")
    if isinstance(reason, urllib3_errors.NewConnectionError):
        return TryAgain(f"{service} could not be reached: the connection was refused.")
    return TryAgain(f"{service} ended the connection without a whole answer.", unsure=True)


class _Piecewise(io.RawIOBase):
    """The bytes of an answer as they come in, for READ_TIMEOUT at a time and TOTAL_TIMEOUT at most.

    A socket's own timeout starts anew with each byte, so a server that sends one now and then would hold us for good.
    """

    def __init__(self, sock: socket) -> None:
        self._socket = sock
        self._file = sock.makefile("rb", buffering=0)
        self._end = time.monotonic() + TOTAL_TIMEOUT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._socket.settimeout(min(left, READ_TIMEOUT))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Wire:
    """A socket as http.client wants one for reading."""

    def __init__(self, sock: socket) -> None:
        self._socket = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Piecewise(self._socket))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket, *args, **kwargs) -> None:
        super().__init__(_Wire(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args, **kwargs):
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


@lru_cache(maxsize=1)
def _adapter() -> _Adapter:
    """The open connections of this process, shared by its threads: a message seldom waits for a handshake."""
    return _Adapter(pool_connections=64, pool_maxsize=16)


@lru_cache(maxsize=1)
def _behind_proxy() -> bool:
    """Whether the environment names a proxy; asked once, since looking costs more than all else here."""
    return bool(getproxies())


os.register_at_fork(after_in_child=_adapter.cache_clear)  # two processes on one socket would mix their messages
