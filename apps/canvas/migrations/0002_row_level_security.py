from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, TenantReference


class Migration(migrations.Migration):
    dependencies = [("canvas", "0001_initial")]

    operations = [
        KeepUpdatedAt("canvas_canvasdocument"),
        KeepUpdatedAt("canvas_canvasfile"),
        EnableTenancy("canvas_canvasdocument"),
        EnableTenancy("canvas_canvasfile"),
        TenantReference("canvas_canvasfile", "document_id", target="canvas_canvasdocument"),
        GrantAccess("canvas_canvasdocument", web="SELECT, INSERT, UPDATE, DELETE"),
        GrantAccess("canvas_canvasfile", web="SELECT, INSERT, UPDATE, DELETE"),
    ]
