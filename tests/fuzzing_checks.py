"""What the fuzzer looks for beside the description: internals in an answer."""

import re
from typing import Any

import schemathesis

INTERNALS = re.compile(
    r"Traceback|site-packages|/usr/lib|psycopg|django\.|rest_framework|apps\.[a-z]+\.|"
    r"\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|File \"",
)


@schemathesis.check
def tells_no_internals(ctx: Any, response: Any, case: Any) -> None:
    """Fail on a body that shows a stack trace, a path, SQL or the name of a module."""
    del ctx, case
    found = INTERNALS.search(response.content.decode("utf-8", "replace"))
    if found:
        raise AssertionError(f"The answer shows {found.group()!r}.")
