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
            name="Dashboard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=160)),
                ("about", models.TextField(blank=True)),
                (
                    "range",
                    models.DurationField(
                        default=datetime.timedelta(days=1), help_text="How far back it looks unless asked otherwise."
                    ),
                ),
                (
                    "links",
                    models.JSONField(
                        blank=True, default=list, help_text='[{"text": "Sentry", "href": "${SENTRY_URL}"}]'
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dashboards", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="dashboard_key_once")],
            },
        ),
        migrations.CreateModel(
            name="Panel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("title", models.CharField(max_length=160)),
                ("part", models.CharField(blank=True, help_text="The heading it stands under.", max_length=160)),
                ("about", models.TextField(blank=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("events", "events that were stored"),
                            ("deliveries", "messages that Opscenter sent"),
                            ("rule", "what a rule read"),
                            ("objective", "what an objective measured"),
                            ("source", "a source of its own"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "spec",
                    models.JSONField(
                        default=dict, help_text='{"kind": "request", "by": "release", …} or {"rule": "memory"}'
                    ),
                ),
                (
                    "field",
                    models.CharField(
                        blank=True, help_text="Which figure; empty: the usual one of its kind.", max_length=80
                    ),
                ),
                (
                    "also",
                    models.JSONField(blank=True, default=list, help_text="Figures that stand beside it in the table."),
                ),
                ("unit", models.CharField(blank=True, max_length=40)),
                (
                    "show",
                    models.CharField(
                        choices=[("curve", "Curve"), ("table", "Table"), ("figure", "Figure")],
                        default="curve",
                        max_length=6,
                    ),
                ),
                (
                    "compare",
                    models.BooleanField(default=False, help_text="Also told against the same length of time before."),
                ),
                ("limits", models.JSONField(blank=True, default=list, help_text='[{"value": 5, "label": "critical"}]')),
                ("links", models.JSONField(blank=True, default=list)),
                (
                    "on_incident",
                    models.BooleanField(default=False, help_text="Also drawn on the chart of the policy's incidents."),
                ),
                (
                    "every",
                    models.DurationField(
                        default=datetime.timedelta(seconds=60), help_text="How often its own source is read."
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "sample_at",
                    models.DateTimeField(blank=True, help_text="Empty: it has no source of its own.", null=True),
                ),
                ("claimed_by", models.CharField(blank=True, editable=False, max_length=80)),
                ("sampled_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("error", models.TextField(blank=True, editable=False, help_text="Why the last reading gave nothing.")),
                (
                    "dashboard",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="panels", to="dashboards.dashboard"
                    ),
                ),
            ],
            options={
                "ordering": ["dashboard", "position", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("sample_at__isnull", False)), fields=["sample_at"], name="panel_sample_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("dashboard", "key"), name="panel_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["events", "deliveries", "rule", "objective", "source"])),
                        name="panel_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PanelSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="When it was read.")),
                ("until", models.DateTimeField(help_text="When it was last read the same.")),
                ("times", models.PositiveIntegerField(default=1)),
                ("value", models.FloatField(blank=True, help_text="The largest figure of what was read.", null=True)),
                (
                    "data",
                    models.TextField(help_text='{"read": [[fields, labels, origin], …]} or {"error": …, "reason": …}'),
                ),
                (
                    "panel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="dashboards.panel",
                    ),
                ),
            ],
            options={
                "ordering": ["panel", "-at", "-pk"],
                "indexes": [models.Index(fields=["panel", "at"], name="panel_sample_by_time")],
            },
        ),
        migrations.CreateModel(
            name="PanelSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                    "panel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sources", to="dashboards.panel"
                    ),
                ),
            ],
            options={
                "ordering": ["panel", "position", "pk"],
            },
        ),
    ]
