import datetime

import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("notifications", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Circle",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="The team, or the step, whose people take turns.", max_length=80, unique=True
                    ),
                ),
                (
                    "last",
                    models.CharField(blank=True, help_text="Name of the person who was asked last.", max_length=120),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EscalationPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "repeat",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How often the steps are gone through again."
                    ),
                ),
                (
                    "repeat_after",
                    models.DurationField(blank=True, help_text="Pause between the last step and the first.", null=True),
                ),
                (
                    "ack_timeout",
                    models.DurationField(
                        blank=True,
                        help_text="People are asked anew when whoever acknowledged did nothing for so long.",
                        null=True,
                    ),
                ),
                (
                    "on_rise",
                    models.CharField(
                        choices=[
                            ("unacked", "asks anew unless somebody has taken it"),
                            ("always", "asks anew, even when somebody has taken it"),
                            ("never", "asks nobody anew"),
                        ],
                        default="unacked",
                        help_text="When the level of an open incident rises.",
                        max_length=8,
                    ),
                ),
                (
                    "catch_all",
                    models.ForeignKey(
                        blank=True,
                        help_text="Asked when a run ends unanswered or reaches nobody; empty: the contacts marked catch-all.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="catches",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="escalation_policies",
                        to="policies.policy",
                    ),
                ),
                (
                    "severities",
                    models.ManyToManyField(
                        blank=True, help_text="Empty: every level that pages.", to="policies.severity"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "escalation policies",
                "ordering": ["policy", "position", "key"],
            },
        ),
        migrations.CreateModel(
            name="EscalationStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("after", models.DurationField(default=datetime.timedelta(0))),
                (
                    "since",
                    models.CharField(
                        choices=[("start", "the escalation's start"), ("step", "the step before")],
                        default="start",
                        help_text="What `after` counts from.",
                        max_length=5,
                    ),
                ),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("always", "Always"),
                            ("unacked", "nobody has acknowledged"),
                            ("unassessed", "not assessed yet"),
                            ("unmitigated", "not mitigated yet"),
                            ("unassigned", "no commander yet"),
                            ("unresolved", "not resolved yet"),
                        ],
                        default="unacked",
                        max_length=12,
                    ),
                ),
                (
                    "hours",
                    models.CharField(
                        blank=True,
                        choices=[("inside", "in the calendar's hours"), ("outside", "outside the calendar's hours")],
                        help_text="Only then; empty: at any hour.",
                        max_length=8,
                    ),
                ),
                (
                    "match",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='Only for these: {"rules": ["db-down"], "labels": {"team": "shop"}}',
                    ),
                ),
                (
                    "repeat",
                    models.PositiveSmallIntegerField(default=0, help_text="How often this step is taken again."),
                ),
                ("repeat_every", models.DurationField(blank=True, help_text="Pause between two times.", null=True)),
                (
                    "asks",
                    models.CharField(
                        choices=[
                            ("everybody", "Everybody"),
                            ("in_turn", "one of them, each in turn"),
                            ("all_ack", "everybody, and each must acknowledge"),
                        ],
                        default="everybody",
                        max_length=9,
                    ),
                ),
                (
                    "prompt",
                    models.CharField(
                        blank=True,
                        help_text="What whoever works on it is told to do; may hold ${PARAMETERS}.",
                        max_length=250,
                    ),
                ),
                (
                    "at_least",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only for this level and graver ones, as the level is when the step comes.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.severity",
                    ),
                ),
                (
                    "calendar",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.calendar",
                    ),
                ),
                (
                    "contacts",
                    models.ManyToManyField(
                        blank=True,
                        help_text="A vendor is never asked: the incident's people are told to do it.",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "destinations",
                    models.ManyToManyField(
                        blank=True, help_text="Places that are told, with nobody asked.", to="notifications.destination"
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="incidents.escalationpolicy",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "after", "pk"],
            },
        ),
        migrations.CreateModel(
            name="FatigueLimit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80)),
                ("pages", models.PositiveSmallIntegerField(help_text="So many are enough; the next one acts.")),
                ("within", models.DurationField(default=datetime.timedelta(days=1))),
                (
                    "hours",
                    models.CharField(
                        choices=[("any", "any hour"), ("off", "outside business hours"), ("sleep", "sleep hours")],
                        default="any",
                        help_text="Which count, on the person's own clock.",
                        max_length=5,
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[("warn", "warns"), ("reroute", "asks somebody else")], default="warn", max_length=7
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "contact",
                    models.ForeignKey(
                        blank=True,
                        help_text="A limit of this person's own, instead of those for everybody.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="fatigue_limits",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose incidents it acts on; empty: those of every policy.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="fatigue_limits",
                        to="policies.policy",
                    ),
                ),
                (
                    "severities",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Levels that it acts on; empty: every level.",
                        related_name="+",
                        to="policies.severity",
                    ),
                ),
                (
                    "tells",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Told when it acts, once in its time; empty: the owners.",
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "to",
                    models.ForeignKey(
                        blank=True,
                        help_text="Who is asked instead: a person, a team or a role; empty, or when they cannot: the person's back-up.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "key"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", False)),
                        fields=("policy", "key"),
                        name="fatigue_limit_once",
                        violation_error_message="This policy has a limit with this key already.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", True)),
                        fields=("key",),
                        name="fatigue_limit_once_for_all",
                        violation_error_message="There is a limit for every policy with this key already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hours__in", ["any", "off", "sleep"])), name="fatigue_limit_hours_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("act__in", ["warn", "reroute"])), name="fatigue_limit_act_known"
                    ),
                    models.CheckConstraint(condition=models.Q(("pages__gte", 1)), name="fatigue_limit_of_one_at_least"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImpactPrompt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "when",
                    models.CharField(
                        choices=[
                            ("lasts", "people were affected for longer than"),
                            ("widened", "more people are affected than before"),
                        ],
                        default="lasts",
                        max_length=8,
                    ),
                ),
                ("after", models.DurationField(default=datetime.timedelta(0), help_text="Of all stretches together.")),
                (
                    "role",
                    models.CharField(blank=True, help_text="Who is prompted; nobody in it: the owners.", max_length=40),
                ),
                ("text", models.CharField(blank=True, max_length=250)),
                (
                    "contacts",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Whom one click tells; never told by itself.",
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="impact_prompts", to="policies.policy"
                    ),
                ),
                (
                    "severities",
                    models.ManyToManyField(blank=True, help_text="Empty: every level.", to="policies.severity"),
                ),
                (
                    "tells",
                    models.ManyToManyField(
                        blank=True, help_text="Told at once.", related_name="+", to="oncall.escalationcontact"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position"],
                "constraints": [models.UniqueConstraint(fields=("policy", "position"), name="impact_prompt_once")],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "scope",
                    models.CharField(blank=True, help_text="Whose keys these are: a door or a policy.", max_length=80),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="Alerts that share scope and key join the same open incident.", max_length=255
                    ),
                ),
                ("title", models.CharField(max_length=250)),
                ("summary", models.TextField(blank=True)),
                ("impact", models.TextField(blank=True)),
                ("cause", models.TextField(blank=True)),
                ("eta", models.CharField(blank=True, help_text="Estimate for the fix, in words.", max_length=120)),
                ("labels", models.JSONField(blank=True, default=dict)),
                (
                    "pages",
                    models.BooleanField(
                        default=False, help_text="Whether it pages people, as level, class or rule said."
                    ),
                ),
                (
                    "pages_anyway",
                    models.BooleanField(default=False, help_text="Rule, class or person said so, whatever the level."),
                ),
                (
                    "drill",
                    models.BooleanField(default=False, help_text="Runs the real chain and stays out of the figures."),
                ),
                (
                    "private",
                    models.BooleanField(
                        default=False, help_text="Only those named, or with the right, see it anywhere."
                    ),
                ),
                (
                    "affected",
                    models.JSONField(
                        blank=True, default=dict, help_text='Counted by people: {"users": 120, "records": 4}.'
                    ),
                ),
                (
                    "impact_scope",
                    models.CharField(blank=True, help_text="One of the policy's, from narrow to wide.", max_length=80),
                ),
                (
                    "hold_reason",
                    models.CharField(blank=True, help_text="What it waits for while on hold.", max_length=250),
                ),
                (
                    "held_since",
                    models.DateTimeField(
                        blank=True, help_text="On hold since; clocks that may stand still do.", null=True
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("detected", "Detected"),
                            ("acknowledged", "Acknowledged"),
                            ("mitigated", "Mitigated"),
                            ("resolved", "Resolved"),
                            ("closed", "Closed"),
                            ("false_positive", "false positive"),
                            ("merged", "Merged"),
                        ],
                        default="detected",
                        max_length=16,
                    ),
                ),
                (
                    "opened_at",
                    models.DateTimeField(blank=True, help_text="When its row was made; never corrected.", null=True),
                ),
                ("detected_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, help_text="When the harm began, if known.", null=True)),
                (
                    "notified_at",
                    models.DateTimeField(blank=True, help_text="When the first message was queued.", null=True),
                ),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                ("assessed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "investigated_at",
                    models.DateTimeField(blank=True, help_text="When people began to look for the cause.", null=True),
                ),
                (
                    "identified_at",
                    models.DateTimeField(blank=True, help_text="When the root cause was known.", null=True),
                ),
                ("fixed_at", models.DateTimeField(blank=True, help_text="When the fix was in place.", null=True)),
                ("mitigated_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "resolve_after",
                    models.DurationField(blank=True, help_text="Quiet time; empty: as the policy says.", null=True),
                ),
                (
                    "quiet_until",
                    models.DateTimeField(blank=True, help_text="Resolves then, if nothing fires again.", null=True),
                ),
                ("update_every", models.DurationField(blank=True, null=True)),
                (
                    "update_due_at",
                    models.DateTimeField(blank=True, help_text="When people want to hear next.", null=True),
                ),
                (
                    "remind_at",
                    models.DateTimeField(blank=True, help_text="When the cadence sweep looks next.", null=True),
                ),
                (
                    "review_at",
                    models.DateTimeField(blank=True, help_text="When the review sweep looks at its end.", null=True),
                ),
                ("reopened", models.PositiveSmallIntegerField(default=0)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="acknowledged_incidents",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "alert_class",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="policies.alertclass"
                    ),
                ),
                (
                    "merged_into",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="merged",
                        to="incidents.incident",
                    ),
                ),
                (
                    "owners",
                    models.ManyToManyField(blank=True, related_name="owned_incidents", to="oncall.escalationcontact"),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="incidents", to="policies.policy"
                    ),
                ),
                (
                    "readers",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who may see it while private.",
                        related_name="readable_incidents",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "related",
                    models.ManyToManyField(blank=True, help_text="Linked by a person.", to="incidents.incident"),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="incidents",
                        to="policies.service",
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="incidents", to="policies.severity"
                    ),
                ),
                (
                    "split_from",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="split_off",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "ordering": ["-detected_at", "-pk"],
                "permissions": [
                    ("respond_incident", "Can acknowledge, update and resolve incidents"),
                    ("override_gate", "Can move an incident through a shut gate with a written reason"),
                    ("see_private_incident", "Can see private incidents that do not name them"),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("quiet_until__isnull", False)),
                        fields=["quiet_until"],
                        name="incident_recovery_due",
                    ),
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)),
                        fields=["remind_at"],
                        name="incident_update_due",
                    ),
                    models.Index(
                        condition=models.Q(("review_at__isnull", False)),
                        fields=["review_at"],
                        name="incident_review_due",
                    ),
                    models.Index(fields=["-detected_at", "-id"], name="incident_newest"),
                    models.Index(fields=["status", "-detected_at"], name="incident_by_status"),
                    models.Index(fields=["key"], name="incident_by_key"),
                    models.Index(condition=models.Q(("private", True)), fields=["id"], name="incident_private"),
                    models.Index(
                        condition=models.Q(("drill", True)), fields=["service", "-detected_at"], name="incident_drills"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "detected",
                                    "acknowledged",
                                    "mitigated",
                                    "resolved",
                                    "closed",
                                    "false_positive",
                                    "merged",
                                ],
                            )
                        ),
                        name="incident_status_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["detected", "acknowledged", "mitigated"])),
                        fields=("scope", "key"),
                        name="incident_one_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImpactStretch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start_at", models.DateTimeField()),
                ("end_at", models.DateTimeField(blank=True, help_text="Empty: still.", null=True)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="impact_stretches",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "impact stretches",
                "ordering": ["start_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("end_at__isnull", True)), fields=("incident",), name="impact_one_running"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("end_at__isnull", True), ("end_at__gte", models.F("start_at")), _connector="OR"
                        ),
                        name="impact_ends_after_start",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImpactAsk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "look_at",
                    models.DateTimeField(
                        blank=True, help_text="When the sweep looks; empty: the clock stands.", null=True
                    ),
                ),
                ("prompted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "told_at",
                    models.DateTimeField(blank=True, help_text="When a person had the contact told.", null=True),
                ),
                (
                    "told_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="asks", to="incidents.impactprompt"
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="impact_asks", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "ordering": ["incident", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="impact_ask_due"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("incident", "prompt"), name="impact_ask_once")],
            },
        ),
        migrations.CreateModel(
            name="HeldNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "part",
                    models.PositiveSmallIntegerField(default=0, help_text="Which of the destination's addresses."),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("toggle", "Toggle"), ("throttle", "Throttle"), ("off", "destination switched off")],
                        max_length=8,
                    ),
                ),
                ("by", models.CharField(help_text="What holds it back, in words.", max_length=250)),
                ("event", models.CharField(help_text="opened, reopened, again", max_length=16)),
                ("times", models.PositiveIntegerField(default=1, help_text="How many messages.")),
                ("held_at", models.DateTimeField()),
                (
                    "look_at",
                    models.DateTimeField(
                        blank=True, help_text="When it is tried again; empty: it has ended.", null=True
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, max_length=120)),
                (
                    "destination",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="held_notices",
                        to="notifications.destination",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="held_notices",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="held_notice_look_due"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Escalation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("policy_name", models.CharField(max_length=160)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("stopped", "Stopped"), ("exhausted", "Exhausted")],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_because", models.CharField(blank=True, max_length=250)),
                (
                    "rank",
                    models.PositiveSmallIntegerField(
                        help_text="Of the level that it began with; 0 is the gravest.", null=True
                    ),
                ),
                ("ack_timeout", models.DurationField(blank=True, null=True)),
                (
                    "on_rise",
                    models.CharField(
                        choices=[
                            ("unacked", "asks anew unless somebody has taken it"),
                            ("always", "asks anew, even when somebody has taken it"),
                            ("never", "asks nobody anew"),
                        ],
                        default="unacked",
                        max_length=8,
                    ),
                ),
                (
                    "lapse_at",
                    models.DateTimeField(blank=True, help_text="When an acknowledgement is looked at.", null=True),
                ),
                (
                    "catch_all",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to="incidents.escalationpolicy"
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="escalations", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("lapse_at__isnull", False)),
                        fields=["lapse_at"],
                        name="escalation_lapse_due",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["running", "stopped", "exhausted"])),
                        name="escalation_state_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")), fields=("incident",), name="escalation_one_running"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChosenCadence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("every", models.DurationField()),
                (
                    "at_most",
                    models.DurationField(blank=True, help_text="An upper bound besides the policy's.", null=True),
                ),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chosen_cadence",
                        to="incidents.incident",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IncidentComponent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("label", models.CharField(blank=True, max_length=120)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incident_components",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="incident_component_key_once")],
            },
        ),
        migrations.CreateModel(
            name="IncidentField",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("label", models.CharField(blank=True, max_length=160)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("long", "long text"),
                            ("number", "Number"),
                            ("choice", "Choice"),
                            ("bool", "yes or no"),
                            ("date", "Date"),
                            ("link", "Link"),
                        ],
                        default="text",
                        max_length=6,
                    ),
                ),
                ("choices", models.JSONField(blank=True, default=list, help_text='Of a choice: ["EU", "US"].')),
                ("required", models.BooleanField(default=False)),
                (
                    "types",
                    models.JSONField(
                        blank=True, default=list, help_text="Keys of the types it is asked for; empty: all."
                    ),
                ),
                ("help", models.CharField(blank=True, max_length=250)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incident_fields",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="incident_field_key_once")],
            },
        ),
        migrations.CreateModel(
            name="IncidentTask",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.CharField(max_length=250)),
                (
                    "role",
                    models.CharField(
                        blank=True, help_text="Whose list it stands on; empty: everybody's.", max_length=40
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("added_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "contact",
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="tasks", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "ordering": ["role", "position", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "role", "text"), name="incident_task_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentType",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("label", models.CharField(blank=True, max_length=120)),
                ("description", models.TextField(blank=True)),
                ("component", models.CharField(blank=True, max_length=80)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="incident_types", to="policies.policy"
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="policies.severity",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="incident_type_key_once")],
            },
        ),
        migrations.CreateModel(
            name="Page",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("trying", "Trying"),
                            ("reached", "reached: a provider took it"),
                            ("unreachable", "Unreachable"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="trying",
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=250)),
                ("must", models.BooleanField(default=False, help_text="Asked on until this person has acknowledged.")),
                (
                    "words",
                    models.CharField(blank=True, help_text="What they were asked for, in words.", max_length=250),
                ),
                (
                    "answer",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "no answer"),
                            ("acknowledged", "Acknowledged"),
                            ("accepted", "accepted: comes to help"),
                            ("declined", "Declined"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Who asked for help by hand.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="page_rows",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="page_rows",
                        to="notifications.delivery",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="page_rows", to="incidents.incident"
                    ),
                ),
                (
                    "instead_of",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="incidents.page"
                    ),
                ),
                (
                    "method",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="oncall.contactmethod"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="FatigueNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("pages", models.PositiveIntegerField(help_text="How many there had been.")),
                ("words", models.CharField(max_length=250)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="fatigue_notes",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "instead",
                    models.ForeignKey(
                        blank=True,
                        help_text="Who was asked instead; empty: nobody, the page went out.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "limit",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="notes",
                        to="incidents.fatiguelimit",
                    ),
                ),
                (
                    "page",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="fatigue", to="incidents.page"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["contact", "-at"], name="fatigue_note_of_person")],
            },
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "due_at",
                    models.DateTimeField(blank=True, help_text="When it is made; empty once it has been.", null=True),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("trying", "Trying"),
                            ("reached", "reached: a provider took it"),
                            ("failed", "Failed"),
                            ("skipped", "Skipped"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=250)),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calls",
                        to="notifications.delivery",
                    ),
                ),
                (
                    "method",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="oncall.contactmethod"
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="calls", to="incidents.page"
                    ),
                ),
            ],
            options={
                "ordering": ["page", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="call_make_due"
                    ),
                    models.Index(condition=models.Q(("state", "trying")), fields=["delivery"], name="call_trying"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "trying", "reached", "failed", "skipped"])),
                        name="call_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "waiting"), ("due_at__isnull", True), _connector="OR"),
                        name="call_due_while_waiting",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ResponseTarget",
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
                ("role", models.CharField(blank=True, max_length=40)),
                (
                    "who",
                    models.CharField(blank=True, help_text="Whose response counts; empty: anybody's.", max_length=40),
                ),
                ("pauses", models.JSONField(blank=True, default=list, help_text="While its clock stands still.")),
                (
                    "paused_at",
                    models.DateTimeField(blank=True, help_text="Its clock stands still since then.", null=True),
                ),
                (
                    "paused_for",
                    models.DurationField(default=datetime.timedelta(0), help_text="How long it stood still before."),
                ),
                ("from_plan", models.CharField(help_text="Which level or class it came from.", max_length=120)),
                ("within", models.DurationField(blank=True, null=True)),
                ("term", models.CharField(blank=True, max_length=20)),
                ("warn_before", models.DurationField(blank=True, null=True)),
                ("anchored_at", models.DateTimeField(blank=True, help_text="What its time counts from.", null=True)),
                (
                    "due_at",
                    models.DateTimeField(blank=True, help_text="Empty until its anchor has happened.", null=True),
                ),
                (
                    "check_at",
                    models.DateTimeField(
                        blank=True, help_text="When the sweep looks: warning, then deadline.", null=True
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("met", "Met"),
                            ("breached", "Breached"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("warned_at", models.DateTimeField(blank=True, null=True)),
                ("breached_at", models.DateTimeField(blank=True, null=True)),
                ("met_at", models.DateTimeField(blank=True, help_text="After breached_at: met late.", null=True)),
                (
                    "owed_by",
                    models.CharField(
                        blank=True, help_text="Who was to give it when it was missed, in words.", max_length=250
                    ),
                ),
                (
                    "why_late",
                    models.CharField(
                        blank=True, help_text="What people noted about why it was missed.", max_length=500
                    ),
                ),
                (
                    "calendar",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.calendar",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="targets", to="incidents.incident"
                    ),
                ),
                (
                    "met_by",
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
                "ordering": ["due_at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("check_at__isnull", False)), fields=["check_at"], name="target_check_due"
                    ),
                    models.Index(
                        condition=models.Q(("state", "breached")), fields=["-due_at", "-id"], name="target_missed"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "met", "breached", "cancelled"])),
                        name="target_state_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "pending")),
                        fields=("incident", "kind", "role"),
                        name="target_one_pending",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(help_text="commander, communications, first responder …", max_length=40)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roles", to="oncall.escalationcontact"
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roles", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "ordering": ["role", "since"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until__isnull", True)),
                        fields=("incident", "role"),
                        name="role_held_by_one",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RolePlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=40)),
                ("label", models.CharField(blank=True, max_length=80)),
                ("description", models.TextField(blank=True)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "assign",
                    models.CharField(
                        choices=[
                            ("ask", "somebody takes it or is given it"),
                            ("on_call", "at the opening, whoever is named or on call"),
                            ("first_ack", "whoever acknowledges first"),
                        ],
                        default="ask",
                        max_length=9,
                    ),
                ),
                (
                    "tasks",
                    models.JSONField(blank=True, default=list, help_text="Put on the incident when the role is taken."),
                ),
                (
                    "backups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Paged when nobody was appointed in time.",
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "contacts",
                    models.ManyToManyField(
                        blank=True, help_text="Who usually has it.", related_name="+", to="oncall.escalationcontact"
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="role_plans", to="policies.policy"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="oncall.schedule",
                    ),
                ),
                (
                    "severities",
                    models.ManyToManyField(
                        blank=True, help_text="Levels it is wanted for; empty: every level.", to="policies.severity"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "key"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="role_plan_once")],
            },
        ),
        migrations.CreateModel(
            name="RollbackPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("within", models.CharField(help_text="A length of time, 15m or ${PARAMETER}.", max_length=80)),
                (
                    "policy",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rollback_plan", to="policies.policy"
                    ),
                ),
                (
                    "severities",
                    models.ManyToManyField(blank=True, help_text="None: all levels.", to="policies.severity"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Symptom",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("label", models.CharField(max_length=250)),
                ("description", models.TextField(blank=True)),
                ("component", models.CharField(blank=True, max_length=80)),
                ("type", models.CharField(blank=True, max_length=80)),
                ("playbook", models.CharField(blank=True, help_text="Key of a runbook.", max_length=120)),
                (
                    "rules",
                    models.JSONField(
                        blank=True, default=list, help_text="Holds while one of these fires; empty: by hand."
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="symptoms", to="policies.policy"
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the level at which its rule fires.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="policies.severity",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="symptom_key_once")],
            },
        ),
        migrations.CreateModel(
            name="TimelineEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="When it happened.")),
                ("recorded_at", models.DateTimeField(auto_now_add=True)),
                ("kind", models.CharField(max_length=24)),
                ("text", models.TextField()),
                ("data", models.JSONField(blank=True, default=dict)),
                ("starred", models.BooleanField(default=False)),
                ("evidence", models.URLField(blank=True, help_text="Where it can be seen.", max_length=500)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: Opscenter itself.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "corrects",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="incidents.timelineentry",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="timeline", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "timeline entries",
                "ordering": ["at", "pk"],
                "indexes": [models.Index(fields=["incident", "at", "id"], name="timeline_in_order")],
            },
        ),
        migrations.CreateModel(
            name="Triage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("symptoms", models.JSONField(blank=True, default=list, help_text="Keys of what was seen.")),
                (
                    "seen",
                    models.JSONField(blank=True, default=list, help_text="The same in words, with what rules said."),
                ),
                ("type", models.CharField(blank=True, max_length=80)),
                (
                    "fields",
                    models.JSONField(
                        blank=True, default=dict, help_text="What the policy's own fields were filled with."
                    ),
                ),
                ("playbook", models.CharField(blank=True, max_length=120)),
                ("reason", models.TextField(blank=True, help_text="Why another level than the proposed one.")),
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
                    "chosen",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.severity",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="triages", to="incidents.incident"
                    ),
                ),
                (
                    "proposed",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.severity",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("planned_at", models.DateTimeField(help_text="When the plan wanted it.")),
                (
                    "due_at",
                    models.DateTimeField(blank=True, help_text="When it is taken; empty once it has been.", null=True),
                ),
                (
                    "wait",
                    models.DurationField(
                        blank=True, help_text="Since the turn before was taken, if it counts so.", null=True
                    ),
                ),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("always", "Always"),
                            ("unacked", "nobody has acknowledged"),
                            ("unassessed", "not assessed yet"),
                            ("unmitigated", "not mitigated yet"),
                            ("unassigned", "no commander yet"),
                            ("unresolved", "not resolved yet"),
                        ],
                        default="unacked",
                        max_length=12,
                    ),
                ),
                (
                    "at_least",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="Rank of the mildest level it is for.", null=True
                    ),
                ),
                (
                    "hours",
                    models.CharField(
                        blank=True,
                        choices=[("inside", "in the calendar's hours"), ("outside", "outside the calendar's hours")],
                        max_length=8,
                    ),
                ),
                ("match", models.JSONField(blank=True, default=dict)),
                (
                    "asks",
                    models.CharField(
                        choices=[
                            ("everybody", "Everybody"),
                            ("in_turn", "one of them, each in turn"),
                            ("all_ack", "everybody, and each must acknowledge"),
                        ],
                        default="everybody",
                        max_length=9,
                    ),
                ),
                (
                    "circle",
                    models.CharField(blank=True, help_text="Whose order a turn of one in turn follows.", max_length=80),
                ),
                ("prompt", models.CharField(blank=True, max_length=250)),
                ("final", models.BooleanField(default=False, help_text="The last: asks the catch-all.")),
                (
                    "by_hand",
                    models.BooleanField(
                        default=False, help_text="A person asked for it: taken whatever its condition."
                    ),
                ),
                ("aim", models.CharField(blank=True, help_text="Whom the plan named, in words.", max_length=250)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("paged", "Paged"), ("skipped", "Skipped")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=250)),
                (
                    "calendar",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="policies.calendar",
                    ),
                ),
                ("contacts", models.ManyToManyField(blank=True, to="oncall.escalationcontact")),
                ("destinations", models.ManyToManyField(blank=True, to="notifications.destination")),
                (
                    "escalation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="turns", to="incidents.escalation"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["escalation", "position"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="turn_climb_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("escalation", "position"), name="turn_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "waiting"), ("taken_at__isnull", True)),
                            models.Q(("due_at__isnull", True), ("outcome__in", ["paged", "skipped"])),
                            _connector="OR",
                        ),
                        name="turn_due_while_waiting",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="page",
            name="turn",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="page_rows",
                to="incidents.turn",
            ),
        ),
        migrations.CreateModel(
            name="UpdateTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=40)),
                ("name", models.CharField(max_length=120)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "match",
                    models.JSONField(
                        blank=True, default=dict, help_text='For which incidents: {"severity": ["P0"]}; empty: all.'
                    ),
                ),
                (
                    "on",
                    models.CharField(
                        blank=True,
                        help_text="Locked until this has happened, then due now: cause_identified …",
                        max_length=40,
                    ),
                ),
                ("audience", models.CharField(blank=True, help_text="Whom it is for, in words.", max_length=80)),
                ("routes", models.BooleanField(default=False, help_text="It also goes where the routes lead.")),
                (
                    "publish",
                    models.BooleanField(default=False, help_text="It goes on the status page and to its subscribers."),
                ),
                (
                    "component_status",
                    models.CharField(
                        blank=True, help_text="What its components become; empty: by level.", max_length=24
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=250)),
                ("text", models.TextField(blank=True, help_text="What the form begins with, a template.")),
                (
                    "fields",
                    models.JSONField(blank=True, default=list, help_text='What must be filled in: ["impact", "eta"].'),
                ),
                (
                    "roles",
                    models.JSONField(blank=True, default=list, help_text="Who may send it; empty: whoever responds."),
                ),
                (
                    "approval",
                    models.DurationField(
                        blank=True, help_text="A second person approves it within this time.", null=True
                    ),
                ),
                (
                    "approvers",
                    models.JSONField(blank=True, default=list, help_text="Roles; empty: anybody else who responds."),
                ),
                ("closing", models.BooleanField(default=False, help_text="It says that it is over.")),
                (
                    "required",
                    models.BooleanField(default=False, help_text="The incident is not resolved before it was sent."),
                ),
                (
                    "counts",
                    models.BooleanField(
                        default=True, help_text="It moves the cadence on and meets the target of an update."
                    ),
                ),
                (
                    "contacts",
                    models.ManyToManyField(blank=True, related_name="update_templates", to="oncall.escalationcontact"),
                ),
                (
                    "destinations",
                    models.ManyToManyField(blank=True, related_name="update_templates", to="notifications.destination"),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="update_templates",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="update_template_once")],
            },
        ),
        migrations.CreateModel(
            name="UpdateItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("because", models.CharField(help_text="What has made it due: cause_identified …", max_length=40)),
                ("due_at", models.DateTimeField()),
                ("remind_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="update_items",
                        to="incidents.incident",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="incidents.updatetemplate"
                    ),
                ),
            ],
            options={
                "ordering": ["due_at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)), fields=["remind_at"], name="update_item_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("done_at__isnull", True)),
                        fields=("incident", "template"),
                        name="update_item_one_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProposedUpdate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("text", models.TextField(blank=True)),
                ("fields", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("lapsed", "lapsed: nobody approved it in time"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("until", models.DateTimeField(help_text="To be approved by then.")),
                ("lapse_at", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=250)),
                (
                    "by",
                    models.ForeignKey(
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
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="proposed_updates",
                        to="incidents.incident",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="proposed",
                        to="incidents.updatetemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("lapse_at__isnull", False)),
                        fields=["lapse_at"],
                        name="proposed_update_lapse_due",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "approved", "rejected", "lapsed", "withdrawn"])),
                        name="proposed_update_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentUpdate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("audience", models.CharField(blank=True, max_length=80)),
                ("subject", models.CharField(blank=True, max_length=250)),
                ("text", models.TextField()),
                ("fields", models.JSONField(blank=True, default=dict)),
                ("closing", models.BooleanField(default=False, help_text="It said that it is over.")),
                ("published", models.BooleanField(default=False, help_text="It went on the status page.")),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="updates", to="incidents.incident"
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="updates",
                        to="incidents.updatetemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.AddIndex(
            model_name="page",
            index=models.Index(condition=models.Q(("state", "trying")), fields=["delivery"], name="page_trying"),
        ),
        migrations.AddIndex(
            model_name="page",
            index=models.Index(fields=["contact", "at"], name="page_of_person_by_time"),
        ),
        migrations.AddConstraint(
            model_name="page",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["trying", "reached", "unreachable", "cancelled"])),
                name="page_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="page",
            constraint=models.UniqueConstraint(
                condition=models.Q(("turn__isnull", False)), fields=("turn", "contact"), name="page_once_per_turn"
            ),
        ),
    ]
