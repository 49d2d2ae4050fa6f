"""Read a Dockerfile: its stages, and the instructions of each."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.local.install import ROOT

DOCKERFILES = tuple(sorted((ROOT / "docker").glob("*.Dockerfile")))
_COMMENTS = re.compile(r"^[ \t]*#[^\n]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined; `words` are split as a shell would."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def array(self) -> list[str]:
        """The exec form of CMD, VOLUME and HEALTHCHECK's command."""
        found: list[str] = json.loads(self.text[self.text.index("[") :])
        return found


@dataclass(slots=True)
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [found for found in self.instructions if found.name == name]

    def last(self, name: str) -> Instruction:
        return self.all(name)[-1]

    @property
    def environment(self) -> dict[str, str]:
        pairs = (word.partition("=") for found in self.all("ENV") for word in found.words)
        return {name: value for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Dockerfile:
    path: Path
    arguments: dict[str, str]
    stages: Sequence[Stage]

    @classmethod
    def read(cls, path: Path) -> "Dockerfile":
        """Read a file whose stages all have names.

        Raises:
            ValueError: an instruction stands before the first stage that may not.
        """
        arguments: dict[str, str] = {}
        stages: list[Stage] = []
        for instruction in _instructions(path.read_text(encoding="utf-8")):
            if instruction.name == "FROM":
                base, _as, name = instruction.text.split()
                stages.append(Stage(base=base, name=name))
            elif stages:
                stages[-1].instructions.append(instruction)
            elif instruction.name == "ARG":
                name, _, value = instruction.text.partition("=")
                arguments[name] = value
            else:
                raise ValueError(f"{path}: {instruction.name} before the first FROM")
        return cls(path=path, arguments=arguments, stages=tuple(stages))

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    @property
    def final(self) -> Stage:
        return self.stages[-1]


def _instructions(text: str) -> Iterator[Instruction]:
    # In this order: a comment is not continued, and is none of what it stands between.
    for line in _COMMENTS.sub("", text).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield Instruction(name=name, text=rest.strip())
