"""Notices of instance metadata, read from a stand-in on loopback."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest

from gpu_tasks.worker.spot import NoMetadataError, Notice, SpotMetadata, start_watch
from tests.instance_metadata import ACTION, REBALANCE, InstanceMetadata
from tests.stack import free_port


@pytest.fixture
def metadata() -> Iterator[InstanceMetadata]:
    with InstanceMetadata() as server:
        yield server


def test_an_instance_without_a_notice_has_none(metadata: InstanceMetadata) -> None:
    spot = SpotMetadata(metadata.url)

    assert spot.find_notice() is None
    assert spot.find_notice() is None
    assert metadata.asked == [ACTION, REBALANCE, ACTION, REBALANCE]
    assert metadata.tokens_given == 1


def test_an_interruption_is_graver_than_a_recommendation(metadata: InstanceMetadata) -> None:
    spot = SpotMetadata(metadata.url)
    metadata.recommend_rebalance()
    assert spot.find_notice() is Notice.REBALANCE

    metadata.interrupt()
    assert spot.find_notice() is Notice.INTERRUPTION


def test_a_token_that_has_ended_is_asked_for_anew(metadata: InstanceMetadata) -> None:
    spot = SpotMetadata(metadata.url)
    spot.find_notice()
    metadata.token = "another"
    metadata.interrupt()

    assert spot.find_notice() is Notice.INTERRUPTION
    assert metadata.tokens_given == 2


def test_where_nobody_answers_there_is_no_metadata() -> None:
    with pytest.raises(NoMetadataError):
        SpotMetadata(f"http://127.0.0.1:{free_port()}").find_notice()


def test_each_kind_of_notice_is_passed_on_once(metadata: InstanceMetadata) -> None:
    notices: SimpleQueue[Notice] = SimpleQueue()
    metadata.recommend_rebalance()
    start_watch(metadata.url, on_notice=notices.put, every=0.02)

    assert notices.get(timeout=10) is Notice.REBALANCE
    with pytest.raises(Empty):
        notices.get(timeout=0.2)
    metadata.interrupt()
    assert notices.get(timeout=10) is Notice.INTERRUPTION
    with pytest.raises(Empty):
        notices.get(timeout=0.2)
