"""Modules named in the head of a page, so that a browser fetches all of them at once."""

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

_IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)


@register.simple_tag
def preload_modules(name: str) -> SafeString:
    """Return a link for a module of ours, "js/create.js", and for all that it imports."""
    return format_html_join(
        "\n    ",
        '<link rel="modulepreload" href="{}">',
        ((static(module),) for module in imported_by(name)),
    )


@cache
def imported_by(name: str) -> tuple[str, ...]:
    """Return the module and those that it imports, however deep, each once."""
    found = [name]
    for module in found:
        path = finders.find(module)
        if not isinstance(path, str):
            raise template.TemplateSyntaxError(f"There is no module {module}.")
        folder = posixpath.dirname(module)
        for part in _IMPORT.findall(Path(path).read_text(encoding="utf-8")):
            part_name = posixpath.normpath(posixpath.join(folder, part))
            if part_name not in found:
                found.append(part_name)
    return tuple(found)
