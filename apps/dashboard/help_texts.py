"""What the help page says: short answers to what people ask, and what each refusal means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.errors import ErrorCode
from apps.plans.products import PACK_DAYS, RETENTION_DAYS, TRIAL, TRIAL_DAYS

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: what is written, pressed or refused, and what that means.

    `code` is what programs are told, where there is such a thing.
    """

    term: Text
    text: Text
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A question with its answer; `way` leads to where it is done."""

    slug: str
    title: Text
    paragraphs: Sequence[Text] = ()
    rows: Sequence[Row] = ()
    rows_are_typed: bool = False
    way: tuple[str, Text] | None = None


def help_sections() -> list[Section]:
    """Return all sections, in the order of the page."""
    return [*_making(), *_keeping(), *_paying(), _keys(), _refusals()]


def _making() -> list[Section]:
    return [
        Section(
            slug="first-picture",
            title=_("Your first picture"),
            paragraphs=(
                _("Write what the picture should show, or pick an example, and press Generate."),
                _(
                    "Before you press it, the price stands beside the button. While the picture is "
                    "made you see it take shape, and you can stop it at any step."
                ),
                _("When it is done it is in the gallery, with its prompt and all of its settings."),
            ),
            way=(reverse("dashboard:create"), _("Go to Create")),
        ),
        Section(
            slug="prompts",
            title=_("Prompts and weights"),
            paragraphs=(
                _(
                    "Say what there is, where it is and how it looks. What you do not want goes "
                    "into the negative prompt."
                ),
                _("The same prompt with the same seed and settings makes the same picture."),
            ),
            rows=(
                Row("(word)", _("counts a little more; (word:1.3) by how much, 0 to 5")),
                Row("[word]", _("counts a little less")),
                Row("{red|blue}", _("one of them, drawn anew for each prompt")),
                Row("__colour__", _("a value of your wildcard of that name")),
            ),
            rows_are_typed=True,
        ),
        Section(
            slug="models",
            title=_("Models and LoRAs"),
            paragraphs=(
                _(
                    "A model decides what a picture can look like and how long it takes. A LoRA is "
                    "a small addition that teaches it a style or a subject; its weight says how "
                    "strongly."
                ),
                _(
                    "You can add your own LoRAs and embeddings by an address or a file. Which "
                    "models you can use follows from your plan."
                ),
            ),
            way=(reverse("dashboard:models"), _("See the models")),
        ),
        Section(
            slug="canvas",
            title=_("Canvas: change a part of a picture"),
            paragraphs=(
                _(
                    "Paint over what should become something else and describe what should be "
                    "there. What lies outside of the mask stays as it is."
                ),
                _(
                    "To go on beyond the edge of a picture, move the box past it: the empty part "
                    "is made to fit."
                ),
                _(
                    "A start image is the simpler way: the new picture grows out of it, and the "
                    "strength says how far it may go."
                ),
            ),
        ),
    ]


def _keeping() -> list[Section]:
    return [
        Section(
            slug="boards",
            title=_("Boards and sharing"),
            paragraphs=(
                _(
                    "A board collects pictures; each picture is on one board or on none. Drag "
                    "pictures onto a board, or select them and press B."
                ),
                _(
                    "A board can be shared by a link with anyone who has it. Whoever opens it sees "
                    "the pictures and changes nothing, and you can withdraw the link at any time. "
                    "Sharing with people by name is part of Enterprise."
                ),
                _(
                    "Deleted pictures wait in the trash for 30 days and can be brought back until "
                    "then."
                ),
            ),
            way=(reverse("dashboard:gallery"), _("Open the gallery")),
        ),
        Section(
            slug="queue",
            title=_("Queue"),
            paragraphs=(
                _(
                    "You may order as much as you like: what your plan does not run at once waits "
                    "in your queue and starts by itself."
                ),
                _(
                    "In the queue you can bring a job forward, cancel it or pause all. A job that "
                    "waits costs nothing; one that you cancel costs the seconds it ran."
                ),
                _(
                    "You can close the window at any time. The work goes on, and the pictures are "
                    "in the gallery when you come back."
                ),
            ),
            way=(reverse("dashboard:queue"), _("See the queue")),
        ),
    ]


def _paying() -> list[Section]:
    numbers = {"days": TRIAL_DAYS, "credits": TRIAL.credits_a_month, "kept": RETENTION_DAYS}
    return [
        Section(
            slug="credits",
            title=_("Credits and plans"),
            paragraphs=(
                _(
                    "One credit is one second of work on a GPU. Loading a model and storing a "
                    "picture are not charged, and the charge is never more than the price you saw."
                ),
                _(
                    "A picture that another service makes has its own price, which does not "
                    "depend on how long it takes."
                ),
                _("What fails costs nothing: the credits held for it come back at once."),
                _("Credits of a plan end with its month. Those of a pack last %(days)d days.")
                % {"days": PACK_DAYS},
                _(
                    "The trial has %(credits)d credits and %(days)d days. After it nothing new is "
                    "made until you take a plan; your pictures stay for %(kept)d days more."
                )
                % numbers,
            ),
            way=(reverse("dashboard:plan"), _("See the plans")),
        ),
        Section(
            slug="api",
            title=_("API"),
            paragraphs=(
                _(
                    "Whatever you do here a program can do too. Make a key, give it only the "
                    "scopes that it needs, and a cap of credits if you like."
                ),
                _("Keys work on plans with API access. A key is shown once; revoke what leaks."),
            ),
            way=(reverse("api-docs"), _("Read the API")),
        ),
    ]


def _keys() -> Section:
    return Section(
        slug="keyboard",
        title=_("Keyboard shortcuts"),
        rows=(
            Row("Ctrl Enter", _("Create: generate (on a Mac ⌘ Enter)")),
            Row("← → ↑ ↓", _("Gallery: move; with Shift, select on the way")),
            Row("Space", _("Gallery: select the picture, or take it out again")),
            Row("Ctrl A", _("Gallery: select all that is loaded")),
            Row("B", _("Gallery: put what is selected onto a board")),
            Row("Delete", _("Gallery and large view: into the trash")),
            Row("1 … 5", _("Large view: rate the picture")),
            Row("+ − 0", _("Large view: closer, farther, all of it")),
            Row("Alt ↑ ↓", _("Boards: move the board up or down")),
            Row("Esc", _("close what lies on top, or select nothing")),
        ),
        rows_are_typed=True,
    )


# In the order in which people meet them.
_REFUSALS: Final = (
    Row(
        _("Not enough credits"),
        _("Make it smaller or with fewer steps, or get a credit pack. Nothing was charged."),
        ErrorCode.INSUFFICIENT_CREDITS,
    ),
    Row(
        _("Your plan has ended"),
        _("Take a plan: everything is where you left it."),
        ErrorCode.PLAN_PAUSED,
    ),
    Row(
        _("This model is not in your plan"),
        _("Choose another model, or the plan that the message names."),
        ErrorCode.MODEL_NOT_IN_PLAN,
    ),
    Row(
        _("No API access"),
        _("Keys need a plan with API access. These pages work on every plan."),
        ErrorCode.API_ACCESS,
    ),
    Row(
        _("Your storage is full"),
        _("Empty the trash or delete pictures: there is room at once. A larger plan has more."),
        ErrorCode.STORAGE_FULL,
    ),
    Row(
        _("Your queue is full"),
        _("1,000 jobs are waiting. Let some finish, or cancel what you do not need."),
        ErrorCode.QUEUE_FULL,
    ),
    Row(
        _("Too many requests"),
        _("Wait for the seconds that the message names, then go on."),
        ErrorCode.RATE_LIMITED,
    ),
    Row(
        _("The graphics memory did not suffice"),
        _("Make a smaller picture, or fewer at once, and enlarge it afterwards."),
        ErrorCode.OUT_OF_MEMORY,
    ),
    Row(
        _("The price is no longer valid"),
        _("A price holds for ten minutes. Press Generate again: it is asked for anew."),
        ErrorCode.QUOTE_EXPIRED,
    ),
    Row(
        _("Refused for its content"),
        _("Change the prompt. If that was a mistake, ask for a second look on the receipt."),
        ErrorCode.CONTENT_REFUSED,
    ),
    Row(
        _("The model is not there"),
        _("It was switched off or deleted. Choose another one; what waited for it cost nothing."),
        ErrorCode.MODEL_GONE,
    ),
    Row(
        _("Something went wrong on our side"),
        _("Try again. It cost nothing; if it persists, tell support the number of the error."),
        ErrorCode.INTERNAL,
    ),
)


def _refusals() -> Section:
    return Section(
        slug="trouble",
        title=_("When something is refused"),
        paragraphs=(
            _("A refusal changes nothing and costs nothing. The small word is what programs get."),
        ),
        rows=_REFUSALS,
    )
