"""A stand-in of Stripe beside the product, for `make up STRIPE=stand-in`: nobody really pays."""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from config.local.install import ROOT, RefusedError
from config.local.parts import Part
from config.local.state import ServerState
from config.local.valkey import free_port, port_is_free

HOST = "127.0.0.1"
STAND_IN = "stand-in"


def wants_stand_in(environment: Mapping[str, str]) -> bool:
    """Tell whether STRIPE asks for the stand-in.

    Raises:
        RefusedError: it asks for something else, or for the stand-in beside a real account.
    """
    wanted = environment.get("STRIPE", "")
    if wanted not in {"", STAND_IN}:
        raise RefusedError(
            f"STRIPE is “{wanted}”; it can only be “{STAND_IN}”. For a real account set "
            "EASEL_STRIPE_SECRET_KEY and EASEL_STRIPE_WEBHOOK_SECRET."
        )
    if wanted and environment.get("EASEL_STRIPE_SECRET_KEY"):
        raise RefusedError(
            f"STRIPE={STAND_IN} and EASEL_STRIPE_SECRET_KEY contradict each other; leave one out."
        )
    return bool(wanted)


def choose_port(state: ServerState) -> None:
    """Give the stand-in a port of its own, the same one each time where it is free."""
    if not state.stripe_port or not port_is_free(state.stripe_port):
        state.stripe_port = free_port()


def settings_of(state: ServerState) -> dict[str, str]:
    """Return the settings that lead the product to the stand-in."""
    return {
        "EASEL_STRIPE_SECRET_KEY": state.stripe_key,
        "EASEL_STRIPE_WEBHOOK_SECRET": state.stripe_webhook_secret,
        "EASEL_STRIPE_API_URL": url_of(state),
    }


def url_of(state: ServerState) -> str:
    """Return where the stand-in is; a person finds its own page there."""
    return f"http://{HOST}:{state.stripe_port}"


def part(state: ServerState, environment: Mapping[str, str], *, web_port: int) -> Part:
    """Describe the stand-in; it keeps its account under `var/`, as the product keeps its rows."""
    return Part(
        name="stripe",
        argv=(
            *(sys.executable, "-m", "tests.stripe_stand_in"),
            *("--port", str(state.stripe_port)),
            *("--webhook-url", f"http://{HOST}:{web_port}/billing/stripe/webhook/"),
            *("--webhook-secret", state.stripe_webhook_secret),
            *("--secret-key", state.stripe_key),
            *("--state", str(Path(environment["EASEL_VAR_DIR"]) / "stripe_stand_in.json")),
        ),
        environment=environment,
        cwd=ROOT,
        is_ready=lambda: _answers(state.stripe_port),
    )


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
