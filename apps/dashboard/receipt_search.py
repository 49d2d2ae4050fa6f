"""Find receipts by what people have at hand: words of the prompt, a picture, a day."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from django.db.models import Q

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.core.storage import UUID_PATTERN
from apps.credits.serializers import YEARS
from apps.credits.usage import Span
from apps.generation.models import Job
from apps.generation.receipts import Receipt, list_receipts, receipts_of
from apps.generation.selectors import list_jobs, put_titles
from apps.images.models import Image

RECEIPTS_SHOWN: Final = 20
# As many as prompts are searched by elsewhere; a longer text is no help in finding one.
MAX_WORDS_LENGTH: Final = 200
# The name of a picture or of a job, also within a pasted address.
_NAME: Final = re.compile(UUID_PATTERN, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReceiptSearch:
    """What receipts were asked for: `words` or a pasted address, and a day of the month."""

    words: str = ""
    day: date | None = None

    @classmethod
    def asked(cls, given: Mapping[str, str]) -> Self:
        """Read an address.

        Raises:
            NotFound: there is no such day.
        """
        try:
            day = date.fromisoformat(given["day"]) if given.get("day") else None
        except ValueError as error:
            raise NotFound from error
        # Of a day at the end of all days there is none after it.
        if day is not None and day.year not in YEARS:
            raise NotFound
        # PostgreSQL takes no NUL.
        words = given.get("q", "").replace("\0", "").strip()
        return cls(words[:MAX_WORDS_LENGTH], day)

    @property
    def is_empty(self) -> bool:
        return not self.words and self.day is None


def find_receipts(*, user: User, month: Span, search: ReceiptSearch) -> Sequence[Receipt]:
    """Return the latest receipts of `month` that `search` asks for.

    At most four queries. A picture that is named is found whenever it was made, as is a day of
    another month.
    """
    named = _NAME.search(search.words)
    if named:
        jobs = _jobs_of_name(user, uuid.UUID(named.group()))
        receipts = receipts_of(user_id=user.id, jobs=jobs)
    else:
        span = month if search.day is None else Span(search.day, search.day)
        receipts = list_receipts(user=user, span=span, limit=RECEIPTS_SHOWN, words=search.words)
    put_titles(user=user, jobs=[receipt.job for receipt in receipts])
    return receipts


def _jobs_of_name(user: User, name: uuid.UUID) -> list[Job]:
    made = Image.objects.filter(user=user, image_name=name).values("session_id")
    return list(list_jobs(user=user).filter(Q(id=name) | Q(id__in=made)))
