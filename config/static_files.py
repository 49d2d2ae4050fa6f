"""Static files in production: hashed names, also in the imports between our own ES modules."""

import re

from whitenoise.storage import CompressedManifestStaticFilesStorage

# Django's own patterns take words in any case, and ends of words: `requestExport } from` is none.
_, _LOOSE = CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns  # noqa: SLF001
_STATEMENTS = tuple(
    (re.sub("(?<=matched>)(import|export)", r"\\b(?-i:\1)", pattern), template)
    for pattern, template in _LOOSE
)


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrite imports in our modules alone: not all packages' scripts name files that exist."""

    # One for each module in the longest chain of imports, and one that finds nothing to change.
    max_post_process_passes = 30
    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _STATEMENTS)
