"""Why a model is not taken."""


class ProbeRefused(Exception):
    """What was brought is no model that Easel can use; `detail` tells who brought it why."""

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(reason or detail)
        self.detail = detail
