from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0018_next_model")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="traceparent",
            field=models.CharField(blank=True, editable=False, max_length=55, null=True),
        ),
    ]
