"""Run the stand-in for a person: `python -m tests.stripe_stand_in --port 12111`."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.stripe_stand_in.stand_in import SECRET_KEY, WEBHOOK_SECRET, StripeStandIn

SECONDS_BETWEEN_SAVES = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stripe_stand_in")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--webhook-url", help="where events are posted to")
    parser.add_argument("--webhook-secret", default=WEBHOOK_SECRET)
    parser.add_argument("--secret-key", default=SECRET_KEY)
    parser.add_argument("--state", type=Path, help="a file that keeps the account between runs")
    given = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    kept = given.state.read_text() if given.state and given.state.exists() else None
    with StripeStandIn(
        port=given.port,
        webhook_url=given.webhook_url,
        webhook_secret=given.webhook_secret,
        secret_key=given.secret_key,
        kept=kept,
    ) as stand_in:
        sys.stdout.write(f"A stand-in of Stripe listens on {stand_in.url}\n")
        sys.stdout.flush()
        while not stopped.wait(SECONDS_BETWEEN_SAVES):
            kept = save(stand_in, given.state, kept)
    save(stand_in, given.state, kept)


def save(stand_in: StripeStandIn, path: Path | None, before: str | None) -> str:
    """Write the account to `path` if it has changed, whole or not at all."""
    text = stand_in.world.to_json()
    if path is not None and text != before:
        draft = path.with_suffix(".new")
        draft.write_text(text)
        draft.replace(path)
    return text


if __name__ == "__main__":
    main()
