"""Look at every file of a model before anything reads it: names, kinds, and no pickles at all."""

import re
from pathlib import Path

from django.utils.translation import gettext as _

from apps.catalog.probing.documents import parse_object
from apps.catalog.probing.headers import Header, read_header
from apps.catalog.probing.refusals import ProbeRefused
from apps.catalog.storage import is_safe_path

MOST_FILES = 2000
# Vocabularies of language models come to some 30 MB.
MOST_TEXT = 48 * 1024**2
WEIGHTS = ".safetensors"
TEXTS = frozenset({".json", ".txt"})
PICKLES = frozenset(
    {".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".npy", ".npz", ".joblib", ".dill", ".h5"}
)
# Begins a pickle of protocol 2 to 5, which is also how torch wrote its files once.
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_ZIP = b"PK\x03\x04"


def check_contents(root: Path) -> dict[str, Header]:
    """Check all files below `root`; return the headers of the weights, by their paths.

    Raises:
        ProbeRefused: a file is not of a kind that a model consists of, or is not what it says.
        OSError: a file cannot be read.
    """
    paths = sorted(path for path in root.rglob("*") if not path.is_dir() or path.is_symlink())
    if not paths:
        raise ProbeRefused(_("There are no files in it."))
    if len(paths) > MOST_FILES:
        raise ProbeRefused(_("There are too many files in it."))
    headers = {}
    for path in paths:
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file() or not is_safe_path(name):
            raise ProbeRefused(_("A file in it has a name that cannot be used."), reason=name)
        header = _check_file(path, name)
        if header is not None:
            headers[name] = header
    if not headers:
        raise ProbeRefused(_("There are no weights in it: a model comes as safetensors."))
    return headers


def _check_file(path: Path, name: str) -> Header | None:
    with path.open("rb") as file:
        start = file.read(512)
    is_like_pickle = _PICKLE.match(start) or start.startswith(_ZIP)
    if path.suffix == WEIGHTS:
        try:
            return read_header(path)
        except ProbeRefused:
            # The length of an honest header may begin with the same two bytes.
            if not is_like_pickle:
                raise
    if path.suffix.lower() in PICKLES or is_like_pickle:
        raise ProbeRefused(
            _(
                "This is, or has in it, a pickle, which is never read since it can run programs. "
                "Bring the model as safetensors."
            ),
            reason=name,
        )
    if path.suffix not in TEXTS:
        raise ProbeRefused(
            _("A file in it is of a kind that no model needs. Leave it out."), reason=name
        )
    _check_text(path, name)
    return None


def _check_text(path: Path, name: str) -> None:
    problem = ProbeRefused(_("A file of settings in it is damaged."), reason=name)
    if path.stat().st_size > MOST_TEXT:
        raise problem
    raw = path.read_bytes()
    if path.suffix == ".json":
        if parse_object(raw, most_bytes=MOST_TEXT) is None:
            raise problem
        return
    try:
        text = raw.decode()
    except ValueError:
        raise problem from None
    if "\0" in text:
        raise problem
