"""What creators do at the API, in a mix as of a working day: `manage.py bench users`.

By hand: `EASEL_VISIT=visit.json locust -f tests/benchmarks/locustfile.py`, where the file has
`hosts`, which the users are spread over, and `accounts`, the `Cookie` headers of their sessions.
"""

import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task

WORDS = ("castle", "바다", "watercolour", "dragon", "노을", "zeppelin", "고양이", "number 12")
TOKEN = "a" * 32

_visit = json.loads(Path(os.environ["EASEL_VISIT"]).read_text())
_hosts = itertools.cycle(_visit["hosts"])
_accounts = itertools.cycle(_visit["accounts"])
_lists: Counter[str] = Counter()


class Creator(FastHttpUser):
    """Somebody in the gallery who now and then makes a picture."""

    wait_time = between(0.5, 2.0)

    def __init__(self, environment: Any) -> None:
        self.host = next(_hosts)
        super().__init__(environment)

    def on_start(self) -> None:
        """Come with a session of one's own, and open the gallery."""
        self.chance = random.Random()
        self.headers = {"Cookie": f"{next(_accounts)}; csrftoken={TOKEN}", "X-CSRFToken": TOKEN}
        self.shown: list[dict[str, Any]] = []
        self.next_page: str | None = None
        self.list_pictures()

    @task(10)
    def list_pictures(self) -> None:
        self._look("/api/v1/images?limit=100", "list")

    @task(6)
    def turn_page(self) -> None:
        if self.next_page is None:
            self.list_pictures()
        else:
            self._look(self.next_page, "page")

    @task(3)
    def search(self) -> None:
        self._look(f"/api/v1/images?limit=100&q={self.chance.choice(WORDS)}", "search")

    @task(20)
    def see_thumbnail(self) -> None:
        if self.shown:
            address = self.chance.choice(self.shown)["thumbnail_url"]
            self.client.get(address, headers=self.headers, name="thumbnail")

    @task(2)
    def star(self) -> None:
        if self.shown:
            picture = self.chance.choice(self.shown)
            change = {"starred": not picture["starred"]}
            self.client.patch(picture["url"], json=change, headers=self.headers, name="star")

    @task(1)
    def generate(self) -> None:
        order = {"prompt": "a red circle on a white background"}
        address = "/api/v1/generations"
        self.client.post(address, json=order, headers=self.headers, name="generate")

    def _look(self, address: str, name: str) -> None:
        answer = self.client.get(address, headers=self.headers, name=name)
        if answer.status_code != 200:
            return
        _lists["hit" if "hit" in (answer.headers or {}).get("Cache-Status", "") else "miss"] += 1
        page = answer.json()
        self.shown = page["results"] or self.shown
        self.next_page = page["next"]


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def report(environment: Any, **_: Any) -> None:
    """Write what became of each kind of call as the last line of the output."""
    calls = {
        entry.name: {
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "p50_ms": entry.get_response_time_percentile(0.5),
            "p95_ms": entry.get_response_time_percentile(0.95),
        }
        for entry in environment.stats.entries.values()
    }
    errors = [str(error.to_dict()) for error in environment.stats.errors.values()]
    print(json.dumps({"calls": calls, "lists": dict(_lists), "errors": errors}))
