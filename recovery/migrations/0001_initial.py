import django.db.models.deletion
from django.db import migrations, models

import policies.fields
from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("notifications", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("standby", "Standby"),
                            ("prompted", "Prompted"),
                            ("active", "Active"),
                            ("stood_down", "stood down"),
                        ],
                        default="standby",
                        max_length=10,
                    ),
                ),
                (
                    "look_at",
                    models.DateTimeField(blank=True, help_text="When its conditions are looked at next.", null=True),
                ),
                ("activated_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.TextField(blank=True, help_text="Why it was activated.")),
                ("stood_down_at", models.DateTimeField(blank=True, null=True)),
                (
                    "signed_at",
                    models.DateTimeField(blank=True, help_text="When its checklist was signed off.", null=True),
                ),
                ("signed_note", models.TextField(blank=True)),
                (
                    "ticked",
                    models.JSONField(blank=True, default=list, help_text="Items of the checklist that are done."),
                ),
                (
                    "activated_by",
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
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dr", to="incidents.incident"
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "stood_down_by",
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
                "verbose_name_plural": "recoveries",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="recovery_look_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["standby", "prompted", "active", "stood_down"])),
                        name="recovery_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Prompt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("condition", models.CharField(help_text="Which of the plan's conditions.", max_length=120)),
                ("asks", models.CharField(default="activate", help_text="activate or bridge", max_length=10)),
                ("text", models.TextField()),
                ("at", models.DateTimeField()),
                (
                    "answer",
                    models.CharField(
                        choices=[("open", "Open"), ("followed", "Followed"), ("declined", "Declined")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "answered_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "recovery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="prompts", to="recovery.recovery"
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("recovery", "condition"), name="prompt_once"),
                    models.CheckConstraint(
                        condition=models.Q(("answer__in", ["open", "followed", "declined"])), name="prompt_answer_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CallEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "position",
                    models.PositiveIntegerField(help_text="Lower first; back-ups stand behind whom they stand in for."),
                ),
                ("number", models.CharField(blank=True, max_length=120)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("open", "to be called"),
                            ("calling", "the gateway rings"),
                            ("reached", "Reached"),
                            ("no_answer", "no answer"),
                            ("wrong", "wrong number"),
                            ("skipped", "not called"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField(blank=True, null=True)),
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
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="oncall.escalationcontact"
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="notifications.delivery",
                    ),
                ),
                (
                    "instead_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stand_ins",
                        to="recovery.callentry",
                    ),
                ),
                (
                    "recovery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="calls", to="recovery.recovery"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("recovery", "contact"), name="call_entry_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("outcome__in", ["open", "calling", "reached", "no_answer", "wrong", "skipped"])
                        ),
                        name="call_outcome_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Bridge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("none", "not opened"),
                            ("asked", "asked for; the answer is not known"),
                            ("open", "Open"),
                            ("failed", "Failed"),
                        ],
                        default="none",
                        max_length=8,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                ("links", models.JSONField(blank=True, default=dict, help_text='{"huddle": "https://…"}')),
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
                    "recovery",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="bridge", to="recovery.recovery"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["none", "asked", "open", "failed"])),
                        name="bridge_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(default="DR plan", max_length=120)),
                (
                    "standby",
                    models.JSONField(blank=True, default=list, help_text="Levels that have a state at all; none: all."),
                ),
                (
                    "prompts",
                    models.JSONField(
                        blank=True, default=list, help_text="What prompts; see docs/disaster-recovery.md."
                    ),
                ),
                ("roles", models.JSONField(blank=True, default=list, help_text="Who may activate and stand down.")),
                ("automatic", models.BooleanField(default=False, help_text="The first prompt activates by itself.")),
                (
                    "tell_contacts",
                    models.JSONField(blank=True, default=list, help_text="Who hears of prompts and activation."),
                ),
                ("tell_destinations", models.JSONField(blank=True, default=list)),
                (
                    "inform",
                    models.JSONField(blank=True, default=list, help_text="Who hears when an incident reaches a level."),
                ),
                ("bridge_name", models.CharField(blank=True, max_length=120)),
                (
                    "bridge_webhook",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="May be ${DR_BRIDGE_WEBHOOK_URL}; empty: typed only."
                    ),
                ),
                ("bridge_links", models.JSONField(blank=True, default=dict, help_text='{"huddle": "Huddle", …}')),
                ("call_tree", models.JSONField(blank=True, default=list, help_text="Names of contacts, in order.")),
                (
                    "voice",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="Webhook of a voice gateway; empty: people dial."
                    ),
                ),
                (
                    "cadence_max",
                    models.DurationField(blank=True, help_text="While active, an update at least so often.", null=True),
                ),
                ("checklist", models.JSONField(blank=True, default=dict)),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="recovery_plan", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy"],
            },
        ),
    ]
