"""A stand-in for Sentry: takes events by lever and issue alerts by its API, and posts the webhook of each alert that is
met, signed.

POST /api/0/projects/<organization>/<project>/rules/   makes an issue alert; 400 names what is wrong with it
GET  /api/0/projects/<organization>/<project>/rules/   the alerts there are

Source: Sentry documentation, "Create an Issue Alert Rule for a Project", "Webhooks: Issue Alerts".
"""

import json
import re
import secrets
from collections import defaultdict
from datetime import datetime
from typing import Any

from targets import sentry_rules
from targets.doors import Doors, NotTold
from targets.levers import Button, lever, press
from targets.plain_target import PlainTarget
from targets.sentry_rules import BadRule, Event, Rule
from targets.service import Answer, Request, arguments, run

RULES = re.compile(r"/api/0/projects/([^/]+)/([^/]+)/rules/")
LEVELS = tuple(sentry_rules.ORDER)
MOST = 500


class Sentry(PlainTarget):
    """doors   where its webhooks go"""

    name = "sentry"
    title = "Sentry"
    about = "Errors of an application, and issue alerts that post a webhook. Each button lets an event happen now."

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, doors: Doors | None = None) -> None:
        self.doors = doors or Doors()
        self.rules: list[tuple[Rule, dict[str, Any]]] = []
        super().__init__(host=host, port=port)

    def empty(self) -> None:
        """Forget the events; the alerts stay, as they are no event."""
        self.issues: dict[str, list[datetime]] = defaultdict(list)
        self.told: dict[tuple[str, str], datetime] = {}
        self.posted, self.refused = 0, ""

    @lever
    def forget_rules(self) -> None:
        """Remove every issue alert."""
        self.rules.clear()

    @lever
    def event(
        self,
        message: str = "it broke",
        level: str = "error",
        tags: dict[str, str] | None = None,
        issue: str = "",
        times: int = 1,
    ) -> None:
        """An event is seen so often, in the issue of that number or, without one, of that message."""
        if level not in LEVELS:
            raise ValueError(f"There is no level {level!r}; there are {', '.join(LEVELS)}.")
        number = issue or str(1000 + sum(map(ord, message)))
        for _ in range(min(times, MOST)):
            self._happened(number, message, level, tags or {})

    def _happened(self, issue: str, message: str, level: str, tags: dict[str, str]) -> None:
        at = self.now()
        with self.lock:
            self.issues[issue].append(at)
            event = Event(message, level, tags, at, tuple(self.issues[issue]))
            due = [rule for rule, _ in self.rules if rule.posts and rule.met(event) and self._may(rule, issue, at)]
        for rule in due:
            shown = {
                "event_id": secrets.token_hex(16), "issue_id": issue, "title": message, "message": message,
                "level": level, "datetime": at.isoformat(), "platform": "python", "project": 1,
                "tags": [["level", level], *([name, value] for name, value in tags.items())],
                "web_url": f"{self.url}/organizations/shop/issues/{issue}/",
            }  # fmt: skip
            try:
                data = {"event": shown, "triggered_rule": rule.name}
                self.doors.tell("sentry", {"action": "triggered", "data": data}, at=at)
                self.posted, self.refused = self.posted + 1, ""
            except NotTold as error:
                self.refused = str(error)
                raise

    def _may(self, rule: Rule, issue: str, at: datetime) -> bool:
        """Whether the alert may tell of this issue again; notes that it does."""
        last = self.told.get((rule.name, issue))
        if last is not None and at - last < rule.frequency:
            return False
        self.told[rule.name, issue] = at
        return True

    def state(self) -> dict[str, Any]:
        seen = {f"events of issue {issue}": len(times) for issue, times in self.issues.items()}
        refused = {"refused": self.refused} if self.refused else {}
        return {"issue alerts": len(self.rules), "webhooks posted": self.posted, **refused, **seen}

    def buttons(self) -> list[Button]:
        limiter = json.dumps({"error_type": "rate_limiter_backend_error"})
        throttle = json.dumps({"error_type": "throttle_backend_error"})
        return [
            press("Rate limiter lost Redis", "event", message="Error reserving rate limit token", tags=limiter),
            press("Campaigns are stuck", "event", message="Stuck PROCESSING campaigns detected", level="warning"),
            press("Too many transient errors", "event", message="Campaign paused: too many transient errors"),
            press("Throttle lost Redis", "event", message="Throttle backend (Redis) unavailable", tags=throttle),
            press("Another error", "event", message="KeyError: 'total'"),
        ]

    def serve(self, request: Request) -> Answer:
        if not RULES.fullmatch(request.path):
            return Answer(404, {"detail": "The requested resource does not exist"})
        if request.method == "GET":
            return Answer(200, [{"id": str(n), **body} for n, (_, body) in enumerate(self.rules, 1)])
        if request.method != "POST":
            return Answer(405, {"detail": f'Method "{request.method}" not allowed.'})
        body = request.fields()
        try:
            self.rules.append((sentry_rules.read(body), body))
        except BadRule as error:
            return Answer(400, {error.field: [str(error)]})
        return Answer(201, {"id": str(len(self.rules)), "status": "active", **body})


def main() -> None:
    """The command line."""
    parser = arguments((__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--doors", default="", metavar="FILE", help="JSON file with Opscenter's doors and their secrets"
    )
    options = vars(parser.parse_args())
    sentry = Sentry(doors=Doors(file=options.pop("doors")), **options)
    run(sentry, lambda: f"Sentry answers on {sentry.url}; its levers are on {sentry.url}/")


if __name__ == "__main__":
    main()
