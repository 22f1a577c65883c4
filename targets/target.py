"""A monitored system with a PostgreSQL database of its own, which can refuse and whose clock can be held."""

from html import escape
from typing import Any, ClassVar, Self

import psycopg

from targets.database import Database, masked
from targets.levers import Card, lever, press
from targets.panel import Panel


class Target(Panel):
    """A monitored system with a PostgreSQL database of its own.

    database_url   postgresql://…/name, created if missing; `monitor_url` is what Opscenter should be given
    """

    tables: ClassVar[str]
    unreachable = (psycopg.OperationalError,)

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

    def look(self) -> dict[str, Any]:
        """What the rules would find now; may raise psycopg.OperationalError."""
        raise NotImplementedError

    def rule_cards(self, state: dict[str, Any]) -> list[Card]:
        """A card for each rule; `state` is that of `look`, or empty while the database refuses."""
        raise NotImplementedError

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

    def cards(self, state: dict[str, Any]) -> list[Card]:
        reachable = state["database"] == "answers"
        gone = Card("Database", "Whether Opscenter can reach the tables at all.", state["database"], not reachable, [
            press("Refuse every session", "refuse_database"), press("Answer again", "accept_database"),
        ])  # fmt: skip
        return [*self.rule_cards(state if reachable else {}), gone]

    def lead(self, state: dict[str, Any]) -> str:
        return f'{super().lead(state)}<p class="soft">Database: {escape(masked(self.database.url))}</p>'

    def top(self, state: dict[str, Any]) -> str:
        held = state.get("clock_held_at")
        return f'<p class="note">The database clock is held at {escape(str(held))}.</p>' if held else ""
