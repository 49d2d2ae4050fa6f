"""Modules that a page will ask for, named at once: else each is found only in the one before."""

import posixpath
import re
from functools import cache
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

# At the beginning of a line: what stands in a comment for the types alone is not fetched.
_IMPORT = re.compile(r"""^(?:import|export)\s[^"';]*["'](\.[\w./-]+\.js)["']""", re.MULTILINE)


@register.simple_tag
def preload_modules(*paths: str) -> SafeString:
    """Write a link for each module of `paths` and for all that they import, each once."""
    wanted = dict.fromkeys(module for path in paths for module in modules_of(path))
    return format_html_join(
        "\n    ", '<link rel="modulepreload" href="{}">', ((static(each),) for each in wanted)
    )


@cache
def modules_of(path: str) -> tuple[str, ...]:
    """Return the static file `path` and the modules that it imports, directly or not."""
    found: dict[str, None] = {path: None}
    waiting = [path]
    while waiting:
        here = waiting.pop()
        file = finders.find(here)
        source = Path(file).read_text(encoding="utf-8") if isinstance(file, str) else ""
        folder = posixpath.dirname(here)
        for name in _IMPORT.findall(source):
            module = posixpath.normpath(posixpath.join(folder, name))
            if module not in found:
                found[module] = None
                waiting.append(module)
    return tuple(found)
