import datetime

import django.db.models.deletion
from django.db import migrations, models

import policies.fields
from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    # those of the libraries come first: each would draw all of our models again
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auditlog", "0017_add_actor_email"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
        ("sessions", "0001_initial"),
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
                    "impact_scopes",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='How wide harm can be, from narrow to wide: ["one customer", "all"].',
                    ),
                ),
                (
                    "cost_currency",
                    models.CharField(blank=True, help_text="Such as EUR; empty: no cost is shown.", max_length=3),
                ),
                (
                    "cost_responder_hour",
                    models.DecimalField(
                        decimal_places=2, default=0, help_text="What an hour of one responder costs.", max_digits=12
                    ),
                ),
                (
                    "cost_impact_minute",
                    models.DecimalField(
                        decimal_places=2,
                        default=0,
                        help_text="What a minute of affected customers costs.",
                        max_digits=12,
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
                    "sprint_start",
                    models.DateField(blank=True, help_text="First day of any sprint, on the local clock.", null=True),
                ),
                ("sprint_days", models.PositiveSmallIntegerField(default=14, help_text="How many days a sprint has.")),
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
                (
                    "severities",
                    models.ManyToManyField(blank=True, help_text="Empty: every level.", to="policies.severity"),
                ),
            ],
            options={
                "ordering": ["policy", "to", "pk"],
            },
        ),
        migrations.CreateModel(
            name="CadencePlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("every", models.DurationField()),
                (
                    "at_most",
                    models.DurationField(
                        blank=True,
                        help_text="The longest time a person may choose; empty: as long as every.",
                        null=True,
                    ),
                ),
                (
                    "once",
                    models.BooleanField(
                        default=False, help_text="One update is enough; none is due by the clock after it."
                    ),
                ),
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
                            ("action", "action items done"),
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
                            ("business_day", "by the end of the business day"),
                            ("next_business_day", "by the end of the next business day"),
                            ("next_business_cycle", "by the end of the next business cycle"),
                            ("sprint", "by the end of the sprint"),
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
                            ("opened", "Opened"),
                            ("started", "the harm began"),
                            ("impact", "people were affected"),
                            ("notified", "Notified"),
                            ("acknowledged", "Acknowledged"),
                            ("assessed", "Assessed"),
                            ("mitigated", "Mitigated"),
                            ("resolved", "Resolved"),
                            ("reviewed", "the review was approved"),
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
                    "who",
                    models.CharField(
                        blank=True,
                        help_text="Whose response counts: primary, paged, owner or a role; empty: anybody's.",
                        max_length=40,
                    ),
                ),
                (
                    "pauses",
                    models.JSONField(blank=True, default=list, help_text='While the clock stands still: ["on_hold"].'),
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
                    "calendar",
                    models.ForeignKey(
                        blank=True,
                        help_text="A term ends by it; of a length only its hours count. Empty: the default calendar, and every hour.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.calendar",
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
                                    "action",
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
                    "told",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Of a flag: what the application itself says it runs with.",
                        max_length=20,
                    ),
                ),
                (
                    "told_by",
                    models.CharField(
                        blank=True, editable=False, help_text="Where the application says it.", max_length=120
                    ),
                ),
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
    ]
