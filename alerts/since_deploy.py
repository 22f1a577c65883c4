"""What began since the last deploy of a service: alerts of its gravest levels, and webhooks that were refused."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from incidents import deploys
from policies.models import Policy, Service, Severity
from sources.models import Change, WebhookLog

from .models import Liveness

LISTED = 100


@dataclass(frozen=True)
class SinceDeploy:
    """What is known since the deploy; without one nothing is.

    criticals  alerts of the gravest level that began since, the latest first, at most 100
    refused    how many webhooks to the service's doors were refused since
    """

    service: Service | None
    deploy: Change | None
    criticals: list[Liveness]
    alerts: int = 0
    refused: int = 0

    @property
    def ok(self) -> bool:
        return not self.criticals


def service_called(name: str) -> Service | None:
    """The service with that key or name, in any case."""
    return Service.objects.filter(Q(key__iexact=name) | Q(name__iexact=name)).order_by("pk").first() if name else None


def look(name: str, *, at: datetime) -> SinceDeploy:
    """What began between the last deploy of the service called `name` and `at`."""
    service = service_called(name)
    names = deploys.names_of_service(service) or ({name.lower()} - {""})
    deploy = deploys.last(names, by=at) if names else None
    if deploy is None:
        return SinceDeploy(service, None, [])
    rows = alerts_since(deploy, service).filter(starts_at__lte=at)
    gravest = rows.filter(severity_key__in=_gravest(service))
    criticals = list(gravest.select_related("alert").order_by("-starts_at", "-pk")[:LISTED])
    refused = webhooks_since(deploy, service).filter(verdict=WebhookLog.Verdict.REFUSED, at__lte=at).count()
    return SinceDeploy(service, deploy, criticals, rows.count(), refused)


def alerts_since(deploy: Change, service: Service | None) -> QuerySet[Liveness]:
    """Alerts that began since the deploy: of the service's rules, doors and incidents; all of them without one."""
    rows = Liveness.objects.filter(starts_at__gte=deploy.at)
    if service is None:
        return rows
    policies = Policy.objects.filter(service=service).values("pk")
    mine = Q(alert__rule__policy__in=policies) | Q(alert__integration__policy__in=policies)
    return rows.filter(mine | Q(incident__service=service))


def webhooks_since(deploy: Change, service: Service | None) -> QuerySet[WebhookLog]:
    """Requests since the deploy to doors of the service, and to those of no policy."""
    rows = WebhookLog.objects.filter(at__gte=deploy.at)
    if service is None:
        return rows
    return rows.filter(Q(integration__policy__service=service) | Q(integration__policy=None))


def _gravest(service: Service | None) -> list[str]:
    """The keys of the gravest level of each policy of the service; of all policies without one."""
    rows = Severity.objects.filter(policy__service=service) if service else Severity.objects.all()
    gravest: dict[int, tuple[int, str]] = {}
    for policy, rank, key in rows.values_list("policy", "rank", "key"):
        gravest[policy] = min(gravest.get(policy, (rank, key)), (rank, key))
    return sorted({key for _, key in gravest.values()})
