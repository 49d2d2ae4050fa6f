"""What a picture's file is by its first bytes, and where it ends by its own account.

A file that goes on after the end of its picture is two files in one: a picture to us, an archive or
a program to somebody else. The walks below follow lengths that the file states and decode nothing,
each in time linear in the size of the file. A file of more parts than anybody writes is refused
here too: whoever decodes it goes through them one by one, and through a JPEG's pixels once a scan.

PNG: W3C PNG, 5. JPEG: ITU-T T.81, B. WebP: RFC 9649, 2. AVIF: ISO/IEC 14496-12, 4.2.
"""

import re
import struct

MOST_PARTS = 50_000
MOST_SCANS = 64
MOST_PICTURES = 16

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
# In the data of a scan: anything but a stuffed byte, a restart or a byte of fill.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_END_OF_IMAGE = 0xD9
_JPEG_START_OF_SCAN = 0xDA
_ZEROS = re.compile(rb"\x00*")
_FILL = re.compile(rb"\xff*")
_AVIF_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip"})


class DamagedError(ValueError):
    """A file contradicts its own lengths, or ends before its picture does."""


def kind_of(content: bytes) -> str | None:
    """Return Pillow's name of the format of `content`, if it is one that we take."""
    if content.startswith(_PNG_SIGNATURE):
        return "PNG"
    if content.startswith(_JPEG_START):
        return "JPEG"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    return "AVIF" if content[4:8] == b"ftyp" else None


def end_of_picture(content: bytes, *, kind: str) -> int:
    """Return the offset behind the last byte that belongs to the picture.

    Raises:
        DamagedError: there is no such byte.
    """
    walk = {"PNG": _png_end, "JPEG": _jpeg_end, "WEBP": _webp_end, "AVIF": _avif_end}[kind]
    end = walk(content)
    if end > len(content):
        raise DamagedError("cut short")
    return end


def _png_end(content: bytes) -> int:
    offset = len(_PNG_SIGNATURE)
    for _chunk in range(MOST_PARTS):
        length = _number(">I", content, offset)
        is_last = content[offset + 4 : offset + 8] == b"IEND"
        offset += 12 + length
        if is_last:
            return offset
    raise DamagedError("too many chunks")


def _jpeg_end(content: bytes) -> int:
    """Return the end of the last of the pictures in a row that a camera puts into a JPEG.

    A phone adds a preview or a gain map as a whole JPEG behind the first (CIPA DC-007), and some
    fill up with zeros.
    """
    end = 0
    for _picture in range(MOST_PICTURES):
        end = _jpeg_picture_end(content, end)
        padded = _end_of_run(_ZEROS, content, end)
        if not content.startswith(_JPEG_START, padded):
            return padded
        end = padded
    raise DamagedError("too many pictures")


def _jpeg_picture_end(content: bytes, start: int) -> int:
    offset = start + 2
    scans = 0
    for _segment in range(MOST_PARTS):
        code = _end_of_run(_FILL, content, offset)
        if code == offset:
            raise DamagedError("no marker")
        marker = _number("B", content, code)
        offset = code + 1
        if marker == _JPEG_END_OF_IMAGE:
            return offset
        if marker in _JPEG_STANDALONE:
            continue
        offset += _number(">H", content, offset)
        if marker == _JPEG_START_OF_SCAN:
            scans += 1
            found = _JPEG_MARKER.search(content, offset)
            if found is None or scans > MOST_SCANS:
                raise DamagedError("a scan without an end, or too many")
            offset = found.start()
    raise DamagedError("too many segments")


def _webp_end(content: bytes) -> int:
    size = _number("<I", content, 4)
    return 8 + size + size % 2


def _avif_end(content: bytes) -> int:
    offset = 0
    for _box in range(MOST_PARTS):
        if content[offset + 4 : offset + 8] not in _AVIF_BOXES:
            return offset
        size = _number(">I", content, offset)
        if size == 0:
            return len(content)  # a last box that says so has all that follows
        if size == 1:
            size = _number(">Q", content, offset + 8)
        if size < 8:
            raise DamagedError("a box smaller than its head")
        offset += size
    raise DamagedError("too many boxes")


def _number(layout: str, content: bytes, offset: int) -> int:
    try:
        return int(struct.unpack_from(layout, content, offset)[0])
    except struct.error as error:
        raise DamagedError("cut short") from error


def _end_of_run(pattern: re.Pattern[bytes], content: bytes, offset: int) -> int:
    found = pattern.match(content, offset)
    return found.end() if found else offset
