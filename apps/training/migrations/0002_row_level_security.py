from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, TenantReference

WEB = "SELECT, INSERT, UPDATE, DELETE"
TABLES = {
    "training_trainingset": "",
    "training_trainingpicture": "",
    # How far it is, and its checkpoint.
    "training_trainingrun": "SELECT, UPDATE",
    "training_trainingsample": "SELECT, INSERT, DELETE",
}


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0001_initial"),
        ("images", "0013_old_intermediates"),
    ]

    operations = [
        *(KeepUpdatedAt(table) for table in TABLES),
        *(EnableTenancy(table) for table in TABLES),
        *(GrantAccess(table, web=WEB, worker=worker) for table, worker in TABLES.items()),
        TenantReference(
            "training_trainingpicture", "training_set_id", target="training_trainingset"
        ),
        TenantReference("training_trainingrun", "training_set_id", target="training_trainingset"),
        TenantReference("training_trainingsample", "run_id", target="training_trainingrun"),
        # Pictures are deleted by an app that stands below this one and knows nothing of it.
        migrations.RunSQL(
            "ALTER TABLE training_trainingpicture"
            " ADD CONSTRAINT training_trainingpicture_image_id_of_tenant"
            " FOREIGN KEY (user_id, image_id) REFERENCES images_image (user_id, id)"
            " ON DELETE CASCADE",
            "ALTER TABLE training_trainingpicture"
            " DROP CONSTRAINT training_trainingpicture_image_id_of_tenant",
        ),
    ]
