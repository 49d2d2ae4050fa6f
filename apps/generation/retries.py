"""How jobs of other kinds than generations are tried again: the apps that know a kind say so."""

from collections.abc import Callable

from apps.generation.models import Job, JobKind

Retry = Callable[..., Job]
_BY_KIND: dict[str, Retry] = {}


def retry_by(kind: JobKind, retry: Retry) -> None:
    """Have jobs of `kind` tried again by `retry`.

    It is called with the keywords of `services.queue.retry_job`, and `job` in place of its id.
    """
    _BY_KIND[kind] = retry


def retry_of(kind: str) -> Retry | None:
    """Return what tries jobs of `kind` again, if anything does."""
    return _BY_KIND.get(kind)
