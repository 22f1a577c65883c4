from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ticketplan",
            name="when",
            field=models.CharField(
                choices=[
                    ("opened", "by itself"),
                    ("by_hand", "by a person's press"),
                    ("action", "for each action item"),
                ],
                default="opened",
                max_length=8,
            ),
        ),
    ]
