"""Whether this installation could page somebody right now: one finding a check, for `ops_readiness`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from alerts.models import RuleSource
from api.models import ApiToken
from flags import register
from incidents.models import EscalationPolicy
from notifications import routing
from notifications.models import Destination, Route
from oncall import readiness as reach
from oncall.models import EscalationContact
from oncall.people import catch_all, persons
from oncall.roster import responders
from policies.models import Policy
from policies.substitute import names

from . import beat, health

OK, WARN, FAIL = "ok", "warn", "FAIL"
SOON = timedelta(days=14)


@dataclass(frozen=True)
class Finding:
    """One check: how it went, what was looked at, and what to do."""

    verdict: str
    check: str
    text: str
    url: str = ""  # where it is mended

    def __str__(self) -> str:
        return f"{self.verdict:<4}  {self.check:<11} {self.text}"


def findings(*, at: datetime) -> Iterator[Finding]:
    """Every check in turn; without a usable database only the first."""
    if words := health.readiness():
        yield Finding(FAIL, "database", words)
        return
    yield Finding(OK, "database", "It answers, and every migration is applied.")
    state = health.check(at=at)
    for check in ("clock", "queue", "sweeps", "jobs", "deliveries", "rules"):
        if check in state.checks:
            words = state.checks[check]
            serious = check in ("clock", "queue", "sweeps")
            yield Finding(OK if words == health.OK else FAIL if serious else WARN, check, words)
    yield from schedules()
    yield from this_installation()
    yield from parameters()
    yield from flag_needs()
    yield from routes()
    yield from on_call(at=at)
    yield from people(at=at)
    yield from tokens(at=at)


def schedules() -> Iterator[Finding]:
    """The stored schedules of the system jobs."""
    stored = {entry.name: entry.due_at for entry in beat.entries()}
    for job in beat.JOBS:
        if job.name not in stored:
            yield Finding(WARN, "schedules", f"The job {job.name} is switched off, missing or has no usable schedule.")
        else:
            yield Finding(OK, "schedules", f"{job.name}: next {stored[job.name]:%Y-%m-%d %H:%M} UTC.")


def this_installation() -> Iterator[Finding]:
    """Settings that a public installation must have."""
    missing = []
    if settings.PRODUCTION and not settings.BASE_URL.startswith("https:"):
        missing.append("OPSCENTER_BASE_URL is no https address, so links with tokens would travel in the clear.")
    if settings.PRODUCTION and not settings.ALLOWED_HOSTS:
        missing.append("ALLOWED_HOSTS is empty; name the host of OPSCENTER_BASE_URL.")
    for words in missing:
        yield Finding(FAIL, "settings", words)
    if not missing:
        yield Finding(OK, "settings", f"Mode {settings.ENVIRONMENT}, links to {settings.BASE_URL}.")


def parameters() -> Iterator[Finding]:
    """Parameters that a switched-on rule or destination asks for and that have no value, each by name."""
    values: dict[tuple[int | None, str], str] = {
        (parameter.policy_id, parameter.key): parameter.raw
        for policy in Policy.objects.prefetch_related("parameters")
        for parameter in policy.parameters.all()
    }
    missing: dict[str, list[str]] = {}
    for policy_id, text, user in uses():
        for name in names(text):
            if not values.get((policy_id, name)):
                missing.setdefault(name, []).append(user)
    for name, users in sorted(missing.items()):
        yield Finding(FAIL, "parameters", f"{name} is not set, and {users[0]} needs it.")
    if not missing:
        yield Finding(OK, "parameters", "Every parameter that is asked for has a value.")


def flag_needs() -> Iterator[Finding]:
    """Feature flags that are on although a parameter they need has no value, each by name."""
    found = [lacking for policy in Policy.objects.filter(flags__isnull=False).distinct()
             for lacking in register.missing(policy)]  # fmt: skip
    for flag, name in found:
        yield Finding(FAIL, "flags", f"{name} is not set, and {flag}, which is on, needs it.", flag.get_absolute_url())
    if not found:
        yield Finding(OK, "flags", "Every flag that is on has what it needs.")


def routes() -> Iterator[Finding]:
    """Texts that send levels to other channels: each that cannot be read, with the parameter it comes from."""
    wrong = 0
    for route in Route.objects.exclude(by_level="").select_related("policy"):
        try:
            routing.levels_to_channels(route, strict=True)
        except routing.BadLevels as error:
            wrong += 1
            where = ", ".join(names(route.by_level)) or f"the route {route}"
            url = reverse("admin:notifications_route_change", args=[route.pk])
            yield Finding(FAIL, "routes", f"{where}: {error}", url)
    if not wrong:
        yield Finding(OK, "routes", "Every route can be read.")


def uses() -> Iterator[tuple[int | None, str, str]]:
    """Texts that may ask for parameters: policy, text, who needs it. A stand-in is needed only where it stands in."""
    wanted = Q(enabled=True) & Q(routes__isnull=False)
    for destination in Destination.objects.filter(wanted).distinct():
        yield destination.policy_id, destination.address, f"the destination {destination.key}"
    sources = RuleSource.objects.filter(rule__enabled=True).select_related("rule", "connection")
    for source in sources:
        if source.connection is not None:
            policy_id = source.connection.policy_id or source.rule.policy_id
            yield policy_id, source.connection.url, f"the rule {source.rule.key}"


def on_call(*, at: datetime) -> Iterator[Finding]:
    """For every plan that pages: whether somebody who can be reached would answer now."""
    for plan in EscalationPolicy.objects.select_related("policy").prefetch_related(
        "steps__schedule", "steps__contacts"
    ):
        asked: list[EscalationContact] = []
        for step in plan.steps.all():
            asked += responders(step.schedule, at) if step.schedule else []
            asked += step.contacts.all()
        asked_for, _ = persons(asked, at=at)
        reachable = [person for person in asked_for if is_reachable(person)]
        name = plan.policy.key if plan.policy else plan.key
        if reachable:
            yield Finding(OK, "on-call", f"{name}: {', '.join(map(str, reachable))}.")
        elif asked_for:
            yield Finding(WARN, "on-call", f"{name}: {asked_for[0]} has no usable contact method; add one.")
        else:
            yield Finding(WARN, "on-call", f"{name}: no on-call. Put somebody on its schedule or role.")
    if not any(is_reachable(person) for person in catch_all(at=at)):
        yield Finding(WARN, "on-call", "No catch-all contact can be reached; mark one, with a contact method.")


def people(*, at: datetime) -> Iterator[Finding]:
    """Those who are counted on and every schedule: what would keep a page from its person."""
    found = list(reach.troubles(at=at))
    for trouble in found:
        url = ""
        if trouble.contact is not None:
            url = reverse("admin:oncall_escalationcontact_change", args=[trouble.contact.pk])
        elif trouble.schedule is not None:
            url = reverse("schedule", args=[trouble.schedule.key])
        yield Finding(FAIL if trouble.serious else WARN, trouble.check, trouble.text, url)
    fine = {"contacts": "Everybody who is counted on can be reached.", "cover": "Every schedule names somebody."}
    for check in reach.CHECKS:
        if not any(trouble.check == check for trouble in found):
            yield Finding(OK, check, fine[check])


def tokens(*, at: datetime) -> Iterator[Finding]:
    """Tokens of channels and of the API that end within two weeks, or have ended."""
    found = []
    for place in Destination.objects.filter(enabled=True, expires_at__lte=(at + SOON).date()):
        ended = "ended" if place.expires_at and place.expires_at < at.date() else "ends"
        words = f"What the destination {place} is sent with {ended} on {place.expires_at}. Enter a new one."
        found.append(Finding(WARN, "tokens", words, reverse("admin:notifications_destination_change", args=[place.pk])))
    for token in ApiToken.objects.filter(revoked_at=None, expires_at__gt=at, expires_at__lte=at + SOON):
        words = f"The API token {token} ends on {token.expires_at:%Y-%m-%d}. Make a new one for its program."
        found.append(Finding(WARN, "tokens", words, reverse("admin:api_apitoken_change", args=[token.pk])))
    yield from found or [Finding(OK, "tokens", "None ends within two weeks.")]


def is_reachable(person: EscalationContact) -> bool:
    return any(method.usable for method in person.methods.all())
