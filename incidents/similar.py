"""Past incidents like this one, and what helped then; and what else is open or linked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Case, Q, QuerySet, When

from .models import OPEN, Incident, Status, TimelineEntry

LOOKED_AT, LATELY, SHOWN, LEAST = 200, 1_000, 5, 3
SAME_KEY, SAME_RULE, SAME_SERVICE, SAME_COMPONENT, SAME_WORDS = 6, 4, 1, 2, 4
WORD = re.compile(r"\w{3,}")


@dataclass
class Like:
    """A past incident, how like it is (at least LEAST), why, and what people wrote of its end."""

    incident: Incident
    score: float
    because: list[str]
    helped: list[str] = field(default_factory=list)


def past(incident: Incident, among: QuerySet[Incident]) -> list[Like]:
    """The incidents among `among` that are over and most like this one, the likest first; three queries.

    Looked at are the LOOKED_AT newest of the same key, and as many of its policy or service among the LATELY before it:
    however many there have been, no more is read.
    """
    before = Incident.objects.filter(detected_at__lte=incident.detected_at).order_by("-detected_at", "-pk")
    over = before.filter(status__in=[Status.RESOLVED, Status.CLOSED], drill=incident.drill).exclude(pk=incident.pk)
    close = Q(policy=incident.policy_id)
    if incident.service_id:
        close |= Q(service=incident.service_id)
    same = over.filter(scope=incident.scope, key=incident.key).values("pk")[:LOOKED_AT]
    near = over.filter(close, pk__in=before.values("pk")[:LATELY]).values("pk")[:LOOKED_AT]
    rows = among.filter(Q(pk__in=same) | Q(pk__in=near)).select_related("severity", "service")
    likes = [like for row in rows if (like := _compare(incident, row)).score >= LEAST]
    likes.sort(key=lambda like: (-like.score, -like.incident.detected_at.timestamp()))
    _what_helped(likes[:SHOWN])
    return likes[:SHOWN]


def _compare(incident: Incident, other: Incident) -> Like:
    score = 0.0
    because: list[str] = []
    if (incident.scope, incident.key) == (other.scope, other.key):
        score, because = score + SAME_KEY, [*because, "same key"]
    rule = incident.labels.get("alertname")
    if rule and other.labels.get("alertname") == rule:
        score, because = score + SAME_RULE, [*because, f"same rule {rule}"]
    if incident.service_id and incident.service_id == other.service_id:
        score, because = score + SAME_SERVICE, [*because, "same service"]
    component = incident.labels.get("component")
    if component and other.labels.get("component") == component:
        score, because = score + SAME_COMPONENT, [*because, f"same component {component}"]
    ours, theirs = (set(WORD.findall(one.title.lower())) for one in (incident, other))
    if common := ours & theirs:
        share = len(common) / len(ours | theirs)
        score += SAME_WORDS * share
        if share >= 0.5:
            because.append("like title")
    return Like(other, score, because)


def _what_helped(likes: Iterable[Like]) -> None:
    """The cause, the reason given at the end, and what was pinned."""
    by_number = {like.incident.pk: like for like in likes}
    wanted = Q(kind="resolved") | Q(starred=True)
    entries = TimelineEntry.objects.filter(wanted, incident__in=by_number).order_by("at", "pk")
    for like in by_number.values():
        if like.incident.cause:
            like.helped.append(f"Cause: {like.incident.cause}")
    for entry in entries:
        text = entry.text
        if entry.kind == "resolved":
            _, colon, text = text.partition(": ")
            text = f"Resolved: {text.rstrip('.')}" if colon else ""
        if text:
            by_number[entry.incident_id].helped.append(text)


def beside(incident: Incident, among: QuerySet[Incident]) -> list[Incident]:
    """Open incidents of the same service or policy; the most urgent first."""
    near = Q(policy=incident.policy_id)
    if incident.service_id:
        near |= Q(service=incident.service_id)
    # few are open, and many were of this policy: the open ones are looked for first, and only they are sorted
    open_now = among.filter(status__in=OPEN).exclude(pk=incident.pk).order_by().values("pk")
    rows = Incident.objects.alias(near=Case(When(near, then=1), default=0)).filter(near=1, pk__in=open_now)
    rows = rows.select_related("severity")
    return list(rows.order_by("severity__rank", "detected_at")[:10])
