import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReadinessItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("text", models.TextField()),
                ("commands", models.JSONField(blank=True, default=list, help_text="To copy, as written.")),
                (
                    "needs",
                    models.CharField(
                        choices=[("nothing", "Nothing"), ("note", "a note or a link"), ("link", "a link")],
                        default="nothing",
                        max_length=7,
                    ),
                ),
                (
                    "rules",
                    models.JSONField(
                        blank=True, default=list, help_text="Holds while none of them fires and each is read."
                    ),
                ),
                (
                    "levels",
                    models.JSONField(
                        blank=True, default=list, help_text="Only firing at these levels counts; empty: any."
                    ),
                ),
                (
                    "shows",
                    models.CharField(
                        blank=True, help_text="A field of what the rule read, shown beside it.", max_length=80
                    ),
                ),
                ("requires", models.JSONField(blank=True, default=list, help_text="Parameters that need a value.")),
                (
                    "drill",
                    models.JSONField(blank=True, default=dict, help_text='{"counts": RULE, "field": …, "probe": RULE}'),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readiness_items",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "permissions": [("tick_readinessitem", "Can say that an item of a readiness checklist is done")],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="readiness_item_key_once")],
            },
        ),
        migrations.CreateModel(
            name="Drill",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField()),
                ("before", models.JSONField(default=dict)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("after", models.JSONField(blank=True, default=dict)),
                (
                    "down_for",
                    models.DurationField(blank=True, help_text="How long the probe saw the service away.", null=True),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drills", to="checkup.readinessitem"
                    ),
                ),
            ],
            options={
                "ordering": ["-began_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)), fields=("item",), name="readiness_one_drill"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReadinessTick",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("done", models.BooleanField(default=True)),
                ("note", models.TextField(blank=True)),
                ("facts", models.JSONField(blank=True, default=dict, help_text="What a drill measured.")),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ticks", to="checkup.readinessitem"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["item", "-at"], name="readiness_tick_newest")],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("snapshot", "Snapshot"), ("healthcheck", "Healthcheck"), ("readiness", "Readiness")],
                        default="snapshot",
                        max_length=12,
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("opening", "by itself at the opening"),
                            ("person", "by a person"),
                            ("command", "by a command"),
                        ],
                        max_length=8,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("body", models.TextField(help_text="Canonical JSON; the hash is over exactly this text.")),
                ("digest", models.CharField(help_text="SHA-256 of the body.", max_length=64)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: taken without one.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
                        to="incidents.incident",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["incident", "-at"], name="snapshot_of_incident")],
            },
        ),
        migrations.CreateModel(
            name="Wanted",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField()),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="snapshot_wanted",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "wanted snapshots",
                "indexes": [models.Index(fields=["due_at"], name="snapshot_due")],
            },
        ),
    ]
