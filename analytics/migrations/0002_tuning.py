import datetime

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0002_firing"),
        ("analytics", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
        ("reviews", "0001_initial"),
    ]

    operations = [
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
        migrations.AddIndex(
            model_name="thresholdreview",
            index=models.Index(
                condition=models.Q(("remind_at__isnull", False)), fields=["remind_at"], name="threshold_review_due"
            ),
        ),
        migrations.AddIndex(
            model_name="thresholdreview",
            index=models.Index(fields=["month"], name="threshold_review_month"),
        ),
        migrations.AddConstraint(
            model_name="thresholdreview",
            constraint=models.UniqueConstraint(fields=("rule", "month"), name="threshold_review_once"),
        ),
        migrations.AddConstraint(
            model_name="thresholdreview",
            constraint=models.CheckConstraint(
                condition=models.Q(("decision__in", ["", "keep", "tune", "drop"])),
                name="threshold_review_decision_known",
            ),
        ),
        migrations.AddIndex(
            model_name="proposal",
            index=models.Index(condition=models.Q(("state", "open")), fields=["-made_at"], name="proposal_open"),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "applied", "refused", "reverted"])),
                name="proposal_state_known",
            ),
        ),
    ]
