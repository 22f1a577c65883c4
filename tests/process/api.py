"""A service that rules ask over HTTP, which can keep them waiting and knows which process asks."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.process.instance import descendants


class Api:
    """Answers GET /<name> with {"status": "up"}, or what `status` says of the name.

    hanging   name -> port of the program whose request is kept waiting now
    """

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.hanging: dict[str, int] = {}
        self._held: dict[str, threading.Event] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.answer(self, self.path.strip("/"))

            def log_message(self, *args: object) -> None:
                """The tests tell what they need to."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler, name: str) -> None:
        self.asked[name] += 1
        if held := self._held.get(name):
            self.hanging[name] = request.client_address[1]
            held.wait(60)
        body = json.dumps({"status": self.status.get(name, "up")}).encode()
        try:
            request.send_response(200)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            request.close_connection = True  # who asked is gone

    def hold(self, name: str) -> None:
        """Keep requests for `name` waiting until `let_go`."""
        self._held[name] = threading.Event()

    def let_go(self, name: str) -> None:
        self._held.pop(name).set()
        self.hanging.pop(name, None)

    def stop(self) -> None:
        for name in list(self._held):
            self.let_go(name)
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def owner(port: int, among: int) -> int | None:
    """The process, of `among` and those below it, that has the local TCP port `port`; None when none has."""
    for pid in descendants(among):
        try:
            sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
        except OSError:
            continue
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and f"socket:[{fields[9]}]" in sockets:
                return pid
    return None
