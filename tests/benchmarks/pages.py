"""The pages of the studio in an account with 100,000 pictures: time, bytes and queries of each.

The floor is the version of the service, an answer without a user or a query, from the same process
over the same connection. Queries are counted in this process, for an account with a handful of
everything and for the large one.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import psycopg
from django.db import connection
from django.test import Client

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.boards.models import Board
from apps.canvas.services.documents import create_document
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.generation.services.jobs import cancel_job
from apps.images.models import Image
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.workflows.services import create_preset
from apps.workflows.services.workflows import create_workflow
from config.local.addresses import SUPERUSER
from tests.benchmarks.first_load import first_load, sent_and_unpacked
from tests.benchmarks.report import Report, Target, percentile
from tests.benchmarks.sessions import session_cookies
from tests.factories import make_batch, make_user
from tests.libraries import fill_libraries
from tests.queries import counted_queries
from tests.shown import begin_training, share_with
from tests.stack import ROOT, Stack
from tests.studio_pages import STUDIO_PAGES, Shown
from tests.workflows.documents import fill_document

ROWS = 100_000
MOST_MS = 100
MOST_BYTES = 150_000
FLOOR = "/api/v1/app/version"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of everything an account has."""

    pictures: int
    boards: int
    jobs: int
    waiting: int
    keys: int
    canvases: int
    presets: int


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what is shown on pages, and how the user's browser comes."""

    user: User
    cookies: str
    shown: Shown


def run(*, quick: bool) -> Report:
    """Fill two accounts, count the queries of both, then ask for the pages of the large one."""
    rounds = 15 if quick else 60
    large = Counts(
        pictures=5_000 if quick else ROWS,
        boards=50,
        jobs=120,
        waiting=40,
        keys=12,
        canvases=30,
        presets=30,
    )
    small = Counts(
        pictures=40,
        boards=1,
        jobs=1,
        waiting=1,
        keys=1,
        canvases=1,
        presets=1,
    )
    accounts = _fill({"small": small, "large": large})
    figures: dict[str, float] = {"rows": large.pictures}
    queries = {size: _queries(account) for size, account in accounts.items()}
    for name in STUDIO_PAGES:
        figures[f"{name}_queries"] = queries["large"][name]
    with ExitStack() as running:
        static = running.enter_context(tempfile.TemporaryDirectory(prefix="easel-static-"))
        hashed = {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.pages_settings",
            "EASEL_BENCH_STATIC_ROOT": static,
        }
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
            cwd=ROOT,
            env={**os.environ, **hashed},
            check=True,
        )
        stack = running.enter_context(Stack(hashed))
        stack.start_web()
        browser = _Browser(stack.port, accounts["large"])
        figures |= browser.times(rounds)
        figures |= browser.sizes()
    return _report(figures, queries)


def _report(figures: dict[str, float], queries: dict[str, dict[str, int]]) -> Report:
    more = {name: queries["large"][name] - queries["small"][name] for name in STUDIO_PAGES}
    return Report(
        bench="pages",
        figures=figures,
        targets={
            "slowest_page_p50_ms": Target(
                max(figures[f"{name}_p50_ms"] for name in STUDIO_PAGES), MOST_MS
            ),
            "largest_first_load_bytes": Target(
                max(figures[f"{name}_first_load_bytes"] for name in STUDIO_PAGES), MOST_BYTES
            ),
            "queries_more_in_the_large_account": Target(max(more.values()), 0),
        },
    )


def _fill(counts: dict[str, Counts]) -> dict[str, Account]:
    install_starter_model()
    starter = GenerationModel.objects.get(key="starter")
    users = {size: make_user(f"{size}@example.com") for size in counts}
    boards: dict[str, Sequence[Board]] = {}
    for size, user in users.items():
        start_subscription(user=user, plan=PLANS["studio"])
        boards[size] = Board.objects.bulk_create(
            Board(user=user, name=f"board {number}") for number in range(counts[size].boards)
        )
        for number in range(counts[size].keys):
            create_key(user=user, granter=SESSION, name=f"key {number}", scopes=list(Scope))
    login = connection.settings_dict
    with psycopg.connect(
        host=login["HOST"],
        port=login["PORT"],
        user=SUPERUSER,
        dbname=login["NAME"],
        autocommit=True,
    ) as server:
        fill_libraries(
            server,
            libraries={users[size].id: asked.pictures for size, asked in counts.items()},
            boards={users[size].id: [board.id for board in boards[size]] for size in counts},
        )
    return {
        size: _account(users[size], boards[size][0], starter, asked)
        for size, asked in counts.items()
    }


def _account(user: User, board: Board, starter: GenerationModel, counts: Counts) -> Account:
    ended = make_batch(user, starter, counts.jobs)
    for job in ended:
        cancel_job(job_id=job.id, user=user)
    make_batch(user, starter, counts.waiting)
    image = Image.objects.filter(user=user).latest("created_at")
    canvases = [
        create_document(user=user, width=512, height=512) for _canvas in range(counts.canvases)
    ]
    for number in range(counts.presets):
        create_preset(user=user, name=f"style {number}", prompt="{prompt}, in oil")
    workflows = [
        create_workflow(user=user, document=fill_document()) for _number in range(counts.canvases)
    ]
    shared_board, shared_picture = share_with(user)
    training_set, training_run = begin_training(user)
    shown = Shown(
        board=board.id,
        job=ended[0].id,
        picture=image.image_name,
        canvas=canvases[0].id,
        workflow=workflows[0].id,
        shared_board=shared_board,
        shared_picture=shared_picture,
        training_set=training_set,
        training_run=training_run,
    )
    return Account(user=user, cookies=session_cookies(user), shown=shown)


def _queries(account: Account) -> dict[str, int]:
    client = Client(headers={"cookie": account.cookies})
    counts = {}
    for name, address in STUDIO_PAGES.items():
        # The second time: what caches keep is there, as for somebody who is at work.
        for _time in range(2):
            with counted_queries() as queries:
                response = client.get(address(account.shown))
            if response.status_code != http.client.OK:
                raise RuntimeError(f"{name}: {response.status_code}")
        counts[name] = len(queries)
    return counts


class _Browser:
    """One client on a kept connection, signed in to an account."""

    def __init__(self, port: int, account: Account) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._account = account

    def times(self, rounds: int) -> dict[str, float]:
        """Return the time of each page, and of the floor, in turns."""
        addresses = {name: address(self._account.shown) for name, address in STUDIO_PAGES.items()}
        taken: dict[str, list[float]] = {name: [] for name in ("floor", *addresses)}
        for number in range(rounds + 3):
            for name, path in {"floor": FLOOR, **addresses}.items():
                started = time.perf_counter()
                self._fetch(path)
                if number >= 3:
                    taken[name].append((time.perf_counter() - started) * 1e3)
        floor = median(taken["floor"])
        figures = {"floor_p50_ms": floor}
        for name in addresses:
            figures[f"{name}_p50_ms"] = median(taken[name])
            figures[f"{name}_p95_ms"] = percentile(taken[name], 95)
            figures[f"{name}_over_floor"] = median(taken[name]) / floor
        return figures

    def sizes(self) -> dict[str, float]:
        """Return what a first visit of each page sends, without pictures."""
        figures: dict[str, float] = {}
        for name, address in STUDIO_PAGES.items():
            path = address(self._account.shown)
            sent, html = self._fetch(path)
            others, requests = first_load(path, html, self._fetch)
            figures[f"{name}_html_bytes"] = sent
            figures[f"{name}_first_load_bytes"] = sent + others
            figures[f"{name}_first_load_requests"] = requests + 1
        return figures

    def _fetch(self, path: str) -> tuple[int, bytes]:
        headers = {"Cookie": self._account.cookies, "Accept-Encoding": "br, gzip"}
        self._http.request("GET", path, headers=headers)
        response = self._http.getresponse()
        if response.status != http.client.OK:
            raise RuntimeError(f"{path}: {response.status} {response.read()[:200].decode()}")
        return sent_and_unpacked(response)
