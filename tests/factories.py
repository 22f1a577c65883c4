"""One factory a model: each builds a valid object, used by the tests and as examples of what a row looks like."""

from datetime import UTC, date, datetime, time, timedelta

import factory
from django.contrib.auth import get_user_model
from factory.django import DjangoModelFactory

from alerts.models import (
    Alert,
    AlertRule,
    Firing,
    Flap,
    Hold,
    Inhibition,
    Liveness,
    MaintenanceWindow,
    QueueCard,
    RuleChange,
    RuleSource,
    Sample,
    Silence,
    Tally,
)
from analytics.models import (
    Objective,
    ObjectiveDay,
    ObjectiveSample,
    ObjectiveSource,
    Proposal,
    ThresholdReview,
    TuningPlan,
)
from api.models import Answered, ApiToken, digest_of
from channels_health.models import Channel, ChannelStatus
from checkup.models import Drill, ReadinessItem, ReadinessTick, Snapshot, Wanted
from checkup.models import digest_of as digest_of_snapshot
from dashboards.models import Dashboard, Panel, PanelSample, PanelSource
from evidence.models import Evidence, EvidencePlan
from flags.models import FeatureFlag, FlagChange, Temporary
from incidents.models import (
    Call,
    ChosenCadence,
    Circle,
    Escalation,
    EscalationPolicy,
    EscalationStep,
    FatigueLimit,
    FatigueNote,
    HeldNotice,
    ImpactAsk,
    ImpactPrompt,
    ImpactStretch,
    Incident,
    IncidentComponent,
    IncidentField,
    IncidentTask,
    IncidentType,
    IncidentUpdate,
    Page,
    ProposedUpdate,
    ResponseTarget,
    RoleAssignment,
    RolePlan,
    RollbackPlan,
    Symptom,
    TimelineEntry,
    Triage,
    Turn,
    UpdateItem,
    UpdateTemplate,
)
from notifications.models import (
    Account,
    AddressHealth,
    AppNotice,
    Delivery,
    DeliveryAttempt,
    Destination,
    DigestLine,
    Receipt,
    Route,
    SendingPlan,
    ThrottleWindow,
    Wording,
)
from oncall.models import (
    CalendarFeed,
    CalendarLink,
    ContactMethod,
    CoverRequest,
    EscalationContact,
    HandoffNote,
    Layer,
    LayerMember,
    Override,
    Ownership,
    PersonalRule,
    Schedule,
    Swap,
    TemporarySchedule,
    TemporaryShift,
    TestPage,
    Verification,
)
from opscenter.models import Beat, GivenRight
from packs.models import LoadedPack
from policies.models import (
    AlertClass,
    CadencePlan,
    Calendar,
    GatePlan,
    Parameter,
    Policy,
    ReviewPlan,
    Service,
    Severity,
    TargetPlan,
)
from recovery.models import Bridge, CallEntry, Prompt, Recovery, RecoveryPlan
from reports.models import Report, ReportPart, ReportTemplate
from reviews.models import (
    ActionEntry,
    ActionItem,
    ActionPlan,
    ActionTicket,
    ContributingFactor,
    JoinedIncident,
    PostIncidentReview,
    ReviewAnswer,
    ReviewComment,
    Reviewer,
    ReviewVersion,
)
from runbooks.models import (
    ActionCall,
    Letter,
    LiveItem,
    OutgoingAction,
    Remark,
    Run,
    Runbook,
    RunbookVersion,
    Tick,
    Tightened,
)
from shifts.models import ManualCheck, Mute, ShiftMetric, ShiftPlan, ShiftReview, ShiftSource, ShiftValue
from sources.models import Change, Connection, Event, Heartbeat, Integration, Ping, WebhookLog
from status.models import Component, ComponentState, Maintenance, Post, PostComponent, PostUpdate, Subscriber
from status.models import Page as StatusPage
from tickets.models import Ticket, TicketPlan

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def model(cls):
    """A factory base whose Meta names the model: `class X(model(X))` reads better than a nested Meta in each."""

    return type(
        f"{cls.__name__}Base",
        (DjangoModelFactory,),
        {"Meta": type("Meta", (), {"model": cls, "skip_postgeneration_save": True})},
    )


class UserFactory(model(get_user_model())):
    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password("correct horse battery")


class ServiceFactory(model(Service)):
    key = factory.Sequence(lambda n: f"service-{n}")
    name = factory.LazyAttribute(lambda service: service.key.replace("-", " ").title())


class PolicyFactory(model(Policy)):
    key = factory.Sequence(lambda n: f"policy-{n}")
    name = factory.LazyAttribute(lambda policy: policy.key)
    service = factory.SubFactory(ServiceFactory)


class SeverityFactory(model(Severity)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"level-{n}")
    label = factory.LazyAttribute(lambda severity: severity.key.title())
    rank = 0
    page = True


class AlertClassFactory(model(AlertClass)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"class-{n}")
    label = "Answer at once"


class CalendarFactory(model(Calendar)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"calendar-{n}")
    hours = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


class ParameterFactory(model(Parameter)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"LIMIT_{n}")
    type = Parameter.Type.INT
    default = "20"


class TargetPlanFactory(model(TargetPlan)):
    severity = factory.SubFactory(SeverityFactory)
    policy = factory.SelfAttribute("severity.policy")
    kind = "acknowledge"
    within = timedelta(minutes=5)


class GatePlanFactory(model(GatePlan)):
    policy = factory.SubFactory(PolicyFactory)
    to = "closed"
    require = ["cause_stated"]


class CadencePlanFactory(model(CadencePlan)):
    severity = factory.SubFactory(SeverityFactory)
    policy = factory.SelfAttribute("severity.policy")
    every = timedelta(minutes=10)


class ReviewPlanFactory(model(ReviewPlan)):
    policy = factory.SubFactory(PolicyFactory)
    within = timedelta(days=3)


class ConnectionFactory(model(Connection)):
    key = factory.Sequence(lambda n: f"connection-{n}")
    kind = "sql"
    url = "postgresql://reader@127.0.0.1/app"


class IntegrationFactory(model(Integration)):
    kind = "generic"
    name = factory.Sequence(lambda n: f"integration {n}")


class HeartbeatFactory(model(Heartbeat)):
    name = factory.Sequence(lambda n: f"job {n}")
    integration = factory.SubFactory(IntegrationFactory, kind="heartbeat")


class PingFactory(model(Ping)):
    heartbeat = factory.SubFactory(HeartbeatFactory)
    kind = Ping.Kind.SUCCESS
    at = NINE
    method = "GET"


class WebhookLogFactory(model(WebhookLog)):
    integration = factory.SubFactory(IntegrationFactory)
    at = NINE
    verdict = WebhookLog.Verdict.ACCEPTED
    status_code = 200


class ChangeFactory(model(Change)):
    summary = factory.Sequence(lambda n: f"checkout 4.2.{n} deployed")
    at = NINE
    received_at = NINE


class EventFactory(model(Event)):
    integration = factory.SubFactory(IntegrationFactory)
    stream = "generic"
    at = NINE
    received_at = NINE


class ChannelFactory(model(Channel)):
    tenant = factory.Sequence(lambda n: f"tenant-{n}")
    key = "whatsapp"


class ChannelStatusFactory(model(ChannelStatus)):
    channel = factory.SubFactory(ChannelFactory)
    status = "CONNECTED"
    at = NINE


class AccountFactory(model(Account)):
    key = factory.Sequence(lambda n: f"account-{n}")
    kind = "slack_app"
    secret = "xoxb-1-2-3"


class WordingFactory(model(Wording)):
    policy = factory.SubFactory(PolicyFactory)
    event = "page"
    text = "{{ title }}"


class DestinationFactory(model(Destination)):
    key = factory.Sequence(lambda n: f"chat:{n}")
    kind = "slack"
    address = "http://127.0.0.1:9/slack/team"


class RouteFactory(model(Route)):
    policy = factory.SubFactory(PolicyFactory)
    default = True

    @factory.post_generation
    def destinations(self, create, given, **kwargs):
        if create and given:
            self.destinations.set(given)


class DeliveryFactory(model(Delivery)):
    kind = "slack"
    address = "http://127.0.0.1:9/slack/team"
    purpose = "notice"
    subject = "Something happened"
    text = "It did."
    created_at = NINE
    next_attempt_at = NINE


class DeliveryAttemptFactory(model(DeliveryAttempt)):
    delivery = factory.SubFactory(DeliveryFactory)
    at = NINE
    outcome = "sent"


class ReceiptFactory(model(Receipt)):
    delivery = factory.SubFactory(DeliveryFactory)
    word = "delivered"
    at = factory.Sequence(lambda n: NINE + timedelta(seconds=n))
    told_at = NINE


class AddressHealthFactory(model(AddressHealth)):
    kind = "slack"
    address_key = factory.Sequence(lambda n: f"{n:032}")
    hint = "http://127.0.0.1:9/…"


class SendingPlanFactory(model(SendingPlan)):
    policy = factory.SubFactory(PolicyFactory)
    bundle_within = timedelta(minutes=1)
    most = 5
    within = timedelta(minutes=30)


class DigestLineFactory(model(DigestLine)):
    destination = factory.SubFactory(DestinationFactory)
    thread = factory.Sequence(lambda n: f"incident:{n}")
    subject = "Something small"
    at = NINE
    due_at = NINE


class AppNoticeFactory(model(AppNotice)):
    user = factory.SubFactory(UserFactory)
    text = "Your page of the month did not arrive."
    cause = factory.Sequence(lambda n: f"test-page:{n}")
    at = NINE


class ContactFactory(model(EscalationContact)):
    name = factory.Sequence(lambda n: f"person {n}")
    kind = EscalationContact.Kind.PERSON


class ContactMethodFactory(model(ContactMethod)):
    contact = factory.SubFactory(ContactFactory)
    kind = "email"
    address = factory.LazyAttribute(lambda method: f"{method.contact.name.replace(' ', '.')}@example.org")
    verified_at = NINE


class VerificationFactory(model(Verification)):
    method = factory.SubFactory(ContactMethodFactory, verified_at=None)
    digest = "0" * 64
    address_digest = "0" * 64
    sent_at = NINE
    expires_at = NINE + HOUR


class PersonalRuleFactory(model(PersonalRule)):
    method = factory.SubFactory(ContactMethodFactory)
    contact = factory.SelfAttribute("method.contact")


class TestPageFactory(model(TestPage)):
    __test__ = False
    contact = factory.SubFactory(ContactFactory)
    period = "2026-11"
    sent_at = NINE


class OwnershipFactory(model(Ownership)):
    policy = factory.SubFactory(PolicyFactory)


class ScheduleFactory(model(Schedule)):
    key = factory.Sequence(lambda n: f"schedule-{n}")
    name = factory.LazyAttribute(lambda schedule: schedule.key)
    look_at = None  # nobody looks ahead


class HandoffNoteFactory(model(HandoffNote)):
    schedule = factory.SubFactory(ScheduleFactory)
    at = NINE


class LayerFactory(model(Layer)):
    schedule = factory.SubFactory(ScheduleFactory)
    name = "weekly"
    first_handoff_at = NINE

    @factory.post_generation
    def members(self, create, given, **kwargs):
        for position, contact in enumerate(given or []):
            LayerMember.objects.create(layer=self, contact=contact, position=position)


class LayerMemberFactory(model(LayerMember)):
    layer = factory.SubFactory(LayerFactory)
    contact = factory.SubFactory(ContactFactory)


class OverrideFactory(model(Override)):
    schedule = factory.SubFactory(ScheduleFactory)
    contact = factory.SubFactory(ContactFactory)
    starts_at = NINE
    ends_at = NINE + HOUR


class SwapFactory(model(Swap)):
    schedule = factory.SubFactory(ScheduleFactory)
    person = factory.SubFactory(ContactFactory)
    partner = factory.SubFactory(ContactFactory)
    starts_at = NINE
    ends_at = NINE + HOUR


class CoverRequestFactory(model(CoverRequest)):
    schedule = factory.SubFactory(ScheduleFactory)
    asked_by = factory.SubFactory(ContactFactory)
    starts_at = NINE
    ends_at = NINE + HOUR
    created_at = NINE


class TemporaryScheduleFactory(model(TemporarySchedule)):
    schedule = factory.SubFactory(ScheduleFactory)
    name = "office move"
    starts_at = NINE
    ends_at = NINE + HOUR


class TemporaryShiftFactory(model(TemporaryShift)):
    temporary = factory.SubFactory(TemporaryScheduleFactory)
    contact = factory.SubFactory(ContactFactory)
    starts_at = NINE
    ends_at = NINE + timedelta(hours=8)


class CalendarFeedFactory(model(CalendarFeed)):
    name = factory.Sequence(lambda n: f"calendar {n}")
    url = "https://calendar.example.org/team.ics"


class CalendarLinkFactory(model(CalendarLink)):
    schedule = factory.SubFactory(ScheduleFactory)
    digest = factory.Sequence(lambda n: f"{n:064x}")
    created_at = NINE


class IncidentFactory(model(Incident)):
    severity = factory.SubFactory(SeverityFactory)
    policy = factory.SelfAttribute("severity.policy")
    key = factory.Sequence(lambda n: f"checkout-{n}")
    title = "Checkout is down"
    detected_at = NINE


class TimelineEntryFactory(model(TimelineEntry)):
    incident = factory.SubFactory(IncidentFactory)
    at = NINE
    kind = "note"
    text = "Looking into it."


class RoleAssignmentFactory(model(RoleAssignment)):
    incident = factory.SubFactory(IncidentFactory)
    role = "commander"
    contact = factory.SubFactory(ContactFactory)
    since = NINE


class ResponseTargetFactory(model(ResponseTarget)):
    incident = factory.SubFactory(IncidentFactory)
    kind = "acknowledge"
    from_plan = "every level"
    within = timedelta(minutes=5)
    due_at = NINE + 5 * MINUTE
    check_at = NINE + 5 * MINUTE


class IncidentUpdateFactory(model(IncidentUpdate)):
    incident = factory.SubFactory(IncidentFactory)
    at = NINE
    text = "We are on it."


class EscalationPolicyFactory(model(EscalationPolicy)):
    key = factory.Sequence(lambda n: f"escalation-{n}")
    name = factory.LazyAttribute(lambda plan: plan.key)


class EscalationStepFactory(model(EscalationStep)):
    policy = factory.SubFactory(EscalationPolicyFactory)
    after = timedelta(0)

    @factory.post_generation
    def contacts(self, create, given, **kwargs):
        if create and given:
            self.contacts.set(given)


class EscalationFactory(model(Escalation)):
    rank = 0
    incident = factory.SubFactory(IncidentFactory)
    policy = factory.SubFactory(EscalationPolicyFactory)
    policy_name = "who is asked"
    started_at = NINE


class TurnFactory(model(Turn)):
    escalation = factory.SubFactory(EscalationFactory)
    position = 0
    planned_at = NINE
    due_at = NINE
    aim = "primary"


class CircleFactory(model(Circle)):
    key = factory.Sequence(lambda n: f"team:{n}")


class PageFactory(model(Page)):
    incident = factory.SubFactory(IncidentFactory)
    contact = factory.SubFactory(ContactFactory)
    at = NINE


class FatigueLimitFactory(model(FatigueLimit)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"limit-{n}")
    pages = 3


class FatigueNoteFactory(model(FatigueNote)):
    limit = factory.SubFactory(FatigueLimitFactory)
    page = factory.SubFactory(PageFactory)
    contact = factory.SelfAttribute("page.contact")
    at = NINE
    pages = 3
    words = "ada had 3 pages within 1d, and 3 are enough: the page goes out."


class CallFactory(model(Call)):
    page = factory.SubFactory(PageFactory)
    due_at = NINE


class ReviewFactory(model(PostIncidentReview)):
    incident = factory.SubFactory(IncidentFactory)
    created_at = NINE


class ReviewAnswerFactory(model(ReviewAnswer)):
    review = factory.SubFactory(ReviewFactory)
    key = "root_cause"
    prompt = "What caused it?"
    required = True


class ContributingFactorFactory(model(ContributingFactor)):
    review = factory.SubFactory(ReviewFactory)
    category = "process"
    text = "Nobody was told that the certificate ends"


class ReviewCommentFactory(model(ReviewComment)):
    review = factory.SubFactory(ReviewFactory)
    at = NINE
    text = "Which deploy?"


class ReviewerFactory(model(Reviewer)):
    review = factory.SubFactory(ReviewFactory)
    contact = factory.SubFactory(ContactFactory)
    asked_at = NINE


class JoinedIncidentFactory(model(JoinedIncident)):
    review = factory.SubFactory(ReviewFactory)
    incident = factory.SubFactory(IncidentFactory)
    at = NINE


class ReviewVersionFactory(model(ReviewVersion)):
    review = factory.SubFactory(ReviewFactory)
    number = 1
    at = NINE
    why = "saved"
    content = factory.LazyFunction(lambda: [["Summary", "Checkout was down."]])


class ActionItemFactory(model(ActionItem)):
    review = factory.SubFactory(ReviewFactory)
    incident = factory.SelfAttribute("review.incident")
    title = "Alert on the queue before it is full"
    created_at = NINE


class ActionEntryFactory(model(ActionEntry)):
    item = factory.SubFactory(ActionItemFactory)
    kind = "comment"
    text = "Half of it is done."
    at = NINE


class ActionPlanFactory(model(ActionPlan)):
    policy = factory.SubFactory(PolicyFactory)


class ActionTicketFactory(model(ActionTicket)):
    item = factory.SubFactory(ActionItemFactory)
    tracker = "jira"
    project = "OPS"
    state = "made"
    key = "OPS-7"


class AlertRuleFactory(model(AlertRule)):
    severity = factory.SubFactory(SeverityFactory)
    policy = factory.SelfAttribute("severity.policy")
    key = factory.Sequence(lambda n: f"rule-{n}")
    name = factory.LazyAttribute(lambda rule: rule.key)
    condition = {"when": "value >= 1"}


class RuleSourceFactory(model(RuleSource)):
    rule = factory.SubFactory(AlertRuleFactory)
    variant = "sql"
    kind = "sql"
    spec = {"query": "SELECT 1"}


class AlertFactory(model(Alert)):
    integration = factory.SubFactory(IntegrationFactory)
    identity = factory.Sequence(lambda n: n.to_bytes(16, "big"))
    name = "CheckoutDown"
    labels = {"alertname": "CheckoutDown", "severity": "critical"}
    annotations = {"summary": "Checkout is down"}


class LivenessFactory(model(Liveness)):
    alert = factory.SubFactory(AlertFactory)
    starts_at = NINE
    last_seen_at = NINE
    assign_at = NINE


class SilenceFactory(model(Silence)):
    matchers = [{"name": "alertname", "value": "CheckoutDown", "isRegex": False, "isEqual": True}]
    starts_at = NINE
    ends_at = NINE + HOUR
    created_by = "ada"
    comment = "Known, being repaired."


class LoadedPackFactory(model(LoadedPack)):
    key = "mailer"
    version = "1"
    digest = "0" * 64
    text = "pack: {key: mailer}"
    loaded_at = NINE
    changes = ["created policy mailer"]
    said = {"policies": {}}


class ApiTokenFactory(model(ApiToken)):
    """Its token is `ops_` and its name, so that a test can send it."""

    name = factory.Sequence(lambda n: f"token {n}")
    user = factory.SubFactory(UserFactory)
    scopes = ["*"]
    digest = factory.LazyAttribute(lambda token: digest_of(f"ops_{token.name}"))
    shown = factory.LazyAttribute(lambda token: f"ops_{token.name}"[:8])


class AnsweredFactory(model(Answered)):
    token = factory.SubFactory(ApiTokenFactory)
    user = factory.SelfAttribute("token.user")
    key = factory.Sequence(lambda n: f"request-{n}")
    request = "0" * 64
    status_code = 200
    body = "{}"
    at = NINE


class BeatFactory(model(Beat)):
    key = factory.Sequence(lambda n: f"part-{n}")
    at = NINE


class GivenRightFactory(model(GivenRight)):
    group = factory.Sequence(lambda n: f"group {n}")
    right = "incidents.view_incident"


class SampleFactory(model(Sample)):
    rule = factory.SubFactory("tests.factories.AlertRuleFactory")
    at = NINE
    until = factory.SelfAttribute("at")
    state = "inactive"
    data = '{"read":[[{"value":0},{},""]]}'


class FiringFactory(model(Firing)):
    rule = factory.SubFactory("tests.factories.AlertRuleFactory")
    alert = factory.SubFactory("tests.factories.AlertFactory", rule=factory.SelfAttribute("..rule"))
    key = factory.LazyAttribute(lambda firing: firing.rule.key)
    began_at = NINE


class RuleChangeFactory(model(RuleChange)):
    rule = factory.SubFactory("tests.factories.AlertRuleFactory")
    at = NINE
    before = "inactive"
    after = "firing"


class ObjectiveFactory(model(Objective)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"objective-{n}")
    name = factory.LazyAttribute(lambda objective: objective.key)
    kind = "share"
    goal = {"at_least": 95}


class ObjectiveSourceFactory(model(ObjectiveSource)):
    objective = factory.SubFactory(ObjectiveFactory)
    role = "good"
    variant = "sql"
    kind = "sql"
    spec = {"query": "SELECT 1"}


class ObjectiveSampleFactory(model(ObjectiveSample)):
    objective = factory.SubFactory(ObjectiveFactory)
    at = NINE
    until = factory.SelfAttribute("at")
    state = "met"


class ObjectiveDayFactory(model(ObjectiveDay)):
    objective = factory.SubFactory(ObjectiveFactory)
    day = factory.Sequence(lambda n: NINE.date() - timedelta(days=n))
    last = "met"
    met = 1


class DashboardFactory(model(Dashboard)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"dashboard-{n}")
    name = factory.LazyAttribute(lambda dashboard: dashboard.key)


class PanelFactory(model(Panel)):
    dashboard = factory.SubFactory(DashboardFactory)
    key = factory.Sequence(lambda n: f"panel-{n}")
    title = factory.LazyAttribute(lambda panel: panel.key)
    kind = "events"
    spec = factory.LazyAttribute(lambda panel: {"kind": "request"} if panel.kind == "events" else {})


class PanelSourceFactory(model(PanelSource)):
    panel = factory.SubFactory(PanelFactory, kind="source")
    variant = "sql"
    kind = "sql"
    spec = {"query": "SELECT 1"}


class PanelSampleFactory(model(PanelSample)):
    panel = factory.SubFactory(PanelFactory, kind="source")
    at = NINE
    until = factory.SelfAttribute("at")
    data = '{"read": [[{"value": 1}, {}, ""]]}'


class MaintenanceWindowFactory(model(MaintenanceWindow)):
    name = factory.Sequence(lambda n: f"window {n}")
    matchers = [{"name": "alertname", "value": "CheckoutDown", "isRegex": False, "isEqual": True}]
    from_day = date(2026, 11, 23)
    from_time = time(9, 0)
    lasts = HOUR
    reason = "The database moves."


class InhibitionFactory(model(Inhibition)):
    key = factory.Sequence(lambda n: f"inhibition-{n}")
    source = [{"name": "severity", "value": "critical", "isRegex": False, "isEqual": True}]
    target = [{"name": "severity", "value": "warning", "isRegex": False, "isEqual": True}]
    equal = ["cluster"]


class HoldFactory(model(Hold)):
    alert = factory.SubFactory(AlertFactory)
    kind = Hold.Kind.SILENCE
    by = "silenced by ada: Known, being repaired."
    since = NINE


class FlapFactory(model(Flap)):
    alert = factory.SubFactory(AlertFactory)
    changes = [NINE.isoformat()]


class TallyFactory(model(Tally)):
    scope = "door:1"
    key = factory.Sequence(lambda n: f"key {n}")
    begun = [[NINE.isoformat(), 1]]


class ThrottleWindowFactory(model(ThrottleWindow)):
    key = factory.Sequence(lambda n: f"1/door:1/key {n}")
    destination = factory.SubFactory(DestinationFactory)
    opened_at = NINE
    ends_at = NINE + 2 * MINUTE
    rank = 0


class HeldNoticeFactory(model(HeldNotice)):
    incident = factory.SubFactory(IncidentFactory)
    destination = factory.SubFactory(DestinationFactory)
    kind = HeldNotice.Kind.THROTTLE
    by = "the throttle of one message in 2m"
    event = "opened"
    held_at = NINE


class IncidentComponentFactory(model(IncidentComponent)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"component-{n}")


class IncidentTypeFactory(model(IncidentType)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"type-{n}")


class IncidentFieldFactory(model(IncidentField)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"field-{n}")


class SymptomFactory(model(Symptom)):
    severity = factory.SubFactory(SeverityFactory)
    policy = factory.SelfAttribute("severity.policy")
    key = factory.Sequence(lambda n: f"symptom-{n}")
    label = "Nothing is delivered"


class TriageFactory(model(Triage)):
    incident = factory.SubFactory(IncidentFactory)
    at = NINE
    symptoms = ["nothing-delivered"]


class RollbackPlanFactory(model(RollbackPlan)):
    policy = factory.SubFactory(PolicyFactory)
    within = "15m"


class TicketPlanFactory(model(TicketPlan)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"tickets-{n}")
    project = "OPS"
    endpoint = "https://jira.example.org"
    token = "token"


class TicketFactory(model(Ticket)):
    incident = factory.SubFactory(IncidentFactory)
    plan = factory.SubFactory(TicketPlanFactory, policy=factory.SelfAttribute("..incident.policy"))
    plan_key = factory.SelfAttribute("plan.key")
    tracker = "jira"
    project = "OPS"


class UpdateTemplateFactory(model(UpdateTemplate)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"template-{n}")
    name = factory.LazyAttribute(lambda template: template.key.title())

    @factory.post_generation
    def destinations(self, create, given, **kwargs):
        if create and given:
            self.destinations.set(given)

    @factory.post_generation
    def contacts(self, create, given, **kwargs):
        if create and given:
            self.contacts.set(given)


class UpdateItemFactory(model(UpdateItem)):
    incident = factory.SubFactory(IncidentFactory)
    template = factory.SubFactory(UpdateTemplateFactory, policy=factory.SelfAttribute("..incident.policy"))
    because = "cause_identified"
    due_at = NINE


class ProposedUpdateFactory(model(ProposedUpdate)):
    incident = factory.SubFactory(IncidentFactory)
    template = factory.SubFactory(UpdateTemplateFactory, policy=factory.SelfAttribute("..incident.policy"))
    by = factory.SubFactory(ContactFactory)
    at = NINE
    until = NINE + 15 * MINUTE
    text = "We look into it."


class ChosenCadenceFactory(model(ChosenCadence)):
    incident = factory.SubFactory(IncidentFactory)
    every = 10 * MINUTE
    at = NINE


class StatusPageFactory(model(StatusPage)):
    """There is one."""

    pk = 1

    @classmethod
    def _create(cls, model_class, *args, pk, **kwargs):
        return model_class.objects.update_or_create(pk=pk, defaults=kwargs)[0]


class ComponentFactory(model(Component)):
    key = factory.Sequence(lambda n: f"component-{n}")
    name = factory.LazyAttribute(lambda component: component.key.title())


class PostFactory(model(Post)):
    title = "Checkout is slow"
    started_at = NINE
    created_at = NINE
    updated_at = NINE


class ComponentStateFactory(model(ComponentState)):
    component = factory.SubFactory(ComponentFactory)
    state = "operational"
    since = NINE


class PostComponentFactory(model(PostComponent)):
    post = factory.SubFactory(PostFactory)
    component = factory.SubFactory(ComponentFactory)


class PostUpdateFactory(model(PostUpdate)):
    post = factory.SubFactory(PostFactory)
    status = "investigating"
    text = "We look into it."
    at = NINE


class AnnouncedFactory(model(Maintenance)):
    title = "New database"
    text = "We move to a larger database."
    starts_at = NINE + HOUR
    ends_at = NINE + 2 * HOUR


class SubscriberFactory(model(Subscriber)):
    kind = "email"
    address = factory.Sequence(lambda n: f"reader{n}@example.org")
    address_key = factory.Sequence(lambda n: f"{n:032}")
    created_at = NINE
    asked_at = NINE
    confirmed_at = NINE


class RolePlanFactory(model(RolePlan)):
    policy = factory.SubFactory(PolicyFactory)
    key = "commander"


class ImpactPromptFactory(model(ImpactPrompt)):
    policy = factory.SubFactory(PolicyFactory)
    position = factory.Sequence(lambda n: n)
    after = 30 * MINUTE


class ImpactAskFactory(model(ImpactAsk)):
    incident = factory.SubFactory(IncidentFactory)
    prompt = factory.SubFactory(ImpactPromptFactory, policy=factory.SelfAttribute("..incident.policy"))


class ImpactStretchFactory(model(ImpactStretch)):
    incident = factory.SubFactory(IncidentFactory)
    start_at = NINE


class IncidentTaskFactory(model(IncidentTask)):
    incident = factory.SubFactory(IncidentFactory)
    text = factory.Sequence(lambda n: f"task {n}")
    added_at = NINE


class QueueCardFactory(model(QueueCard)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"queues-{n}")
    rules = ["queue-backlog"]


class RunbookFactory(model(Runbook)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"runbook-{n}")
    title = factory.Sequence(lambda n: f"Runbook {n}")
    content = factory.LazyFunction(lambda: {"steps": [{"title": "Look"}]})

    @factory.post_generation
    def version(self, create, extracted, **kwargs):
        self.current = RunbookVersion.objects.create(runbook=self, number=1, content=self.content)
        self.save()


class RunbookVersionFactory(model(RunbookVersion)):
    runbook = factory.SubFactory(RunbookFactory)
    number = 2
    content = factory.LazyAttribute(lambda version: version.runbook.content)


class RunFactory(model(Run)):
    runbook = factory.SubFactory(RunbookFactory)
    version = factory.LazyAttribute(lambda run: run.runbook.current)
    started_at = NINE


class LiveItemFactory(model(LiveItem)):
    run = factory.SubFactory(RunFactory)
    step = "step-1"


class TickFactory(model(Tick)):
    run = factory.SubFactory(RunFactory)
    step = factory.Sequence(lambda n: f"step-{n}")
    at = NINE


class RemarkFactory(model(Remark)):
    run = factory.SubFactory(RunFactory)
    step = "step-1"
    about = "1"
    text = "It was the backup."
    at = NINE


class OutgoingActionFactory(model(OutgoingAction)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"restart-{n}")
    title = "Restart the worker"
    content = factory.LazyFunction(lambda: {"method": "POST", "url": "http://127.0.0.1:9/restart"})


class ActionCallFactory(model(ActionCall)):
    action = factory.SubFactory(OutgoingActionFactory)
    title = "Restart the worker"
    nonce = factory.Sequence(lambda n: f"call-{n}")
    at = NINE
    method = "POST"
    address = "http://127.0.0.1:9/restart"


class LetterFactory(model(Letter)):
    run = factory.SubFactory(RunFactory)
    step = "step-1"
    nonce = factory.Sequence(lambda n: f"letter-{n}")
    to = "support@example.org"
    text = "Please look at our account."
    at = NINE


class TightenedFactory(model(Tightened)):
    parameter = factory.SubFactory(ParameterFactory)
    value = "1"
    since = until = NINE


class RecoveryPlanFactory(model(RecoveryPlan)):
    policy = factory.SubFactory(PolicyFactory)
    roles = ["commander"]


class RecoveryFactory(model(Recovery)):
    incident = factory.SubFactory(IncidentFactory)


class PromptFactory(model(Prompt)):
    recovery = factory.SubFactory(RecoveryFactory)
    condition = factory.Sequence(lambda n: f"active-{n}m-critical")
    text = "Critical for more than 10 minutes."
    at = NINE


class BridgeFactory(model(Bridge)):
    recovery = factory.SubFactory(RecoveryFactory)


class CallEntryFactory(model(CallEntry)):
    recovery = factory.SubFactory(RecoveryFactory)
    contact = factory.SubFactory(ContactFactory)
    position = 0
    number = "+31205550100"


class EvidencePlanFactory(model(EvidencePlan)):
    policy = factory.SubFactory(PolicyFactory)


class EvidenceFactory(model(Evidence)):
    incident = factory.SubFactory(IncidentFactory)
    label = "queue worker"
    name = "worker.log"
    stored_as = factory.Sequence(lambda n: f"0123456789ab-{n}-worker.log")
    folder = "/share/incidents/1"
    size = 12
    sha256 = "0" * 64
    at = NINE


class SnapshotFactory(model(Snapshot)):
    how = Snapshot.How.PERSON
    incident = factory.SubFactory(IncidentFactory)
    at = NINE
    body = '{"parts":{}}'
    digest = digest_of_snapshot(body)


class WantedFactory(model(Wanted)):
    incident = factory.SubFactory(IncidentFactory)
    due_at = NINE


class ReadinessItemFactory(model(ReadinessItem)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"item-{n}")
    text = "Redis answers."


class ReadinessTickFactory(model(ReadinessTick)):
    item = factory.SubFactory(ReadinessItemFactory)
    at = NINE


class DrillFactory(model(Drill)):
    item = factory.SubFactory(ReadinessItemFactory)
    began_at = NINE
    before = {"jobs": 20}


class FeatureFlagFactory(model(FeatureFlag)):
    parameter = factory.SubFactory(ParameterFactory, type="bool", default="true")
    policy = factory.SelfAttribute("parameter.policy")


class FlagChangeFactory(model(FlagChange)):
    flag = factory.SubFactory(FeatureFlagFactory)
    at = NINE
    what = FlagChange.What.STORED


class TemporaryFactory(model(Temporary)):
    flag = factory.SubFactory(FeatureFlagFactory)
    value = False
    since = NINE


class ShiftPlanFactory(model(ShiftPlan)):
    policy = factory.SubFactory(PolicyFactory)
    schedule = factory.SubFactory(ScheduleFactory)


class ShiftMetricFactory(model(ShiftMetric)):
    plan = factory.SubFactory(ShiftPlanFactory)
    key = factory.Sequence(lambda n: f"metric-{n}")
    name = factory.LazyAttribute(lambda metric: metric.key)


class ShiftSourceFactory(model(ShiftSource)):
    metric = factory.SubFactory(ShiftMetricFactory)
    variant = factory.SelfAttribute("kind")
    kind = "sql"
    spec = {"query": "SELECT 1"}


class ShiftReviewFactory(model(ShiftReview)):
    plan = factory.SubFactory(ShiftPlanFactory)
    starts_at = NINE


class ShiftValueFactory(model(ShiftValue)):
    review = factory.SubFactory(ShiftReviewFactory)
    key = factory.Sequence(lambda n: f"figure-{n}")
    name = "Queue depth"
    kind = "value"


class ManualCheckFactory(model(ManualCheck)):
    review = factory.SubFactory(ShiftReviewFactory)
    toggle = "ALERTS_ON"
    text = "Watch the queue by hand."
    seen_at = NINE


class MuteFactory(model(Mute)):
    parameter = factory.SubFactory(ParameterFactory)
    since = NINE


class TuningPlanFactory(model(TuningPlan)):
    policy = factory.SubFactory(PolicyFactory)


class ThresholdReviewFactory(model(ThresholdReview)):
    rule = factory.SubFactory(AlertRuleFactory)
    month = date(2026, 10, 1)
    since = datetime(2026, 10, 1, tzinfo=UTC)
    until = datetime(2026, 11, 1, tzinfo=UTC)
    made_at = datetime(2026, 11, 1, tzinfo=UTC)


class ProposalFactory(model(Proposal)):
    rule = factory.SubFactory(AlertRuleFactory)
    field = "for"
    new = "5m"
    why = "It is quiet again before anybody can look."
    made_at = NINE


class ReportTemplateFactory(model(ReportTemplate)):
    policy = factory.SubFactory(PolicyFactory)
    key = factory.Sequence(lambda n: f"report-{n}")
    name = "Incident report"
    title = "Incident report: {{ title }}"


class ReportPartFactory(model(ReportPart)):
    template = factory.SubFactory(ReportTemplateFactory)
    key = factory.Sequence(lambda n: f"part-{n}")
    title = "Summary"
    text = "- Start: {{ start }}"


class ReportFactory(model(Report)):
    incident = factory.SubFactory(IncidentFactory)
    key = "incident-report"
    name = "Incident report"
    number = factory.Sequence(lambda n: n + 1)
    title = "Incident report: it is down"
    text = "# Incident report: it is down\n"
    at = NINE
