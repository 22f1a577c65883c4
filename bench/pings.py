"""B6: what a heartbeat's ping costs at the door, against a bare single-row UPDATE by psycopg in the same run.

A ping updates its heartbeat and inserts a row of its own, both on disk before it is answered; the bare statement
updates two columns and nothing else, one autocommit after the other on one connection. Compared is CPU: our web
process with the database's, against the loop with the database's. Alone means one sender that waits for each answer; in
a crowd as many senders ping at once as at a full minute, each its own heartbeat, and share statements.
"""

import os
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from bench.intake import free_port, web
from bench.measure import Meter, below, database_pids, emit, with_django

HEARTBEATS, BARE, PINGS = 64, 3000, 3000
CROWDS = {"alone": 1, "16 at once": 16, "64 at once": 64}
BUDGET = 2.5
ROUNDS = 3


class Sender:
    """One kept connection that pings one heartbeat, and waits for each answer before the next."""

    def __init__(self, port: int, id: UUID) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = f"GET /ping/{id} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\n\r\n".encode()

    def send(self) -> None:
        self.socket.sendall(self.request)

    def take(self) -> None:
        answer = self.socket.recv(65536)
        if not (answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"OK")):
            raise SystemExit(f"The server answered {answer[:300]!r}")


def ping(senders: Sequence[Sender], count: int) -> None:
    """`count` pings, as many at a time as there are senders."""
    with selectors.DefaultSelector() as ready:
        for sender in senders:
            ready.register(sender.socket, selectors.EVENT_READ, sender)
            sender.send()
        sent, taken = len(senders), 0
        while taken < count:
            for key, _ in ready.select():
                key.data.take()
                taken += 1
                if sent < count:
                    key.data.send()
                    sent += 1


def bare(ids: Sequence[UUID], count: int) -> float:
    """CPU of one UPDATE, this process and the database, in µs."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        text = "UPDATE sources_heartbeat SET last_ping_at = now(), ping_count = ping_count + 1 WHERE id = %s"
        for id in ids:
            raw.execute(text, [id])
        with Meter([os.getpid(), *database_pids()]) as meter:
            for number in range(count):
                raw.execute(text, [ids[number % len(ids)]])
    return meter.cpu_us / count


def main() -> None:
    from django.db import connection
    from django.utils import timezone

    from sources.heartbeats import managing
    from sources.models import Ping

    if connection.vendor != "postgresql":
        raise SystemExit("B6 compares with a bare UPDATE on PostgreSQL; leave out --sqlite.")
    now = timezone.now()
    minute = timedelta(minutes=1)
    ids = [managing.add(name=f"job {n}", period=5 * minute, grace=minute, at=now).pk for n in range(HEARTBEATS)]
    port, updates = free_port(), []
    spent = {name: {"web": 0.0, "database": 0.0, "wall": 0.0} for name in CROWDS}
    with web(port) as pid:
        senders = [Sender(port, id) for id in ids]
        ping(senders, 4 * HEARTBEATS)  # every thread has its connection, and knows every heartbeat
        before = Ping.objects.count()
        for _ in range(ROUNDS):
            updates.append(bare(ids, BARE // ROUNDS))
            for name, crowd in CROWDS.items():
                with Meter(below(pid)) as meter, Meter(database_pids()) as database:
                    ping(senders[:crowd], PINGS // ROUNDS)
                spent[name]["web"] += meter.cpu_us
                spent[name]["database"] += database.cpu_us
                spent[name]["wall"] += meter.wall_us
        time.sleep(0.1)
        stored = Ping.objects.count() - before
        if stored != len(CROWDS) * (PINGS // ROUNDS) * ROUNDS:
            raise SystemExit(f"Only {stored} pings were stored.")
    update = sum(updates) / len(updates)
    for name, cost in spent.items():
        each = {what: total / (PINGS // ROUNDS * ROUNDS) for what, total in cost.items()}
        total = each["web"] + each["database"]
        detail = f"{total:.0f} µs a ping (web {each['web']:.0f}, database {each['database']:.0f}), "
        detail += f"{1e6 / each['wall']:,.0f} a second, against {update:.0f} for the bare UPDATE"
        emit(f"B6 ping, {name}", total / update, BUDGET, detail)


if __name__ == "__main__":
    sys.exit(with_django(main))
