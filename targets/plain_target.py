"""What the stand-ins without a database share: levers over HTTP, their state, a page of buttons, and ways to fail.

Levers  POST /_levers/<name> with its arguments as a JSON object;  GET /_levers lists them
State   GET /_state
Page    GET /
"""

import threading
from html import escape
from typing import Any, ClassVar

from targets import levers, pages
from targets.held import HeldClock
from targets.levers import Button, lever
from targets.service import Answer, BadRequest, Request, Service

REFUSE = {
    "lever": "refuse",
    "arguments": "(seconds: float = 60)",
    "about": "Refuse every connection to this address, levers too; it ends by itself.",
}


class PlainTarget(HeldClock, Service):
    """A monitored system that is all in memory."""

    title: ClassVar[str]
    about: ClassVar[str]

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self.lock = threading.RLock()
        self.asked: list[Request] = []
        self.failing: Answer | None = None
        self.hanging = 0.0
        self.empty()

    def empty(self) -> None:
        """Forget everything that was fed."""
        raise NotImplementedError

    def serve(self, request: Request) -> Answer:
        """What the system itself answers."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What was fed, in figures."""
        raise NotImplementedError

    def buttons(self) -> list[Button]:
        """What the page offers."""
        raise NotImplementedError

    @lever
    def reset(self) -> None:
        """Answer as usual, with nothing stored."""
        with self.lock:
            self.failing, self.hanging, self.held, self.asked = None, 0.0, None, []
            self.empty()

    @lever
    def fail(self, status: int = 500, body: str = "") -> None:
        """Answer everything with this status and text, until `reset` or `recover`."""
        self.failing = Answer(status, body)

    @lever
    def hang(self, seconds: float = 60) -> None:
        """Let every request wait so long, until `reset` or `recover`."""
        self.hanging = seconds

    @lever
    def recover(self) -> None:
        """Answer as usual again, with what is stored."""
        self.failing, self.hanging = None, 0.0

    def answer(self, request: Request) -> Answer | None:
        if request.path == "/":
            return self._page(request)
        if request.path == "/_state":
            return Answer(200, self.state())
        if request.path == "/_levers":
            return Answer(200, [*levers.listing(self), REFUSE])
        if request.path.startswith("/_levers/"):
            return self._pull(request)
        self.asked.append(request)
        if self.hanging:
            self.pause(self.hanging)
        if self.failing:
            return self.failing
        with self.lock:
            return self.serve(request)

    def _pull(self, request: Request) -> Answer:
        if request.method != "POST":
            return Answer(405, "Levers are pulled by POST.\n", headers={"Allow": "POST"})
        name = request.path.removeprefix("/_levers/")
        if name == "refuse":
            seconds = levers.read("refuse.seconds", request.fields().get("seconds", 60), float)
            return self._pulled(request, Answer(200, {"refuses_for_s": seconds}, then=lambda: self.refuse(seconds)))
        try:
            levers.bound(self, name, request.fields())()
        except ValueError as error:
            raise BadRequest(str(error)) from error
        return self._pulled(request, Answer(200, self.state()))

    def _pulled(self, request: Request, answer: Answer) -> Answer:
        return Answer(303, headers={"Location": "/"}, then=answer.then) if request.from_form else answer

    def _page(self, request: Request) -> Answer:
        shown = "".join(pages.button(one.label, f"/_levers/{one.lever}", one.fields) for one in self.buttons())
        more = pages.button("Answer 500", "/_levers/fail") + pages.button("Answer again", "/_levers/recover")
        figures = pages.table(["what", "how many"], [[name, number] for name, number in self.state().items()])
        live = f'<div class="levers">{shown}{more}{pages.button("Empty it", "/_levers/reset")}</div>{figures}'
        return pages.page(self.title, f"<p>{escape(self.about)}</p>", live, request)
