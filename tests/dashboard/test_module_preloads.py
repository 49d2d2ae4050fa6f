"""Every page with a module names it, and all that it imports, in its head."""

import re
from pathlib import Path

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.templatetags.static import static

from apps.dashboard.templatetags.modules import imported_by, preload_modules
from tests.stack import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STARTED = re.compile(r"""data-module="\{% static '([^']+)' %\}""")


def test_what_is_imported_by_what_is_imported_is_named_once() -> None:
    modules = imported_by("js/queue.js")
    assert modules[0] == "js/queue.js"
    assert {"js/shell.js", "js/socket.js", "js/dom.js"} <= set(modules)
    assert len(modules) == len(set(modules))


def test_a_link_is_that_of_the_static_file() -> None:
    assert preload_modules("js/dom.js").splitlines()[0] == (
        f'<link rel="modulepreload" href="{static("js/dom.js")}">'
    )


def test_a_module_that_is_not_there_is_a_mistake() -> None:
    page = Template('{% load modules %}{% preload_modules "js/nobody.js" %}')
    with pytest.raises(TemplateSyntaxError):
        page.render(Context())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_page_preloads_the_module_that_it_starts(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for name in STARTED.findall(source):
        assert f"{{% preload_modules '{name}' %}}" in source
