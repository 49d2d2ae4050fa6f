from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_api_key")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="language",
            field=models.CharField(blank=True, default="", max_length=8),
        ),
        migrations.AddField(
            model_name="user",
            name="first_steps_closed",
            # The web processes of the release before insert users without it.
            field=models.BooleanField(default=False, db_default=False),
        ),
    ]
