"""Writes on presets and wildcards; and prompts made of templates."""

import secrets
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.limits import MAX_PROMPT_LENGTH, MAX_SEED
from apps.core.errors import Conflict, Invalid, NotFound
from apps.generation.dynamic_prompts import Mode, expand_together
from apps.images.services.library import lock_library
from apps.workflows.models import MAX_PRESETS, MAX_WILDCARDS, StylePreset, Wildcard
from apps.workflows.presets import apply_preset
from apps.workflows.selectors import get_preset, get_wildcard, wildcard_table


class MadePrompt(NamedTuple):
    prompt: str
    negative_prompt: str


class MadePrompts(NamedTuple):
    """Prompts, and the seed that makes them again."""

    prompts: list[MadePrompt]
    seed: int


def create_preset(
    *,
    user: User,
    name: str,
    prompt: str = "",
    negative_prompt: str = "",
    cover_name: uuid.UUID | None = None,
) -> StylePreset:
    """Keep a style for `user`.

    Raises:
        Conflict: there is one of that name, or there are as many as one may have.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        own = StylePreset.objects.filter(user=user)
        _require_free_name(own.filter(name=name).exists())
        if own.count() >= MAX_PRESETS:
            raise Conflict(_("You have as many styles as there can be."), limit=MAX_PRESETS)
        preset = StylePreset.objects.create(
            user=user,
            name=name,
            prompt=prompt,
            negative_prompt=negative_prompt,
            cover_name=cover_name,
        )
        return get_preset(user=user, preset_id=preset.id)


def edit_preset(*, user: User, preset_id: uuid.UUID, **changes: Any) -> StylePreset:
    """Set `name`, `prompt`, `negative_prompt` or `cover_name` of a preset.

    Raises:
        NotFound: `user` has no such preset of their own.
        Conflict: there is another of that name.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        own = StylePreset.objects.filter(user=user)
        if not own.filter(id=preset_id).exists():
            raise NotFound
        others = own.filter(name=changes.get("name")).exclude(id=preset_id)
        _require_free_name(others.exists())
        if changes:
            own.filter(id=preset_id).update(**changes)
        return get_preset(user=user, preset_id=preset_id)


def delete_preset(*, user: User, preset_id: uuid.UUID) -> None:
    """Delete a preset.

    Raises:
        NotFound: `user` has no such preset of their own.
    """
    deleted, _rows = StylePreset.objects.filter(user=user, id=preset_id).delete()
    if not deleted:
        raise NotFound


def create_wildcard(*, user: User, name: str, values: Sequence[str]) -> Wildcard:
    """Keep values for `__name__` in templates of `user`.

    Raises:
        Conflict: there is one of that name, or there are as many as one may have.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        own = Wildcard.objects.filter(user=user)
        _require_free_name(own.filter(name=name).exists())
        if own.count() >= MAX_WILDCARDS:
            raise Conflict(_("You have as many wildcards as there can be."), limit=MAX_WILDCARDS)
        return Wildcard.objects.create(user=user, name=name, values=list(values))


def edit_wildcard(*, user: User, wildcard_id: uuid.UUID, **changes: Any) -> Wildcard:
    """Set `name` or `values` of a wildcard.

    Raises:
        NotFound: `user` has no such wildcard.
        Conflict: there is another of that name.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        own = Wildcard.objects.filter(user=user)
        if not own.filter(id=wildcard_id).exists():
            raise NotFound
        others = own.filter(name=changes.get("name")).exclude(id=wildcard_id)
        _require_free_name(others.exists())
        if changes:
            own.filter(id=wildcard_id).update(**changes)
        return get_wildcard(user=user, wildcard_id=wildcard_id)


def delete_wildcard(*, user: User, wildcard_id: uuid.UUID) -> None:
    """Delete a wildcard.

    Raises:
        NotFound: `user` has no such wildcard.
    """
    deleted, _rows = Wildcard.objects.filter(user=user, id=wildcard_id).delete()
    if not deleted:
        raise NotFound


def make_prompts(
    *,
    user: User,
    prompt: str,
    negative_prompt: str = "",
    preset_id: uuid.UUID | None = None,
    count: int = 1,
    seed: int | None = None,
    mode: Mode = "random",
) -> MadePrompts:
    """Expand templates with the wildcards of `user`, and put each outcome into a style.

    Without a seed one is drawn.

    Raises:
        NotFound: `user` sees no such preset.
        Invalid: a template cannot be read, or what it makes is too long or too much.
    """
    preset = None if preset_id is None else get_preset(user=user, preset_id=preset_id)
    templates = {"prompt": prompt, "negative_prompt": negative_prompt}
    if seed is None:
        seed = secrets.randbelow(MAX_SEED + 1)
    named = any("__" in template for template in templates.values())
    made = expand_together(
        templates,
        count=count,
        seed=seed,
        wildcards=wildcard_table(user=user) if named else {},
        mode=mode,
    )
    prompts = [MadePrompt(**one) for one in made]
    if preset is not None:
        prompts = [_style(preset, one) for one in prompts]
    return MadePrompts(prompts, seed)


def _style(preset: StylePreset, made: MadePrompt) -> MadePrompt:
    styled = MadePrompt(
        *apply_preset(preset=preset, prompt=made.prompt, negative_prompt=made.negative_prompt)
    )
    for name, text in styled._asdict().items():
        if len(text) > MAX_PROMPT_LENGTH:
            message = _("With the style this has more than %(most)d characters; make it shorter.")
            raise Invalid(fields={name: [message % {"most": MAX_PROMPT_LENGTH}]})
    return styled


def _require_free_name(is_taken: bool) -> None:  # noqa: FBT001  (its one argument)
    if is_taken:
        raise Conflict(_("You have one of this name already; choose another name."))
