from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0010_workers")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="hand_backs",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
