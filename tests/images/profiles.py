"""Small colour profiles, made here since no machine has the same ones (ICC.1:2001-04)."""

import struct

# The primaries of sRGB as seen under D50.
RED = (0.4361, 0.2225, 0.0139)
GREEN = (0.3851, 0.7169, 0.0971)
BLUE = (0.1431, 0.0606, 0.7141)
_D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...]) -> bytes:
    """Make a display's profile with these primaries and a gamma of 2.2."""
    curve = _curve(2.2)
    return _profile(
        b"RGB ",
        {
            b"wtpt": _point(_D50),
            b"rXYZ": _point(red),
            b"gXYZ": _point(green),
            b"bXYZ": _point(blue),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"wtpt": _point(_D50), b"kTRC": _curve(gamma)})


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"t\x00" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\x00\x00\x00\x00",
        **tags,
    }
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(data), len(content))
        data += content
    head = bytes(4) + b"test" + struct.pack(">I", 0x02100000) + b"mntr" + space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    head = head.ljust(128, b"\x00")
    return struct.pack(">I", len(head + table + data)) + head[4:] + table + data


def _point(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
