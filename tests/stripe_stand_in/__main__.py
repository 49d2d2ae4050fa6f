"""Run the stand-in for a person: `python -m tests.stripe_stand_in --port 12111`."""

import argparse
import signal
import sys
import threading

from tests.stripe_stand_in.stand_in import SECRET_KEY, WEBHOOK_SECRET, StripeStandIn


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stripe_stand_in")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--webhook-url", help="where events are posted to")
    parser.add_argument("--webhook-secret", default=WEBHOOK_SECRET)
    parser.add_argument("--secret-key", default=SECRET_KEY)
    given = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with StripeStandIn(
        port=given.port,
        webhook_url=given.webhook_url,
        webhook_secret=given.webhook_secret,
        secret_key=given.secret_key,
    ) as stand_in:
        sys.stdout.write(f"A stand-in of Stripe listens on {stand_in.url}\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
