"""Store the files of a model that was looked at, and enter it into the catalog."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.catalog.fingerprints import Fingerprint, fingerprint_of_directory
from apps.catalog.installs.claims import Superseded, as_claimed
from apps.catalog.installs.completing import CHECKPOINT
from apps.catalog.installs.requests import access_needed, check_room
from apps.catalog.models import (
    OWN_PREFIX,
    GenerationModel,
    InstallSource,
    InstallStatus,
    ModelInstall,
    ModelKind,
    access_of_family,
    new_own_key,
)
from apps.catalog.probing import Finding, ProbeRefused
from apps.catalog.storage import model_folder
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.storage import file_store
from apps.core.tenancy import service_scope, tenant_scope
from gpu_tasks.engine.family_facts import FAMILY_FACTS

logger = structlog.get_logger(__name__)

LEAST_SIZE = 256
_LIKED_SCHEDULERS = ("dpmpp_2m_k",)
_PREPROCESSORS = (
    *("canny", "depth", "openpose", "lineart", "softedge", "hed", "scribble", "tile", "normal"),
    *("mlsd", "seg", "inpaint"),
)


def enter_model(
    install: ModelInstall, *, root: Path, found: Finding, facts: Mapping[str, Any]
) -> GenerationModel:
    """Store what lies in `root` and enter it as the model that was `found`.

    `facts` are what the place that it came from says about it; what its user says counts more.

    Raises:
        ProbeRefused: it is another kind, or of another family, than its user said.
        Forbidden, Conflict: the plan of its user does not include it, or has no room for it.
        Superseded: the install was given up meanwhile.
        OSError: the store is away.
    """
    base = found.base(str(install.wanted.get("base") or ""))
    key = _new_key(install, found, root)
    owner = None if install.is_shared else install.user_id
    # Of this attempt alone: whatever is deleted of it below is nobody else's.
    place = f"{key}-{uuid.uuid4().hex[:8]}" if install.is_shared else key
    folder = model_folder(user_id=owner, base=base, key=place)
    files = fingerprint_of_directory(root)
    known = {"kind": found.kind, "base": base}
    # Before gigabytes are stored for nothing; and once more below.
    check_enterable(install, found=found, size_bytes=files.size_bytes)
    stored: list[str] = []
    try:
        for file in files.files:
            with (root / file.path).open("rb") as content:
                stored.append(default_storage.save(f"{folder}/{file.path}", File(content)))
        model = _model(install, found, facts, files)
        model.key, model.base, model.location = key, base, folder
        model.name = _name(install, found, root)
        _insert(install, model, known)
    except BaseException:
        file_store.delete_many(stored)
        raise
    logger.info("model_installed", model=key, kind=found.kind.value, base=base)
    return model


def check_enterable(install: ModelInstall, *, found: Finding, size_bytes: int) -> None:
    """Do nothing if what was `found` may become a model of this install's user.

    Raises:
        ProbeRefused, Forbidden, Conflict: as `enter_model` does.
    """
    _check_as_wanted(install.wanted, found)
    if install.is_shared:
        return
    known = {"kind": found.kind, "base": found.base(str(install.wanted.get("base") or ""))}
    with tenant_scope(install.user_id):
        check_room(user=install.user, more_bytes=size_bytes, wanted=known, is_new=False)


def _insert(install: ModelInstall, model: GenerationModel, known: Mapping[str, Any]) -> None:
    scope = service_scope("enter a shared model") if install.is_shared else None
    with scope or tenant_scope(install.user_id):
        if not install.is_shared:
            check_room(user=install.user, more_bytes=model.size_bytes, wanted=known, is_new=False)
        ended = as_claimed(install).update(
            status=InstallStatus.READY,
            model_key=model.key,
            done_bytes=model.size_bytes,
            total_bytes=model.size_bytes,
            lease_until=None,
            finished_at=timezone.now(),
        )
        if not ended:
            raise Superseded
        model.save(force_insert=True)
        record_act(
            act=Act.MODEL_INSTALLED,
            user_id=model.user_id,
            actor_id=install.user_id,
            target=model.key,
        )


def _check_as_wanted(wanted: Mapping[str, Any], found: Finding) -> None:
    kind = wanted.get("kind")
    if kind and kind != found.kind:
        raise ProbeRefused(
            _("This is of another kind than you said: %(found)s.") % {"found": found.kind.label}
        )
    base = str(wanted.get("base") or "")
    if base and found.bases and base not in found.bases:
        names = ", ".join(FAMILY_FACTS[each].name for each in found.bases)
        raise ProbeRefused(
            _("This is of another family than you said: %(found)s.") % {"found": names}
        )


def _new_key(install: ModelInstall, found: Finding, root: Path) -> str:
    if not install.is_shared:
        return new_own_key()
    slug = slugify(_name(install, found, root))[:48].strip("-_") or "model"
    # Only users' own begin so, and the other is an address of the API.
    slug = f"m-{slug}" if slug.startswith(OWN_PREFIX) or slug == "installs" else slug
    with service_scope("find a free key for a shared model"):
        is_taken = GenerationModel.objects.filter(key=slug).exists()
    return f"{slug}-{uuid.uuid4().hex[:6]}" if is_taken else slug


def _name(install: ModelInstall, found: Finding, root: Path) -> str:
    files = [path for path in root.iterdir() if path.suffix == ".safetensors"]
    of_file = files[0].stem if len(files) == 1 and files[0].name != CHECKPOINT else ""
    is_hub = install.source_kind == InstallSource.HUB
    place = install.source.partition("@")[0].partition(":")[0] if is_hub else install.source
    of_place = place.rpartition("/")[2]
    of_place = (install.file_name or of_place).removesuffix(".safetensors")
    names = (str(install.wanted.get("name") or ""), found.title, of_file, of_place)
    return next((name for name in names if name.strip()), "model")[:100]


def _model(
    install: ModelInstall, found: Finding, facts: Mapping[str, Any], files: Fingerprint
) -> GenerationModel:
    wanted = install.wanted
    base = found.base(str(wanted.get("base") or ""))
    words = wanted.get("trigger_words") or found.trigger_words or facts.get("trigger_words") or ()
    known = {"kind": found.kind, "base": base}
    return GenerationModel(
        user_id=None if install.is_shared else install.user_id,
        kind=found.kind,
        access=access_of_family(base) if install.is_shared else access_needed(known),
        description=str(wanted.get("description") or ""),
        tags=list(wanted.get("tags") or found.tags),
        trigger_words=list(words),
        preprocessor=_preprocessor(install, found),
        sha256=files.sha256,
        size_bytes=files.size_bytes,
        files=files.files_json(),
        source=install.source[:500],
        # What the place says of its licence counts more than what its user says.
        license=str(facts.get("license") or wanted.get("license") or "")[:64],
        commercial_use=bool(
            facts["commercial_use"] if facts.get("license") else wanted.get("commercial_use")
        ),
        **_defaults(found, base),
    )


def _preprocessor(install: ModelInstall, found: Finding) -> str:
    if found.kind not in {ModelKind.CONTROLNET, ModelKind.T2I_ADAPTER}:
        return ""
    said = str(install.wanted.get("preprocessor") or "")
    words = f"{install.wanted.get('name') or ''} {install.source} {install.file_name}".lower()
    return said or found.preprocessor or next((p for p in _PREPROCESSORS if p in words), "")


def _defaults(found: Finding, base: str) -> dict[str, Any]:
    """Return what a form begins with: of the family, but for what the weights themselves tell."""
    if found.kind != ModelKind.MAIN:
        return {"defaults": dict(found.defaults)}
    facts = FAMILY_FACTS[base]
    liked = (name for name in _LIKED_SCHEDULERS if name in facts.schedulers)
    own = dict(found.defaults)
    return {
        "default_width": facts.size,
        "default_height": facts.size,
        "min_size": min(LEAST_SIZE, facts.size),
        "max_size": 2 * facts.size,
        "default_steps": own.pop("steps", facts.steps),
        "default_guidance": own.pop("guidance_scale", facts.guidance_scale),
        "default_scheduler": next(liked, next(iter(facts.schedulers))),
        "defaults": own,
    }
