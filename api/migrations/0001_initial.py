import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="What uses it.", max_length=120, unique=True)),
                (
                    "scopes",
                    models.JSONField(default=list, help_text='For example ["incidents:read", "incidents:write"].'),
                ),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("shown", models.CharField(editable=False, help_text="How it begins.", max_length=16)),
                ("expires_at", models.DateTimeField(blank=True, help_text="Empty: never.", null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        help_text="In whose name it acts; it may never do more than this person.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Answered",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=200)),
                ("request", models.CharField(help_text="Hash of method, path and body.", max_length=64)),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("body", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ("token", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to="api.apitoken")),
            ],
            options={
                "verbose_name": "answered request",
                "indexes": [models.Index(fields=["at"], name="api_answered_oldest")],
                "constraints": [models.UniqueConstraint(fields=("user", "key"), name="api_answered_once")],
            },
        ),
    ]
