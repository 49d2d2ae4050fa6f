"""Find the files of a model on this machine, or fetch them from the file store first.

Fetched ones are kept in a directory of limited size that the workers of a machine share. What is
there is whole: a model is put together aside, checked against the catalog, and moved in at once.
"""

import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from apps.catalog.models import GenerationModel
from apps.catalog.storage import is_safe_path
from apps.core.storage import file_store
from gpu_tasks.engine import ModelUnavailable

logger = structlog.get_logger(__name__)

# What was handed out stays while it may still be read: more than one job opens.
HANDED_OUT: Final = 32
_MARK: Final = ".easel.json"
_INCOMPLETE: Final = ".incomplete-"


def local_weights(model: GenerationModel) -> Path:
    """Return where the files of `model` lie here: its directory, or its file if it is one file.

    Below the models root if they are there; else they are fetched, which takes as long as it
    takes. Of what was fetched before, the least recently used goes when room is needed, but never
    what any process here was handed lately.

    Raises:
        ModelUnavailable: a file is missing, is another than the catalog says, or has no room.
        OSError: the file store is away.
    """
    location = _checked_location(model)
    here = settings.EASEL_MODELS_ROOT / location
    if here.exists():
        return _entrance(here, model)
    return _entrance(_cache().obtain(model), model)


def are_here(model: GenerationModel) -> bool:
    """Tell whether the files of `model` are on this machine, so that none would be fetched."""
    location = model.location
    if is_safe_path(location) and (settings.EASEL_MODELS_ROOT / location).exists():
        return True
    return _cache().holds(model)


def _entrance(directory: Path, model: GenerationModel) -> Path:
    if len(model.files) == 1 and directory.is_dir():
        return directory / str(model.files[0]["path"])
    return directory


def _checked_location(model: GenerationModel) -> str:
    if not is_safe_path(model.location):
        raise _unavailable("its location leads elsewhere", model)
    return model.location


def _unavailable(reason: str, model: GenerationModel) -> ModelUnavailable:
    return ModelUnavailable("The model's files are not available.", reason=f"{model.key}: {reason}")


class WeightsCache:
    """A directory of models from the file store, of at most `limit_bytes`, shared by processes.

    Each entry has a lock file beside it. Whoever fetches an entry or takes it away holds its lock
    alone; whoever was handed it shares it.
    """

    def __init__(self, *, directory: Path, limit_bytes: int) -> None:
        self.directory = directory
        self.limit_bytes = limit_bytes
        self._held: OrderedDict[str, int] = OrderedDict()
        self._mutex = threading.Lock()

    def obtain(self, model: GenerationModel) -> Path:
        """Return the directory of `model`, fetched unless it is there.

        Raises:
            ModelUnavailable, OSError: as `local_weights`.
        """
        name = _entry_name(model)
        entry = self.directory / name
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = self._open_lock(name)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if not (entry / _MARK).is_file():
                # Two that share it would wait for each other: given up first, by both.
                fcntl.flock(lock, fcntl.LOCK_UN)
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (entry / _MARK).is_file():
                    self._fetch(model, entry)
                fcntl.flock(lock, fcntl.LOCK_SH)
            os.utime(entry / _MARK)
        except BaseException:
            os.close(lock)
            raise
        self._hold(name, lock)
        return entry

    def holds(self, model: GenerationModel) -> bool:
        """Tell whether `model` was fetched, and is still there at this moment."""
        return (self.directory / _entry_name(model) / _MARK).is_file()

    def _hold(self, name: str, lock: int) -> None:
        with self._mutex:
            earlier = self._held.pop(name, None)
            self._held[name] = lock
            if earlier is not None:
                os.close(earlier)
            while len(self._held) > HANDED_OUT:
                os.close(self._held.popitem(last=False)[1])

    def let_go(self) -> None:
        """Say that nothing that was handed out is read any more."""
        with self._mutex:
            while self._held:
                os.close(self._held.popitem()[1])

    def _fetch(self, model: GenerationModel, entry: Path) -> None:
        files = _checked_files(model)
        size = sum(size for _path, size, _sha256 in files)
        aside = self.directory / f"{_INCOMPLETE}{entry.name}"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(entry, ignore_errors=True)
        with self._alone():
            self._make_room(size, model)
            aside.mkdir()
            # Counted from now on.
            (aside / _MARK).write_text(json.dumps({"size": size}), encoding="utf-8")
        try:
            for path, file_size, sha256 in files:
                _copy(f"{model.location}/{path}", aside / path, file_size, sha256, model)
            aside.replace(entry)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        logger.info("model_fetched", model=model.key, size_bytes=size)

    def _make_room(self, needed: int, model: GenerationModel) -> None:
        if needed > self.limit_bytes:
            raise _unavailable("it is larger than the cache of files", model)
        marks = sorted(self.directory.glob(f"*/{_MARK}"), key=_used_at)
        sizes = {mark.parent: _size_of(mark) for mark in marks}
        total = sum(sizes.values())
        for entry, size in sizes.items():
            if total + needed > self.limit_bytes and self._remove(entry):
                total -= size
        if total + needed > self.limit_bytes:
            raise _unavailable("what is in use leaves no room for it", model)

    def _remove(self, entry: Path) -> bool:
        with _closed(self._open_lock(entry.name.removeprefix(_INCOMPLETE))) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            # The mark first: what is left of an entry without it counts as none.
            (entry / _MARK).unlink(missing_ok=True)
            shutil.rmtree(entry, ignore_errors=True)
        logger.info("model_files_dropped", entry=entry.name)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _closed(self._open_lock("cache")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open_lock(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.directory / f".{name}.lock", flags, 0o666)


@contextmanager
def _closed(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _entry_name(model: GenerationModel) -> str:
    # New weights under an old key are another entry.
    return f"{model.key}-{model.sha256[:16]}"


def _used_at(mark: Path) -> float:
    try:
        return mark.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size_of(mark: Path) -> int:
    try:
        return int(json.loads(mark.read_bytes())["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _checked_files(model: GenerationModel) -> list[tuple[str, int, str]]:
    try:
        files = [
            (str(file["path"]), int(file["size"]), str(file["sha256"])) for file in model.files
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise _unavailable("its list of files is damaged", model) from error
    if not files:
        raise _unavailable("it is not here, and nothing says what its files are", model)
    if not all(is_safe_path(path) for path, _size, _sha256 in files):
        raise _unavailable("a file of it would lie elsewhere", model)
    return files


def _copy(key: str, target: Path, size: int, sha256: str, model: GenerationModel) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    written = 0
    try:
        pieces = file_store.pieces(key)
    except FileNotFoundError as error:
        raise _unavailable(f"{key} is missing", model) from error
    with target.open("xb") as file:
        for piece in pieces:
            written += len(piece)
            if written > size:
                break
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if written != size or digest.hexdigest() != sha256:
        raise _unavailable(f"{key} is another file than the catalog says", model)


_caches: dict[tuple[Path, int], WeightsCache] = {}


def _cache() -> WeightsCache:
    where = (settings.EASEL_MODEL_FILES_CACHE, settings.EASEL_MODEL_FILES_CACHE_BYTES)
    return _caches.setdefault(where, WeightsCache(directory=where[0], limit_bytes=where[1]))
