import django.db.models.deletion
from django.db import migrations, models


def carry_over(apps, schema_editor):
    """Items made before: what is done is done, and each follows from the incident of its review."""
    items = apps.get_model("reviews", "ActionItem").objects.using(schema_editor.connection.alias)
    reviews = apps.get_model("reviews", "PostIncidentReview").objects.using(schema_editor.connection.alias)
    mine = reviews.filter(pk=models.OuterRef("review"))
    items.update(
        incident=models.Subquery(mine.values("incident")[:1]), created_at=models.Subquery(mine.values("created_at")[:1])
    )
    items.filter(done_at__isnull=False).update(state="done")


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("notifications", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0002_reviews_that_get_done"),
        ("reviews", "0002_reviews_that_get_done"),
        ("runbooks", "0001_initial"),
        ("tickets", "0002_plans_for_action_items"),
    ]

    operations = [
        migrations.CreateModel(
            name="ActionEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=16)),
                ("text", models.TextField()),
                ("data", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "verbose_name_plural": "action entries",
                "ordering": ["item", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ActionPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "due",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='By category, how long an item has when nobody names a day: {"immediate": "7d"}',
                    ),
                ),
                (
                    "remind_before",
                    models.DurationField(blank=True, help_text="Before the day it is due; empty: a day.", null=True),
                ),
                (
                    "remind_every",
                    models.DurationField(blank=True, help_text="While it is overdue; empty: a week.", null=True),
                ),
                (
                    "watch_for",
                    models.DurationField(
                        blank=True,
                        help_text="How long after an item is done its cause must stay away; empty: 90 days.",
                        null=True,
                    ),
                ),
                (
                    "watch",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='What counts as its return: ["rule", "factor", "service"]; empty: all three.',
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ActionTicket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tracker", models.CharField(choices=[("jira", "Jira"), ("json", "JSON tracker")], max_length=8)),
                ("project", models.CharField(blank=True, max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("making", "on its way to the tracker"),
                            ("made", "Made"),
                            ("failed", "refused by the tracker; somebody must mend it"),
                        ],
                        default="making",
                        max_length=8,
                    ),
                ),
                ("key", models.CharField(blank=True, help_text="What the tracker calls it.", max_length=200)),
                ("url", models.TextField(blank=True)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True, help_text="Why the last try did not succeed; empty: it did.")),
                ("remote_status", models.CharField(blank=True, help_text="As the tracker says.", max_length=120)),
                ("remote_done", models.BooleanField(default=False, help_text="Whether that status means it is done.")),
                ("seen_at", models.DateTimeField(blank=True, help_text="When its state was read last.", null=True)),
                ("read_at", models.DateTimeField(blank=True, help_text="When its state is read next.", null=True)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.AlterModelOptions(
            name="actionitem",
            options={
                "ordering": ["due_on", "pk"],
                "permissions": [
                    ("work_actionitem", "Can add action items, take them on and mark them done"),
                    ("verify_actionitem", "Can verify that an action item works, or drop it"),
                ],
            },
        ),
        migrations.AddField(
            model_name="actionitem",
            name="category",
            field=models.CharField(
                choices=[
                    ("immediate", "Immediate fix"),
                    ("long_term", "Long-term improvement"),
                    ("monitoring", "Monitoring enhancement"),
                    ("process", "Process update"),
                ],
                default="long_term",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="created_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="oncall.escalationcontact",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="done_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="oncall.escalationcontact",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="factor",
            field=models.CharField(
                blank=True, help_text="Open again when a review names this contributing factor.", max_length=250
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="incident",
            field=models.ForeignKey(
                blank=True,
                help_text="What it follows from.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="action_items",
                to="incidents.incident",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="priority",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "Urgent"), (2, "High"), (3, "Normal"), (4, "Low")], default=3
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="remind_at",
            field=models.DateTimeField(blank=True, help_text="When the reminder sweep looks next.", null=True),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="reminded",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="How often its owner was reminded of this day."
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="reopened",
            field=models.PositiveSmallIntegerField(default=0, help_text="How often it did not help."),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="rule",
            field=models.CharField(
                blank=True, help_text="Open again when this rule opens an incident.", max_length=250
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="run",
            field=models.ForeignKey(
                blank=True,
                help_text="Whose step made it.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="runbooks.run",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="service",
            field=models.ForeignKey(
                blank=True,
                help_text="Open again when this service has an incident.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="policies.service",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="state",
            field=models.CharField(
                choices=[("open", "Open"), ("done", "Done"), ("verified", "Verified"), ("dropped", "Dropped")],
                default="open",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="step",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="text",
            field=models.TextField(blank=True, help_text="What exactly, and how one will see that it works."),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="verified_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="verified_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="oncall.escalationcontact",
            ),
        ),
        migrations.AddField(
            model_name="actionitem",
            name="watch_until",
            field=models.DateTimeField(blank=True, help_text="So long its cause must stay away.", null=True),
        ),
        migrations.AlterField(
            model_name="actionitem",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="action_items",
                to="oncall.escalationcontact",
            ),
        ),
        migrations.AlterField(
            model_name="actionitem",
            name="review",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty until the incident has a review.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="actions",
                to="reviews.postincidentreview",
            ),
        ),
        migrations.AddIndex(
            model_name="actionitem",
            index=models.Index(
                condition=models.Q(("remind_at__isnull", False)), fields=["remind_at"], name="action_remind_due"
            ),
        ),
        migrations.AddIndex(
            model_name="actionitem",
            index=models.Index(
                condition=models.Q(("watch_until__isnull", False)), fields=["watch_until"], name="action_watched"
            ),
        ),
        migrations.AddIndex(
            model_name="actionitem",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["due_on", "id"], name="action_open_by_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="actionitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "done", "verified", "dropped"])), name="action_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="actionitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("run__isnull", False)), fields=("run", "step"), name="action_once_a_step"
            ),
        ),
        migrations.AddField(
            model_name="actionentry",
            name="by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="oncall.escalationcontact",
            ),
        ),
        migrations.AddField(
            model_name="actionentry",
            name="incident",
            field=models.ForeignKey(
                blank=True,
                help_text="In which it came back.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="incidents.incident",
            ),
        ),
        migrations.AddField(
            model_name="actionentry",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="reviews.actionitem"
            ),
        ),
        migrations.AddField(
            model_name="actionplan",
            name="policy",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="action_plan", to="policies.policy"
            ),
        ),
        migrations.AddField(
            model_name="actionticket",
            name="delivery",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="notifications.delivery",
            ),
        ),
        migrations.AddField(
            model_name="actionticket",
            name="item",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="ticket", to="reviews.actionitem"
            ),
        ),
        migrations.AddField(
            model_name="actionticket",
            name="plan",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="action_tickets",
                to="tickets.ticketplan",
            ),
        ),
        migrations.AddIndex(
            model_name="actionticket",
            index=models.Index(
                condition=models.Q(("read_at__isnull", False)), fields=["read_at"], name="action_ticket_read_due"
            ),
        ),
        migrations.AddIndex(
            model_name="actionticket",
            index=models.Index(
                condition=models.Q(("key", ""), _negated=True), fields=["key"], name="action_ticket_by_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="actionticket",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["making", "made", "failed"])), name="action_ticket_state_known"
            ),
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop, elidable=True),
    ]
