"""What the monitored systems share: levers over HTTP, their state as JSON, and the page to press them on.

Levers  POST /_levers/<name> with its arguments as a JSON object;  GET /_levers lists them
State   GET /_state
Page    GET /
"""

from html import escape
from typing import Any, ClassVar

from targets import levers, pages
from targets.levers import Card
from targets.service import Answer, BadRequest, Request, Service

REFUSE = {
    "lever": "refuse",
    "arguments": "(seconds: float = 60)",
    "about": "Refuse every connection to this address, levers too; over HTTP it ends by itself.",
}


class Panel(Service):
    """A monitored system; `Target` is one with a database."""

    title: ClassVar[str]
    about: ClassVar[str]
    unreachable: ClassVar[tuple[type[Exception], ...]] = ()
    """What a lever raises when the system's own parts do not answer; the caller is told to mend that first."""

    def reset(self) -> None:
        """Make everything healthy again."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What the rules would find now."""
        raise NotImplementedError

    def cards(self, state: dict[str, Any]) -> list[Card]:
        """The page's cards for that state."""
        raise NotImplementedError

    def lead(self, state: dict[str, Any]) -> str:
        """HTML above the cards: what this is."""
        return f"<p>{escape(self.about)}</p>"

    def top(self, state: dict[str, Any]) -> str:
        """HTML between the button that heals everything and the cards."""
        return ""

    def serve(self, request: Request) -> Answer | None:
        """What the system itself answers, apart from levers and their page."""
        return Answer(404, f"{self.title} has no page {request.path}.\n")

    def answer(self, request: Request) -> Answer | None:
        if request.path == "/":
            return self._page(request)
        if request.path == "/_state":
            return Answer(200, jsonable(self.state()))
        if request.path == "/_levers":
            return Answer(200, [*levers.listing(self), REFUSE])
        if request.path.startswith("/_levers/"):
            return self._pull(request)
        return self.serve(request)

    def _pull(self, request: Request) -> Answer:
        if request.method != "POST":
            return Answer(405, "Levers are pulled by POST.\n", headers={"Allow": "POST"})
        name = request.path.removeprefix("/_levers/")
        if name == "refuse":  # takes effect once the answer is out, and cannot be taken back over HTTP
            seconds = levers.read("refuse.seconds", request.fields().get("seconds", 60), float)
            return self._pulled(request, Answer(200, {"refuses_for_s": seconds}, then=lambda: self.refuse(seconds)))
        pull = levers.bound(self, name, request.fields())
        try:
            pull()
        except self.unreachable as error:
            return Answer(409, f"The database does not answer; pull accept_database first. {error}")
        except ValueError as error:
            raise BadRequest(str(error)) from error
        return self._pulled(request, Answer(200, jsonable(self.state())))

    def _pulled(self, request: Request, answer: Answer) -> Answer:
        if not request.from_form:
            return answer
        return Answer(303, headers={"Location": "/"}, then=answer.then)

    def _page(self, request: Request) -> Answer:
        state = self.state()
        reset = pages.button("Make everything healthy", "/_levers/reset")
        shown = "".join(map(show, self.cards(state)))
        live = f'<div class="levers">{reset}</div>{self.top(state)}<div class="two">{shown}</div>'
        return pages.page(self.title, self.lead(state), live, request)


def show(card: Card) -> str:
    """A card as HTML."""
    mark = {True: ("over the edge", "bad"), False: ("quiet", "calm"), None: ("cannot tell", "warn")}[card.over]
    buttons = "".join(pages.button(b.label, f"/_levers/{b.lever}", b.fields) for b in card.buttons)
    body = f'<p class="soft">{escape(card.about)}</p><p class="say">{escape(card.value)}</p>'
    return pages.card(card.heading, pages.badge(*mark), f'{body}<div class="levers">{buttons}</div>')


def jsonable(value: Any) -> Any:
    """`value` with what JSON does not know, such as instants, as text."""
    if isinstance(value, dict):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
