"""Files that mean no good: pickles, headers that lie, archives that leave their folder or burst."""

import gzip
import io
import json
import pickle
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from apps.catalog.installs import unpacking
from apps.catalog.installs.unpacking import model_root, unpack
from apps.catalog.probing import ProbeRefused, probe
from apps.catalog.probing.headers import read_header
from tests.catalog.weights import LORA_OF_SD_15, header_of, weights, write_weights

MOST_BYTES = 100 * 1024**2
LORA = weights(LORA_OF_SD_15)


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("a pickle was run",))


def torch_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harm()))
    return buffer.getvalue()


PICKLES = {
    **{f"protocol {number}": pickle.dumps(Harm(), protocol=number) for number in range(2, 6)},
    "torch": torch_zip(),
    "legacy torch": pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(Harm(), 2),
}


@pytest.mark.parametrize("name", ["x.safetensors", "x.json", "x.txt", "x.bin", "x.CKPT", "x.pt"])
@pytest.mark.parametrize("content", PICKLES.values(), ids=PICKLES.keys())
def test_pickles_are_refused_whatever_they_are_called(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.safetensors").write_bytes(LORA)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ProbeRefused, match=r"x\."):
        probe(tmp_path)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("length", [0x280, 0x380, 0x480, 0x580])
def test_an_honest_header_may_be_as_long_as_a_pickle_begins(length: int, tmp_path: Path) -> None:
    raw = json.dumps(header_of(LORA_OF_SD_15)).encode().ljust(length)
    content = with_header(raw, bytes(4 * 768 + 320 * 4))
    assert content.startswith(b"\x80" + bytes([length >> 8]))
    (tmp_path / "x.safetensors").write_bytes(content)

    assert probe(tmp_path).kind == "lora"


@pytest.mark.parametrize("name", ["x.bin", "x.pkl", "x.pth", "x.npz", "x.h5", "x.Pickle"])
def test_names_of_pickles_are_refused_whatever_is_in_them(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(LORA)

    with pytest.raises(ProbeRefused) as refused:
        probe(tmp_path)

    assert "pickle" in refused.value.detail


@pytest.mark.parametrize("name", ["run.py", "lib.so", "x.exe", "page.html", "noending", "x.sh"])
def test_files_that_no_model_needs_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.safetensors").write_bytes(LORA)
    (tmp_path / name).write_bytes(b"print()")

    with pytest.raises(ProbeRefused, match=name):
        probe(tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "model"
    root.mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (root / "good.safetensors").write_bytes(LORA)
    (root / "config.json").symlink_to(tmp_path / "secret.json")

    with pytest.raises(ProbeRefused):
        probe(root)


def with_header(header: bytes, rest: bytes = b"", *, length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + rest


def entry(begin: int, end: int, **other: Any) -> dict[str, Any]:
    facts = {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}
    return facts | other


def with_tensors(rest: bytes, **tensors: Any) -> bytes:
    return with_header(json.dumps(tensors).encode(), rest)


HEADERS = {
    "empty": b"",
    "shorter than its length": b"\x01\x00\x00",
    "a length beyond the file": with_header(b"{}", length=3),
    "a length beyond all": with_header(b"{}", length=2**64 - 1),
    "more than the format allows": with_header(b"{}", b" " * 10, length=100_000_001),
    "no JSON": with_header(b"{" * 10),
    "no object": with_header(b"[]"),
    "not UTF-8": with_header(b'{"\xff": {}}'),
    "no tensors": with_header(b"{}"),
    "deep": with_header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a name twice": with_header(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"x",
    ),
    "a key of an entry twice": with_header(
        b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"
    ),
    "overlapping": with_tensors(b"xxx", a=entry(0, 2), b=entry(1, 3)),
    "the same place": with_tensors(b"xx", a=entry(0, 2), b=entry(0, 2)),
    "a gap": with_tensors(b"xxxx", a=entry(0, 1), b=entry(3, 4)),
    "not from the start": with_tensors(b"xx", a=entry(1, 2)),
    "beyond the end": with_tensors(b"x", a=entry(0, 5)),
    "something behind": with_tensors(b"xPK", a=entry(0, 1)),
    "backwards": with_tensors(b"xx", a=entry(0, 2, data_offsets=[2, 0], shape=[2])),
    "negative": with_tensors(b"xx", a=entry(0, 2, data_offsets=[-2, 0], shape=[2])),
    "another size than its shape": with_tensors(b"xx", a=entry(0, 2, shape=[3])),
    "a shape that overflows": with_tensors(b"xx", a=entry(0, 2, shape=[2**62, 4, 2**62])),
    "too many dimensions": with_tensors(b"x", a=entry(0, 1, shape=[1] * 9)),
    "unknown numbers": with_tensors(b"x", a=entry(0, 1, dtype="OBJECT")),
    "numbers as text": with_tensors(b"x", a=entry(0, 1, shape=["1"])),
    "true as a number": with_tensors(b"x", a=entry(0, 1, shape=[True])),
    "a fraction": with_tensors(b"x", a=entry(0, 1, data_offsets=[0, 1.0])),
    "one more key": with_tensors(b"x", a=entry(0, 1, code="import os")),
    "a name without end": with_tensors(b"x", **{"a" * 513: entry(0, 1)}),
    "a name that does not print": with_tensors(b"x", **{"a\x00b": entry(0, 1)}),
    "metadata that are no texts": with_tensors(b"x", a=entry(0, 1), __metadata__={"a": {"b": 1}}),
    "metadata that are none": with_tensors(b"x", a=entry(0, 1), __metadata__=["a"]),
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS.keys())
def test_headers_that_lie_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)

    with pytest.raises(ProbeRefused) as refused:
        read_header(path)

    assert "damaged" in refused.value.detail
    assert str(tmp_path) not in refused.value.detail


def test_a_header_that_would_fill_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write((99_999_999).to_bytes(8, "little"))
        file.truncate(200_000_000)
        # Too many tensors, which are counted before any of them becomes an object.
        file.seek(8)
        file.write(b'"data_offsets"' * 100_001)
    tracemalloc.start()
    try:
        with pytest.raises(ProbeRefused):
            read_header(path)
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", [b"[],", b"1,", b"{},"])
@pytest.mark.parametrize("name", ["x.safetensors", "x.json"])
def test_a_text_that_becomes_far_more_in_memory_is_refused_unread(
    name: str, unit: bytes, tmp_path: Path
) -> None:
    (tmp_path / "good.safetensors").write_bytes(LORA)
    raw = b'{"a":[' + unit * (40_000_000 // len(unit)) + b"0]}"
    (tmp_path / name).write_bytes(with_header(raw) if name == "x.safetensors" else raw)
    tracemalloc.start()
    try:
        with pytest.raises(ProbeRefused):
            probe(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def make_zip(path: Path, entries: dict[str, bytes], **facts: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for fact, value in facts.items():
                setattr(info, fact, value)
            archive.writestr(info, content)
    return path


def make_tar(path: Path, members: list[tarfile.TarInfo], content: bytes = b"x") -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for member in members:
            if member.isreg():
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                archive.addfile(member)
    return path


def named(name: str, kind: bytes = tarfile.REGTYPE, **facts: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info


TRAVERSALS = [
    "../x.json",
    "a/../../x.json",
    "/var/x.json",
    "a/./x.json",
    "a\\..\\x.json",
    "C:/x.json",
]


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", TRAVERSALS)
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_that_leave_the_folder_are_refused(kind: str, name: str, tmp_path: Path) -> None:
    archive = tmp_path / f"a.{kind}"
    if kind == "zip":
        make_zip(archive, {"good.json": b"{}", name: b"{}"})
    else:
        make_tar(archive, [named("good.json"), named(name)])

    with pytest.raises(ProbeRefused):
        unpack(archive, tmp_path / "out", name=archive.name, most_bytes=MOST_BYTES)

    assert everything_below(tmp_path) <= {archive.name, "out/good.json"}
    assert not Path("/var/x.json").exists()


@pytest.mark.parametrize(
    "member",
    [
        named("link.json", tarfile.SYMTYPE, linkname="/etc/passwd"),
        named("hard.json", tarfile.LNKTYPE, linkname="good.json"),
        named("device", tarfile.CHRTYPE),
        named("disk", tarfile.BLKTYPE),
        named("pipe", tarfile.FIFOTYPE),
        named("sparse.json", tarfile.GNUTYPE_SPARSE),
        named("../folder", tarfile.DIRTYPE),
    ],
    ids=lambda member: member.name,
)
def test_links_and_devices_in_a_tar_are_refused(member: tarfile.TarInfo, tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar", [named("good.json"), member])

    with pytest.raises(ProbeRefused):
        unpack(archive, tmp_path / "out", name="a.tar", most_bytes=MOST_BYTES)

    assert everything_below(tmp_path) <= {"a.tar", "out/good.json"}


@pytest.mark.parametrize(
    "facts",
    [
        {"external_attr": (stat.S_IFLNK | 0o777) << 16},
        {"external_attr": (stat.S_IFCHR | 0o777) << 16},
        {"compress_type": zipfile.ZIP_BZIP2},
        {"compress_type": zipfile.ZIP_LZMA},
    ],
)
def test_links_and_odd_entries_in_a_zip_are_refused(facts: dict[str, Any], tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"x.json": b"/etc/passwd"}, **facts)

    with pytest.raises(ProbeRefused):
        unpack(archive, tmp_path / "out", name="a.zip", most_bytes=MOST_BYTES)

    assert everything_below(tmp_path / "out") == set()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as found:
        found.writestr("x.json", b"{}")
        found.writestr("X.JSON", b'{"other": 1}')
    twice = make_tar(tmp_path / "b.tar", [named("x.json"), named("./x.json")])

    for path in (archive, twice):
        with pytest.raises(ProbeRefused) as refused:
            unpack(path, tmp_path / path.stem, name=path.name, most_bytes=MOST_BYTES)
        assert "one name" in refused.value.detail


def test_bombs_are_left_alone_before_they_fill_the_disk(tmp_path: Path) -> None:
    zipped = make_zip(tmp_path / "a.zip", {"x.json": bytes(80 * 1024**2)})
    packed = tmp_path / "b.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        info = named("x.json")
        info.size = 80 * 1024**2
        archive.addfile(info, io.BytesIO(bytes(info.size)))

    for path in (zipped, packed):
        out = tmp_path / path.stem
        with pytest.raises(ProbeRefused) as refused:
            unpack(path, out, name=path.name, most_bytes=MOST_BYTES)
        assert "far larger" in refused.value.detail
        assert sum(file.stat().st_size for file in out.rglob("*")) < 20 * 1024**2


def test_sizes_in_the_list_of_an_archive_are_not_believed(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"x.json": bytes(1000)})
    raw = bytearray(path.read_bytes())
    for at in (raw.find(b"PK\x01\x02") + 24, 22):
        raw[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(raw)

    with pytest.raises(ProbeRefused):
        unpack(path, tmp_path / "out", name="a.zip", most_bytes=MOST_BYTES)


def test_a_header_of_a_tar_that_would_fill_memory_is_refused(tmp_path: Path) -> None:
    info = named("x", tarfile.XHDTYPE)
    info.size = 500 * 1024**2
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf())
        for _piece in range(20):
            file.write(bytes(1024**2))
    tracemalloc.start()
    try:
        with pytest.raises(ProbeRefused):
            unpack(path, tmp_path / "out", name=path.name, most_bytes=10**12)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


def test_headers_of_a_tar_that_fill_memory_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        for number in range(8):
            line = f" k{number}=".encode() + b"x" * 8 * 1024**2 + b"\n"
            content = str(len(line) + 7).encode() + line
            info = named("x", tarfile.XGLTYPE)
            info.size = len(content)
            file.write(info.tobuf() + content + bytes(-len(content) % 512))
            file.write(named(f"{number}.json").tobuf())
        file.write(bytes(1024))
    tracemalloc.start()
    try:
        with pytest.raises(ProbeRefused):
            unpack(path, tmp_path / "out", name=path.name, most_bytes=10**12)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


def test_a_directory_of_a_zip_behind_a_locator_that_lies_is_refused_unread(tmp_path: Path) -> None:
    size = 200 * 1024**2
    path = tmp_path / "a.zip"

    def record(directory: int) -> bytes:
        return struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, directory, 0)

    with path.open("wb") as file:
        file.write(b"PK\x01\x02")
        file.truncate(size)
        file.seek(size)
        # The one that is named is harmless, and the module reads the other.
        file.write(record(46) + record(size))
        file.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, size, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0))
    tracemalloc.start()
    try:
        with pytest.raises(ProbeRefused):
            unpack(path, tmp_path / "out", name=path.name, most_bytes=10**12)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("names", [["a.txt", "a.txt/b.json"], ["a.txt/b.json", "a.txt"]])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_file_that_is_a_folder_too_is_refused(
    kind: str, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        make_zip(path, dict.fromkeys(names, b"{}"))
    else:
        make_tar(path, [named(name) for name in names])

    with pytest.raises(ProbeRefused):
        unpack(path, tmp_path / "out", name=path.name, most_bytes=MOST_BYTES)


def test_a_zip_that_is_torn_within_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"x.json": bytes(range(256)) * 40})
    raw = bytearray(path.read_bytes())
    raw[36:46] = b"\xff" * 10
    path.write_bytes(raw)

    with pytest.raises(ProbeRefused):
        unpack(path, tmp_path / "out", name="a.zip", most_bytes=MOST_BYTES)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_FILES", 3)
    zipped = make_zip(tmp_path / "a.zip", {f"{number}.json": b"{}" for number in range(4)})
    folders = make_tar(
        tmp_path / "b.tar", [named(f"f{number}", tarfile.DIRTYPE) for number in range(4)]
    )

    for path in (zipped, folders):
        with pytest.raises(ProbeRefused) as refused:
            unpack(path, tmp_path / path.stem, name=path.name, most_bytes=MOST_BYTES)
        assert "too many files" in refused.value.detail


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"x" * 600])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tgz"])
def test_what_is_no_archive_is_no_model(kind: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)

    def take() -> None:
        unpack(path, tmp_path / "out", name=path.name, most_bytes=MOST_BYTES)
        probe(tmp_path / "out")

    with pytest.raises(ProbeRefused):
        take()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_honest_archive_is_unpacked(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    names = ["ink/ink.safetensors", "ink/README.md", "ink/cover.png", "__MACOSX/._ink"]
    if kind == "zip":
        make_zip(path, dict.fromkeys(names, LORA))
    else:
        make_tar(path, [named("ink", tarfile.DIRTYPE), *map(named, names)], LORA)

    unpack(path, tmp_path / "out", name=path.name, most_bytes=MOST_BYTES)
    root = model_root(tmp_path / "out")

    assert everything_below(root) == {"ink.safetensors"}
    assert probe(root).kind == "lora"


def test_the_files_of_tests_are_clean(tmp_path: Path) -> None:
    header = read_header(write_weights(tmp_path / "x.safetensors", LORA_OF_SD_15, {"a": "b"}))

    assert {name: tensor.shape for name, tensor in header.tensors.items()} == LORA_OF_SD_15
    assert header.metadata == {"a": "b"}
