from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("images", "0012_archives_of_tenants")]

    operations = [
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(is_intermediate=True),
                fields=["created_at"],
                name="images_image_intermediate",
            ),
        ),
    ]
