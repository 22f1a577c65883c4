import datetime

import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("policies", "0001_initial"),
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
    ]
