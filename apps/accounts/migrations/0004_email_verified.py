from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_row_level_security")]

    # Whoever could sign in until now still can: the first default fills the rows that exist
    # (an UPDATE would see none of them once the table has row-level security), the second is
    # for the ones to come.
    operations = [
        migrations.AddField(
            model_name="user",
            name="email_verified",
            field=models.BooleanField(default=True, verbose_name="e-mail confirmed"),
        ),
        migrations.AlterField(
            model_name="user",
            name="email_verified",
            field=models.BooleanField(default=False, verbose_name="e-mail confirmed"),
        ),
    ]
