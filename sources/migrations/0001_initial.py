import datetime
import uuid

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import policies.fields
import sources.models.integration
from policies.first_migration import FirstMigration


def leave_room(apps, schema_editor):
    """Every ping rewrites its row: with room beside the old version no index has to follow."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE sources_heartbeat SET (fillfactor = 50)")


class Migration(FirstMigration):
    dependencies = [
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Integration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(help_text="alertmanager, generic …", max_length=24)),
                ("name", models.CharField(max_length=120, unique=True)),
                (
                    "key",
                    models.CharField(
                        default=sources.models.integration.new_token,
                        help_text="Stands in the address.",
                        max_length=64,
                        unique=True,
                    ),
                ),
                (
                    "secret",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="Signs the sender's requests; empty: the key alone lets in."
                    ),
                ),
                (
                    "old_secret",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="Still accepted while the sender changes over."
                    ),
                ),
                (
                    "group_by",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='Labels whose values make one incident; empty: ["alertname"].',
                    ),
                ),
                (
                    "mapping",
                    models.JSONField(
                        blank=True, default=dict, help_text="Generic JSON: our field -> path in the payload."
                    ),
                ),
                (
                    "severities",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='The sender\'s levels -> ours: {"critical": "P0"}; others stay as they are.',
                    ),
                ),
                (
                    "options",
                    models.JSONField(blank=True, default=dict, help_text="What else this kind of door wants to know."),
                ),
                (
                    "resolve_after",
                    models.DurationField(blank=True, help_text="Quiet time; empty: as the policy says.", null=True),
                ),
                (
                    "ceiling",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="Incidents it may open in a minute; beyond, its alerts share one. 0: no ceiling.",
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("last_seen_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose levels and targets its alerts follow; empty: the default policy.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="integrations",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, help_text="Stands in the ping address.", primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=120, unique=True)),
                (
                    "slug",
                    models.SlugField(
                        blank=True,
                        db_index=False,
                        help_text="For addresses with a ping key instead of the id.",
                        max_length=120,
                    ),
                ),
                ("description", models.TextField(blank=True)),
                ("labels", models.JSONField(blank=True, default=dict)),
                (
                    "severity_key",
                    models.CharField(blank=True, help_text="A level of the policy; empty: its gravest.", max_length=40),
                ),
                (
                    "schedule",
                    models.CharField(
                        choices=[("period", "Period"), ("cron", "Cron"), ("oncalendar", "OnCalendar (systemd)")],
                        default="period",
                        max_length=10,
                    ),
                ),
                (
                    "period",
                    models.DurationField(
                        blank=True, default=datetime.timedelta(days=1), help_text="How often it should ping.", null=True
                    ),
                ),
                (
                    "expression",
                    models.CharField(
                        blank=True, help_text="Cron expression, or OnCalendar expressions, one a line.", max_length=500
                    ),
                ),
                (
                    "timezone",
                    models.CharField(default="UTC", help_text="Of the cron or OnCalendar expression.", max_length=64),
                ),
                (
                    "grace",
                    models.DurationField(
                        default=datetime.timedelta(seconds=3600),
                        help_text="How late a ping may be, and how long a run may take.",
                    ),
                ),
                (
                    "success_words",
                    models.CharField(
                        blank=True, help_text="Comma-separated; a body that holds one is a success.", max_length=200
                    ),
                ),
                (
                    "failure_words",
                    models.CharField(
                        blank=True, help_text="Comma-separated; a body that holds one is a failure.", max_length=200
                    ),
                ),
                (
                    "start_words",
                    models.CharField(
                        blank=True, help_text="Comma-separated; a body that holds one is a start.", max_length=200
                    ),
                ),
                (
                    "post_only",
                    models.BooleanField(
                        default=False, help_text="Only POST counts: link previews and scanners ping nothing."
                    ),
                ),
                (
                    "manual_resume",
                    models.BooleanField(
                        default=False, help_text="A paused one ignores pings until a person resumes it."
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("new", "never pinged"), ("up", "Up"), ("down", "Down"), ("paused", "Paused")],
                        default="new",
                        editable=False,
                        max_length=6,
                    ),
                ),
                (
                    "last_ping_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="The last that ended a run, well or not.", null=True
                    ),
                ),
                ("last_success_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "last_start_at",
                    models.DateTimeField(blank=True, editable=False, help_text="Set while a run lasts.", null=True),
                ),
                ("last_start_rid", models.UUIDField(blank=True, editable=False, null=True)),
                ("last_duration", models.DurationField(blank=True, editable=False, null=True)),
                ("last_exit_status", models.PositiveSmallIntegerField(blank=True, editable=False, null=True)),
                ("last_failed", models.BooleanField(default=False, editable=False)),
                ("ping_count", models.PositiveBigIntegerField(default=0, editable=False)),
                ("runs", models.PositiveBigIntegerField(default=0, editable=False, help_text="Runs that have ended.")),
                ("failed_in_a_row", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "deadline_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="It is down if nothing comes until then; empty: no hurry.",
                        null=True,
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="When the sweep looks at it, never after the deadline.",
                        null=True,
                    ),
                ),
                (
                    "trouble",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("missed", "no ping came in time"),
                            ("unfinished", "a run did not end in time"),
                            ("failed", "it said that it failed"),
                        ],
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "trouble_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="The missed deadline, or when it said that it failed.",
                        null=True,
                    ),
                ),
                (
                    "untold",
                    models.BooleanField(default=False, editable=False, help_text="The trouble is not an alert yet."),
                ),
                ("alerting", models.BooleanField(default=False, editable=False, help_text="Its alert fires.")),
                (
                    "badge",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, help_text="Stands in the badge's address.", unique=True
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "integration",
                    models.OneToOneField(
                        blank=True,
                        help_text="The door whose policy and grouping its alerts follow.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="heartbeat",
                        to="sources.integration",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose key pings it by its slug, /ping/<key>/<slug>; empty: the key of any door of kind heartbeats.",
                        limit_choices_to={"kind": "heartbeats"},
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="heartbeats",
                        to="sources.integration",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="heartbeat_due"
                    ),
                    models.Index(
                        condition=models.Q(("slug", ""), _negated=True), fields=["slug"], name="heartbeat_slug"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["new", "up", "down", "paused"])), name="heartbeat_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("schedule__in", ["period", "cron", "oncalendar"])),
                        name="heartbeat_schedule_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("trouble__in", ["", "missed", "unfinished", "failed"])),
                        name="heartbeat_trouble_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "stream",
                    models.CharField(
                        help_text="sentry, resend, inngest …: the kind of door, unless it says otherwise.",
                        max_length=40,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        blank=True, help_text="error, message, job, request, span, payment …", max_length=40
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="The endpoint, job, issue or template it is about.", max_length=200
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True, help_text="The sender's id of the message, run or issue.", max_length=200
                    ),
                ),
                ("outcome", models.CharField(blank=True, help_text="ok, failed, bounced, delivered …", max_length=40)),
                ("level", models.CharField(blank=True, help_text="error, warning, info …", max_length=20)),
                ("text", models.TextField(blank=True)),
                (
                    "labels",
                    models.JSONField(
                        blank=True, default=dict, help_text="Texts by name; rules match and group by them."
                    ),
                ),
                ("data", models.JSONField(blank=True, default=dict, help_text="What else was told, redacted.")),
                ("duration", models.FloatField(blank=True, help_text="Seconds.", null=True)),
                (
                    "missing",
                    models.JSONField(
                        blank=True, default=list, help_text="Context that should have come along and did not."
                    ),
                ),
                (
                    "event_id",
                    models.CharField(
                        blank=True, help_text="The sender's id of this event: told twice, kept once.", max_length=160
                    ),
                ),
                ("at", models.DateTimeField(help_text="When it happened.")),
                ("received_at", models.DateTimeField()),
                (
                    "integration",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="events",
                        to="sources.integration",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "permissions": [("see_persons_event", "Can see e-mail addresses and names in events")],
                "indexes": [
                    models.Index(fields=["stream", "at"], name="event_by_stream"),
                    models.Index(fields=["received_at"], name="event_by_arrival"),
                    models.Index(
                        condition=models.Q(("subject", ""), _negated=True),
                        fields=["stream", "subject"],
                        name="event_by_subject",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("event_id", ""), _negated=True),
                        fields=("integration", "event_id"),
                        name="event_told_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("deploy", "Deploy"),
                            ("flag", "Flag"),
                            ("config", "configuration"),
                            ("other", "Other"),
                        ],
                        default="deploy",
                        max_length=8,
                    ),
                ),
                ("summary", models.CharField(max_length=1024)),
                (
                    "source",
                    models.CharField(
                        blank=True, help_text="Where it was made: a pipeline, a host, a person.", max_length=255
                    ),
                ),
                (
                    "service",
                    models.CharField(blank=True, help_text="Empty: may concern every service.", max_length=120),
                ),
                ("version", models.CharField(blank=True, max_length=120)),
                (
                    "outcome",
                    models.CharField(blank=True, help_text="succeeded, failed … as the pipeline says.", max_length=40),
                ),
                ("url", models.TextField(blank=True)),
                ("links", models.JSONField(blank=True, default=list, help_text='[{"href": …, "text": …}]')),
                ("images", models.JSONField(blank=True, default=list, help_text='[{"src": …, "href": …, "alt": …}]')),
                ("labels", models.JSONField(blank=True, default=dict)),
                ("data", models.JSONField(blank=True, default=dict, help_text="What else was told, redacted.")),
                (
                    "change_id",
                    models.CharField(blank=True, help_text="The sender's id: told twice, kept once.", max_length=160),
                ),
                ("at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                (
                    "integration",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="changes",
                        to="sources.integration",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["-at"], name="change_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["deploy", "flag", "config", "other"])),
                        name="change_kind_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("change_id", ""), _negated=True),
                        fields=("integration", "change_id"),
                        name="change_told_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Ping",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("success", "Success"),
                            ("start", "Start"),
                            ("fail", "Fail"),
                            ("log", "Log"),
                            ("ignored", "Ignored"),
                        ],
                        max_length=8,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("rid", models.UUIDField(blank=True, help_text="Of the run, when the job says it.", null=True)),
                ("exit_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("duration", models.DurationField(blank=True, help_text="Since the start of the same run.", null=True)),
                ("method", models.CharField(blank=True, max_length=8)),
                ("sender", models.CharField(blank=True, max_length=64)),
                ("agent", models.CharField(blank=True, max_length=200)),
                ("body", models.TextField(blank=True)),
                (
                    "heartbeat",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pings",
                        to="sources.heartbeat",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["heartbeat", "-at"], name="ping_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["success", "start", "fail", "log", "ignored"])),
                        name="ping_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[("accepted", "Accepted"), ("refused", "Refused"), ("duplicate", "Duplicate")],
                        max_length=10,
                    ),
                ),
                ("status_code", models.PositiveSmallIntegerField()),
                ("reason", models.TextField(blank=True)),
                (
                    "delivery_id",
                    models.CharField(blank=True, help_text="The sender's own id of this message.", max_length=120),
                ),
                (
                    "signature",
                    models.CharField(
                        blank=True, help_text="Of what was accepted: coming again, it is a replay.", max_length=64
                    ),
                ),
                ("sender", models.CharField(blank=True, max_length=64)),
                ("payload", models.TextField(blank=True, help_text="Redacted.")),
                (
                    "headers",
                    models.JSONField(blank=True, default=dict, help_text="Those the door reads, without secrets."),
                ),
                ("query", models.TextField(blank=True)),
                (
                    "raw",
                    policies.fields.EncryptedTextField(
                        blank=True,
                        editable=False,
                        help_text="The body as it came, to take it again; only of requests that were let in.",
                    ),
                ),
                ("became", models.JSONField(blank=True, default=dict, help_text='For example {"alerts": [12]}.')),
                (
                    "integration",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="webhook_logs",
                        to="sources.integration",
                    ),
                ),
                (
                    "replay_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replays",
                        to="sources.webhooklog",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "permissions": [("replay_webhooklog", "Can take a webhook again")],
                "indexes": [
                    models.Index(fields=["-at"], name="webhook_log_newest"),
                    models.Index(fields=["integration", "-at"], name="webhook_log_of_door"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["accepted", "refused", "duplicate"])),
                        name="webhook_log_verdict_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("verdict", "accepted"), models.Q(("delivery_id", ""), _negated=True)),
                        fields=("integration", "delivery_id"),
                        name="webhook_log_accepted_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("verdict", "accepted"), models.Q(("signature", ""), _negated=True)),
                        fields=("integration", "signature"),
                        name="webhook_log_signature_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(help_text="sql, http …: the kind of probe that speaks to it.", max_length=16),
                ),
                (
                    "url",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="DSN or base address, may hold parameters such as ${CRM_DSN}."
                    ),
                ),
                ("timeout", models.DurationField(blank=True, help_text="Empty: 10 s.", null=True)),
                (
                    "concurrency",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="So many questions it is asked at a time. Empty: 4.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(32),
                        ],
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("unknown", "not asked yet"), ("ok", "Ok"), ("error", "Error")],
                        default="unknown",
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("error", models.TextField(blank=True, editable=False)),
                ("last_seen_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "latency_ms",
                    models.FloatField(
                        blank=True,
                        editable=False,
                        help_text="How long its last answer took, in milliseconds.",
                        null=True,
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="connections",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", False)),
                        fields=("policy", "key"),
                        name="connection_key_once",
                        violation_error_message="This policy has a connection with this key already; choose another key.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", True)),
                        fields=("key",),
                        name="connection_key_once_for_all",
                        violation_error_message="All policies have a connection with this key already; choose another key.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["unknown", "ok", "error"])), name="connection_state_known"
                    ),
                ],
            },
        ),
        migrations.RunPython(leave_room, migrations.RunPython.noop, elidable=False),
    ]
