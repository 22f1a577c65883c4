"""What the targets with a database share: levers over HTTP, their state as JSON, and the page to press them on.

Levers  POST /_levers/<name> with its arguments as a JSON object;  GET /_levers lists them
State   GET /_state
Page    GET /
"""

from html import escape
from typing import Any, ClassVar, Self

import psycopg

from targets import levers, pages
from targets.database import Database, masked
from targets.levers import Card, lever, press
from targets.service import Answer, BadRequest, Request, Service

REFUSE = {
    "lever": "refuse",
    "arguments": "(seconds: float = 60)",
    "about": "Refuse every connection to this address, levers too; over HTTP it ends by itself.",
}


class Target(Service):
    """A monitored system with a PostgreSQL database of its own.

    database_url   postgresql://…/name, created if missing; `monitor_url` is what Opscenter should be given
    """

    title: ClassVar[str]
    about: ClassVar[str]
    tables: ClassVar[str]

    def __init__(self, database_url: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self.database = Database(database_url)
        self.monitor_url = self.database.monitor_url

    def start(self) -> Self:
        self.database.create(self.tables)
        self.begin()
        return super().start()

    def begin(self) -> None:
        """Leave the data of an earlier run alone, but fill an empty database."""
        raise NotImplementedError

    def reset(self) -> None:
        """Make everything healthy again."""
        raise NotImplementedError

    def look(self) -> dict[str, Any]:
        """What the rules would find now; may raise psycopg.OperationalError."""
        raise NotImplementedError

    def cards(self, state: dict[str, Any]) -> list[Card]:
        """The page's cards; `state` is that of `look`, or empty while the database refuses."""
        raise NotImplementedError

    def serve(self, request: Request) -> Answer | None:
        """What the system itself answers, apart from levers and their page."""
        return Answer(404, f"{self.title} has no page {request.path}.\n")

    @lever
    def refuse_database(self) -> None:
        """End every session of the database and take no new ones."""
        self.database.refuse()

    @lever
    def accept_database(self) -> None:
        """Let the database take sessions again."""
        self.database.accept()

    def state(self) -> dict[str, Any]:
        """`look`, with whether the database answers and the instant at which its clock is held."""
        try:
            held = self.database.rows("SELECT max(at) AS at FROM target_clock.held")[0]["at"]
            return {"database": "answers", "clock_held_at": held} | self.look()
        except psycopg.OperationalError as error:
            return {"database": f"refuses: {str(error).strip().splitlines()[-1]}"}

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
        except psycopg.OperationalError as error:
            words = f"The database does not answer; pull accept_database first. {error}"
            return Answer(409, words)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        return self._pulled(request, Answer(200, jsonable(self.state())))

    def _pulled(self, request: Request, answer: Answer) -> Answer:
        if not request.from_form:
            return answer
        return Answer(303, headers={"Location": "/"}, then=answer.then)

    def _page(self, request: Request) -> Answer:
        state = self.state()
        reachable = state["database"] == "answers"
        shown = "".join(map(show, self.cards(state if reachable else {})))
        reset = pages.button("Make everything healthy", "/_levers/reset")
        top = f'<div class="levers">{reset}</div>'
        if state.get("clock_held_at"):
            top += f'<p class="note">The database clock is held at {escape(str(state["clock_held_at"]))}.</p>'
        gone = Card("Database", "Whether Opscenter can reach the tables at all.", state["database"], not reachable, [
            press("Refuse every session", "refuse_database"), press("Answer again", "accept_database"),
        ])  # fmt: skip
        lead = f"<p>{escape(self.about)}</p>"
        lead += f'<p class="soft">Database: {escape(masked(self.database.url))}</p>'
        return pages.page(self.title, lead, f'{top}<div class="two">{shown}{show(gone)}</div>', request)


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
