"""Attempts at jobs whose pictures another service makes."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

import structlog
from django.db import DatabaseError, connection
from PIL import Image as PillowImage
from PIL import ImageOps

from apps.core.errors import ErrorCode, NotFound
from apps.core.tenancy import tenant_scope
from apps.generation.provided import looks_of, terms_of_job
from apps.generation.services.admission import check_entitled
from apps.images.models import Image
from apps.images.services.pictures import StoredPicture
from apps.providers.access import access_for_pictures, house_key
from apps.providers.models import CallOutcome, KeyOwner, ProviderCall
from apps.providers.prices import micros_of
from apps.providers.sealing import NotOpenedError
from apps.providers.selectors import Terms, is_billed_perhaps
from apps.providers.services import begin_call, end_call, key_of_running_job
from gpu_tasks.engine import Engine, GenerationCancelled, GenerationResult
from gpu_tasks.engine.pictures.masks import fit_mask, paste_back, prepare_mask
from gpu_tasks.engine.request import SEED_COUNT
from gpu_tasks.providers import (
    PROVIDER_FACTS,
    ImageProvider,
    Made,
    PictureOrder,
    ProviderError,
    ProviderInvalid,
    ProviderLimited,
    ProviderOutOfQuota,
    ProviderRefused,
    ProviderRejectedKey,
    ProviderTimeout,
    ProviderUnavailable,
    provider_for,
)
from gpu_tasks.runner.attempt import Attempt, Outcome
from gpu_tasks.runner.facts import facts_of_provided
from gpu_tasks.runner.inputs import load_pictures

logger = structlog.get_logger(__name__)

_Answer = TypeVar("_Answer")

# A call that made nothing is made again so often, after the time that the provider names.
TRIES = 3
FIRST_WAIT_SECONDS = 2.0
# Who is told to wait for longer is told by us at once.
MOST_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.2
# A call may take so much longer than those before it; then its pictures are stored and settled.
_SLOWER = 1.5
_STORE_SECONDS = 10.0
# Between the tries to store what was made.
STORE_WAITS_SECONDS = (0.5, 2.0, 5.0)
# Between those to reach the database: as long as a lease may last that nobody can renew.
DATABASE_WAITS_SECONDS = (0.5, 2.0, 5.0, 15.0)

_BY_OWN_KEY = {
    ProviderRejectedKey: ErrorCode.IMAGE_PROVIDER_KEY_REJECTED,
    ProviderOutOfQuota: ErrorCode.IMAGE_PROVIDER_KEY_EMPTY,
    ProviderLimited: ErrorCode.IMAGE_PROVIDER_KEY_LIMITED,
}
# By our key a rejected one, or an empty account, is a fault of ours like any other.
_BY_ANY_KEY = {
    ProviderTimeout: ErrorCode.IMAGE_PROVIDER_TIMEOUT,
    ProviderLimited: ErrorCode.IMAGE_PROVIDER_LIMITED,
    ProviderRefused: ErrorCode.IMAGE_PROVIDER_REFUSED,
    ProviderInvalid: ErrorCode.IMAGE_PROVIDER_INVALID,
}


def code_of(error: ProviderError, *, owner: KeyOwner) -> ErrorCode:
    """Return the code that tells a user what went wrong at a provider, and whose it is."""
    known = _BY_ANY_KEY | (_BY_OWN_KEY if owner == KeyOwner.OWN else {})
    return known.get(type(error), ErrorCode.IMAGE_PROVIDER_UNAVAILABLE)


def _required(terms: Terms | None) -> Terms:
    if terms is None:
        raise ValueError("a job of a provider without terms")
    return terms


def _ask_patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Return what `ask` returns, and ask again while the database is away.

    Raises:
        DatabaseError: it stays away.
    """
    for wait in DATABASE_WAITS_SECONDS:
        try:
            return ask()
        except DatabaseError as error:
            logger.warning("asked_again", error=type(error).__name__, seconds=wait)
        connection.close()
        time.sleep(wait)
    return ask()


class ProvidedAttempt(Attempt):
    """Have pictures made by calls of a provider; no GPU is used.

    A cancel is heeded between two calls: what is under way is billed, so its pictures are kept
    and charged.
    """

    is_solo: ClassVar[bool] = True
    is_beside: ClassVar[bool] = True
    # Whether a call has brought pictures.
    _is_made = False

    def _prepare(self) -> None:
        check_entitled(self.job)
        self._facts = PROVIDER_FACTS[self.job.model.base]
        self._has_seed = self._facts.has_seed
        self._call_seconds = self._facts.planned_seconds
        self._terms = _required(terms_of_job(self.job))
        self._key = self._find_key()
        size = (self.parameters.width, self.parameters.height)
        pictures = load_pictures(self.job, self.parameters)
        start, mask = pictures.get("init_image"), pictures.get("mask.image")
        self._start = None if start is None else ImageOps.fit(start, size)
        self._mask = None if mask is None else fit_mask(mask, size, feather=0)
        self._references = tuple(
            pictures[f"references.{number}"] for number in range(len(self.parameters.references))
        )

    def make(self, engine: Engine) -> Outcome:
        """Ask the provider until all pictures are there; those that are made are never lost.

        Raises:
            ProviderError: before any picture was made.
            DatabaseError: likewise.
        """
        del engine
        if self._terms.key_owner == KeyOwner.OWN and is_billed_perhaps(
            user_id=self.job.user_id, job_id=self.job.id, before_attempt=self.job.attempt
        ):
            raise ProviderTimeout("an attempt that was lost may have been billed to the user")
        began = time.monotonic()
        access = access_for_pictures(self._terms.provider, key=self._key)
        pictures: list[PillowImage.Image] = []
        with provider_for(self._terms.provider, access) as provider:
            while len(pictures) < self.parameters.num_images:
                try:
                    made = (
                        None
                        if self._must_stop()
                        else self._call_patiently(provider, made=len(pictures))
                    )
                except (ProviderError, DatabaseError) as error:
                    if not pictures:
                        raise
                    # They are paid for: better fewer than none.
                    logger.warning("fewer_pictures_made", error=type(error).__name__)
                    break
                if made is None:
                    if pictures and not self.lease.must_stop():
                        # This process ends before the next call would, and another process would
                        # have them made again.
                        logger.warning("fewer_pictures_made", error="shutdown")
                        break
                    return self._cancelled(pictures, began)
                pictures += [self._finished(each) for each in made.pictures]
        return GenerationResult(
            images=tuple(pictures),
            seeds=self._seeds(len(pictures)),
            compute_seconds=time.monotonic() - began,
            model_load_seconds=0.0,
            device="",
            library_versions={},
        )

    def _call_patiently(self, provider: ImageProvider, *, made: int) -> Made | None:
        """Call again after calls that made nothing; `None` if the job must stop meanwhile."""
        for number in range(1, TRIES + 1):
            try:
                return self._call(provider, made=made)
            except ProviderError as error:
                wait = error.retry_after
                if wait is None:
                    wait = FIRST_WAIT_SECONDS * 2 ** (number - 1)
                if not error.may_be_repeated or number == TRIES or wait > MOST_WAIT_SECONDS:
                    raise
            if self._stopped_within(wait):
                return None
        raise AssertionError("unreachable")

    def _call(self, provider: ImageProvider, *, made: int) -> Made:
        """Make one call, which is on record before it begins."""
        order = self._order(made)
        cost = self._cost_micros
        call = begin_call(
            user_id=self.job.user_id,
            job_id=self.job.id,
            attempt=self.job.attempt,
            provider=self._terms.provider,
            model=self.job.model_id,
            key_owner=self._terms.key_owner,
            pictures=order.count,
            cost_micros=cost * order.count,
        )
        # Nobody needs it while the provider works, which may take minutes.
        connection.close()
        began = time.monotonic()
        try:
            answer = provider.make(order)
        except ProviderError as error:
            unsure = error.may_be_billed
            self._note_end(
                call,
                outcome=CallOutcome.UNSURE if unsure else CallOutcome.FAILED,
                pictures=0,
                cost_micros=cost * order.count if unsure else 0,
                seconds=time.monotonic() - began,
                error_code=code_of(error, owner=self._terms.key_owner),
            )
            raise
        self._is_made = True
        seconds = time.monotonic() - began
        self._call_seconds = max(self._call_seconds, seconds)
        self._note_end(
            call,
            outcome=CallOutcome.MADE,
            pictures=len(answer.pictures),
            cost_micros=cost * len(answer.pictures),
            seconds=seconds,
            request_id=answer.request_id,
        )
        return answer

    def _note_end(self, call: ProviderCall, **facts: Any) -> None:
        try:
            end_call(call=call, **facts)
        except DatabaseError as error:
            # It stays on record as begun, at its cost; what was made must not be made again.
            logger.warning("call_not_ended", error=type(error).__name__)

    @property
    def _cost_micros(self) -> int:
        if self._terms.key_owner == KeyOwner.OWN:
            return 0
        size = (self.parameters.width, self.parameters.height)
        return micros_of(base=self._facts.base, size=size, looks=looks_of(self.parameters))

    def _order(self, made: int) -> PictureOrder:
        asked, facts = self.parameters, self._facts
        return PictureOrder(
            facts=facts,
            prompt=asked.prompt,
            negative_prompt=asked.negative_prompt,
            width=asked.width,
            height=asked.height,
            count=min(asked.num_images - made, facts.pictures_a_call),
            seed=(asked.seed + made) % SEED_COUNT if facts.has_seed else None,
            start=self._start,
            strength=asked.strength,
            mask=self._mask,
            references=self._references,
        )

    def _finished(self, picture: PillowImage.Image) -> PillowImage.Image:
        """Put back what a mask leaves out: providers take it for a hint."""
        if self._start is None or self._mask is None or self.parameters.mask is None:
            return picture
        feather = self.parameters.mask.feather
        mask = prepare_mask(self._mask, self._start.size, feather=feather)
        fitted = ImageOps.fit(picture, self._start.size)
        return paste_back(fitted, self._start, mask)

    def _seeds(self, count: int) -> tuple[int, ...]:
        return tuple((self.parameters.seed + index) % SEED_COUNT for index in range(count))

    def _cancelled(self, pictures: list[PillowImage.Image], began: float) -> GenerationCancelled:
        return GenerationCancelled(
            images=tuple(pictures),
            seeds=self._seeds(len(pictures)),
            compute_seconds=time.monotonic() - began,
        )

    def _must_stop(self) -> bool:
        # No call is begun that this process will not see the end of: it is billed all the same.
        left = _SLOWER * self._call_seconds + _STORE_SECONDS
        return self.lease.must_stop() or self._shutdown.must_let_go(seconds_left=left)

    def _stopped_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            # A process that is to end does not wait: another worker asks again.
            if self._must_stop() or self._shutdown.is_asked:
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def _find_key(self) -> str:
        job, terms = self.job, self._terms
        if terms.key_owner == KeyOwner.HOUSE:
            key = house_key(terms.provider)
            if key is None:
                raise ProviderRejectedKey("this worker has no key of the house")
            return key
        try:
            return key_of_running_job(
                user_id=job.user_id,
                job_id=job.id,
                attempt=job.attempt,
                provider=terms.provider,
            )
        except NotFound as error:
            raise NotFound(code=ErrorCode.IMAGE_PROVIDER_KEY_MISSING) from error
        except NotOpenedError as error:
            logger.exception("provider_key_not_opened")
            # A secret is missing here, which is no fault of the user's.
            raise ProviderUnavailable("no secret opens the key") from error

    def _charge(self, pictures: int) -> int:
        return self._terms.credits_a_picture * pictures

    def _facts_of_making(self, made: GenerationResult | GenerationCancelled) -> dict[str, Any]:
        return facts_of_provided(self.job, parameters=self.parameters, facts=self._facts, made=made)

    def _store(self, made: GenerationResult | GenerationCancelled) -> Sequence[StoredPicture]:
        for wait in STORE_WAITS_SECONDS:
            try:
                return super()._store(made)
            except OSError as error:
                logger.warning("pictures_not_stored", error=type(error).__name__)
            time.sleep(wait)
        return super()._store(made)

    def _check(self, pictures: Sequence[PillowImage.Image]) -> None:
        _ask_patiently(partial(super()._check, pictures))

    def _settle(
        self, made: GenerationResult | GenerationCancelled, stored: Sequence[StoredPicture]
    ) -> bool:
        settle = partial(super()._settle, made, stored)
        return _ask_patiently(lambda: settle() or self._is_settled(stored))

    def _is_settled(self, stored: Sequence[StoredPicture]) -> bool:
        """Tell whether a commit arrived whose answer did not: the names are this attempt's own."""
        names = [picture.image_name for picture in stored]
        with tenant_scope(self.job.user_id):
            rows = Image.objects.filter(user=self.job.user_id, image_name__in=names)
            return rows.exists()

    def _end_by(self, error: Exception) -> None:
        if isinstance(error, ProviderError):
            self._fail(code_of(error, owner=self._terms.key_owner), error)
        elif self._is_made and isinstance(error, DatabaseError | OSError):
            # Another attempt would have them made, and billed, a second time.
            self._fail(ErrorCode.STORAGE_UNAVAILABLE, error)
        else:
            super()._end_by(error)
