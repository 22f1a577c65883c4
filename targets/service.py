"""An HTTP server in threads, started and stopped in the same process, that can also play dead.

Python's own server, told to keep connections alive, to write an answer in one piece and to cut hanging
requests short when it stops.
"""

import argparse
import json
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

LARGEST_BODY = 10_000_000  # bytes
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


class BadRequest(ValueError):
    """The request cannot be understood; the text says what to change."""


@dataclass(frozen=True)
class Request:
    """One HTTP request: `path` without the query and unquoted, `query` with the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """The header `name`, in any case; empty when it was not sent."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    def fields(self) -> dict[str, Any]:
        """The body of a JSON object or of an HTML form as a dict; raises BadRequest."""
        if not self.body.strip():
            return {}
        if self.from_form:
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            fields = json.loads(self.body)
        except ValueError as error:
            raise BadRequest(f"The body is not JSON: {error}.") from error
        if not isinstance(fields, dict):
            raise BadRequest('The body must be a JSON object, such as {"times": 2}.')
        return fields

    @property
    def from_form(self) -> bool:
        """Whether a browser's form sent this; `curl -d '{…}'` says so too, but its body gives it away."""
        kind = self.header("Content-Type")
        return kind.startswith("application/x-www-form-urlencoded") and self.body.lstrip()[:1] not in (
            b"{",
            b"[",
        )


@dataclass(frozen=True)
class Answer:
    """What a request gets: a dict or list goes out as JSON, text as plain text, unless `kind` tells."""

    status: int = 200
    body: bytes | str | dict | list = b""
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    then: Callable[[], None] | None = None  # done once the answer is out

    def encoded(self) -> tuple[bytes, str]:
        """The body as bytes, with its content type."""
        if isinstance(self.body, dict | list):
            return json.dumps(self.body, ensure_ascii=False).encode(), self.kind or JSON
        if isinstance(self.body, str):
            return self.body.encode(), self.kind or TEXT
        return self.body, self.kind or "application/octet-stream"


class Service:
    """Base of the targets: subclasses say in `answer` what a request gets.

    host, port   where to listen; port 0 takes a free one, `url` tells which
    """

    name = "target"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host, self.port = host, port
        self.stopping = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._timer: threading.Timer | None = None
        self._door = threading.RLock()

    def answer(self, request: Request) -> Answer | None:
        """What `request` gets; None cuts the connection without a word."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The address without a slash at its end, such as http://127.0.0.1:9000."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen; returns itself, so that `Sink().start()` reads well."""
        self.stopping.clear()
        self._server = _Server((self.host, self.port), self)
        self.port = self._server.server_address[1]
        self._serve()
        return self

    def stop(self) -> None:
        """Stop listening, cut every connection and end requests that hang; stopping twice does no harm."""
        self.stopping.set()
        with self._door:
            self._halt()
            if self._server:
                self._server.server_close()
                self._server = None

    def refuse(self, seconds: float | None = None) -> None:
        """Refuse every connection, as if the program were gone, for `seconds` or until `accept`."""
        with self._door:
            if self._server is None:
                return
            self._halt()
            self._server.play_dead()
            if seconds is not None:
                self._timer = threading.Timer(seconds, self.accept)
                self._timer.daemon = True
                self._timer.start()

    def accept(self) -> None:
        """Take connections again after `refuse`."""
        with self._door:
            if self._server is not None and self._thread is None:
                self._halt()
                self._server.server_activate()
                self._serve()

    def pause(self, seconds: float) -> None:
        """Let a request hang for `seconds`, or until the service stops."""
        self.stopping.wait(seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        assert self._server is not None
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.05,), name=f"{self.name}-{self.port}", daemon=True)
        self._thread.start()

    def _halt(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
            self._server.cut_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def play_dead(self) -> None:
        """Keep the port but no longer listen on it: the kernel itself refuses whoever comes."""
        port = self.server_address[1]
        self.socket.close()
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.service.host, port))

    def cut_connections(self) -> None:
        """Shut the connections that clients keep alive, too."""
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):  # a client that left is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # status, headers and body leave in one piece
    timeout = 120

    def answer_request(self) -> None:
        """Read the request, ask the service and write what it says."""
        split = urlsplit(self.path)
        body = self._body()
        if body is None or isinstance(body, Answer):
            self.close_connection = True
            return self._write(body) if body else None
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        request = Request(self.command, unquote(split.path), query, dict(self.headers.items()), body)
        try:
            answer = self.server.service.answer(request)
        except BadRequest as error:
            answer = Answer(400, str(error) + "\n")
        except Exception:  # a fault of ours must show in the test or the terminal, not look like a lost connection
            traceback.print_exc()
            answer = Answer(500, "The stand-in itself failed:\n" + traceback.format_exc())
        if answer is None:
            self.close_connection = True
            _shut(self.connection)
        else:
            self._write(answer)
            if answer.then:
                answer.then()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer_request

    def _body(self) -> bytes | Answer | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return Answer(411, "Send Content-Length; this server reads no chunks.\n")
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit():
            return Answer(400, "Content-Length is not a number.\n")
        if int(length) > LARGEST_BODY:
            return Answer(413, f"The body is larger than {LARGEST_BODY} bytes.\n")
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None  # the client left half-way

    def _write(self, answer: Answer) -> None:
        body, kind = answer.encoded()
        self.send_response(answer.status)
        if body:
            self.send_header("Content-Type", kind)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(body)
        self.wfile.flush()

    def version_string(self) -> str:
        return self.server.service.name

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what arrives is kept by the service, not printed."""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was quicker


def arguments(about: str, *, database: bool = False) -> argparse.ArgumentParser:
    """The command line that the targets share."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    if database:
        words = "postgresql://… of the target's own database, created if missing"
        parser.add_argument("--database-url", required=True, metavar="URL", help=words)
    return parser


def run(service: Service, greeting: Callable[[], str]) -> None:
    """Start `service`, print `greeting()` and stay until Ctrl-C or SIGTERM."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with service:
        print(greeting(), flush=True)
        over.wait()
