"""How destinations and addresses stand: circuits, bars, the last test, figures of a day, tokens that end."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q

from policies.substitute import names

from .addresses import address_key
from .models import AddressHealth, Delivery, Destination, Purpose
from .routing import addresses_of

DAY = timedelta(days=1)
ANNOUNCED = timedelta(days=14)
"""So long before its token ends a destination says so."""


@dataclass
class Place:
    """A destination as its page shows it.

    test     the last delivery of a test, None: never tested
    ends_in  days until its token ends, when that is announced; below zero it has ended
    unset    the parameter of its address that has no value
    """

    destination: Destination
    circuit: str = "closed"
    health: list[AddressHealth] = field(default_factory=list)
    test: Delivery | None = None
    sent: int = 0
    failed: int = 0
    waiting: int = 0
    held: int = 0
    last_at: datetime | None = None
    ends_in: int | None = None
    unset: str = ""

    @property
    def state(self) -> str:
        """off, unset, failing, expiring, or works; untested before anything was sent."""
        if not self.destination.enabled:
            return "off"
        if self.unset:
            return "unset"
        if self.circuit != "closed" or any(one.barred for one in self.health) or self.test_failed:
            return "failing"
        if self.ends_in is not None:
            return "expiring"
        return "works" if self.sent or (self.test and self.test.status == Delivery.Status.SENT) else "untested"

    @property
    def test_failed(self) -> bool:
        """Whether the last test did not arrive, and nothing has since."""
        if self.test is None or self.test.status not in (Delivery.Status.FAILED, Delivery.Status.SUPPRESSED):
            return False
        return self.last_at is None or self.test.ended_at is None or self.last_at < self.test.ended_at


def of(row: Delivery) -> AddressHealth | None:
    """What is known of the address of a delivery beyond the delivery itself."""
    return AddressHealth.objects.filter(address_key=row.address_key).first() if row.address_key else None


def places(*, at: datetime) -> list[Place]:
    """Every destination, those in trouble first."""
    rows = list(Destination.objects.select_related("policy", "fallback"))
    found = {row.pk: Place(row, ends_in=ends_in(row, at=at)) for row in rows}
    lately = Delivery.objects.filter(destination__isnull=False, created_at__gt=at - DAY).order_by()
    for figures in lately.values("destination").annotate(
        sent=Count("pk", filter=Q(status="sent")), failed=Count("pk", filter=Q(status__in=["failed", "suppressed"])),
        waiting=Count("pk", filter=Q(next_attempt_at__isnull=False)), last_at=Max("ended_at", filter=Q(status="sent")),
        held=Count("pk", filter=Q(next_attempt_at__isnull=False, held_until__isnull=False)),
    ):  # fmt: skip
        place = found[figures["destination"]]
        for name in ("sent", "failed", "waiting", "last_at", "held"):
            setattr(place, name, figures[name])
    tests = Delivery.objects.filter(purpose=Purpose.TEST, destination__isnull=False).order_by()
    newest = tests.values("destination").annotate(last=Max("pk")).values_list("last", flat=True)
    for test in Delivery.objects.filter(pk__in=list(newest)).defer("address", "secret"):
        found[test.destination_id or 0].test = test
    for place in found.values():
        place.unset = next((name for one in addresses_of(place.destination) for name in names(one)), "")
    _with_health(found, at=at)
    order = {"failing": 0, "expiring": 1, "unset": 2, "untested": 3, "works": 4, "off": 5}
    return sorted(found.values(), key=lambda place: (order[place.state], place.destination.key))


def _with_health(found: dict[int, Place], *, at: datetime) -> None:
    known = {one.address_key: one for one in AddressHealth.objects.filter(Q(opened_at__isnull=False) | ~Q(barred=""))}
    if not known:
        return
    for place in found.values():
        for address in addresses_of(place.destination):
            health = known.get(address_key(place.destination.kind, address))
            if health is not None:
                place.health.append(health)
                place.circuit = health.circuit_at(at) if health.opened_at else place.circuit


def troubled(*, at: datetime) -> list[tuple[AddressHealth, str]]:
    """Addresses with an open circuit or that are barred, each with its circuit's state."""
    rows = AddressHealth.objects.filter(Q(opened_at__isnull=False) | ~Q(barred=""))[:200]
    return [(row, row.circuit_at(at)) for row in rows]


def ends_in(destination: Destination, *, at: datetime) -> int | None:
    """Days until the token of `destination` ends, when it is time to say so."""
    if destination.expires_at is None:
        return None
    left = destination.expires_at - at.date()
    return left.days if left <= ANNOUNCED else None


def failing(*, at: datetime) -> list[Place]:
    """Destinations in use that do not work or whose token ends: what the rule of the default pack counts."""
    return [place for place in places(at=at) if place.state in ("failing", "expiring")]
