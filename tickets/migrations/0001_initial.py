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
            name="TicketPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "tracker",
                    models.CharField(
                        choices=[("jira", "Jira"), ("json", "JSON tracker")], default="jira", max_length=8
                    ),
                ),
                (
                    "match",
                    models.JSONField(
                        blank=True, default=dict, help_text='{"severity": ["critical"]}; empty: every incident.'
                    ),
                ),
                (
                    "when",
                    models.CharField(
                        choices=[("opened", "by itself"), ("by_hand", "by a person's press")],
                        default="opened",
                        max_length=8,
                    ),
                ),
                (
                    "after",
                    models.DurationField(
                        blank=True, help_text="Only if it is still active then; empty: at once.", null=True
                    ),
                ),
                (
                    "project",
                    models.CharField(
                        blank=True, help_text="Jira: the key of the project, such as OPS.", max_length=255
                    ),
                ),
                (
                    "endpoint",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="Address of the tracker; may be ${ALERT_JIRA_ENDPOINT}."
                    ),
                ),
                (
                    "email",
                    models.CharField(blank=True, help_text="Whose token it is; may be ${JIRA_EMAIL}.", max_length=200),
                ),
                (
                    "token",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="What we speak with; may be ${JIRA_TOKEN}."
                    ),
                ),
                (
                    "api",
                    models.CharField(
                        blank=True, help_text="Jira's REST version, 2 or 3; empty: found out.", max_length=8
                    ),
                ),
                ("issue_type", models.CharField(default="Task", max_length=80)),
                ("labels", models.JSONField(blank=True, default=list, help_text='Further labels: ["mr-dj"]')),
                ("require", models.JSONField(blank=True, default=list, help_text='Labels it must name: ["queue"]')),
                (
                    "fields",
                    models.JSONField(
                        blank=True, default=dict, help_text="Further fields of the tracker; texts are templates."
                    ),
                ),
                (
                    "transitions",
                    models.JSONField(blank=True, default=dict, help_text='{"resolved": "Resolved"}; else by category.'),
                ),
                (
                    "resolution",
                    models.CharField(blank=True, help_text="Set when it is resolved, such as Done.", max_length=80),
                ),
                (
                    "two_way",
                    models.BooleanField(default=False, help_text="A ticket done there resolves the incident here."),
                ),
                (
                    "poll",
                    models.DurationField(blank=True, help_text="How often its state is read; empty: never.", null=True),
                ),
                (
                    "webhook_secret",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="Proves that a webhook is the tracker's own."
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="ticket_plans",
                        to="notifications.account",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ticket_plans", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("policy", "key"),
                        name="ticket_plan_key_once",
                        violation_error_message="This policy has a ticket plan with this key already; choose another key.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Ticket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "plan_key",
                    models.CharField(help_text="Of its plan; linked-1 … for one that a person linked.", max_length=80),
                ),
                ("tracker", models.CharField(choices=[("jira", "Jira"), ("json", "JSON tracker")], max_length=8)),
                ("project", models.CharField(blank=True, max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting: made if the incident is still active then"),
                            ("making", "on its way to the tracker"),
                            ("made", "Made"),
                            ("failed", "refused by the tracker; somebody must mend it"),
                            ("dropped", "not needed: the incident was over before"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "look_at",
                    models.DateTimeField(blank=True, help_text="When it is made, if it still is to be.", null=True),
                ),
                ("key", models.CharField(blank=True, help_text="What the tracker calls it.", max_length=200)),
                ("url", models.TextField(blank=True)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True, help_text="Why the last try did not succeed; empty: it did.")),
                (
                    "told",
                    models.JSONField(
                        blank=True, default=dict, help_text="First responder and expected resolution as told last."
                    ),
                ),
                ("remote_status", models.CharField(blank=True, help_text="As the tracker says.", max_length=120)),
                ("remote_done", models.BooleanField(default=False, help_text="Whether that status means it is done.")),
                ("seen_at", models.DateTimeField(blank=True, help_text="When its state was read last.", null=True)),
                ("read_at", models.DateTimeField(blank=True, help_text="When its state is read next.", null=True)),
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
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tickets", to="incidents.incident"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="tickets",
                        to="tickets.ticketplan",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="ticket_look_due"
                    ),
                    models.Index(
                        condition=models.Q(("read_at__isnull", False)), fields=["read_at"], name="ticket_read_due"
                    ),
                    models.Index(condition=models.Q(("key", ""), _negated=True), fields=["key"], name="ticket_by_key"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "plan_key"), name="ticket_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "making", "made", "failed", "dropped"])),
                        name="ticket_state_known",
                    ),
                ],
            },
        ),
    ]
