import datetime
import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import alerts.hold_models
import policies.fields
from policies.first_migration import FirstMigration


def leave_half_of_each_page(apps, schema_editor):
    """A batch that is sent again rewrites most rows of a page at once: each needs room beside its old version."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE alerts_liveness SET (fillfactor = 45)")


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
        ("sources", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "identity",
                    models.BinaryField(
                        help_text="128-bit hash over the door or rule and the label set.", max_length=16
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        blank=True, help_text="The sender's own deduplication key, if it has one.", max_length=255
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=250)),
                ("labels", policies.fields.JSONTextField(default=dict)),
                ("annotations", policies.fields.JSONTextField(default=dict)),
                ("url", models.TextField(blank=True, help_text="Where the sender shows it.")),
                (
                    "integration",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="alerts",
                        to="sources.integration",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Flap",
            fields=[
                (
                    "alert",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="flap",
                        serialize=False,
                        to="alerts.alert",
                    ),
                ),
                (
                    "changes",
                    models.JSONField(default=list, help_text="Instants at which it began or ended, the oldest first."),
                ),
                ("flapping_since", models.DateTimeField(blank=True, help_text="Empty: it does not flap.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                (
                    "code",
                    models.CharField(
                        blank=True, help_text="The document's own number, for example ALERT-002.", max_length=40
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=160)),
                ("page", models.BooleanField(blank=True, help_text="Empty: as class or level say.", null=True)),
                (
                    "condition",
                    models.JSONField(
                        default=dict,
                        help_text='{"when": "value >= 1", "for": "10m", "times": 3, "resolve_after": "5m", …}',
                    ),
                ),
                ("every", models.DurationField(default=datetime.timedelta(seconds=60))),
                ("phase", models.PositiveSmallIntegerField(blank=True, help_text="Roll-out phase.", null=True)),
                (
                    "planned_by",
                    models.DateField(blank=True, help_text="When a rule of a later phase is due to be on.", null=True),
                ),
                ("labels", models.JSONField(blank=True, default=dict)),
                ("component", models.CharField(blank=True, max_length=80)),
                ("message", models.TextField(blank=True, help_text="Template: ALERT: {{ value }} campaigns stuck.")),
                (
                    "runbook",
                    models.TextField(blank=True, help_text="Markdown: what to do, with the commands as written."),
                ),
                (
                    "confirm",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='What a person may confirm -> the level that raises it to: {"Data was lost": "P0"}.',
                    ),
                ),
                (
                    "toggle",
                    models.CharField(
                        blank=True,
                        help_text="A bool parameter of the policy: off, its alerts are seen but do not act.",
                        max_length=80,
                    ),
                ),
                (
                    "proposes",
                    models.BooleanField(
                        default=False,
                        help_text="Checked and shown as ever, but makes no alert: it only proposes in triage.",
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "pack_values",
                    models.JSONField(blank=True, default=dict, editable=False, help_text="As the pack last said."),
                ),
                (
                    "next_check_at",
                    models.DateTimeField(blank=True, help_text="Empty: as soon as it is enabled.", null=True),
                ),
                (
                    "grid_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="Its next turn, when it is asked before that.", null=True
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "claimed_by",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The process (host:pid:start) that is checking it now.",
                        max_length=80,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "not checked yet"),
                            ("inactive", "Inactive"),
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("error", "Error"),
                            ("nodata", "no data"),
                        ],
                        default="unknown",
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("state_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("verdict", models.TextField(blank=True, editable=False, help_text="The last verdict in words.")),
                ("memory", models.JSONField(blank=True, default=dict, editable=False)),
                (
                    "alert_class",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="policies.alertclass"
                    ),
                ),
                (
                    "owners",
                    models.ManyToManyField(blank=True, related_name="owned_rules", to="oncall.escalationcontact"),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rules", to="policies.policy"
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rules", to="policies.severity"
                    ),
                ),
                (
                    "suppressed_by",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Firing parents hide this one.",
                        related_name="suppresses",
                        to="alerts.alertrule",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "key"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("enabled", True)), fields=["next_check_at"], name="alert_rule_check_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "key"), name="alert_rule_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["unknown", "inactive", "pending", "firing", "error", "nodata"])
                        ),
                        name="alert_rule_state_known",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="alert",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="alerts",
                to="alerts.alertrule",
            ),
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("silence", "Silence"),
                            ("maintenance", "Maintenance"),
                            ("parent", "firing parent"),
                            ("inhibition", "Inhibition"),
                            ("toggle", "Toggle"),
                            ("pause", "waits, dropped if it recovers"),
                            ("count", "not often enough yet"),
                            ("flap", "flapping"),
                            ("ceiling", "shared incident: the door's ceiling"),
                        ],
                        max_length=12,
                    ),
                ),
                ("by", models.CharField(help_text="What held it back, in words.", max_length=250)),
                ("since", models.DateTimeField()),
                (
                    "until",
                    models.DateTimeField(blank=True, help_text="When it was to end, as far as was known.", null=True),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, max_length=120)),
                (
                    "would_have",
                    models.CharField(blank=True, help_text="Whom it would have paged and told.", max_length=500),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="holds",
                        to="alerts.alert",
                    ),
                ),
            ],
            options={
                "ordering": ["-since", "-pk"],
                "indexes": [
                    models.Index(fields=["alert", "-since"], name="hold_of_alert"),
                    models.Index(condition=models.Q(("ended_at__isnull", True)), fields=["alert"], name="hold_now"),
                    models.Index(fields=["-since", "-id"], name="hold_newest"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "silence",
                                    "maintenance",
                                    "parent",
                                    "inhibition",
                                    "toggle",
                                    "pause",
                                    "count",
                                    "flap",
                                    "ceiling",
                                ],
                            )
                        ),
                        name="hold_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Inhibition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                (
                    "source",
                    models.JSONField(
                        default=list,
                        help_text='[{"name": "severity", "value": "warning", "isRegex": false, "isEqual": true}]',
                    ),
                ),
                (
                    "target",
                    models.JSONField(
                        default=list,
                        help_text='[{"name": "severity", "value": "warning", "isRegex": false, "isEqual": true}]',
                    ),
                ),
                (
                    "equal",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='Labels whose values must be the same: ["cluster"]; absent ones are equal.',
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: all.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="inhibitions",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "key"],
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "key"), name="inhibition_key_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", True)),
                        fields=("key",),
                        name="inhibition_key_once_without_policy",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MaintenanceWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True)),
                (
                    "matchers",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='[{"name": "severity", "value": "warning", "isRegex": false, "isEqual": true}]',
                    ),
                ),
                ("from_day", models.DateField(help_text="The first day, in its own zone.")),
                ("from_time", models.TimeField(help_text="By the clock on the wall there, summer and winter.")),
                (
                    "lasts",
                    models.DurationField(help_text="By the clock on the wall, at most 31 days: 2:00:00 is two hours."),
                ),
                (
                    "timezone",
                    models.CharField(default="UTC", max_length=64, validators=[alerts.hold_models.check_zone]),
                ),
                (
                    "repeats",
                    models.CharField(
                        choices=[
                            ("once", "Once"),
                            ("daily", "Daily"),
                            ("weekly", "weekly, on the weekdays below"),
                            ("monthly", "monthly, on the day of the first one"),
                        ],
                        default="once",
                        max_length=8,
                    ),
                ),
                (
                    "every",
                    models.PositiveSmallIntegerField(default=1, help_text="Every so many days, weeks or months."),
                ),
                (
                    "weekdays",
                    models.JSONField(
                        blank=True, default=list, help_text='For weekly: ["sat", "sun"]; empty: that of the first day.'
                    ),
                ),
                (
                    "until_day",
                    models.DateField(blank=True, help_text="None begins after this day; empty: no end.", null=True),
                ),
                ("reason", models.TextField(help_text="Why.")),
                ("created_by", models.CharField(blank=True, max_length=150)),
                ("enabled", models.BooleanField(default=True)),
                (
                    "cut_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="What ran then was ended by hand; later ones come as planned.",
                        null=True,
                    ),
                ),
                (
                    "look_at",
                    models.DateTimeField(blank=True, editable=False, help_text="When the next one begins.", null=True),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: all.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="policies.policy",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        help_text="Alerts of policies about it. Empty: all.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="policies.service",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="maintenance_look_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("repeats__in", ["once", "daily", "weekly", "monthly"])),
                        name="maintenance_repeats_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lasts__gt", datetime.timedelta(0)), ("every__gt", 0)),
                        name="maintenance_lasts_some_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QueueCard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("name", models.CharField(blank=True, max_length=160)),
                (
                    "rules",
                    models.JSONField(
                        default=list, help_text="Rules over these queues; what the first one read is shown."
                    ),
                ),
                (
                    "queue",
                    models.CharField(
                        default="queue", help_text="The label or field that names a queue.", max_length=80
                    ),
                ),
                (
                    "depth",
                    models.CharField(
                        default="value", help_text="The field that says how many jobs wait.", max_length=80
                    ),
                ),
                ("active", models.CharField(blank=True, max_length=80)),
                (
                    "age",
                    models.CharField(
                        blank=True, help_text="The field that says how long the oldest waits.", max_length=80
                    ),
                ),
                (
                    "age_unit",
                    models.CharField(choices=[("ms", "milliseconds"), ("s", "seconds")], default="ms", max_length=2),
                ),
                ("dead", models.CharField(blank=True, help_text="The field that counts dead letters.", max_length=80)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="queue_cards", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="queue_card_key_once")],
            },
        ),
        migrations.CreateModel(
            name="RuleChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                (
                    "before",
                    models.CharField(
                        choices=[
                            ("unknown", "not checked yet"),
                            ("inactive", "Inactive"),
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("error", "Error"),
                            ("nodata", "no data"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "after",
                    models.CharField(
                        choices=[
                            ("unknown", "not checked yet"),
                            ("inactive", "Inactive"),
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("error", "Error"),
                            ("nodata", "no data"),
                        ],
                        max_length=8,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="changes",
                        to="alerts.alertrule",
                    ),
                ),
            ],
            options={
                "ordering": ["rule", "-at", "-pk"],
                "indexes": [models.Index(fields=["rule", "at"], name="rule_change_by_rule")],
            },
        ),
        migrations.CreateModel(
            name="RuleSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("variant", models.CharField(help_text="sql, http, loki …: names the alternative.", max_length=24)),
                ("kind", models.CharField(max_length=16)),
                (
                    "spec",
                    models.JSONField(default=dict, help_text='{"query": "SELECT …"} or {"url": …, "json": "status"}'),
                ),
                ("fallback", models.BooleanField(default=False, help_text="Only asked when the one before it failed.")),
                ("error", models.TextField(blank=True, editable=False)),
                ("last_seen_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="sources.connection"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sources", to="alerts.alertrule"
                    ),
                ),
            ],
            options={
                "ordering": ["rule", "position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Sample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="When it was read.")),
                ("until", models.DateTimeField(help_text="When it was last read the same.")),
                ("times", models.PositiveIntegerField(default=1, help_text="How many checks read this.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "not checked yet"),
                            ("inactive", "Inactive"),
                            ("pending", "Pending"),
                            ("firing", "Firing"),
                            ("error", "Error"),
                            ("nodata", "no data"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "value",
                    models.FloatField(blank=True, help_text="The figure of the key that is worst off.", null=True),
                ),
                (
                    "data",
                    models.TextField(help_text='{"read": [[fields, labels, origin], …]} or {"error": …, "reason": …}'),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="alerts.alertrule",
                    ),
                ),
            ],
            options={
                "ordering": ["rule", "-at"],
                "indexes": [models.Index(fields=["rule", "at"], name="sample_by_rule")],
            },
        ),
        migrations.CreateModel(
            name="Silence",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "matchers",
                    models.JSONField(
                        default=list,
                        help_text='[{"name": "severity", "value": "warning", "isRegex": false, "isEqual": true}]',
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_by", models.CharField(blank=True, max_length=250)),
                ("comment", models.TextField(help_text="Why.")),
                (
                    "annotations",
                    models.JSONField(blank=True, default=dict, help_text="What else its maker noted, text by name."),
                ),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "take_hold_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="When it hides what fires already; empty: it has.",
                        null=True,
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: all.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
                "indexes": [
                    models.Index(fields=["ends_at"], name="silence_by_end"),
                    models.Index(
                        condition=models.Q(("take_hold_at__isnull", False)),
                        fields=["take_hold_at"],
                        name="silence_hold_due",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gte", models.F("starts_at"))), name="silence_ends_after_start"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=80)),
                ("key", models.CharField(max_length=255)),
                ("begun", models.JSONField(default=list, help_text="Pairs of instant and alert, the oldest first.")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("scope", "key"), name="tally_once")],
            },
        ),
        migrations.CreateModel(
            name="Liveness",
            fields=[
                (
                    "alert",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="liveness",
                        serialize=False,
                        to="alerts.alert",
                    ),
                ),
                ("firing", models.BooleanField(default=True)),
                ("starts_at", models.DateTimeField()),
                (
                    "ends_at",
                    models.DateTimeField(blank=True, help_text="Valid until; empty: until told otherwise.", null=True),
                ),
                (
                    "timeout_end",
                    models.BooleanField(
                        default=False, help_text="The end is ours (resolve timeout), not the sender's."
                    ),
                ),
                ("last_seen_at", models.DateTimeField()),
                (
                    "check_at",
                    models.DateTimeField(
                        blank=True, help_text="When the expiry sweep looks; may lag ends_at.", null=True
                    ),
                ),
                (
                    "assign_at",
                    models.DateTimeField(blank=True, help_text="When grouping looks; empty: nothing to do.", null=True),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[("new", "not judged yet"), ("joined", "Joined"), ("suppressed", "Suppressed")],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=250)),
                ("severity_key", models.CharField(blank=True, max_length=40)),
                ("times", models.PositiveIntegerField(default=1, help_text="How often it has begun to fire.")),
                (
                    "stamp",
                    models.BigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Changes with every write but a re-send: the door sees whether what it remembers still holds.",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="alerts",
                        to="incidents.incident",
                    ),
                ),
                (
                    "silence",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="hides",
                        to="alerts.silence",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "liveness",
                "indexes": [
                    models.Index(
                        condition=models.Q(("assign_at__isnull", False)),
                        fields=["assign_at"],
                        name="liveness_assign_due",
                    ),
                    models.Index(
                        condition=models.Q(("check_at__isnull", False)), fields=["check_at"], name="liveness_expire_due"
                    ),
                    models.Index(
                        condition=models.Q(("incident__isnull", False)),
                        fields=["incident"],
                        name="liveness_by_incident",
                    ),
                    models.Index(
                        condition=models.Q(("silence__isnull", False)), fields=["silence"], name="liveness_by_silence"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["new", "joined", "suppressed"])),
                        name="liveness_verdict_known",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(condition=models.Q(("key", ""), _negated=True), fields=["key"], name="alert_by_key"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(condition=models.Q(("rule__isnull", False)), fields=["rule"], name="alert_by_rule"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(fields=("identity",), name="alert_identity_once"),
        ),
        migrations.RunPython(leave_half_of_each_page, migrations.RunPython.noop, elidable=False),
    ]
