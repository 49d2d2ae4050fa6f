"""Every process is replaced under load: no request is lost, no job, and no event."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from config.local.production_like.machine import WEB_PROCESSES
from config.local.production_like.services import WORKERS
from tests.production.client import QUICK, Listener, Visitor
from tests.production.run import Run
from tests.stack import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

# A web process is a core, and there are two for everything.
READERS = 3
WRITERS = 2


class Load:
    """Requests of every kind, one after the other in each thread, and what became of them."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.answers: Counter[tuple[str, int]] = Counter()
        self.errors: list[str] = []
        self.jobs: list[str] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(what,), daemon=True)
            for what, count in ((self._read, READERS), (self._write, WRITERS), (self._ask, 1))
            for _ in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=120)
            assert not thread.is_alive()

    def _repeat(self, what: Callable[[httpx.Client, int], None]) -> None:
        with httpx.Client(
            base_url=self.visitor.state.url,
            verify=self.visitor.trust,
            timeout=120,
            headers=dict(self.visitor.http.headers),
            cookies=self.visitor.http.cookies,
        ) as http:
            number = 0
            while not self._ended.is_set():
                number += 1
                try:
                    what(http, number)
                except httpx.HTTPError as error:
                    self.errors.append(f"{what.__name__}: {error!r}")

    def _note(self, answer: httpx.Response) -> httpx.Response:
        self.answers[answer.request.method, answer.status_code] += 1
        return answer

    def _read(self, http: httpx.Client, number: int) -> None:
        paths = ("/api/v1/images", "/create/", "/api/v1/credits", "/gallery/", "/api/v1/queue")
        self._note(http.get(paths[number % len(paths)]))

    def _write(self, http: httpx.Client, number: int) -> None:
        made = self._note(http.post("/api/v1/boards", json={"name": f"board {number}"}))
        if made.status_code == 201:
            address = f"/api/v1/boards/{made.json()['id']}"
            self._note(http.patch(address, json={"name": "renamed"}))
            self._note(http.delete(address))

    def _ask(self, http: httpx.Client, number: int) -> None:
        asked = self._note(
            http.post("/api/v1/generations", json={"prompt": f"star {number}", **QUICK})
        )
        if asked.status_code == 202:
            self.jobs.append(asked.json()["id"])
        time.sleep(1)


def test_a_rolling_restart_under_load_loses_no_request_no_job_and_no_event(
    run: Run, demo: Visitor
) -> None:
    before = run.control("pids")
    load = Load(demo)
    with Listener(demo) as listener:
        load.start()
        try:
            wait_until(lambda: len(load.jobs) >= 2, seconds=120, what="the first jobs")
            run.control("rolling-restart")
            after = run.control("pids")
            # The load must have gone through the new processes too.
            asked = len(load.jobs)
            wait_until(lambda: len(load.jobs) >= asked + 2, seconds=120, what="more jobs")
        finally:
            load.stop()
        demo.wait_for_end(*load.jobs)
        wait_until(
            lambda: {e["job_id"] for e in listener.told("finished")} >= set(load.jobs),
            seconds=60,
            what="the event of each job",
        )

    replaced = {name for name in after if after[name] != before[name]}
    assert replaced == {*WEB_PROCESSES, *WORKERS, "scheduler", "admin"}
    assert load.errors == []
    assert {status for _method, status in load.answers} <= {200, 201, 202, 204}, load.answers
    assert {method for method, _status in load.answers} == {"GET", "POST", "PATCH", "DELETE"}
    assert listener.connections >= 2
    finished = Counter(event["job_id"] for event in listener.told("finished"))
    assert finished == Counter(load.jobs)
    run.check_books(demo, *load.jobs)


def test_without_taking_a_process_out_first_requests_are_lost(run: Run, demo: Visitor) -> None:
    """The control: the same load notices a web process that just ends."""
    load = Load(demo)
    load.start()
    try:
        wait_until(lambda: load.answers.total() > 20, seconds=120, what="the load")
        for _time in range(3):
            run.kill("web-1")
            run.kill("web-2")
            wait_until(lambda: _answers(run, demo), seconds=120, what="an answer")
    finally:
        load.stop()

    assert load.errors or any(status >= 500 for _method, status in load.answers)
    demo.wait_for_end(*load.jobs)
    run.check_audit()


def _answers(run: Run, visitor: Visitor) -> bool:
    time.sleep(0.2)
    return visitor.http.get("/readyz").status_code == 200 and bool(run.control("pids"))
