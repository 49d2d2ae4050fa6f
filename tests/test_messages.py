"""Translations are compiled by our own setup, whole or not at all, and only when they are new."""

import gettext
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.messages import LOCALES, compile_messages
from tests.stack import ROOT

HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "ko" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(f'{HEAD}msgid "picture"\nmsgstr "그림"\n', encoding="utf-8")
    return path


def said(source: Path, word: str) -> str:
    with source.with_suffix(".mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext(word)


def test_a_catalogue_is_compiled_once_for_each_text(source: Path, tmp_path: Path) -> None:
    compiled = source.with_suffix(".mo")
    assert compile_messages(tmp_path) == [compiled]
    assert said(source, "picture") == "그림"
    assert compile_messages(tmp_path) == []

    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("그림", "사진"), encoding="utf-8")
    # A checkout of an older text may also be older by its time.
    os.utime(source, (1, 1))

    assert compile_messages(tmp_path) == [compiled]
    assert said(source, "picture") == "사진"
    assert [path.name for path in sorted(source.parent.iterdir())] == ["django.mo", "django.po"]
    assert compiled.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "wrong",
    [
        '#, python-format\nmsgid "%(count)d left"\nmsgstr "%(number)d"\n',
        '#, python-format\nmsgid "%(count)d left"\nmsgstr "%(count)s"\n',
        'msgid "a"\nnonsense\n',
    ],
)
def test_a_wrong_catalogue_is_named_and_leaves_the_old_one(
    wrong: str, source: Path, tmp_path: Path
) -> None:
    compile_messages(tmp_path)
    with source.open("a", encoding="utf-8") as file:
        file.write(f"\n{wrong}")
    os.utime(source, (1, 1))

    with pytest.raises(ValueError, match=r"django\.po"):
        compile_messages(tmp_path)

    assert said(source, "picture") == "그림"


def test_the_one_form_of_a_language_names_the_values_of_the_plural(
    source: Path, tmp_path: Path
) -> None:
    with source.open("a", encoding="utf-8") as file:
        file.write('\nmsgid "a star"\nmsgid_plural "%(count)s stars"\nmsgstr[0] "별 %(count)s개"\n')

    compile_messages(tmp_path)

    with source.with_suffix(".mo").open("rb") as file:
        said = gettext.GNUTranslations(file).ngettext("a star", "%(count)s stars", 1)
    assert said == "별 %(count)s개"


def test_the_command_compiles_ours() -> None:
    compiled = LOCALES / "ko" / "LC_MESSAGES" / "django.mo"
    os.utime(compiled, (1, 1))

    done = subprocess.run([sys.executable, "-m", "config.messages"], cwd=ROOT, check=False)

    assert done.returncode == 0
    assert compiled.stat().st_mtime_ns == compiled.with_suffix(".po").stat().st_mtime_ns
