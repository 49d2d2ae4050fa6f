"""Static files in production: hashed, also in the imports of our modules, and without comments."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Django's own patterns take words in any case, and ends of words: `requestExport } from` is none.
_, _LOOSE = CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns  # noqa: SLF001
_STATEMENTS = tuple(
    (re.sub("(?<=matched>)(import|export)", r"\\b(?-i:\1)", pattern), template)
    for pattern, template in _LOOSE
)


class _Minified:
    """Gives the modules of another storage without comments and indentation."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def open(self, name: str) -> ContentFile[bytes]:
        from rjsmin import jsmin  # the web process only serves what is made here

        with self._storage.open(name) as file:
            return ContentFile(jsmin(file.read().decode()).encode())


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrite imports in our modules alone: not all packages' scripts name files that exist."""

    # One for each module in the longest chain of imports, and one that finds nothing to change.
    max_post_process_passes = 30
    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _STATEMENTS)

    def post_process(
        self, paths: Mapping[str, tuple[Any, str]], *arguments: Any, **options: Any
    ) -> Iterator[tuple[str, str | None, bool | Exception]]:
        """Hash and compress what was collected, our own modules in their short form."""
        ours = {
            name: (_Minified(storage), path)
            for name, (storage, path) in paths.items()
            if name.startswith("js/")
        }
        yield from super().post_process({**paths, **ours}, *arguments, **options)
