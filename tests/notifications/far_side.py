"""Servers of our own that take messages: by HTTP and by SMTP, on free ports of 127.0.0.1."""

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers each path by its script, one entry a request, and 200 when the script has ended.

    Entries: a status, (status, headers), a function called with the request, or one of the words
    "hang" (until `stop`), "drip" (a byte now and then), "close" (no answer) and "cut" (half an answer).
    """

    got: list[Got] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def __post_init__(self) -> None:
        self.scripts: dict[str, deque] = {}
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # its sender has died meanwhile
                    self.close_connection = True
                    return
                receiver.take(self, Got(self.path, dict(self.headers), body, id(self.connection)))

            def do_GET(self) -> None:
                receiver.take(self, Got(self.path, dict(self.headers), b"", id(self.connection)))

            def log_message(self, *args) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def url(self, path: str = "/hook", *script) -> str:
        """The address of `path`, which answers by `script` first."""
        self.scripts[path] = deque(script)
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def at(self, path: str) -> list[Got]:
        return [one for one in self.got if one.path == path]

    def take(self, handler: BaseHTTPRequestHandler, got: Got) -> None:
        with self._lock:
            self.got.append(got)
            script = self.scripts.get(got.path)
            step = script.popleft() if script else 200
        self.arrived.set()
        if callable(step):
            step = step(got) or 200
        if step == "hang":
            self.stopped.wait(60)
            handler.close_connection = True
        elif step == "drip":
            self._drip(handler)
        elif step == "close":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        elif step == "cut":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            handler.close_connection = True
        else:
            status, headers, body = step if isinstance(step, tuple) else (step, {}, b"")
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.stopped.wait(0.1):
                handler.wfile.write(b"X-Slow: 1\r\n")
        except OSError:
            pass  # we gave up on it, as we should

    def stop(self) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Mailbox:
    """A mail server. `answers` maps a mailbox to its replies at RCPT, one a message; then 250."""

    def __init__(self) -> None:
        self.mails: list = []
        self.asked: list[str] = []
        self.answers: dict[str, list[str]] = {}
        self.refuse_data = ""
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.controller.start()

    @property
    def port(self) -> int:
        return self.controller.port

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        self.asked.append(address)
        script = self.answers.get(address)
        answer = script.pop(0) if script else "250 OK"
        if answer == "hang":
            await asyncio.sleep(30)
        if answer == "close":
            server.transport.abort()
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope) -> str:
        if self.refuse_data:
            return self.refuse_data
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def stop(self) -> None:
        self.controller.stop()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(condition, process: subprocess.Popen, seconds: float = 30.0) -> None:
    """Wait for what `process` does; fails when `condition` does not come to hold."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
