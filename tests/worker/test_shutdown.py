"""How long a job may go on, and what happens when a worker hears nothing."""

import threading
import time

from gpu_tasks.worker.shutdown import Pace, Shutdown, start_guard
from gpu_tasks.worker.watchdog import SilenceWatch


def test_a_job_goes_on_until_somebody_asks() -> None:
    shutdown = Shutdown()

    assert not shutdown.is_asked
    assert not shutdown.must_let_go(seconds_left=1e9)


def test_a_job_that_ends_within_the_grace_goes_on_and_a_longer_one_does_not() -> None:
    shutdown = Shutdown()
    shutdown.begin(reason="test", grace_seconds=10)

    assert shutdown.is_asked
    assert not shutdown.must_let_go(seconds_left=None)
    assert not shutdown.must_let_go(seconds_left=8)
    assert shutdown.must_let_go(seconds_left=12)


def test_the_earliest_deadline_holds() -> None:
    shutdown = Shutdown()
    shutdown.begin(reason="test", grace_seconds=10)
    shutdown.begin(reason="later", grace_seconds=1000)
    assert shutdown.must_let_go(seconds_left=12)

    shutdown.begin(reason="sooner", grace_seconds=0)
    assert shutdown.must_let_go(seconds_left=None)


def test_the_guard_gives_up_after_the_deadline_and_hears_of_a_sooner_one() -> None:
    shutdown, given_up = Shutdown(), threading.Event()
    start_guard(shutdown, after_seconds=0.1, give_up=given_up.set)
    shutdown.begin(reason="test", grace_seconds=60)
    assert not given_up.wait(0.3)

    shutdown.begin(reason="hurry", grace_seconds=0)
    assert given_up.wait(5)


def test_the_pace_leaves_the_time_before_the_first_step_out() -> None:
    pace = Pace()
    time.sleep(0.3)  # a model is loaded
    pace.note(0.25)
    after_one = pace.seconds_left
    time.sleep(0.1)
    pace.note(0.5)
    after_two = pace.seconds_left

    assert after_one is None
    assert after_two is not None
    assert 0.2 <= after_two < 0.5


class Ears:
    heard_at: float | None = None
    is_listening = True


def watch(ears: Ears, given_up: threading.Event) -> SilenceWatch:
    return SilenceWatch(
        seconds=0.4,
        heard_at=lambda: ears.heard_at,
        is_listening=lambda: ears.is_listening,
        give_up=given_up.set,
    )


def test_a_process_that_hears_nothing_gives_up() -> None:
    ears, given_up = Ears(), threading.Event()
    watch(ears, given_up).start()

    assert given_up.wait(5)


def test_a_process_that_hears_that_there_is_nothing_goes_on() -> None:
    ears, given_up = Ears(), threading.Event()
    watch(ears, given_up).start()
    for _time in range(10):
        ears.heard_at = time.monotonic()
        assert not given_up.wait(0.1)

    assert given_up.wait(5)


def test_a_process_that_does_not_listen_may_hear_nothing() -> None:
    ears, given_up = Ears(), threading.Event()
    ears.is_listening = False
    watch(ears, given_up).start()
    assert not given_up.wait(1)

    ears.is_listening = True
    assert given_up.wait(5)
