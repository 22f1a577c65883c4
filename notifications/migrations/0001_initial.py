import django.db.models.deletion
from django.db import migrations, models

import policies.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("policies", "0001_initial"),
    ]

    operations = [
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
                ("enabled", models.BooleanField(default=True)),
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
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=16)),
                ("address", policies.fields.EncryptedTextField()),
                ("secret", policies.fields.EncryptedTextField(blank=True)),
                ("hint", models.CharField(blank=True, help_text="The address as people may see it.", max_length=120)),
                ("to", models.CharField(blank=True, help_text="Who or what it is for, in words.", max_length=160)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("page", "page: asks to be acknowledged"),
                            ("notice", "Notice"),
                            ("update", "Update"),
                            ("reminder", "Reminder"),
                            ("test", "Test"),
                        ],
                        max_length=10,
                    ),
                ),
                ("urgent", models.BooleanField(default=False)),
                (
                    "thread",
                    models.CharField(
                        blank=True, help_text="What it belongs to, for example incident:12.", max_length=80
                    ),
                ),
                ("subject", models.CharField(max_length=250)),
                ("text", models.TextField()),
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
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, help_text="Empty once it has ended.", null=True)),
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
                    "destination",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="notifications.destination",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["-urgent", "next_attempt_at", "id"],
                        name="delivery_deliver_due",
                    ),
                    models.Index(
                        condition=models.Q(("claimed_by", ""), _negated=True),
                        fields=["claimed_by"],
                        name="delivery_claimed",
                    ),
                    models.Index(fields=["thread", "-id"], name="delivery_thread"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["queued", "retrying", "sent", "failed", "cancelled"])),
                        name="delivery_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("next_attempt_at__isnull", False), ("status__in", ["queued", "retrying"])),
                            models.Q(
                                ("next_attempt_at__isnull", True), ("status__in", ["sent", "failed", "cancelled"])
                            ),
                            _connector="OR",
                        ),
                        name="delivery_due_while_waiting",
                    ),
                ],
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
    ]
