"""Pictures that are moved, thrown away, brought back and uploaded at the same moment."""

import dataclasses
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, QuerySet, Sum

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board, delete_board, edit_board, move_images
from apps.catalog.models import GenerationModel
from apps.core.errors import Forbidden
from apps.core.tenancy import tenant_scope
from apps.generation.services.results import finish_job
from apps.images.models import HourCount, Image, StorageUse
from apps.images.services import library, pictures
from tests.factories import encode, make_image, make_job, make_picture
from tests.generation.turns import claimed

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 4
ACTS = 12


@contextmanager
def own(user: User) -> Iterator[None]:
    try:
        with tenant_scope(user.id):
            yield
    finally:
        connection.close()


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(action) for action in actions]]


def check_counts(user: User) -> None:
    """Compare every count that is kept with the pictures there are."""
    shown = Q(deleted_at=None, is_intermediate=False)
    images = Image.objects.filter(user=user)
    found = images.aggregate(
        stored_bytes=Sum("file_size_bytes", default=0),
        image_count=Count("id", filter=shown),
        loose_count=Count("id", filter=shown & Q(board_id=None)),
        trash_count=Count("id", filter=Q(deleted_at__isnull=False)),
    )
    kept = StorageUse.objects.filter(user=user).values(*found).get()
    assert kept == found
    on_boards = dict(
        images.filter(shown, board_id__isnull=False)
        .values_list("board_id")
        .annotate(number=Count("id"))
    )
    for board in Board.objects.filter(user=user):
        assert board.image_count == on_boards.get(board.id, 0)
    hours = HourCount.objects.filter(user=user).aggregate(total=Sum("image_count", default=0))
    assert hours["total"] == found["image_count"]


def test_counts_are_exact_whatever_several_clients_do_at_once(user: User) -> None:
    boards = [create_board(user=user, name=str(number)) for number in range(3)]
    names = [make_image(user).image_name for _number in range(12)]

    def client(seed: int) -> Callable[[], None]:
        chance = random.Random(seed)

        def work() -> None:
            for _act in range(ACTS):
                some = chance.sample(names, 5)
                board = chance.choice([None, *(board.id for board in boards[:2])])
                with own(user):
                    match chance.randrange(5):
                        case 0 | 1:
                            move_images(user=user, names=some, board_id=board)
                        case 2:
                            library.trash_images(user=user, names=some)
                        case 3:
                            library.restore_images(user=user, names=some)
                        case _:
                            library.purge_images(user_id=user.id, names=some[:1], actor_id=user.id)

        return work

    def upload() -> None:
        for _number in range(5):
            with own(user):
                pictures.upload_image(user=user, file=encode(make_picture()))

    def end_board() -> None:
        with own(user):
            delete_board(user=user, board_id=boards[2].id, with_pictures=True)

    at_once(*[client(seed) for seed in range(CLIENTS)], upload, end_board)

    check_counts(user)
    assert Image.objects.filter(user=user, image_origin="external").count() == 5


def change_in_two_steps(
    user: User, names: Sequence[uuid.UUID], met: threading.Barrier
) -> Callable[[], None]:
    """Change two pictures one after another, and meet the other one who does in between."""

    def change(rows: QuerySet[Image]) -> None:
        for name in names:
            rows.filter(image_name=name).update(starred=True)
            try:
                met.wait(timeout=0.5)
            except threading.BrokenBarrierError:
                time.sleep(0)

    def work() -> None:
        with own(user), transaction.atomic():
            library.change_images(user=user, names=names, change=change)

    return work


@pytest.mark.parametrize("is_locked", [True, False])
def test_two_changes_of_many_pictures_never_wait_for_each_other(
    user: User, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    names = [make_image(user).image_name for _number in range(2)]
    met = threading.Barrier(2)
    if not is_locked:
        monkeypatch.setattr(library, "lock_library", lambda **_: None)
    works = [change_in_two_steps(user, order, met) for order in (names, names[::-1])]

    if is_locked:
        at_once(*works)
        assert Image.objects.filter(starred=True).count() == 2
    else:
        with pytest.raises(OperationalError, match="deadlock"):
            at_once(*works)


def test_uploads_at_once_never_exceed_the_storage(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = make_image(user).file_size_bytes
    # There is room for two more.
    monkeypatch.setattr("apps.plans.entitlements.BYTES_A_GB", (3 * size + size // 2) // 20)

    def upload() -> bool:
        with own(user):
            try:
                pictures.upload_image(user=user, file=encode(make_picture()))
            except Forbidden:
                return False
            return True

    done = at_once(*[upload] * 5)

    use = StorageUse.objects.get(user=user)
    assert use.stored_bytes == sum(Image.objects.values_list("file_size_bytes", flat=True))
    assert use.stored_bytes <= 3 * size + size // 2
    assert sum(done) == Image.objects.count() - 1
    check_counts(user)


def test_pictures_whose_board_goes_while_they_are_stored_are_kept_without_it(
    user: User, starter: GenerationModel
) -> None:
    kept, gone = (create_board(user=user, name=name) for name in ("kept", "gone"))
    make_job(user, starter)
    job = claimed()
    stored = [
        dataclasses.replace(
            pictures.store_picture(
                user_id=user.id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
            ),
            board_id=board_id,
        )
        for board_id in (kept.id, gone.id, None)
    ]
    delete_board(user=user, board_id=gone.id, with_pictures=False)

    assert finish_job(
        user_id=user.id, job_id=job.id, attempt=job.attempt, pictures=stored, compute_seconds=1
    )

    places = dict(Image.objects.values_list("image_name", "board_id"))
    assert [places[picture.image_name] for picture in stored] == [kept.id, None, None]
    check_counts(user)


@pytest.mark.parametrize("by", ["name", "auto-add"])
def test_a_deletion_under_way_ends_before_pictures_would_go_on_that_board(
    user: User, starter: GenerationModel, by: str
) -> None:
    gone = create_board(user=user, name="gone")
    if by == "auto-add":
        edit_board(user=user, board_id=gone.id, is_auto_add=True)
    make_job(user, starter)
    job = claimed()
    stored = dataclasses.replace(
        pictures.store_picture(
            user_id=user.id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
        ),
        board_id=gone.id if by == "name" else None,
    )
    deleted = threading.Event()

    def end_board() -> None:
        with own(user):
            delete_board(user=user, board_id=gone.id, with_pictures=False)
            deleted.set()
            time.sleep(0.5)

    def finish() -> bool:
        deleted.wait()
        try:
            return finish_job(
                user_id=user.id,
                job_id=job.id,
                attempt=job.attempt,
                pictures=[stored],
                compute_seconds=1,
            )
        finally:
            connection.close()

    assert at_once(end_board, finish) == [None, True]

    assert Image.objects.get().board_id is None
    check_counts(user)
