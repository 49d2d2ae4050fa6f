"""Tell what a model is from names, headers and settings alone: nothing is loaded, nothing runs."""

from pathlib import Path

from django.utils.translation import gettext as _

from apps.catalog.models import ModelKind
from apps.catalog.probing.checkpoints import find_checkpoint
from apps.catalog.probing.companions import find_companion
from apps.catalog.probing.contents import check_contents
from apps.catalog.probing.directories import find_directory
from apps.catalog.probing.findings import Finding
from apps.catalog.probing.headers import Header
from apps.catalog.probing.loras import find_lora, is_lora
from apps.catalog.probing.refusals import ProbeRefused

__all__ = ["Finding", "ProbeRefused", "probe", "probe_lora"]


def probe(root: Path) -> Finding:
    """Say what kind of model lies in the directory `root`, and of which family.

    Raises:
        ProbeRefused: it is none that Easel can use; the sentence says why.
        OSError: a file cannot be read.
    """
    headers = check_contents(root)
    files = [path for path in root.rglob("*") if path.is_file()]
    found = find_directory(root, headers)
    if found is None and len(files) == 1:
        found = _find_file(files[0], next(iter(headers.values())))
    if found is not None:
        return found
    if any(is_lora(header) for header in headers.values()):
        raise ProbeRefused(_("This LoRA is for a family of models that Easel does not know."))
    if len(files) > 1 and not (root / "model_index.json").exists():
        raise ProbeRefused(
            _("These files are not laid out as a model. Bring one file, or a diffusers directory.")
        )
    raise ProbeRefused(_("These weights are of no family of models that Easel knows."))


def probe_lora(path: Path, *, base: str) -> Finding:
    """Say what there is to say of the LoRA at `path`, which was trained upon a model of `base`.

    Its names and widths are looked at as those of an upload are; where they tell of no family,
    since the model is smaller than those of its family are, it is of `base`.

    Raises:
        ProbeRefused: it is no LoRA, or for another family.
        OSError: it cannot be read.
    """
    header = check_contents(path.parent)[path.name]
    if not is_lora(header):
        raise ProbeRefused(_("These weights are of no family of models that Easel knows."))
    found = find_lora(header) or Finding(kind=ModelKind.LORA, bases=(base,))
    if base not in found.bases:
        raise ProbeRefused(_("This LoRA is for a family of models that Easel does not know."))
    return found


def _find_file(path: Path, header: Header) -> Finding | None:
    return find_lora(header) or find_companion_or_checkpoint(header, path)


def find_companion_or_checkpoint(header: Header, path: Path) -> Finding | None:
    """Return what a single file is; a checkpoint has a VAE in it, so it is asked for first."""
    return find_checkpoint(header, path) or find_companion(header)
