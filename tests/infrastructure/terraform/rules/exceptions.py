"""What checkov is told to overlook."""

import re

from config.infrastructure.deployment import Terraform
from config.local.install import ROOT

_SKIP = re.compile(r"checkov:skip=([^:\s]+)(?::(.*))?")
# So many words are a reason.
_WORDS = 3


def exceptions_have_reasons(terraform: Terraform) -> list[str]:
    """Find checks that are skipped without a reason beside the code, or for all of it."""
    found = []
    for path in sorted(terraform.folder.rglob("*.tf")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = _SKIP.search(line)
            if match and len((match[2] or "").split()) < _WORDS:
                found.append(f"{path}:{number}: {match[1]} is skipped without a reason")
    settings = (ROOT / ".checkov.yaml").read_text(encoding="utf-8")
    if "skip-check" in settings or "soft-fail" in settings:
        found.append(".checkov.yaml overlooks checks in every file")
    return found
