import datetime

import django.db.models.deletion
from django.db import migrations, models

import policies.fields


class Migration(migrations.Migration):
    initial = True

    # others' migrations first: each change of theirs would render our models anew, which doubles the time
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Service",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=160)),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="Policy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("version", models.CharField(default="1", max_length=40)),
                ("language", models.CharField(default="en", max_length=8)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("description", models.TextField(blank=True)),
                (
                    "group_window",
                    models.DurationField(
                        default=datetime.timedelta(days=1),
                        help_text="An alert does not join an incident older than this; it opens a new one.",
                    ),
                ),
                (
                    "resolve_after",
                    models.DurationField(
                        default=datetime.timedelta(seconds=300),
                        help_text="Quiet time: how long nothing may fire before an incident resolves.",
                    ),
                ),
                (
                    "reopen_within",
                    models.DurationField(
                        default=datetime.timedelta(0),
                        help_text="What fires again so soon after its incident resolved reopens it; 0: a new one.",
                    ),
                ),
                (
                    "flap_changes",
                    models.PositiveSmallIntegerField(
                        default=6,
                        help_text="An alert that begins and ends more often than this within the time below is flapping; 0: none.",
                    ),
                ),
                (
                    "flap_within",
                    models.DurationField(
                        default=datetime.timedelta(seconds=600),
                        help_text="A flapping alert counts as firing until it has been calm so long.",
                    ),
                ),
                (
                    "extends",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="extended_by",
                        to="policies.policy",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="policies",
                        to="policies.service",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "policies",
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="AlertClass",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=40)),
                ("label", models.CharField(max_length=80)),
                ("page", models.BooleanField(blank=True, help_text="Empty: as the level says.", null=True)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="classes", to="policies.policy"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "alert classes",
                "ordering": ["policy", "key"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="alert_class_key_once")],
            },
        ),
        migrations.CreateModel(
            name="Severity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=40)),
                ("label", models.CharField(max_length=80)),
                ("rank", models.PositiveSmallIntegerField(help_text="0 is the most urgent.")),
                ("meaning", models.TextField(blank=True)),
                (
                    "page",
                    models.BooleanField(default=False, help_text="Incidents of this level page people by default."),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="severities", to="policies.policy"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "severities",
                "ordering": ["policy", "rank"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="severity_key_once")],
            },
        ),
        migrations.CreateModel(
            name="ReviewPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "within",
                    models.DurationField(
                        blank=True, help_text="Due so long after resolution; empty: no deadline.", null=True
                    ),
                ),
                (
                    "before",
                    models.CharField(default="closed", help_text="The status it must be approved for.", max_length=16),
                ),
                (
                    "questions",
                    models.JSONField(
                        blank=True, default=list, help_text='[{"section": …, "key": …, "prompt": …, "required": true}]'
                    ),
                ),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="review_plan", to="policies.policy"
                    ),
                ),
                (
                    "severities",
                    models.ManyToManyField(
                        blank=True, help_text="Levels whose incidents need a review.", to="policies.severity"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CadencePlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("every", models.DurationField()),
                ("audience", models.CharField(blank=True, max_length=80)),
                (
                    "fields",
                    models.JSONField(
                        blank=True, default=list, help_text='Fields an update must fill: ["impact", "eta"].'
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cadences", to="policies.policy"
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="policies.severity"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "severity__rank"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("severity__isnull", False)),
                        fields=("policy", "severity"),
                        name="cadence_plan_once",
                        violation_error_message="This policy has an interval for this level already; change that one.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("severity__isnull", True)),
                        fields=("policy",),
                        name="cadence_plan_once_for_all",
                        violation_error_message="This policy has an interval for all levels already; change that one.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TargetPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("notify", "Notify"),
                            ("acknowledge", "Acknowledge"),
                            ("respond", "Respond"),
                            ("assess", "Assess"),
                            ("appoint", "Appoint"),
                            ("mitigate", "Mitigate"),
                            ("update", "Update"),
                            ("resolve", "Resolve"),
                            ("review", "Review"),
                        ],
                        max_length=12,
                    ),
                ),
                ("within", models.DurationField(blank=True, null=True)),
                (
                    "term",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("next_business_day", "by the end of the next business day"),
                            ("next_sprint", "by the end of the next sprint"),
                        ],
                        help_text="Instead of a length.",
                        max_length=20,
                    ),
                ),
                (
                    "anchor",
                    models.CharField(
                        choices=[
                            ("detected", "Detected"),
                            ("notified", "Notified"),
                            ("acknowledged", "Acknowledged"),
                            ("mitigated", "Mitigated"),
                            ("resolved", "Resolved"),
                        ],
                        default="detected",
                        max_length=12,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        blank=True, help_text="Only a person in this role counts; empty: anybody.", max_length=40
                    ),
                ),
                (
                    "warn_before",
                    models.DurationField(blank=True, help_text="Warn so long before the breach.", null=True),
                ),
                (
                    "alert_class",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="policies.alertclass"
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="target_plans", to="policies.policy"
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="policies.severity"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "severity__rank", "kind"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "notify",
                                    "acknowledge",
                                    "respond",
                                    "assess",
                                    "appoint",
                                    "mitigate",
                                    "update",
                                    "resolve",
                                    "review",
                                ],
                            )
                        ),
                        name="target_plan_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("term", ""), ("within__isnull", False)),
                            models.Q(("within__isnull", True), models.Q(("term", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="target_plan_length_or_term",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Parameter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("int", "Int"),
                            ("float", "Float"),
                            ("bool", "Bool"),
                            ("text", "Text"),
                            ("duration", "Duration"),
                            ("secret", "Secret"),
                        ],
                        default="text",
                        max_length=10,
                    ),
                ),
                ("default", models.TextField(blank=True)),
                ("stored", policies.fields.EncryptedTextField(blank=True, help_text="Empty: the default counts.")),
                (
                    "origin",
                    models.CharField(
                        choices=[("document", "from the document"), ("ours", "set by us, to be confirmed")],
                        default="document",
                        max_length=10,
                    ),
                ),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "confirmed_by",
                    models.CharField(blank=True, help_text="Who said that a value of ours is right.", max_length=150),
                ),
                ("description", models.TextField(blank=True)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parameters", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "key"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="parameter_key_once")],
            },
        ),
        migrations.CreateModel(
            name="GatePlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("to", models.CharField(help_text="The status it guards, for example closed.", max_length=16)),
                (
                    "role",
                    models.CharField(
                        blank=True, help_text="Only a person in this role may make the move.", max_length=40
                    ),
                ),
                ("require", models.JSONField(blank=True, default=list, help_text='For example ["review_approved"].')),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gates", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "to"],
                "constraints": [models.UniqueConstraint(fields=("policy", "to"), name="gate_plan_once")],
            },
        ),
        migrations.CreateModel(
            name="Calendar",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=40)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("hours", models.JSONField(default=dict, help_text='By weekday: {"mon": [["09:00", "17:00"]]}.')),
                (
                    "holidays",
                    models.JSONField(
                        blank=True, default=list, help_text="Dates (2026-12-25) and country codes (ID, NL)."
                    ),
                ),
                ("default", models.BooleanField(default=False)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="calendars", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "key"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="calendar_key_once")],
            },
        ),
    ]
