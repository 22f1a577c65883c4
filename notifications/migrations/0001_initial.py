import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import policies.fields
from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("auth", "__first__"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressHealth",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=16)),
                (
                    "address_key",
                    models.CharField(help_text="Fingerprint of kind and address.", max_length=32, unique=True),
                ),
                ("hint", models.CharField(blank=True, help_text="The address as people may see it.", max_length=120)),
                (
                    "failures",
                    models.PositiveIntegerField(default=0, help_text="Tries in a row that the far side did not take."),
                ),
                (
                    "opened_at",
                    models.DateTimeField(blank=True, help_text="The circuit is open since; empty: closed.", null=True),
                ),
                (
                    "probe_at",
                    models.DateTimeField(
                        blank=True, help_text="When one message may try whether it is back.", null=True
                    ),
                ),
                (
                    "probes",
                    models.PositiveSmallIntegerField(default=0, help_text="Probes that failed; each doubles the wait."),
                ),
                ("error", models.TextField(blank=True, help_text="What the last failure said.")),
                (
                    "barred",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "may be written to"),
                            ("bounced", "bounced: there is no such address"),
                            ("complained", "complained: its reader wants none of it"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("barred_at", models.DateTimeField(blank=True, null=True)),
                ("barred_why", models.TextField(blank=True)),
            ],
            options={
                "verbose_name_plural": "address health",
                "ordering": ["-opened_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.SlugField(
                        help_text="Stands in the address that the provider calls back.", max_length=80, unique=True
                    ),
                ),
                ("kind", models.CharField(help_text="slack_app, telegram, twilio, whatsapp, jira …", max_length=16)),
                (
                    "options",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='Not secret: {"account_sid": "AC…", "from": "+15550100"}; see the docs.',
                    ),
                ),
                (
                    "secret",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="What we send with: bot token, access token, API token."
                    ),
                ),
                (
                    "signing_secret",
                    policies.fields.EncryptedTextField(
                        blank=True, help_text="What proves that a call back is the provider's own."
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="accounts",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=16)),
                ("address", policies.fields.EncryptedTextField()),
                ("secret", policies.fields.EncryptedTextField(blank=True)),
                ("hint", models.CharField(blank=True, help_text="The address as people may see it.", max_length=120)),
                (
                    "address_key",
                    models.CharField(blank=True, help_text="Fingerprint of kind and address.", max_length=32),
                ),
                ("to", models.CharField(blank=True, help_text="Who or what it is for, in words.", max_length=160)),
                (
                    "recipient",
                    models.CharField(blank=True, help_text="The person, for example contact:7.", max_length=40),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("page", "page: asks to be acknowledged"),
                            ("notice", "Notice"),
                            ("update", "Update"),
                            ("reminder", "Reminder"),
                            ("test", "Test"),
                            ("ticket", "ticket: what a tracker is to keep"),
                        ],
                        max_length=10,
                    ),
                ),
                ("urgent", models.BooleanField(default=False)),
                (
                    "may_wait",
                    models.BooleanField(
                        default=False, help_text="A first page: bundling and throttles may hold it a while."
                    ),
                ),
                (
                    "other_way",
                    models.BooleanField(
                        default=False,
                        help_text="Its person has another method: one that is known not to work is passed over.",
                    ),
                ),
                (
                    "thread",
                    models.CharField(
                        blank=True, help_text="What it belongs to, for example incident:12.", max_length=80
                    ),
                ),
                ("subject", models.CharField(max_length=250)),
                ("text", models.TextField()),
                (
                    "short",
                    models.TextField(blank=True, help_text="What fits a text message or a call; empty: the subject."),
                ),
                (
                    "language",
                    models.CharField(blank=True, help_text="Of the words, for a voice that reads them.", max_length=8),
                ),
                ("url", models.TextField(blank=True)),
                (
                    "actions",
                    models.JSONField(blank=True, default=list, help_text='[{"label": "Acknowledge", "url": …}]'),
                ),
                ("data", models.JSONField(blank=True, default=dict)),
                (
                    "once",
                    models.CharField(
                        blank=True, help_text="Cause, at most once.", max_length=120, null=True, unique=True
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("retrying", "Retrying"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("cancelled", "cancelled: its cause was gone"),
                            ("suppressed", "suppressed: the address is sent nothing"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, help_text="Empty once it has ended.", null=True)),
                (
                    "reference",
                    models.CharField(
                        blank=True,
                        help_text="What the far side calls it: message id, time stamp, issue key.",
                        max_length=200,
                    ),
                ),
                (
                    "claimed_by",
                    models.CharField(
                        blank=True, help_text="The process (host:pid:start) that is sending it now.", max_length=80
                    ),
                ),
                (
                    "possibly_repeated",
                    models.BooleanField(default=False, help_text="In flight at a crash and sent again."),
                ),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "address_refused",
                    models.BooleanField(
                        default=False,
                        help_text="The far side does not know this address: it is invalid until somebody mends it.",
                    ),
                ),
                (
                    "held_until",
                    models.DateTimeField(
                        blank=True, help_text="Held back until then; the reason is its error.", null=True
                    ),
                ),
                (
                    "receipt",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sent", "Sent"),
                            ("delayed", "Delayed"),
                            ("delivered", "Delivered"),
                            ("read", "Read"),
                            ("failed", "Failed"),
                            ("bounced", "Bounced"),
                            ("complained", "Complained"),
                        ],
                        help_text="As far as its provider says.",
                        max_length=10,
                    ),
                ),
                ("receipt_at", models.DateTimeField(blank=True, null=True)),
                (
                    "again_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="sent_again",
                        to="notifications.delivery",
                    ),
                ),
                (
                    "instead_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="fallbacks",
                        to="notifications.delivery",
                    ),
                ),
                (
                    "sent_with",
                    models.ForeignKey(
                        blank=True,
                        help_text="The message it went out in, together with others.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="bundled",
                        to="notifications.delivery",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("outcome", models.CharField(help_text="sent, try again, undeliverable", max_length=16)),
                ("detail", models.TextField(blank=True)),
                ("took_ms", models.PositiveIntegerField(default=0)),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tries", to="notifications.delivery"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("kind", models.CharField(help_text="The transport: slack, json, email …", max_length=16)),
                (
                    "address",
                    policies.fields.EncryptedTextField(
                        help_text="URL or mailbox; may be a parameter such as ${TEAM_WEBHOOK_URL}."
                    ),
                ),
                ("secret", policies.fields.EncryptedTextField(blank=True, help_text="Signs what we send (json).")),
                (
                    "options",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='What its kind reads, such as {"project": "OPS"}; see the docs.',
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "throttle",
                    models.CharField(
                        blank=True,
                        help_text="5m: at most one opening in that time, whatever it is about.",
                        max_length=120,
                    ),
                ),
                ("self_test", models.BooleanField(default=True, help_text="It gets a test message each day.")),
                (
                    "expires_at",
                    models.DateField(
                        blank=True, help_text="When its token or password ends; announced two weeks before.", null=True
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the only one of its kind.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="notifications.account",
                    ),
                ),
                (
                    "fallback",
                    models.ForeignKey(
                        blank=True,
                        help_text="Takes over when this one fails.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="notifications.destination",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="destinations",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", False)),
                        fields=("policy", "key"),
                        name="destination_key_once",
                        violation_error_message="This policy has a destination with this key already; choose another key.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("policy__isnull", True)),
                        fields=("key",),
                        name="destination_key_once_for_all",
                        violation_error_message="All policies have a destination with this key already; choose another key.",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="destination",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="notifications.destination"
            ),
        ),
        migrations.CreateModel(
            name="DigestLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "part",
                    models.PositiveSmallIntegerField(default=0, help_text="Which of the destination's addresses."),
                ),
                ("thread", models.CharField(help_text="What it is about, for example incident:12.", max_length=80)),
                ("subject", models.CharField(max_length=250)),
                ("url", models.TextField(blank=True)),
                (
                    "times",
                    models.PositiveIntegerField(
                        default=1, help_text="How often it was told of before the digest went out."
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        blank=True, help_text="opened, resolved …: the last that was told.", max_length=40
                    ),
                ),
                ("data", models.JSONField(blank=True, default=dict)),
                ("at", models.DateTimeField(help_text="When it was told of first.")),
                (
                    "due_at",
                    models.DateTimeField(blank=True, help_text="When its digest goes out; empty: it has.", null=True),
                ),
                (
                    "not_useful_at",
                    models.DateTimeField(blank=True, help_text="When a reader said that it was no use.", null=True),
                ),
                ("not_useful_by", models.CharField(blank=True, max_length=150)),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="digest_lines",
                        to="notifications.delivery",
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="digest_lines",
                        to="notifications.destination",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="digest_lines",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="digest_send_due"
                    ),
                    models.Index(
                        condition=models.Q(("not_useful_at__isnull", False)),
                        fields=["not_useful_at"],
                        name="digest_not_useful",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("due_at__isnull", False)),
                        fields=("destination", "part", "thread"),
                        name="digest_line_waits_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "word",
                    models.CharField(
                        choices=[
                            ("sent", "Sent"),
                            ("delayed", "Delayed"),
                            ("delivered", "Delivered"),
                            ("read", "Read"),
                            ("failed", "Failed"),
                            ("bounced", "Bounced"),
                            ("complained", "Complained"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField(help_text="When it happened, as the provider says.")),
                ("told_at", models.DateTimeField(help_text="When we were told.")),
                ("detail", models.TextField(blank=True)),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to="notifications.delivery",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "constraints": [models.UniqueConstraint(fields=("delivery", "word", "at"), name="receipt_once")],
            },
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "match",
                    models.JSONField(
                        blank=True, default=dict, help_text='{"severity": ["P0"], "labels": {"event": "retry"}}'
                    ),
                ),
                ("carry_on", models.BooleanField(default=False, help_text="Ask the routes behind this one too.")),
                ("default", models.BooleanField(default=False, help_text="Takes what no other route took.")),
                (
                    "toggle",
                    models.CharField(blank=True, help_text="A bool parameter that mutes this route.", max_length=80),
                ),
                (
                    "throttle",
                    models.CharField(
                        blank=True,
                        help_text="2m, or ${ALERT_THROTTLE_MS}ms: at most one opening a key in that time.",
                        max_length=120,
                    ),
                ),
                (
                    "digest",
                    models.CharField(
                        blank=True,
                        help_text="09:00, or 09:00 Asia/Jakarta: told together once a day, at that hour.",
                        max_length=60,
                    ),
                ),
                (
                    "by_level",
                    models.CharField(
                        blank=True,
                        help_text="critical:#war-room, or ${ALERT_SEVERITY_ROUTE}: levels that go to another channel of these places.",
                        max_length=200,
                    ),
                ),
                ("destinations", models.ManyToManyField(related_name="routes", to="notifications.destination")),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="routes",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="SendingPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "bundle_within",
                    models.DurationField(
                        blank=True,
                        help_text="Further first pages to a person within this time become one message.",
                        null=True,
                    ),
                ),
                (
                    "most",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="At most so many first pages to a person within the time below.",
                        null=True,
                    ),
                ),
                ("within", models.DurationField(blank=True, null=True)),
                (
                    "policy",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sending_plan",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy"],
            },
        ),
        migrations.CreateModel(
            name="ThrottleWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(help_text="Policy, scope and key of the incidents it stands for.", max_length=400),
                ),
                (
                    "part",
                    models.PositiveSmallIntegerField(default=0, help_text="Which of the destination's addresses."),
                ),
                ("opened_at", models.DateTimeField(help_text="When the last message went out.")),
                ("ends_at", models.DateTimeField()),
                ("rank", models.PositiveSmallIntegerField(help_text="The level told last; a graver one passes.")),
                ("held", models.PositiveIntegerField(default=0, help_text="Held back since it was opened.")),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="windows",
                        to="notifications.destination",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("key", "destination", "part"), name="throttle_window_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Wording",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.CharField(help_text="page, opened, acknowledged, resolved …", max_length=16)),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("en", "English"),
                            ("id", "Bahasa Indonesia"),
                            ("ru", "Русский"),
                            ("nl", "Nederlands"),
                        ],
                        help_text="Empty: for every language without its own.",
                        max_length=8,
                    ),
                ),
                ("subject", models.TextField(blank=True, help_text="One line; empty: the usual one.")),
                ("short", models.TextField(blank=True, help_text="For SMS and voice; empty: the usual one.")),
                ("text", models.TextField(blank=True, help_text="Several lines; empty: the usual ones.")),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="wordings", to="policies.policy"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "event", "language"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("policy", "event", "language"),
                        name="wording_once",
                        violation_error_message="This policy words this event in this language already; change that one.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AppNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                ("url", models.TextField(blank=True)),
                ("cause", models.CharField(help_text="Told once for each cause.", max_length=120)),
                ("at", models.DateTimeField()),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="app_notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("seen_at__isnull", True)), fields=["user"], name="app_notice_unseen"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("user", "cause"), name="app_notice_once")],
            },
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["-urgent", "next_attempt_at", "id"],
                name="delivery_deliver_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("claimed_by", ""), _negated=True), fields=["claimed_by"], name="delivery_claimed"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["thread", "-id"], name="delivery_thread"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("address_key", ""), _negated=True),
                fields=["address_key", "-id"],
                name="delivery_address",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("recipient", ""), _negated=True),
                fields=["recipient", "-id"],
                name="delivery_recipient",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("reference", ""), _negated=True), fields=["reference"], name="delivery_reference"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["queued", "retrying", "sent", "failed", "cancelled", "suppressed"])),
                name="delivery_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("status__in", ["queued", "retrying"])),
                    models.Q(
                        ("next_attempt_at__isnull", True), ("status__in", ["sent", "failed", "cancelled", "suppressed"])
                    ),
                    _connector="OR",
                ),
                name="delivery_due_while_waiting",
            ),
        ),
    ]
