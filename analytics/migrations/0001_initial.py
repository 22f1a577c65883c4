import datetime

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("alerts", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
        ("reviews", "0001_initial"),
        ("sources", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Objective",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("name", models.CharField(blank=True, max_length=160)),
                ("description", models.TextField(blank=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("share", "share of good events"),
                            ("value", "value within a limit"),
                            ("bands", "bands of a value"),
                        ],
                        max_length=5,
                    ),
                ),
                (
                    "goal",
                    models.JSONField(
                        default=dict,
                        help_text='{"at_least": 95}, {"below": "5m", "percentile": 99} or {"bands": [{"label": …}, …]}',
                    ),
                ),
                ("unit", models.CharField(blank=True, help_text="What is counted: campaigns.", max_length=40)),
                (
                    "window",
                    models.DurationField(
                        blank=True, help_text="How far back a measure looks; empty: it is of now.", null=True
                    ),
                ),
                (
                    "zone",
                    models.CharField(
                        blank=True,
                        help_text="The window is the calendar day in this time zone; empty: it slides.",
                        max_length=64,
                    ),
                ),
                ("every", models.DurationField(default=datetime.timedelta(seconds=300))),
                (
                    "met_for",
                    models.FloatField(
                        blank=True,
                        help_text="Percent of the measures of 30 days that should be met; the rest is budget.",
                        null=True,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "measure_at",
                    models.DateTimeField(blank=True, help_text="Empty: as soon as it is enabled.", null=True),
                ),
                (
                    "claimed_by",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The process (host:pid:start) that measures it now.",
                        max_length=80,
                    ),
                ),
                ("measured_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "open_day",
                    models.DateField(
                        blank=True,
                        editable=False,
                        help_text="The last day that was measured; it awaits its last measure.",
                        null=True,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "not measured yet"),
                            ("met", "Met"),
                            ("warning", "Warning"),
                            ("missed", "Missed"),
                            ("nodata", "no data"),
                            ("error", "Error"),
                        ],
                        default="unknown",
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("state_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("value", models.FloatField(blank=True, editable=False, null=True)),
                ("good", models.FloatField(blank=True, editable=False, null=True)),
                ("total", models.FloatField(blank=True, editable=False, null=True)),
                ("verdict", models.TextField(blank=True, editable=False, help_text="The last measure in words.")),
                (
                    "measured_by",
                    models.CharField(blank=True, editable=False, help_text="The way that answered.", max_length=24),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="objectives", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "key"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("enabled", True)), fields=["measure_at"], name="objective_measure_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "key"), name="objective_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["share", "value", "bands"])), name="objective_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["unknown", "met", "warning", "missed", "nodata", "error"])),
                        name="objective_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ObjectiveDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("met", models.PositiveIntegerField(default=0)),
                ("warning", models.PositiveIntegerField(default=0)),
                ("missed", models.PositiveIntegerField(default=0)),
                ("nodata", models.PositiveIntegerField(default=0)),
                ("error", models.PositiveIntegerField(default=0)),
                (
                    "last",
                    models.CharField(
                        choices=[
                            ("unknown", "not measured yet"),
                            ("met", "Met"),
                            ("warning", "Warning"),
                            ("missed", "Missed"),
                            ("nodata", "no data"),
                            ("error", "Error"),
                        ],
                        help_text="Of the last measure that was met or missed.",
                        max_length=8,
                    ),
                ),
                ("value", models.FloatField(blank=True, null=True)),
                ("good", models.FloatField(blank=True, null=True)),
                ("total", models.FloatField(blank=True, null=True)),
                (
                    "objective",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="days",
                        to="analytics.objective",
                    ),
                ),
            ],
            options={
                "ordering": ["objective", "-day"],
                "indexes": [models.Index(fields=["day"], name="objective_day_by_age")],
                "constraints": [models.UniqueConstraint(fields=("objective", "day"), name="objective_day_once")],
            },
        ),
        migrations.CreateModel(
            name="ObjectiveSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="When it was measured.")),
                ("until", models.DateTimeField(help_text="When it last came to the same.")),
                ("times", models.PositiveIntegerField(default=1, help_text="How many measures came to this.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "not measured yet"),
                            ("met", "Met"),
                            ("warning", "Warning"),
                            ("missed", "Missed"),
                            ("nodata", "no data"),
                            ("error", "Error"),
                        ],
                        max_length=8,
                    ),
                ),
                ("value", models.FloatField(blank=True, null=True)),
                ("good", models.FloatField(blank=True, null=True)),
                ("total", models.FloatField(blank=True, null=True)),
                ("verdict", models.TextField(blank=True)),
                (
                    "objective",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="analytics.objective",
                    ),
                ),
            ],
            options={
                "ordering": ["objective", "-at", "-pk"],
                "indexes": [models.Index(fields=["objective", "at"], name="objective_sample_by_time")],
            },
        ),
        migrations.CreateModel(
            name="ObjectiveSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("value", "the value"),
                            ("good", "good events"),
                            ("bad", "bad events"),
                            ("all", "all events"),
                        ],
                        default="value",
                        max_length=5,
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("variant", models.CharField(help_text="sql, loki …: names the way of watching.", max_length=24)),
                ("kind", models.CharField(max_length=16)),
                ("spec", models.JSONField(default=dict, help_text='{"query": "SELECT …"}')),
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
                    "objective",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sources", to="analytics.objective"
                    ),
                ),
            ],
            options={
                "ordering": ["objective", "position", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["value", "good", "bad", "all"])), name="objective_role_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ThresholdReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="Its first day.")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("fired", models.PositiveIntegerField(default=0)),
                ("false_positives", models.PositiveIntegerField(default=0)),
                ("not_actionable", models.PositiveIntegerField(default=0)),
                (
                    "marked",
                    models.PositiveIntegerField(default=0, help_text="Of how many people said what they were worth."),
                ),
                (
                    "acted",
                    models.PositiveIntegerField(default=0, help_text="How many joined an incident that a person took."),
                ),
                ("held", models.PositiveIntegerField(default=0, help_text="How many joined no incident.")),
                (
                    "ack_median",
                    models.DurationField(blank=True, help_text="From detection to acknowledgement.", null=True),
                ),
                (
                    "firing_time",
                    models.DurationField(
                        default=datetime.timedelta(0), help_text="How long all of its alerts fired in the month."
                    ),
                ),
                (
                    "signs",
                    models.JSONField(
                        blank=True, default=list, help_text="What is odd about it: never fired, flapping, …"
                    ),
                ),
                (
                    "condition",
                    models.JSONField(blank=True, default=dict, help_text="As it was when the month was over."),
                ),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("keep", "keep it as it is"), ("tune", "tuned"), ("drop", "dropped: switch it off")],
                        max_length=4,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                ("signed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "remind_at",
                    models.DateTimeField(
                        blank=True, help_text="When the reminder sweep looks; empty: signed.", null=True
                    ),
                ),
                ("reminded_at", models.DateTimeField(blank=True, null=True)),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="threshold_reviews",
                        to="alerts.alertrule",
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signed_threshold_reviews",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "rule"],
                "permissions": [
                    ("sign_thresholdreview", "Can sign threshold reviews, and apply or revert changes of rules")
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)),
                        fields=["remind_at"],
                        name="threshold_review_due",
                    ),
                    models.Index(fields=["month"], name="threshold_review_month"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "month"), name="threshold_review_once"),
                    models.CheckConstraint(
                        condition=models.Q(("decision__in", ["", "keep", "tune", "drop"])),
                        name="threshold_review_decision_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "field",
                    models.CharField(
                        help_text="when, for, times, P1.when, param.LIMIT, page, enabled …", max_length=120
                    ),
                ),
                (
                    "old",
                    models.JSONField(
                        blank=True, help_text="As it was when this was proposed; restored by reverting.", null=True
                    ),
                ),
                ("new", models.JSONField(blank=True, null=True)),
                ("why", models.TextField()),
                ("evidence", models.JSONField(blank=True, default=dict, help_text="What the back-test said.")),
                ("made_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("applied", "Applied"),
                            ("refused", "Refused"),
                            ("reverted", "Reverted"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_note", models.CharField(blank=True, max_length=500)),
                ("reverted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: Opscenter itself.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "reverted_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="proposals",
                        to="reviews.postincidentreview",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="proposals", to="alerts.alertrule"
                    ),
                ),
                (
                    "threshold_review",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="proposals",
                        to="analytics.thresholdreview",
                    ),
                ),
            ],
            options={
                "ordering": ["-made_at", "-pk"],
                "indexes": [
                    models.Index(condition=models.Q(("state", "open")), fields=["-made_at"], name="proposal_open")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "applied", "refused", "reverted"])),
                        name="proposal_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TuningPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "monthly",
                    models.BooleanField(default=True, help_text="Each month every rule that was watched is looked at."),
                ),
                (
                    "propose_from",
                    models.PositiveSmallIntegerField(
                        default=50,
                        help_text="Percent of a month's alerts that were false or not actionable, from which a change is proposed.",
                        validators=[django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "at_least",
                    models.PositiveSmallIntegerField(
                        default=5, help_text="Fewer alerts than this in a month prove nothing."
                    ),
                ),
                (
                    "remind_after",
                    models.DurationField(
                        default=datetime.timedelta(days=7),
                        help_text="An unsigned review is reminded of after so long, and again each time.",
                    ),
                ),
                (
                    "always_after",
                    models.DurationField(
                        default=datetime.timedelta(days=1),
                        help_text="An alert that fires for longer than this says nothing new.",
                    ),
                ),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tuning", to="policies.policy"
                    ),
                ),
                (
                    "signers",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who signs the reviews; empty: the owners of the rule.",
                        related_name="tuning_plans",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
        ),
    ]
