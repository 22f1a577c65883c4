"""The sink: Slack, Discord, any JSON webhook and e-mail arrive here, and a page shows them as they come.

Messages    POST /slack/<name>, /discord/<name>, /teams/<name>, /mattermost/<name>, /json/<name>, and what is spoken to
            by an account (targets/providers.py): pagerduty, slack_app, telegram, twilio, whatsapp, jira, tracker;
            SMTP on a port of its own (as /smtp/<address>)
Levers      POST /_levers/<path>    {"status": 429, "retry_after": 3, "times": 2, "hang": 1.5, "close": true}
            or a list of such objects; they wait their turn. `times` is 1 unless given, null lasts.
            POST /_levers/smtp[/<address>], with "stage": mail, rcpt (unless given) or data
            DELETE /_levers/<path>, DELETE /_levers  take back;  GET /_levers  what waits
Messages in GET /_received?path=/slack/ops&after=<number>&status=200  lists;  DELETE /_received  forgets
Page        GET /
"""

import json
from typing import Any, Self

from targets import sink_page
from targets.faults import Fault, Faults
from targets.inbox import Inbox, Received
from targets.providers import Mattermost, PagerDuty, SlackApp, Teams, Telegram, Twilio, WhatsApp
from targets.receivers import RECEIVERS as PLAIN
from targets.receivers import Receiver, parsed
from targets.service import Answer, BadRequest, Request, Service, arguments, run
from targets.smtp import FOLDER as MAIL
from targets.smtp import MailServer
from targets.tracker import Jira, Tickets

ACCOUNTS = (Teams(), Mattermost(), PagerDuty(), SlackApp(), Telegram(), Twilio(), WhatsApp())
RECEIVERS: dict[str, Receiver] = PLAIN | {receiver.kind: receiver for receiver in ACCOUNTS}


class Sink(Service):
    """Records everything; in a test read it by `received` and `wait_for`, and pull levers by `fault`."""

    name = "sink"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, smtp_port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self.inbox = Inbox()
        self.faults = Faults()
        self.tracker = Jira()
        self.tickets = Tickets()
        self.mail = MailServer(self.inbox, self.faults, host=host, port=smtp_port)
        self.received = self.inbox.listing
        self.wait_for = self.inbox.wait_for

    def start(self) -> Self:
        self.mail.start()
        return super().start()

    def stop(self) -> None:
        super().stop()
        self.mail.stop()

    @property
    def smtp_url(self) -> str:
        """Where to send mail, such as smtp://127.0.0.1:2525."""
        return self.mail.url

    def address(self, kind: str, name: str) -> str:
        """The webhook URL of `name`, such as address("slack", "ops")."""
        return f"{self.url}/{kind}/{name}"

    def fault(self, path: str, **facts: Any) -> None:
        """Let the next requests to `path` fail: fault("/slack/ops", status=429, retry_after=3, times=2).

        `path` may be a folder ("/slack", "/"); mail is "/smtp" or "/smtp/<address>". The facts: see Fault.
        """
        self._queue(path, facts)

    def reset(self) -> None:
        """Forget every message and take back every lever."""
        self.inbox.clear()
        self.faults.clear()
        self.tracker.sites.clear()
        self.tickets.kept.clear()

    def answer(self, request: Request) -> Answer | None:
        if request.path == "/_levers" or request.path.startswith("/_levers/"):
            return self._lever(request, request.path.removeprefix("/_levers"))
        if request.path in ("/_received", "/_received/_clear"):
            return self._listing(request)
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return sink_page.show(request, self.inbox.listing(), self.faults.listing(), self.mail.url)
        kind, _, name = request.path.strip("/").partition("/")
        known = {self.tracker.kind: self.tracker, self.tickets.kind: self.tickets}.get(kind) or RECEIVERS.get(kind)
        receiver = known if name else None
        if request.method not in (receiver.methods if receiver else ("POST",)):
            return Answer(405, "Messages are posted.\n", headers={"Allow": "POST"})
        return self._take(request, receiver)

    def _take(self, request: Request, receiver: Receiver | None) -> Answer | None:
        fault = self.faults.take(request.path)
        if fault:
            self.pause(fault.hang)
        answer = self._judge(request, receiver, fault)
        self.inbox.add(
            path=request.path,
            method=request.method,
            headers=request.headers,
            raw=request.body,
            json=parsed(request.body),
            status=answer.status if answer else 0,
            query=request.query,
        )
        return answer

    def _judge(self, request: Request, receiver: Receiver | None, fault: Fault | None) -> Answer | None:
        if fault and fault.close:
            return None
        if receiver is None:
            known = ", ".join(f"/{kind}/<name>" for kind in RECEIVERS)
            return Answer(404, f"Nobody receives {request.path}; there is {known}.\n")
        if fault and fault.status:
            return receiver.fail(fault.status, fault.retry_after)
        return receiver.take(request)

    def _lever(self, request: Request, path: str) -> Answer:
        if request.method == "DELETE" or path == "/_clear":
            self.faults.clear(path if path not in ("", "/_clear") else None)
        elif request.method == "POST":
            several = parsed(request.body)
            facts = several if isinstance(several, list) else [request.fields()]
            self._queue(path, *facts)
        if request.from_form:
            return Answer(303, headers={"Location": "/"})
        waiting = [vars(fault) | {"path": path or "/"} for path, fault in self.faults.listing()]
        return Answer(200, waiting)

    def _queue(self, path: str, *facts: Any) -> None:
        path = "/" + path.strip("/")
        faults = []
        for each in facts:
            if not isinstance(each, dict):
                raise BadRequest(f'A lever is an object such as {{"status": 500}}, not {json.dumps(each)}.')
            mail = path == MAIL or path.startswith(MAIL + "/")
            stage = {"stage": each.get("stage") or "rcpt"} if mail else {}
            faults.append(Fault.read(each | stage))
        self.faults.add(path.lower() if path.startswith(MAIL + "/") else path, *faults)

    def _listing(self, request: Request) -> Answer:
        if request.method == "DELETE" or request.path.endswith("/_clear"):
            self.inbox.clear()
            return Answer(303, headers={"Location": "/"}) if request.from_form else Answer(204)
        try:
            after = int(request.query.get("after", 0))
            status = int(request.query["status"]) if "status" in request.query else None
        except ValueError as error:
            raise BadRequest("after and status are whole numbers.") from error
        chosen = self.inbox.listing(request.query.get("path"), after=after, status=status)
        return Answer(200, [message.as_json() for message in chosen])


__all__ = ["Received", "Sink"]


def main() -> None:
    """The command line."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--smtp-port", type=int, default=0, help="port for mail; 0, the default, takes a free one")
    options = parser.parse_args()
    sink = Sink(host=options.host, port=options.port, smtp_port=options.smtp_port)
    run(sink, lambda: f"The sink shows what it receives on {sink.url}/ and takes mail at {sink.smtp_url}.")


if __name__ == "__main__":
    main()
