"""Every page of the studio, for what must hold for all of them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shown:
    """Ids of what an account has, for the pages that show one of them."""

    board: uuid.UUID
    job: uuid.UUID
    picture: uuid.UUID
    canvas: uuid.UUID
    workflow: uuid.UUID


STUDIO_PAGES: Final[Mapping[str, Callable[[Shown], str]]] = {
    "create": lambda _shown: "/create/",
    "canvases": lambda _shown: "/canvas/",
    "canvas": lambda shown: f"/canvas/{shown.canvas}/",
    "gallery": lambda _shown: "/gallery/",
    "board": lambda shown: f"/gallery/?board={shown.board}",
    "search": lambda _shown: "/gallery/?q=lighthouse",
    "picture": lambda shown: f"/gallery/{shown.picture}/",
    "trash": lambda _shown: "/gallery/trash/",
    "shared": lambda _shown: "/gallery/shared/",
    "boards": lambda _shown: "/boards/",
    "queue": lambda _shown: "/queue/",
    "models": lambda _shown: "/models/",
    "workflows": lambda _shown: "/workflows/",
    "workflow-form": lambda shown: f"/workflows/{shown.workflow}/form/",
    "workflow-new": lambda _shown: "/workflows/new/",
    "workflow": lambda shown: f"/workflows/{shown.workflow}/",
    "styles": lambda _shown: "/styles/",
    "training": lambda _shown: "/training/",
    "usage": lambda _shown: "/usage/",
    "receipt": lambda shown: f"/usage/receipts/{shown.job}/",
    "plan": lambda _shown: "/account/plan/",
    "keys": lambda _shown: "/keys/",
    "settings": lambda _shown: "/settings/",
    "help": lambda _shown: "/help/",
    "activity": lambda _shown: "/account/activity/",
    "data": lambda _shown: "/account/data/",
}
