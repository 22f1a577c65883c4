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
            name="OutgoingAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("title", models.CharField(max_length=250)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("content", models.JSONField(default=dict)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outgoing_actions",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="runbook_action_key_once")],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("done", "Done"), ("dropped", "Dropped")],
                        default="open",
                        max_length=8,
                    ),
                ),
                (
                    "rank",
                    models.PositiveIntegerField(default=0, help_text="The order in which an incident shows them."),
                ),
                ("because", models.CharField(blank=True, help_text="Why it is here, in words.", max_length=250)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_note", models.TextField(blank=True)),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runbook_runs",
                        to="incidents.incident",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runbook_runs",
                        to="policies.service",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Remark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(max_length=80)),
                (
                    "about",
                    models.CharField(help_text="Which alert: the number by which its room knows it.", max_length=80),
                ),
                ("text", models.TextField()),
                ("at", models.DateTimeField()),
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
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="remarks", to="runbooks.run"
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="LiveItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(max_length=80)),
                ("place", models.PositiveSmallIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "not asked yet"),
                            ("green", "as expected"),
                            ("noted", "as expected, with a note"),
                            ("red", "not as expected"),
                            ("waits", "waits for an earlier step"),
                            ("unset", "not set up"),
                        ],
                        default="asked",
                        max_length=6,
                    ),
                ),
                ("shown", models.TextField(blank=True)),
                ("rows", models.JSONField(blank=True, default=list)),
                ("columns", models.JSONField(blank=True, default=list)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "red_at",
                    models.DateTimeField(blank=True, help_text="When it was first red in this run's watch.", null=True),
                ),
                ("noted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "next_at",
                    models.DateTimeField(
                        blank=True, help_text="When the clock asks it; empty: on a press only.", null=True
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="live_items", to="runbooks.run"
                    ),
                ),
            ],
            options={
                "ordering": ["run", "step", "place"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="runbook_live_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "step", "place"), name="runbook_live_item_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Letter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(max_length=80)),
                ("place", models.PositiveSmallIntegerField(default=0)),
                ("nonce", models.CharField(max_length=40, unique=True)),
                ("to", models.CharField(max_length=200)),
                ("subject", models.CharField(blank=True, max_length=250)),
                ("text", models.TextField()),
                ("kind", models.CharField(default="mail", help_text="mail, page, notice", max_length=8)),
                ("at", models.DateTimeField()),
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
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="letters", to="runbooks.run"
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ActionCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=250)),
                ("step", models.CharField(blank=True, max_length=80)),
                ("nonce", models.CharField(help_text="One confirmation, one call.", max_length=40, unique=True)),
                ("at", models.DateTimeField()),
                ("method", models.CharField(max_length=8)),
                ("address", models.TextField(help_text="Secrets masked.")),
                ("inputs", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("sending", "Sending"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("unknown", "outcome unknown"),
                        ],
                        default="sending",
                        max_length=8,
                    ),
                ),
                ("status_code", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("answer", models.TextField(blank=True)),
                ("kept", models.JSONField(blank=True, default=dict)),
                ("took_ms", models.FloatField(blank=True, null=True)),
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
                    "incident",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="action_calls",
                        to="incidents.incident",
                    ),
                ),
                (
                    "action",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calls",
                        to="runbooks.outgoingaction",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calls",
                        to="runbooks.run",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Runbook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("runbook", "Runbook"), ("checklist", "Checklist")], default="runbook", max_length=10
                    ),
                ),
                ("key", models.CharField(max_length=80)),
                ("title", models.CharField(max_length=250)),
                ("book", models.CharField(blank=True, help_text="The document it is part of.", max_length=160)),
                ("chapter", models.CharField(blank=True, max_length=160)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("content", models.JSONField(default=dict)),
                (
                    "binding",
                    models.JSONField(blank=True, default=dict, help_text="To which incidents it attaches by itself."),
                ),
                (
                    "offered",
                    models.BooleanField(default=True, help_text="Off: its pack no longer has it; runs of it stay."),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="runbooks", to="policies.policy"
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runbooks",
                        to="policies.service",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
            },
        ),
        migrations.AddField(
            model_name="run",
            name="runbook",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="runbooks.runbook"
            ),
        ),
        migrations.CreateModel(
            name="RunbookVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("content", models.JSONField(default=dict)),
                (
                    "guards",
                    models.BooleanField(
                        default=False, help_text="Whether a step of it holds up a move of its incident."
                    ),
                ),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                (
                    "runbook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="runbooks.runbook"
                    ),
                ),
            ],
            options={
                "ordering": ["runbook", "-number"],
                "constraints": [models.UniqueConstraint(fields=("runbook", "number"), name="runbook_version_once")],
            },
        ),
        migrations.AddField(
            model_name="runbook",
            name="current",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="runbooks.runbookversion",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="runbooks.runbookversion"
            ),
        ),
        migrations.CreateModel(
            name="Tick",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(max_length=80)),
                ("at", models.DateTimeField()),
                ("values", models.JSONField(blank=True, default=dict, help_text="What was asked for.")),
                ("choice", models.CharField(blank=True, max_length=160)),
                ("note", models.TextField(blank=True)),
                (
                    "effects",
                    models.JSONField(
                        blank=True, default=dict, help_text="What it made that may be ended again: silences."
                    ),
                ),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                ("undone_reason", models.TextField(blank=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: confirmed by itself.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ticks", to="runbooks.run"
                    ),
                ),
                (
                    "undone_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("undone_at__isnull", True)),
                        fields=("run", "step"),
                        name="runbook_step_ticked_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tightened",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.TextField()),
                (
                    "before",
                    models.TextField(blank=True, help_text="What a person had set here before; empty: nothing."),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                (
                    "back_at",
                    models.DateTimeField(blank=True, help_text="When it is put back; empty: it was.", null=True),
                ),
                (
                    "parameter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tightened", to="policies.parameter"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="tightened",
                        to="runbooks.run",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("back_at__isnull", False)), fields=["back_at"], name="runbook_tightened_due"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="runbook",
            constraint=models.UniqueConstraint(fields=("policy", "key"), name="runbook_key_once"),
        ),
        migrations.AddConstraint(
            model_name="runbook",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["runbook", "checklist"])), name="runbook_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "done", "dropped"])), name="runbook_run_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(("incident__isnull", False)),
                fields=("incident", "runbook"),
                name="runbook_run_once_an_incident",
            ),
        ),
    ]
