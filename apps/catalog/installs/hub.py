"""Find out which files of a repository of the model hub make a model."""

import json
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _

from apps.catalog.installs.plans import InstallPlan, WantedFile
from apps.catalog.installs.sources import HubName, parse_hub
from apps.catalog.probing import ProbeRefused
from apps.catalog.probing.contents import MOST_FILES, TEXTS, WEIGHTS
from apps.catalog.probing.metadata import clean_words
from apps.catalog.storage import is_safe_path
from apps.core.fetching import FetchLimits, read_small

MOST_LISTING = 8 * 1024**2
LISTING_SECONDS = 60.0
# Licences that allow commercial use as they are; of others somebody has to look.
FREE_LICENSES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "unlicense"),
        *("creativeml-openrail-m", "openrail++", "openrail", "bigscience-openrail-m"),
    }
)
_INDEX = "model_index.json"
_VARIANTS = (".fp16", ".non_ema")


def plan_hub_install(source: str, *, authorization: str = "") -> InstallPlan:
    """Ask the hub what there is and choose: a directory of diffusers, or one file.

    Raises:
        ProbeRefused: there is nothing in it that is a model, or more than one.
        FetchError: the hub does not answer, or has no such repository.
    """
    name = parse_hub(source)
    listing = _listing(name, authorization)
    commit = listing.get("sha")
    revision = commit if isinstance(commit, str) and commit.isalnum() else name.revision
    found = _files(name, revision, listing)
    return InstallPlan(_chosen(found, name), _facts(listing))


def hub_authorization() -> str:
    """Return the header with our token, for administrators alone: it opens what the hub hides."""
    return f"Bearer {settings.EASEL_HUB_TOKEN}" if settings.EASEL_HUB_TOKEN else ""


def _listing(name: HubName, authorization: str) -> dict[str, Any]:
    url = (
        f"{settings.EASEL_HUB_URL}/api/models/{name.repository}"
        f"/revision/{quote(name.revision, safe='')}?blobs=true"
    )
    limits = FetchLimits(max_bytes=MOST_LISTING, max_seconds=LISTING_SECONDS, least_rate=256)
    raw = read_small(url, limits=limits, authorization=authorization)
    try:
        listing = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ProbeRefused(_("The model hub gave no list of files.")) from error
    if not isinstance(listing, dict) or not isinstance(listing.get("siblings"), list):
        raise ProbeRefused(_("The model hub gave no list of files."))
    return listing


def _files(name: HubName, revision: str, listing: dict[str, Any]) -> list[WantedFile]:
    found = []
    for entry in listing["siblings"]:
        path = entry.get("rfilename") if isinstance(entry, dict) else None
        if not isinstance(path, str) or not is_safe_path(path):
            continue
        if not path.endswith((WEIGHTS, *TEXTS)):
            continue
        size = entry.get("size")
        stored = entry.get("lfs")
        sha256 = stored.get("sha256") if isinstance(stored, dict) else None
        found.append(
            WantedFile(
                path=path,
                place=f"{settings.EASEL_HUB_URL}/{name.repository}/resolve/{revision}/{quote(path)}",
                size=size if isinstance(size, int) and size >= 0 else None,
                sha256=sha256 if isinstance(sha256, str) and len(sha256) == 64 else "",
            )
        )
    return found[: 10 * MOST_FILES]


def _chosen(found: list[WantedFile], name: HubName) -> list[WantedFile]:
    if name.path.endswith(WEIGHTS):
        return _named(found, name.path)
    folder = f"{name.path}/" if name.path else ""
    inside = [
        WantedFile(file.path.removeprefix(folder), file.place, file.size, file.sha256)
        for file in found
        if file.path.startswith(folder)
    ]
    if any(file.path == _INDEX for file in inside):
        return _of_pipeline(inside)
    top = [file for file in inside if "/" not in file.path]
    if any(file.path in {"config.json", "adapter_config.json"} for file in top):
        return _without_variants(top)
    weights = [file for file in top if file.path.endswith(WEIGHTS)]
    if len(weights) == 1:
        return weights
    if not weights:
        raise ProbeRefused(_("There are no weights in it: a model comes as safetensors."))
    names = ", ".join(file.path for file in weights[:5])
    raise ProbeRefused(
        _("There is more than one model in it. Name one of them behind a colon: %(names)s.")
        % {"names": names}
    )


def _named(found: list[WantedFile], path: str) -> list[WantedFile]:
    for file in found:
        if file.path == path:
            return [WantedFile(path.rpartition("/")[2], file.place, file.size, file.sha256)]
    raise ProbeRefused(_("There is no such file in it."))


def _of_pipeline(inside: list[WantedFile]) -> list[WantedFile]:
    """Take the parts of a pipeline, each once: not the single files that lie beside them."""
    parts = [file for file in inside if "/" in file.path or not file.path.endswith(WEIGHTS)]
    by_folder: dict[str, list[WantedFile]] = {}
    for file in parts:
        by_folder.setdefault(file.path.rpartition("/")[0], []).append(file)
    return [file for files in by_folder.values() for file in _without_variants(files)]


def _without_variants(files: list[WantedFile]) -> list[WantedFile]:
    """Leave out other versions of weights (".fp16", ".non_ema") if there are the plain ones too."""
    weights = [file for file in files if file.path.endswith(WEIGHTS)]
    whole = [file for file in weights if not any(name in file.path for name in _VARIANTS)]
    kept = whole or weights
    return [file for file in files if not file.path.endswith(WEIGHTS) or file in kept]


def _facts(listing: dict[str, Any]) -> dict[str, Any]:
    card = listing.get("cardData")
    card = card if isinstance(card, dict) else {}
    words = clean_words([card.get("license")], most=1, length=64)
    prompt = clean_words([card.get("instance_prompt")], most=1, length=100)
    return {
        "license": words[0] if words else "",
        "commercial_use": bool(words) and words[0].lower() in FREE_LICENSES,
        "trigger_words": prompt,
    }
