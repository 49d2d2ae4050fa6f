import json
from pathlib import Path
from typing import Any

from django.db import migrations

from apps.core.tenancy import SERVICE_ROLE

FOLDER = Path(__file__).with_name("default_workflows")


def read_documents() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def add_workflows(apps: Any, schema_editor: Any) -> None:
    # The policies let nobody else write what is shared.
    schema_editor.execute(f"SET LOCAL ROLE {SERVICE_ROLE}")
    workflows = apps.get_model("workflows", "Workflow")
    versions = apps.get_model("workflows", "WorkflowVersion")
    # Listed changed last first: the simplest comes last.
    for document in reversed(read_documents()):
        workflow = workflows.objects.create(
            user=None,
            name=document["name"],
            description=document["description"],
            node_count=len(document["nodes"]),
        )
        versions.objects.create(user=None, workflow=workflow, number=1, document=document)
    schema_editor.execute("SET LOCAL ROLE NONE")


def remove_workflows(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"SET LOCAL ROLE {SERVICE_ROLE}")
    names = [document["name"] for document in read_documents()]
    shared = apps.get_model("workflows", "Workflow").objects.filter(user=None, name__in=names)
    apps.get_model("workflows", "WorkflowVersion").objects.filter(workflow__in=shared).delete()
    shared.delete()
    schema_editor.execute("SET LOCAL ROLE NONE")


class Migration(migrations.Migration):
    dependencies = [("workflows", "0005_workflows_of_tenants")]

    operations = [migrations.RunPython(add_workflows, remove_workflows)]
