"""Training of LoRAs: sets of pictures, what is trained from them, and one training on its way."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.catalog.limits import MAX_SEED
from apps.dashboard.views import page
from apps.plans.entitlements import Feature, decide, entitlements_of, refusal
from apps.training import requests
from apps.training.models import (
    LEAST_PICTURES,
    MAX_CAPTION_LENGTH,
    MAX_NAME_LENGTH,
    MAX_PICTURES,
    MAX_SETS,
)
from apps.training.selectors import (
    covers_of,
    facts_of,
    facts_of_run,
    get_run,
    get_set,
    list_bases,
    list_pictures,
    list_runs,
    list_sets,
)
from gpu_tasks.training.lora.settings import MAX_TRIGGER

RUNS_SHOWN = 50
COVERS = 4
_LIMITS = {
    "name": MAX_NAME_LENGTH,
    "caption": MAX_CAPTION_LENGTH,
    "trigger": MAX_TRIGGER,
    "sets": MAX_SETS,
    "least": LEAST_PICTURES,
    "most": MAX_PICTURES,
    "least_steps": requests.LEAST_STEPS,
    "steps": requests.MOST_STEPS,
    "rank": requests.MOST_RANK,
    "batch": requests.MOST_BATCH,
    "prompts": requests.MOST_SAMPLE_PROMPTS,
    "seed": MAX_SEED,
}
_DEFAULTS = {
    "steps": requests.DEFAULT_STEPS,
    "rank": requests.DEFAULT_RANK,
    "learning_rate": f"{requests.DEFAULT_LEARNING_RATE:g}",
}


@page
def trainings(request: HttpRequest) -> HttpResponse:
    """Show the sets and the trainings, or what plan trains to whoever has another one."""
    user = signed_in_user(request)
    sets = list(list_sets(user=user))
    covers = covers_of(user=user, set_ids=[found.id for found in sets], each=COVERS)
    runs = list(list_runs(user=user).defer("losses", "pictures")[:RUNS_SHOWN])
    context = {
        "sets": [(found, covers[found.id]) for found in sets],
        "runs": facts_of(user=user, runs=runs),
    }
    return _shown(request, user, "dashboard/training.html", context)


@page
def training_set(request: HttpRequest, set_id: uuid.UUID) -> HttpResponse:
    """Show a set with its captions, and the settings of a training beside it."""
    user = signed_in_user(request)
    found = get_set(user=user, set_id=set_id)
    context = {
        "set": found,
        "pictures": list(list_pictures(user=user, set_id=set_id)),
        "models": list_bases(user=user),
        "defaults": _DEFAULTS,
    }
    return _shown(request, user, "dashboard/training_set.html", context)


@page
def training_run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show a training: its losses, its samples, how long it will take, and what came of it."""
    user = signed_in_user(request)
    facts = facts_of_run(user=user, run=get_run(user=user, run_id=run_id))
    return _shown(request, user, "dashboard/training_run.html", {"facts": facts, "run": facts.run})


def _shown(
    request: HttpRequest, user: User, template: str, context: dict[str, Any]
) -> HttpResponse:
    decision = decide(entitlements_of(user_id=user.id), feature=Feature.LORA_TRAINING)
    known = {
        "section": "training",
        "limits": _LIMITS,
        "refusal": None if decision.allowed else refusal(decision),
        "smallest_plan": decision.smallest_plan,
    }
    return render(request, template, known | context)
