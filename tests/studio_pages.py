"""Every page of the studio, for what must hold for all of them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Address = Callable[["Shown"], str]


@dataclass(frozen=True, slots=True)
class Shown:
    """Ids of what an account has or is shown, for the pages that show one of them."""

    board: uuid.UUID
    job: uuid.UUID
    picture: uuid.UUID
    canvas: uuid.UUID
    workflow: uuid.UUID
    shared_board: uuid.UUID
    shared_picture: uuid.UUID
    training_set: uuid.UUID
    training_run: uuid.UUID


FIXED_PAGES: Final[Mapping[str, str]] = {
    "create": "/create/",
    "canvases": "/canvas/",
    "gallery": "/gallery/",
    "search": "/gallery/?q=lighthouse",
    "trash": "/gallery/trash/",
    "shared": "/gallery/shared/",
    "boards": "/boards/",
    "queue": "/queue/",
    "models": "/models/",
    "workflows": "/workflows/",
    "workflow-new": "/workflows/new/",
    "styles": "/styles/",
    "training": "/training/",
    "usage": "/usage/",
    "plan": "/account/plan/",
    "waiting": "/account/plan/waiting/",
    "keys": "/keys/",
    "settings": "/settings/",
    "services": "/settings/services/",
    "help": "/help/",
    "activity": "/account/activity/",
    "data": "/account/data/",
}


def _always(path: str) -> Address:
    return lambda _shown: path


STUDIO_PAGES: Final[Mapping[str, Address]] = {
    **{name: _always(path) for name, path in FIXED_PAGES.items()},
    "canvas": lambda shown: f"/canvas/{shown.canvas}/",
    "board": lambda shown: f"/gallery/?board={shown.board}",
    "picture": lambda shown: f"/gallery/{shown.picture}/",
    "shared-board": lambda shown: f"/gallery/shared/{shown.shared_board}/",
    "shared-picture": lambda shown: f"/gallery/shared/{shown.shared_board}/{shown.shared_picture}/",
    "workflow-form": lambda shown: f"/workflows/{shown.workflow}/form/",
    "workflow": lambda shown: f"/workflows/{shown.workflow}/",
    "training-set": lambda shown: f"/training/sets/{shown.training_set}/",
    "training-run": lambda shown: f"/training/{shown.training_run}/",
    "receipt": lambda shown: f"/usage/receipts/{shown.job}/",
}
