import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("auth", "__first__"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
        ("sources", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShiftPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(blank=True, max_length=160)),
                (
                    "remind_before",
                    models.DurationField(
                        blank=True,
                        help_text="So long before the end of a shift are its people reminded to sign; empty: never.",
                        null=True,
                    ),
                ),
                (
                    "manual",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='What is done by hand while a switch is off: [{"toggle": "ALERT_X", "text": "Look at …"}].',
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "look_at",
                    models.DateTimeField(
                        blank=True,
                        default=datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.UTC),
                        editable=False,
                        null=True,
                    ),
                ),
                ("looked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="shift_plan", to="policies.policy"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose shifts are reviewed; empty: none are.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="shift_plans",
                        to="oncall.schedule",
                    ),
                ),
            ],
            options={
                "ordering": ["policy"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="shift_plan_look_due"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShiftMetric",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=160)),
                ("description", models.TextField(blank=True)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("value", "a figure, or one for each group"),
                            ("rate", "a share: some of all"),
                            ("count", "how many, and where"),
                            ("status", "a word, and since when"),
                        ],
                        default="value",
                        max_length=6,
                    ),
                ),
                ("field", models.CharField(blank=True, help_text="Of the reading; empty: its value.", max_length=80)),
                (
                    "of",
                    models.CharField(
                        blank=True, help_text="The field with all of them; only of a share.", max_length=80
                    ),
                ),
                ("by", models.CharField(blank=True, help_text="The label by which it is grouped.", max_length=80)),
                ("unit", models.CharField(blank=True, max_length=40)),
                (
                    "empty",
                    models.CharField(
                        blank=True,
                        help_text="What it says when a source answers with no row; empty: there is no data.",
                        max_length=80,
                    ),
                ),
                (
                    "link",
                    models.CharField(
                        blank=True, help_text="The page that each group leads to: channels.", max_length=20
                    ),
                ),
                (
                    "since_rule",
                    models.CharField(
                        blank=True,
                        help_text="The rule whose stored readings tell since when; only of a word.",
                        max_length=80,
                    ),
                ),
                (
                    "needs_note",
                    models.CharField(
                        choices=[("never", "never"), ("missing", "when it could not be read"), ("always", "always")],
                        default="never",
                        max_length=7,
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="metrics", to="shifts.shiftplan"
                    ),
                ),
            ],
            options={
                "ordering": ["plan", "position", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "key"), name="shift_metric_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["value", "rate", "count", "status"])),
                        name="shift_metric_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShiftReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                (
                    "ends_at",
                    models.DateTimeField(blank=True, help_text="When it ends, as the schedule says.", null=True),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "to be signed"), ("signed", "signed"), ("missed", "missed")],
                        default="open",
                        max_length=6,
                    ),
                ),
                (
                    "captured_at",
                    models.DateTimeField(blank=True, help_text="When the figures were last read.", null=True),
                ),
                (
                    "capture_at",
                    models.DateTimeField(blank=True, editable=False, help_text="When they are read next.", null=True),
                ),
                ("remind_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("signed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "signed_for",
                    models.CharField(
                        blank=True,
                        help_text="Why somebody signed who was not on shift; empty: somebody was.",
                        max_length=250,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                (
                    "over_at",
                    models.DateTimeField(
                        blank=True, help_text="When the shift ended; empty while it lasts.", null=True
                    ),
                ),
                (
                    "people",
                    models.ManyToManyField(
                        help_text="Who is on shift.", related_name="shift_reviews", to="oncall.escalationcontact"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reviews", to="shifts.shiftplan"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.schedule",
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="shift_reviews_signed",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "signed_user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at", "-pk"],
                "permissions": [("sign_shiftreview", "Can write in a shift review and sign it")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("capture_at__isnull", False)),
                        fields=["capture_at"],
                        name="shift_review_capture_due",
                    ),
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)),
                        fields=["remind_at"],
                        name="shift_review_remind_due",
                    ),
                    models.Index(fields=["state", "-starts_at"], name="shift_review_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "starts_at"), name="shift_review_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("over_at", None)), fields=("plan",), name="shift_review_one_now"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "signed", "missed"])), name="shift_review_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at", None), ("ends_at__gte", models.F("starts_at")), _connector="OR"),
                        name="shift_review_ends_after_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "signed"), _negated=True), ("signed_at__isnull", False), _connector="OR"
                        ),
                        name="shift_review_signed_when",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ManualCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("toggle", models.CharField(max_length=80)),
                ("text", models.TextField()),
                ("since", models.DateTimeField(blank=True, help_text="Since when the switch is off.", null=True)),
                ("seen_at", models.DateTimeField(help_text="When it was first seen off in this shift.")),
                ("over_at", models.DateTimeField(blank=True, help_text="When it was seen on again.", null=True)),
                ("ticked_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.TextField(blank=True)),
                (
                    "ticked_by",
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="checks", to="shifts.shiftreview"
                    ),
                ),
            ],
            options={
                "ordering": ["review", "seen_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("over_at", None)),
                        fields=("review", "toggle"),
                        name="manual_check_one_standing",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShiftSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("variant", models.CharField(help_text="sql, channels …: names the way of watching.", max_length=24)),
                ("kind", models.CharField(max_length=16)),
                ("spec", models.JSONField(default=dict, help_text='{"query": "SELECT …"}')),
                ("fallback", models.BooleanField(default=False, help_text="Only asked when the one before it failed.")),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="sources.connection"
                    ),
                ),
                (
                    "metric",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sources", to="shifts.shiftmetric"
                    ),
                ),
            ],
            options={
                "ordering": ["metric", "position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ShiftValue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=160)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("value", "a figure, or one for each group"),
                            ("rate", "a share: some of all"),
                            ("count", "how many, and where"),
                            ("status", "a word, and since when"),
                        ],
                        max_length=6,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "not read yet"),
                            ("read", "read"),
                            ("nodata", "no data"),
                            ("failed", "could not be read"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("shown", models.CharField(blank=True, help_text="The figure in one line.", max_length=250)),
                (
                    "figures",
                    models.JSONField(blank=True, default=list, help_text='[{"label": …, "value": …, "shown": …}]'),
                ),
                (
                    "since",
                    models.DateTimeField(blank=True, help_text="Since when it is so; only of a word.", null=True),
                ),
                (
                    "since_known",
                    models.BooleanField(default=False, help_text="Otherwise it was so at least since then."),
                ),
                ("fault", models.TextField(blank=True, help_text="Why nothing was read.")),
                (
                    "trend",
                    models.CharField(
                        blank=True, help_text="up, down, same or changed, against the last shift.", max_length=7
                    ),
                ),
                ("before", models.CharField(blank=True, help_text="What it was in the last shift.", max_length=250)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "needs_note",
                    models.CharField(
                        choices=[("never", "never"), ("missing", "when it could not be read"), ("always", "always")],
                        default="never",
                        max_length=7,
                    ),
                ),
                ("note", models.TextField(blank=True)),
                ("noted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "noted_by",
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="values", to="shifts.shiftreview"
                    ),
                ),
            ],
            options={
                "ordering": ["review", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("review", "key"), name="shift_value_once")],
            },
        ),
        migrations.CreateModel(
            name="Mute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                (
                    "parameter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="mutes", to="policies.parameter"
                    ),
                ),
            ],
            options={
                "ordering": ["-since", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until", None)), fields=("parameter",), name="mute_one_standing"
                    )
                ],
            },
        ),
    ]
