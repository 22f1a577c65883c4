"""A monitored system, its policy and the people at its pages, minute by minute until somebody's next deed."""

import re
from collections.abc import Callable
from datetime import timedelta

from django.test import Client

from notifications import outbox
from targets.inbox import Received
from targets.sink import Sink
from tests.packs.responding import Room

LINK = re.compile(r"/a/[\w:.-]+(?:/[\w:.-]+)*/?")


class Watched(Room):
    """`look` asks the rules that are due; it does, the clock runs and messages leave once a `stride`."""

    def __init__(self, watch, client: Client, sink: Sink, look: Callable[[], object], *, stride: timedelta) -> None:
        super().__init__(watch, client)
        self.sink, self.look, self.stride = sink, look, stride

    def at(self, wall: str) -> None:
        """Let time pass until `wall` (UTC, "09:05" or "09:05:30")."""
        hour, minute, second = ([int(part) for part in wall.split(":")] + [0])[:3]
        until = self.watch.at.replace(hour=hour, minute=minute, second=second)
        assert until >= self.watch.at, f"It is {self.watch.at:%H:%M:%S} already."
        while self.watch.at < until:
            self.go_on(min(self.stride, until - self.watch.at))
            self.look()
            self.settle()

    def settle(self) -> None:
        """What is due now is worked, and what is to be sent is sent."""
        self.go_on(timedelta())
        while outbox.deliver_due(at=self.watch.at):
            pass

    def got(self, path: str) -> list[Received]:
        """What that address took, oldest first."""
        return [one for one in self.sink.received() if one.path.startswith(path) and one.status in (200, 201, 204)]

    def pages(self, name: str) -> list[str]:
        """The links to acknowledge that this person's chat got."""
        return [found[0] for one in self.got(f"/slack/{name}") if (found := LINK.search(str(one.json)))]
