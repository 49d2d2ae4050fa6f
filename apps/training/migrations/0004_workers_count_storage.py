from django.db import migrations


class Migration(migrations.Migration):
    """A worker counts what its user stores before it adds a sample: files of canvases too."""

    dependencies = [
        ("training", "0003_workers_enter_loras"),
        ("canvas", "0002_row_level_security"),
    ]

    operations = [
        migrations.RunSQL(
            "GRANT SELECT (user_id, file_size_bytes) ON canvas_canvasfile TO easel_worker",
            "REVOKE SELECT (user_id, file_size_bytes) ON canvas_canvasfile FROM easel_worker",
        ),
    ]
