from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dashboards", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="panelsample",
            name="value",
            field=models.FloatField(blank=True, help_text="The largest figure of what was read.", null=True),
        ),
    ]
