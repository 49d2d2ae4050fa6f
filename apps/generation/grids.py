"""Grids: the same settings over and over, but for one field across and another one down."""

import io
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog import limits
from apps.core.errors import Conflict, Invalid, NotFound
from apps.generation.models import TERMINAL_STATES, Job
from apps.generation.selectors import images_of, list_batch
from apps.images.heavy_work import heavy_work
from apps.images.models import Image
from apps.images.selectors import read_thumbnail
from gpu_tasks.engine.pictures.grids import draw_grid

MAX_VALUES = 20
MAX_CELLS = 100
SHEET_CELL = 512
# Fields that are put in the place of those of the base.
PLAIN_FIELDS = (
    "seed",
    "steps",
    "guidance_scale",
    "scheduler",
    "strength",
    "model",
    "clip_skip",
    "vae",
    "negative_prompt",
)
PROMPT = "prompt"
LORA_WEIGHT = "lora_weight"
FIELDS = (*PLAIN_FIELDS, PROMPT, LORA_WEIGHT)

Values = dict[str, Any]


def expand_grid(*, base: Mapping[str, Any], axes: Sequence[Mapping[str, Any]]) -> list[Values]:
    """Return the settings of each cell, row by row; `axes` are across and, if there is one, down.

    All cells share one seed unless it is what varies. Of a prompt the first value is looked for,
    and each value put in its place.

    Raises:
        Invalid: an axis does not fit the base, or there are too many cells.
    """
    rows, columns = (len(axes[1]["values"]) if len(axes) > 1 else 1), len(axes[0]["values"])
    if rows * columns > MAX_CELLS:
        message = _("A grid has %(most)d pictures at most; this one would have %(count)d.")
        raise Invalid(fields={"x": [message % {"most": MAX_CELLS, "count": rows * columns}]})
    if len(axes) > 1 and _names(axes[0]) == _names(axes[1]):
        raise Invalid(fields={"y": [_("Both axes vary the same; choose another field.")]})
    start = dict(base)
    if start.get("seed") is None:
        start["seed"] = secrets.randbelow(limits.MAX_SEED + 1)
    cells = [start]
    # Down first, so that the cells come row by row.
    for name, axis in reversed(list(zip(("x", "y"), axes, strict=False))):
        cells = [_put(cell, axis, value, name) for cell in cells for value in axis["values"]]
    return cells


def _names(axis: Mapping[str, Any]) -> tuple[str, str]:
    # Two words of a prompt and two LoRAs are two things.
    what = axis["values"][0] if axis["field"] == PROMPT else axis.get("lora", "")
    return axis["field"], str(what)


def _put(cell: Values, axis: Mapping[str, Any], value: Any, name: str) -> Values:
    field = axis["field"]
    if field == PROMPT:
        wanted, prompt = str(axis["values"][0]), str(cell.get("prompt", ""))
        if not wanted or wanted not in prompt:
            message = _("The first value has to stand in the prompt: the others replace it.")
            raise Invalid(fields={f"{name}.values": [message]})
        return cell | {"prompt": prompt.replace(wanted, str(value))}
    if field == LORA_WEIGHT:
        loras = [dict(lora) for lora in cell.get("loras") or ()]
        own = [lora for lora in loras if lora.get("model") == axis.get("lora")]
        if not own:
            message = _("Name one of the LoRAs of the base whose weight is to vary.")
            raise Invalid(fields={f"{name}.lora": [message]})
        own[0]["weight"] = value
        return cell | {"loras": loras}
    return cell | {field: value}


def draw_sheet(*, user: User, batch_id: uuid.UUID) -> bytes:
    """Return the pictures of a grid on one sheet (PNG) with its values beside them.

    What failed is an empty cell.

    Raises:
        NotFound: `user` has no such grid.
        Conflict: not all of its jobs have ended.
        RateLimited: too many pictures are being drawn already.
    """
    jobs = list_batch(user=user, batch_id=batch_id)
    grid = jobs[0].grid
    if grid is None:
        raise NotFound
    if any(job.state not in TERMINAL_STATES for job in jobs):
        raise Conflict(_("Not all pictures of this grid are there yet."))
    images = images_of(user=user, jobs=jobs)
    x, y = grid["x"], grid.get("y")
    # Of each job the first picture.
    firsts = [next(iter(images.get(job.id, ())), None) for job in jobs]
    with heavy_work():
        sheet = draw_grid(
            [None if image is None else _picture(image) for image in firsts],
            columns=len(x["values"]),
            column_labels=_labels(x),
            row_labels=() if y is None else _labels(y),
            cell=_cell(jobs[0]),
        )
        buffer = io.BytesIO()
        sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _cell(job: Job) -> tuple[int, int]:
    width, height = job.settings.width, job.settings.height
    scale = min(SHEET_CELL / max(width, height), 1.0)
    return max(round(width * scale), 16), max(round(height * scale), 16)


def _picture(image: Image) -> PillowImage.Image | None:
    try:
        content = read_thumbnail(image=image, size=SHEET_CELL)
    except NotFound:
        return None
    return PillowImage.open(io.BytesIO(content), formats=("WEBP",)).convert("RGB")


def _labels(axis: Mapping[str, Any]) -> list[str]:
    name = axis.get("lora") or axis["field"]
    return [
        str(value) if axis["field"] == PROMPT else f"{name}: {value}" for value in axis["values"]
    ]
