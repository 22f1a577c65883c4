import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("notifications", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
        ("runbooks", "0001_initial"),
        ("tickets", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ActionItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=250)),
                ("text", models.TextField(blank=True, help_text="What exactly, and how one will see that it works.")),
                (
                    "category",
                    models.CharField(
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
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "Urgent"), (2, "High"), (3, "Normal"), (4, "Low")], default=3
                    ),
                ),
                ("due_on", models.DateField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("done", "Done"), ("verified", "Verified"), ("dropped", "Dropped")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(blank=True, null=True)),
                ("step", models.CharField(blank=True, max_length=120)),
                (
                    "rule",
                    models.CharField(
                        blank=True, help_text="Open again when this rule opens an incident.", max_length=250
                    ),
                ),
                (
                    "factor",
                    models.CharField(
                        blank=True, help_text="Open again when a review names this contributing factor.", max_length=250
                    ),
                ),
                (
                    "watch_until",
                    models.DateTimeField(blank=True, help_text="So long its cause must stay away.", null=True),
                ),
                ("reopened", models.PositiveSmallIntegerField(default=0, help_text="How often it did not help.")),
                (
                    "remind_at",
                    models.DateTimeField(blank=True, help_text="When the reminder sweep looks next.", null=True),
                ),
                (
                    "reminded",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How often its owner was reminded of this day."
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "done_by",
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
                        help_text="What it follows from.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="action_items",
                        to="incidents.incident",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="action_items",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose step made it.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="runbooks.run",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        help_text="Open again when this service has an incident.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.service",
                    ),
                ),
                (
                    "verified_by",
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
                "ordering": ["due_on", "pk"],
                "permissions": [
                    ("work_actionitem", "Can add action items, take them on and mark them done"),
                    ("verify_actionitem", "Can verify that an action item works, or drop it"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ActionEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=16)),
                ("text", models.TextField()),
                ("data", models.JSONField(blank=True, default=dict)),
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
                        help_text="In which it came back.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="incidents.incident",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="reviews.actionitem"
                    ),
                ),
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
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="action_plan", to="policies.policy"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PostIncidentReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("submitted", "in review"),
                            ("approved", "Approved"),
                            ("published", "Published"),
                            ("skipped", "left out"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "template",
                    models.CharField(
                        blank=True, help_text="Of its policy's templates; empty: the usual one.", max_length=80
                    ),
                ),
                ("summary", models.TextField(blank=True)),
                (
                    "timeline",
                    models.TextField(blank=True, help_text="Drafted from the incident's timeline, in Markdown."),
                ),
                (
                    "drafted",
                    models.JSONField(
                        blank=True, default=dict, help_text="Summary and timeline as they were filled in."
                    ),
                ),
                (
                    "figures",
                    models.JSONField(
                        blank=True, default=dict, help_text="Figures, roles and charts as they were filled in."
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "filled_at",
                    models.DateTimeField(blank=True, help_text="When the incidents were last read into it.", null=True),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                (
                    "remind_at",
                    models.DateTimeField(blank=True, help_text="When the reminder sweep looks next.", null=True),
                ),
                ("overdue_at", models.DateTimeField(blank=True, help_text="When it was found overdue.", null=True)),
                ("meeting_at", models.DateTimeField(blank=True, help_text="When people meet about it.", null=True)),
                (
                    "meeting_place",
                    models.CharField(blank=True, help_text="A room, or the address of a call.", max_length=250),
                ),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("skip_reason", models.TextField(blank=True, help_text="Why it is left out.")),
                ("skipped_at", models.DateTimeField(blank=True, null=True)),
                ("public_title", models.CharField(blank=True, max_length=250)),
                ("public_text", models.TextField(blank=True, help_text="What anybody may read, in Markdown.")),
                ("public_at", models.DateTimeField(blank=True, help_text="Anybody may read it since then.", null=True)),
                (
                    "public_key",
                    models.CharField(blank=True, help_text="Of its public address; drawn at random.", max_length=40),
                ),
                (
                    "approver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="approved_reviews",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="reviews",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="review", to="incidents.incident"
                    ),
                ),
                (
                    "public_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "skipped_by",
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
                "ordering": ["-created_at"],
                "permissions": [
                    ("approve_postincidentreview", "Can approve a submitted review"),
                    ("publish_postincidentreview", "Can publish an approved review and its public version"),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)), fields=["remind_at"], name="review_remind_due"
                    ),
                    models.Index(fields=["-created_at", "-id"], name="review_newest"),
                    models.Index(fields=["due_at", "id"], name="review_by_deadline"),
                    models.Index(
                        condition=models.Q(("status__in", ["draft", "submitted"])),
                        fields=["due_at", "id"],
                        name="review_owed",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["draft", "submitted", "approved", "published", "skipped"])),
                        name="review_status_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("public_key", ""), _negated=True),
                        fields=("public_key",),
                        name="review_public_key_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JoinedIncident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="joined_review",
                        to="incidents.incident",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="joined",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ContributingFactor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "category",
                    models.CharField(blank=True, help_text="One of the policy's kinds of factors.", max_length=80),
                ),
                ("text", models.CharField(max_length=500)),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="factors",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["review", "position", "pk"],
                "indexes": [models.Index(fields=["category"], name="factor_by_category")],
            },
        ),
        migrations.AddField(
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
        migrations.CreateModel(
            name="ReviewAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("section", models.CharField(blank=True, max_length=80)),
                ("key", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        default="text", help_text="How it is answered; see reviews/kinds.py.", max_length=12
                    ),
                ),
                ("prompt", models.CharField(max_length=500)),
                ("help", models.CharField(blank=True, max_length=500)),
                ("required", models.BooleanField(default=False)),
                (
                    "public",
                    models.BooleanField(
                        default=False, help_text="Its answer goes into the draft of the public version."
                    ),
                ),
                ("text", models.TextField(blank=True, help_text="The answer in words.")),
                (
                    "data",
                    models.JSONField(blank=True, default=dict, help_text="The answer's parts, as its kind has them."),
                ),
                ("drafted", models.TextField(blank=True, help_text="What was filled in from the incident.")),
                (
                    "fill",
                    models.CharField(
                        blank=True, help_text="The fact it is filled in with; see reviews/facts.py.", max_length=40
                    ),
                ),
                (
                    "options",
                    models.JSONField(
                        blank=True, default=list, help_text="What may be chosen: options, or kinds of factors."
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="answers",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["review", "position"],
                "constraints": [models.UniqueConstraint(fields=("review", "key"), name="review_answer_once")],
            },
        ),
        migrations.CreateModel(
            name="ReviewComment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("text", models.TextField()),
                ("settled_at", models.DateTimeField(blank=True, help_text="Since when it is dealt with.", null=True)),
                (
                    "answer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comments",
                        to="reviews.reviewanswer",
                    ),
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
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comments",
                        to="reviews.postincidentreview",
                    ),
                ),
                (
                    "settled_by",
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
            },
        ),
        migrations.CreateModel(
            name="Reviewer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField()),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[("", "asked"), ("approved", "Approved"), ("wants_more", "sent it back")],
                        max_length=10,
                    ),
                ),
                ("verdict_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="oncall.escalationcontact"
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviewers",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["asked_at", "pk"],
                "constraints": [models.UniqueConstraint(fields=("review", "contact"), name="reviewer_once")],
            },
        ),
        migrations.CreateModel(
            name="ReviewVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("why", models.CharField(help_text="drafted, saved, submitted, approved …", max_length=40)),
                ("content", models.JSONField(help_text="[[heading, text], …] in the order of the page.")),
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
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["review", "-number"],
                "constraints": [models.UniqueConstraint(fields=("review", "number"), name="review_version_once")],
            },
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
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ticket", to="reviews.actionitem"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="action_tickets",
                        to="tickets.ticketplan",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("read_at__isnull", False)),
                        fields=["read_at"],
                        name="action_ticket_read_due",
                    ),
                    models.Index(
                        condition=models.Q(("key", ""), _negated=True), fields=["key"], name="action_ticket_by_key"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["making", "made", "failed"])),
                        name="action_ticket_state_known",
                    )
                ],
            },
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
    ]
