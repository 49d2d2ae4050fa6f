"""Lists of pictures over HTTP: first and deep pages, searches and boards, in libraries of any size.

The floor is what the database and an encoder would take alone: the very statements of the product,
caught once, run with BEGIN and the tenant by bare psycopg on a warm connection, and their rows
encoded by orjson. The control is the list as one would write it without a thought.
"""

import http.client
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import urlencode

import orjson
import psycopg
from django.db import connection

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.selectors import list_boards
from apps.core.tenancy import tenant_scope
from apps.images.pages import Cursor
from apps.images.requests import ImageListQuerySerializer, asked_page
from apps.images.search import Order, Place
from apps.images.selectors import picture_counts
from config.local.addresses import SUPERUSER
from tests.benchmarks.report import Report, Target, percentile
from tests.benchmarks.sessions import session_cookies
from tests.factories import make_user
from tests.libraries import RARE, fill_libraries
from tests.stack import ROOT, Stack

ROWS = 1_000_000
PAGE = 100
BOARDS = 50
CLIENTS = 100
# One for each core, as in production.
PROCESSES = 2
# Beside the three that are measured, the rows belong to users with so many each.
OTHERS = 20_000


@dataclass(frozen=True, slots=True)
class Library:
    """A user, how many pictures the user has, and how the user's browser comes."""

    user: User
    count: int
    cookies: str


@dataclass(frozen=True, slots=True)
class Asked:
    """An address, and the same without HTTP, whose statements make its floor."""

    path: str
    read: Callable[[], object]


def run(*, quick: bool, rows: int | None = None) -> Report:
    """Fill the libraries, then ask each question in turns with its floor, then all at once."""
    rows = rows or (20_000 if quick else ROWS)
    rounds = 30 if quick else 200
    libraries = _fill(rows)
    large = libraries["large"]
    figures: dict[str, float] = {"rows": rows, "largest_library": large.count}
    with ExitStack() as running:
        ports = [_web(running, "gallery_settings") for _process in range(PROCESSES)]
        one = _Client(ports[0], rounds)
        for size, library in libraries.items():
            for name, asked in _questions(library).items():
                for key, value in one.compare(asked, library).items():
                    figures[f"{size}_{name}_{key}"] = value
        figures["naive_p50_ms"] = one.naive(large, page=1)
        figures["naive_depth_p50_ms"] = one.naive(large, page=int(large.count * 0.99 / PAGE))
        one.close()
        seconds = 3 if quick else 15
        paths = {name: asked.path for name, asked in _questions(large).items()}
        for name, path in (paths | {"record": _record_path(large)}).items():
            figures |= _at_once(ports, name, path, large, seconds=seconds)
    with ExitStack() as running:
        ports = [_web(running, "cached_settings") for _process in range(PROCESSES)]
        figures |= _at_once(ports, "page_hit", paths["page"], large, seconds=seconds)
    return _report(figures)


def _web(running: ExitStack, settings: str) -> int:
    """Start a web process, as one of several behind a balancer; return its port."""
    stack = running.enter_context(Stack({"DJANGO_SETTINGS_MODULE": f"tests.benchmarks.{settings}"}))
    stack.start_web()
    return stack.port


def _report(figures: dict[str, float]) -> Report:
    return Report(
        bench="gallery",
        figures=figures,
        targets={
            "page_over_floor": Target(figures["large_page_over_floor"], 3),
            "page_growth": Target(figures["large_page_p50_ms"] / figures["small_page_p50_ms"], 1.2),
            "depth_over_first": Target(
                figures["large_depth_p50_ms"] / figures["large_page_p50_ms"], 1.2
            ),
            "pages_a_second": Target(figures["at_once_page_a_second"], 120, "higher"),
            "page_at_once_p95_ms": Target(figures["at_once_page_p95_ms"], 1000),
            "record_at_once_p95_ms": Target(figures["at_once_record_p95_ms"], 300),
        },
    )


def _fill(rows: int) -> dict[str, Library]:
    counts = {"one": 1, "small": min(1000, rows // 20), "large": rows // 5}
    users = {size: make_user(f"{size}@example.com") for size in counts}
    boards = {
        users[size].id: [
            board.id
            for board in Board.objects.bulk_create(
                Board(user=users[size], name=f"board {number}") for number in range(BOARDS)
            )
        ]
        for size in ("small", "large")
    }
    left = rows - sum(counts.values())
    others = [make_user(f"other{number}@example.com") for number in range(max(1, left // OTHERS))]
    shares = {other.id: left // len(others) for other in others}
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=SUPERUSER,
        dbname=settings["NAME"],
        autocommit=True,
    ) as server:
        fill_libraries(
            server,
            libraries={users[size].id: count for size, count in counts.items()} | shares,
            boards=boards,
        )
    return {
        size: Library(user=users[size], count=count, cookies=session_cookies(users[size]))
        for size, count in counts.items()
    }


def _questions(library: Library) -> Mapping[str, Asked]:
    def listed(**query: str) -> Asked:
        query |= {"limit": str(PAGE)}

        def read() -> object:
            form = ImageListQuerySerializer(data=query)
            form.is_valid(raise_exception=True)
            return asked_page(user=library.user, asked=form.validated_data)

        return Asked(path=f"/api/v1/images?{urlencode(query)}", read=read)

    user = library.user
    return {
        "page": listed(),
        "depth": listed(cursor=_deep(library)),
        "search_rare": listed(q=RARE),
        "search_common": listed(q="castle"),
        "boards": Asked(
            path="/api/v1/boards",
            read=lambda: (list(list_boards(user=user)), picture_counts(user_id=user.id)),
        ),
    }


def _deep(library: Library) -> str:
    """Return the cursor of the place behind 99 % of a library."""
    with tenant_scope(library.user.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT created_at, id FROM images_image WHERE user_id = %s"
            " ORDER BY created_at DESC, id DESC OFFSET %s LIMIT 1",
            [library.user.id, min(int(library.count * 0.99), library.count - 1)],
        )
        moment, image_id = cursor.fetchone()
    return Cursor(Order.NEWEST, Place(created_at=moment, id=image_id)).to_text()


def _record_path(library: Library) -> str:
    with tenant_scope(library.user.id), connection.cursor() as cursor:
        cursor.execute("SELECT image_name FROM images_image WHERE user_id = %s", [library.user.id])
        (name,) = cursor.fetchone()
    return f"/api/v1/images/{name}"


class _Client:
    """One client on a kept connection, and the floor beside it."""

    def __init__(self, port: int, rounds: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._rounds = rounds
        settings = connection.settings_dict
        self._bare = psycopg.connect(
            host=settings["HOST"],
            port=settings["PORT"],
            user=settings["USER"],
            password=settings["PASSWORD"],
            dbname=settings["NAME"],
        )

    def compare(self, asked: Asked, library: Library) -> dict[str, float]:
        statements = _statements_of(asked, library)
        taken, floors = [], []
        for number in range(self._rounds + 5):
            floor = self._floor(statements, library.user.id)
            seconds = self._ask(asked.path, library)
            if number >= 5:
                floors.append(floor)
                taken.append(seconds)
        return {
            "p50_ms": median(taken) * 1e3,
            "p95_ms": percentile(taken, 95) * 1e3,
            "floor_p50_ms": median(floors) * 1e3,
            "over_floor": median(taken) / median(floors),
        }

    def naive(self, library: Library, *, page: int) -> float:
        rounds = max(5, self._rounds // 20)
        return median(self._ask(f"/naive?page={page}", library) for _round in range(rounds)) * 1e3

    def close(self) -> None:
        self._http.close()
        self._bare.close()

    def _ask(self, path: str, library: Library) -> float:
        started = time.perf_counter()
        self._http.request("GET", path, headers={"Cookie": library.cookies})
        response = self._http.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"{path}: {response.status} {body.decode()}")
        return time.perf_counter() - started

    def _floor(self, statements: list[tuple[str, Any]], user_id: uuid.UUID) -> float:
        started = time.perf_counter()
        with self._bare.transaction(), self._bare.cursor() as cursor:
            cursor.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user_id)])
            rows = []
            for text, parameters in statements:
                rows.append(cursor.execute(text, parameters).fetchall())
        orjson.dumps(rows, default=str)
        return time.perf_counter() - started


def _statements_of(asked: Asked, library: Library) -> list[tuple[str, Any]]:
    caught: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], text: str, parameters: Any, *more: Any) -> Any:
        caught.append((text, parameters))
        return execute(text, parameters, *more)

    with tenant_scope(library.user.id), connection.execute_wrapper(note):
        asked.read()
    return caught


def _at_once(
    ports: list[int], name: str, path: str, library: Library, *, seconds: float
) -> dict[str, float]:
    order = {
        "ports": ports,
        "seconds": seconds,
        "clients": [[[path, library.cookies]] for _client in range(CLIENTS)],
    }
    result = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    taken: list[float] = json.loads(result.stdout)
    return {
        f"at_once_{name}_a_second": len(taken) / seconds,
        f"at_once_{name}_p50_ms": median(taken) * 1e3,
        f"at_once_{name}_p95_ms": percentile(taken, 95) * 1e3,
    }
