import django.db.models.deletion
from django.db import migrations, models

import policies.fields
import status.models
from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Component",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "group",
                    models.CharField(blank=True, help_text="Components of one group stand together.", max_length=120),
                ),
                ("description", models.CharField(blank=True, max_length=250)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "services",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='Incidents about these services touch it: ["checkout"]; empty: every one.',
                    ),
                ),
                (
                    "labels",
                    models.JSONField(
                        blank=True, default=dict, help_text='And only those with these labels: {"queue": ["a", "b"]}.'
                    ),
                ),
                (
                    "by_hand",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("operational", "Operational"),
                            ("under_maintenance", "under maintenance"),
                            ("degraded_performance", "degraded performance"),
                            ("partial_outage", "partial outage"),
                            ("major_outage", "major outage"),
                        ],
                        help_text="What a person says it is; empty: as published.",
                        max_length=24,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("operational", "Operational"),
                            ("under_maintenance", "under maintenance"),
                            ("degraded_performance", "degraded performance"),
                            ("partial_outage", "partial outage"),
                            ("major_outage", "major outage"),
                        ],
                        default="operational",
                        editable=False,
                        max_length=24,
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(blank=True, editable=False, help_text="In this state since.", null=True),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="components",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "operational",
                                    "under_maintenance",
                                    "degraded_performance",
                                    "partial_outage",
                                    "major_outage",
                                ],
                            )
                        ),
                        name="component_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ComponentState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("operational", "Operational"),
                            ("under_maintenance", "under maintenance"),
                            ("degraded_performance", "degraded performance"),
                            ("partial_outage", "partial outage"),
                            ("major_outage", "major outage"),
                        ],
                        max_length=24,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                (
                    "component",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="history", to="status.component"
                    ),
                ),
            ],
            options={
                "ordering": ["since", "pk"],
                "indexes": [models.Index(fields=["component", "-since"], name="component_history")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until__isnull", True)),
                        fields=("component",),
                        name="component_one_present_state",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Maintenance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(default=status.models.token, max_length=40, unique=True)),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField(help_text="What readers should know.")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "suppress",
                    models.BooleanField(
                        default=True,
                        help_text="Hold back alerts of the services of its components meanwhile (a maintenance window).",
                    ),
                ),
                (
                    "windows",
                    models.JSONField(
                        blank=True, default=list, editable=False, help_text="The maintenance windows it made."
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("in_progress", "in progress"),
                            ("completed", "Completed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="scheduled",
                        editable=False,
                        max_length=12,
                    ),
                ),
                ("look_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("components", models.ManyToManyField(blank=True, related_name="maintenances", to="status.component")),
            ],
            options={
                "verbose_name": "announced maintenance",
                "verbose_name_plural": "announced maintenance",
                "ordering": ["-starts_at", "-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="announced_look_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="announced_ends_after_start"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Page",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(default="Service status", help_text="Its title.", max_length=120)),
                ("about", models.TextField(blank=True, help_text="A sentence or two below the title.")),
                ("support_url", models.URLField(blank=True, help_text="Where readers find help; empty: no link.")),
                (
                    "public_url",
                    models.URLField(
                        blank=True,
                        help_text="Where the static copy is hosted; told to subscribers. Empty: this installation.",
                    ),
                ),
                ("changed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "export_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="When the static copy is written next.", null=True
                    ),
                ),
                ("exported_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("export_error", models.TextField(blank=True, editable=False)),
            ],
            options={
                "permissions": [("publish_status", "Can change what the status page says by hand")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("export_at__isnull", False)), fields=["export_at"], name="status_export_due"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Post",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        default=status.models.token, help_text="What its address ends with.", max_length=40, unique=True
                    ),
                ),
                ("title", models.CharField(max_length=250)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("investigating", "Investigating"),
                            ("identified", "Identified"),
                            ("monitoring", "Monitoring"),
                            ("resolved", "Resolved"),
                        ],
                        default="investigating",
                        max_length=16,
                    ),
                ),
                (
                    "impact",
                    models.CharField(
                        choices=[("none", "None"), ("minor", "Minor"), ("major", "Major"), ("critical", "Critical")],
                        default="minor",
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "incident",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="post",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at", "-pk"],
                "indexes": [models.Index(fields=["-started_at", "-id"], name="post_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("resolved_at__isnull", False), ("status", "resolved")),
                            models.Q(models.Q(("status", "resolved"), _negated=True), ("resolved_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="post_resolved_has_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PostComponent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("operational", "Operational"),
                            ("under_maintenance", "under maintenance"),
                            ("degraded_performance", "degraded performance"),
                            ("partial_outage", "partial outage"),
                            ("major_outage", "major outage"),
                        ],
                        default="degraded_performance",
                        max_length=24,
                    ),
                ),
                (
                    "component",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="touched", to="status.component"
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="touched", to="status.post"
                    ),
                ),
            ],
            options={
                "ordering": ["component__position", "component"],
                "constraints": [models.UniqueConstraint(fields=("post", "component"), name="post_component_once")],
            },
        ),
        migrations.CreateModel(
            name="PostUpdate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("investigating", "Investigating"),
                            ("identified", "Identified"),
                            ("monitoring", "Monitoring"),
                            ("resolved", "Resolved"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text", models.TextField()),
                ("at", models.DateTimeField()),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="updates", to="status.post"
                    ),
                ),
                (
                    "update",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="published_as",
                        to="incidents.incidentupdate",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("email", "e-mail"), ("json", "webhook")], max_length=8)),
                ("address", policies.fields.EncryptedTextField()),
                ("address_key", models.CharField(help_text="Fingerprint of kind and address.", max_length=32)),
                ("secret", policies.fields.EncryptedTextField(blank=True, help_text="Signs what a webhook is sent.")),
                ("token", models.CharField(default=status.models.token, editable=False, max_length=40, unique=True)),
                ("created_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField(help_text="When the last mail that asks to confirm went out.")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("components", models.ManyToManyField(blank=True, help_text="Empty: all.", to="status.component")),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [models.UniqueConstraint(fields=("kind", "address_key"), name="subscriber_once")],
            },
        ),
    ]
