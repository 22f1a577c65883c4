import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import policies.fields
from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("auth", "__first__"),
        ("notifications", "0001_initial"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CalendarFeed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True)),
                (
                    "url",
                    policies.fields.EncryptedTextField(
                        blank=True,
                        help_text="Where it is fetched, https://… or webcal://…; empty: its text is kept here by hand.",
                    ),
                ),
                (
                    "every",
                    models.DurationField(default=datetime.timedelta(seconds=900), help_text="How often it is fetched."),
                ),
                ("text", models.TextField(blank=True, help_text="The last good copy.")),
                ("digest", models.CharField(blank=True, editable=False, max_length=64)),
                ("etag", models.CharField(blank=True, editable=False, max_length=250)),
                ("modified", models.CharField(blank=True, editable=False, max_length=80)),
                (
                    "next_fetch_at",
                    models.DateTimeField(blank=True, help_text="Empty while it is not fetched.", null=True),
                ),
                (
                    "fetched_at",
                    models.DateTimeField(
                        blank=True, help_text="When the copy was last found to be current.", null=True
                    ),
                ),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("failure", models.TextField(blank=True)),
                ("warnings", models.JSONField(blank=True, default=list, help_text="What in it could not be used.")),
            ],
            options={
                "ordering": ["name"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_fetch_at__isnull", False)),
                        fields=["next_fetch_at"],
                        name="calendar_feed_to_fetch",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("every__gte", datetime.timedelta(seconds=60))),
                        name="calendar_feed_every_a_minute_or_more",
                        violation_error_message="Fetch it once a minute at most.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EscalationContact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("person", "Person"), ("team", "Team"), ("role", "Role"), ("vendor", "Vendor")],
                        default="person",
                        max_length=8,
                    ),
                ),
                ("name", models.CharField(max_length=120, unique=True)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "language",
                    models.CharField(
                        choices=[
                            ("en", "English"),
                            ("id", "Bahasa Indonesia"),
                            ("ru", "Русский"),
                            ("nl", "Nederlands"),
                        ],
                        default="en",
                        max_length=8,
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                (
                    "valid_from",
                    models.DateTimeField(blank=True, help_text="Not asked before; empty: since ever.", null=True),
                ),
                (
                    "valid_until",
                    models.DateTimeField(blank=True, help_text="Not asked from then on; empty: for good.", null=True),
                ),
                (
                    "catch_all",
                    models.BooleanField(default=False, help_text="Asked when nobody else is left, and told why."),
                ),
                (
                    "quiet_from",
                    models.TimeField(
                        blank=True, help_text="Of the person's own clock; empty: no quiet hours.", null=True
                    ),
                ),
                (
                    "quiet_until",
                    models.TimeField(
                        blank=True, help_text="May lie before the start: then it is past midnight.", null=True
                    ),
                ),
                (
                    "quiet_levels",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='Levels whose pages get through, such as ["P0"]; empty: every page does.',
                    ),
                ),
                (
                    "backup",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="backs_up",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "members",
                    models.ManyToManyField(blank=True, related_name="member_of", to="oncall.escalationcontact"),
                ),
                (
                    "user",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="contact",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["person", "team", "role", "vendor"])),
                        name="escalation_contact_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContactMethod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("kind", models.CharField(help_text="The transport: email, slack, json …", max_length=16)),
                ("address", policies.fields.EncryptedTextField()),
                ("secret", policies.fields.EncryptedTextField(blank=True)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("verified_how", models.CharField(blank=True, help_text="By whom and how, in words.", max_length=250)),
                ("must_verify", models.BooleanField(default=False, help_text="Not used until it is verified.")),
                ("enabled", models.BooleanField(default=True)),
                (
                    "failed_at",
                    models.DateTimeField(blank=True, help_text="Set when the address was found invalid.", null=True),
                ),
                ("failure", models.TextField(blank=True)),
                (
                    "worked_at",
                    models.DateTimeField(
                        blank=True, help_text="When a provider last took a message for it.", null=True
                    ),
                ),
                (
                    "updates",
                    models.BooleanField(
                        default=True, help_text="Told who acknowledged and that it is over, when a page came this way."
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="methods",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
            options={
                "ordering": ["contact", "position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Layer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("precedence", models.SmallIntegerField(default=0)),
                (
                    "rotation",
                    models.CharField(
                        choices=[("hours", "Hours"), ("days", "Days"), ("weeks", "Weeks"), ("months", "Months")],
                        default="weeks",
                        max_length=6,
                    ),
                ),
                (
                    "length",
                    models.PositiveSmallIntegerField(default=1, help_text="Of one turn, in units of the rotation."),
                ),
                (
                    "first_handoff_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The start of the first member's turn; empty only with a calendar feed.",
                        null=True,
                    ),
                ),
                (
                    "shadow",
                    models.BooleanField(
                        default=False, help_text="Trainees: shown and told beside those on call, never asked alone."
                    ),
                ),
                (
                    "restrictions",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='[{"days": ["mon"], "from": "09:00", "to": "17:00"}]; empty: always.',
                    ),
                ),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                (
                    "on_holidays",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "counts as on any other day"),
                            ("skip", "does not count on holidays"),
                            ("only", "counts only on holidays"),
                        ],
                        default="",
                        max_length=4,
                    ),
                ),
                (
                    "rest",
                    models.BooleanField(
                        default=False,
                        help_text="Who was paged in the night is not asked the next night; the next in turn is.",
                    ),
                ),
                (
                    "night_from",
                    models.TimeField(
                        default=datetime.time(22, 0), help_text="When a night begins, on the schedule's clock."
                    ),
                ),
                ("night_to", models.TimeField(default=datetime.time(6, 0))),
                (
                    "calendar",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose holidays are meant.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="layers",
                        to="policies.calendar",
                    ),
                ),
                (
                    "feed",
                    models.ForeignKey(
                        blank=True,
                        help_text="A calendar whose events say who is on call, instead of the rotation.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="layers",
                        to="oncall.calendarfeed",
                    ),
                ),
            ],
            options={
                "ordering": ["schedule", "-precedence", "pk"],
            },
        ),
        migrations.CreateModel(
            name="LayerMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "turn",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Places with the same number are on call together, in one turn; empty: a turn of its own.",
                        null=True,
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="oncall.escalationcontact"),
                ),
                (
                    "layer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="places", to="oncall.layer"
                    ),
                ),
            ],
            options={
                "ordering": ["layer", "position", "pk"],
            },
        ),
        migrations.AddField(
            model_name="layer",
            name="members",
            field=models.ManyToManyField(
                related_name="layers", through="oncall.LayerMember", to="oncall.escalationcontact"
            ),
        ),
        migrations.CreateModel(
            name="Ownership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contacts", models.ManyToManyField(related_name="ownerships", to="oncall.escalationcontact")),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ownerships", to="policies.policy"
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
                        name="ownership_once",
                        violation_error_message="This policy has owners of this level already; change those.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("severity__isnull", True)),
                        fields=("policy",),
                        name="ownership_once_for_all",
                        violation_error_message="This policy has owners of all other levels already; change those.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PersonalRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "urgency",
                    models.CharField(
                        choices=[("high", "high: it pages"), ("low", "low: it can wait for the morning")],
                        default="high",
                        max_length=4,
                    ),
                ),
                (
                    "after",
                    models.DurationField(default=datetime.timedelta(0), help_text="Since the person was first asked."),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rules", to="oncall.escalationcontact"
                    ),
                ),
                (
                    "method",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rules", to="oncall.contactmethod"
                    ),
                ),
            ],
            options={
                "ordering": ["contact", "urgency", "after", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("contact", "urgency", "method", "after"),
                        name="personal_rule_once",
                        violation_error_message="There is such a rule already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("urgency__in", ["high", "low"])), name="personal_rule_urgency_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "warn_days",
                    models.PositiveSmallIntegerField(
                        default=7, help_text="So many days ahead are holes told to the owners; 0: they are only shown."
                    ),
                ),
                (
                    "gaps_meant",
                    models.BooleanField(
                        default=False, help_text="Out of its hours nobody is meant to be asked: its gaps are no news."
                    ),
                ),
                (
                    "longest_shift_hours",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Warn when one person has it for longer at a stretch; empty: never.",
                        null=True,
                    ),
                ),
                (
                    "nights_in_a_row",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Warn when one person has more nights one after the other; empty: never.",
                        null=True,
                    ),
                ),
                (
                    "handoff",
                    models.BooleanField(
                        default=False, help_text="At each hand-over a note with what is open goes to who comes."
                    ),
                ),
                ("told", models.JSONField(blank=True, default=list, editable=False)),
                (
                    "look_at",
                    models.DateTimeField(
                        blank=True,
                        default=datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.UTC),
                        editable=False,
                        null=True,
                    ),
                ),
                ("handoff_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("had_by", models.JSONField(blank=True, editable=False, null=True)),
                (
                    "override_feed",
                    models.ForeignKey(
                        blank=True,
                        help_text="A calendar whose events are over everything else: whom it names is on call, whatever the rest says.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="overrides_of",
                        to="oncall.calendarfeed",
                    ),
                ),
                (
                    "owners",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Told of holes ahead; nobody: the catch-all contacts are.",
                        related_name="owned_schedules",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="schedules",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
                "permissions": [
                    ("cover_schedule", "Can take turns oneself and ask for cover"),
                    ("plan_schedule", "Can change who is on call for everybody"),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at__isnull", False)), fields=["look_at"], name="schedule_look_due"
                    ),
                    models.Index(
                        condition=models.Q(("handoff_at__isnull", False)),
                        fields=["handoff_at"],
                        name="schedule_handoff_due",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "effect",
                    models.CharField(
                        choices=[
                            ("everybody", "in place of everybody"),
                            ("one", "in place of one person"),
                            ("add", "beside those on call"),
                            ("remove", "one person steps out"),
                            ("shadow", "as a shadow: shown and told, never asked alone"),
                        ],
                        default="everybody",
                        max_length=9,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=250)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "contact",
                    models.ForeignKey(
                        blank=True,
                        help_text="Who steps in.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        blank=True,
                        help_text="Who steps out; only where one person is replaced or steps out.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overridden",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="overrides", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="override_ends_after_start"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("contact__isnull", False),
                                ("effect__in", ["everybody", "add", "shadow"]),
                                ("replaces__isnull", True),
                            ),
                            models.Q(("contact__isnull", False), ("effect", "one"), ("replaces__isnull", False)),
                            models.Q(("contact__isnull", True), ("effect", "remove"), ("replaces__isnull", False)),
                            _connector="OR",
                        ),
                        name="override_names_whom_it_needs",
                        violation_error_message="Name who steps in, and who steps out only when one person is replaced or steps out.",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="layer",
            name="schedule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="layers", to="oncall.schedule"
            ),
        ),
        migrations.CreateModel(
            name="HandoffNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "at",
                    models.DateTimeField(
                        blank=True, help_text="The hand-over; empty while it is still to come.", null=True
                    ),
                ),
                ("since", models.DateTimeField(blank=True, help_text="When the shift that it ends began.", null=True)),
                ("text", models.TextField(blank=True, max_length=10000)),
                ("written_at", models.DateTimeField(blank=True, null=True)),
                (
                    "facts",
                    models.JSONField(
                        blank=True, default=list, help_text='[{"title": …, "lines": [{"text": …, "url": …}]}]'
                    ),
                ),
                (
                    "coming",
                    models.ManyToManyField(blank=True, related_name="handoffs_taken", to="oncall.escalationcontact"),
                ),
                (
                    "leaving",
                    models.ManyToManyField(blank=True, related_name="handoffs_left", to="oncall.escalationcontact"),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="handoffs_written",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="handoff_notes", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": [models.OrderBy(models.F("at"), descending=True, nulls_first=True), "-pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("schedule", "at"), name="handoff_note_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("at__isnull", True)), fields=("schedule",), name="handoff_note_one_to_come"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CoverRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("note", models.CharField(blank=True, max_length=250)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("taken", "Taken"), ("withdrawn", "Withdrawn")],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, help_text="When it was taken or withdrawn.", null=True),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cover_asked",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "taken_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cover_taken",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "override",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="cover_request",
                        to="oncall.override",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cover_requests", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "taken", "withdrawn"])), name="cover_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="cover_ends_after_start",
                        violation_error_message="The end must be after the start.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CalendarLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "digest",
                    models.CharField(editable=False, help_text="SHA-256 of the token.", max_length=64, unique=True),
                ),
                ("note", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calendar_links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calendar_links",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calendar_links",
                        to="oncall.schedule",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("contact__isnull", True), ("schedule__isnull", False)),
                            models.Q(("contact__isnull", False), ("schedule__isnull", True)),
                            _connector="OR",
                        ),
                        name="calendar_link_of_one_thing",
                        violation_error_message="A link is for a schedule or for a person.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Swap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=250)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="swaps_joined",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="swaps_begun",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="swaps", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="swap_ends_after_start",
                        violation_error_message="The end must be after the start.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("person", models.F("partner")), _negated=True),
                        name="swap_of_two",
                        violation_error_message="A swap needs two different people.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TemporarySchedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="temporaries", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="temporary_ends_after_start",
                        violation_error_message="The end must be after the start.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TemporaryShift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="temporary_shifts",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "temporary",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shifts",
                        to="oncall.temporaryschedule",
                    ),
                ),
            ],
            options={
                "ordering": ["temporary", "starts_at", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="temporary_shift_ends_after_start",
                        violation_error_message="The end must be after the start.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TestPage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("period", models.CharField(help_text="2026-11: one a month.", max_length=7)),
                ("sent_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="test_pages",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="notifications.delivery"
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
                "ordering": ["-sent_at", "pk"],
                "constraints": [models.UniqueConstraint(fields=("contact", "period"), name="test_page_once_a_month")],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("address_digest", models.CharField(help_text="Of the address it was sent to.", max_length=64)),
                ("sent_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "method",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="verifications",
                        to="oncall.contactmethod",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="layer",
            constraint=models.CheckConstraint(condition=models.Q(("length__gte", 1)), name="layer_length_positive"),
        ),
        migrations.AddConstraint(
            model_name="layer",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_handoff_at__isnull", False), ("feed__isnull", False), _connector="OR"),
                name="layer_turns_or_feed",
                violation_error_message="Say when the first turn begins, or name a calendar feed.",
            ),
        ),
        migrations.AddConstraint(
            model_name="layer",
            constraint=models.CheckConstraint(
                condition=models.Q(("on_holidays", ""), ("calendar__isnull", False), _connector="OR"),
                name="layer_holidays_of_a_calendar",
                violation_error_message="Name the calendar whose holidays are meant.",
            ),
        ),
    ]
