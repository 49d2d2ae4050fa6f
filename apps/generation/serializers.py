"""The JSON of a job, for the API and for the snapshot a socket begins with."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.models import User
from apps.credits.costs import Basis
from apps.credits.selectors import Balance
from apps.generation.events import Progress, QueuePlacePayload
from apps.generation.failures import failure_detail
from apps.generation.guide_requests import (
    ControlSerializer,
    EmbeddingSerializer,
    HighResSerializer,
    ImagePromptSerializer,
    LoraSerializer,
    MaskSerializer,
    OutpaintSerializer,
    RefinerSerializer,
    RegionSerializer,
    UpscaleSerializer,
    VariationSerializer,
)
from apps.generation.models import TERMINAL_STATES, Job, JobState
from apps.generation.parameters.settings import GUIDES
from apps.generation.queue_selectors import Place, Queue, WaitingFor, places_of
from apps.generation.quotes import BindingQuote
from apps.generation.receipts import Outcome
from apps.generation.selectors import images_of, progress_of
from apps.images.models import Image
from apps.images.serializers import ImageSerializer
from apps.plans.tiers import GpuTier
from apps.providers.models import KeyOwner, provider_choices


class QuoteSerializer(serializers.Serializer[Any]):
    """What a generation costs at most; `token` holds us to it for ten minutes."""

    credits = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="The seconds it is expected to take.")
    basis = serializers.ChoiceField(choices=Basis.choices)
    available = serializers.IntegerField(help_text="The credits you have now.")
    token = serializers.CharField()


class AttemptSerializer(serializers.Serializer[Any]):
    """One try of a worker; lost and failed ones count for nothing."""

    attempt = serializers.IntegerField()
    seconds = serializers.FloatField(allow_null=True)
    charged = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(choices=Outcome.choices)


class WeightsSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField()
    sha256 = serializers.CharField()


class MadeWithSerializer(serializers.Serializer[Any]):
    """What pictures were made with: the same of all of it makes them again."""

    weights = serializers.DictField(child=WeightsSerializer(), help_text="By the key of the model.")
    libraries = serializers.DictField(child=serializers.CharField(), help_text="Their versions.")
    device = serializers.CharField()
    batch = serializers.IntegerField(help_text="Pictures that were made in one forward pass.")
    memory_saved = serializers.BooleanField()
    provider = serializers.CharField(
        required=False, help_text="The other service that made them; then there are no weights."
    )
    provider_model = serializers.CharField(required=False)
    quality = serializers.CharField(required=False)


class TermsSerializer(serializers.Serializer[Any]):
    """By whose key another service made the pictures, and the price of each."""

    provider = serializers.ChoiceField(choices=provider_choices())
    key_owner = serializers.ChoiceField(choices=KeyOwner.choices)
    credits_a_picture = serializers.IntegerField()


class ReceiptSerializer(serializers.Serializer[Any]):
    """The account of a job in credits; `charged` is null until it ends."""

    generation = serializers.UUIDField(source="job.id")
    state = serializers.ChoiceField(source="job.state", choices=JobState.choices)
    model = serializers.CharField(source="job.model_id")
    tier = serializers.ChoiceField(source="job.tier", choices=GpuTier.choices)
    api_key = serializers.UUIDField(source="job.api_key_id", allow_null=True)
    api_key_name = serializers.CharField(source="key_name", allow_null=True)
    created_at = serializers.DateTimeField(source="job.created_at")
    started_at = serializers.DateTimeField(source="job.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="job.finished_at", allow_null=True)
    quoted = serializers.IntegerField(allow_null=True)
    held = serializers.IntegerField(help_text="What was held for it, until it ended.")
    seconds = serializers.FloatField(allow_null=True, help_text="The seconds measured.")
    charged = serializers.IntegerField(allow_null=True)
    released = serializers.IntegerField()
    refunded = serializers.IntegerField()
    attempts = AttemptSerializer(many=True)
    terms = TermsSerializer(
        allow_null=True, help_text="Null where seconds of a GPU are charged and not pictures."
    )
    pictures_charged = serializers.IntegerField(allow_null=True)
    made_with = MadeWithSerializer(allow_null=True)


class GenerationContext(TypedDict):
    """What a page of jobs needs beside their rows, fetched once for all of them."""

    images: Mapping[uuid.UUID, list[Image]]
    progress: Mapping[uuid.UUID, Progress]
    places: Mapping[uuid.UUID, Place]


class ProgressSerializer(serializers.Serializer[Any]):
    step = serializers.IntegerField()
    total = serializers.IntegerField()
    percent = serializers.IntegerField()
    seconds_left = serializers.FloatField(allow_null=True)
    preview = serializers.CharField(allow_null=True, help_text="A small WebP as a data URL.")


class JobErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    error_id = serializers.CharField()


class StartsInSerializer(serializers.Serializer[Any]):
    earliest = serializers.IntegerField(help_text="Seconds from now, if nobody else asks.")
    latest = serializers.IntegerField(
        allow_null=True, help_text="Seconds from now, if all others go on asking."
    )


class QueuePlaceSerializer(serializers.Serializer[Any]):
    """Where a waiting job stands among its user's, from 1."""

    position = serializers.IntegerField()
    waiting_for = serializers.ChoiceField(choices=WaitingFor.choices)
    starts_in = StartsInSerializer(
        allow_null=True, help_text="Null while no worker is there, or the queue is paused."
    )


class GenerationSerializer(serializers.ModelSerializer[Job]):
    """A job with its settings, progress, pictures and error."""

    url = serializers.SerializerMethodField()
    model = serializers.CharField(source="model_id")
    prompt = serializers.CharField(source="parameters.prompt")
    negative_prompt = serializers.CharField(source="parameters.negative_prompt")
    width = serializers.IntegerField(source="parameters.width")
    height = serializers.IntegerField(source="parameters.height")
    steps = serializers.IntegerField(source="parameters.steps")
    guidance_scale = serializers.FloatField(source="parameters.guidance_scale")
    scheduler = serializers.CharField(source="parameters.scheduler")
    seed = serializers.IntegerField(source="parameters.seed")
    num_images = serializers.IntegerField(source="parameters.num_images")
    init_image = serializers.UUIDField(source="parameters.init_image", allow_null=True)
    strength = serializers.FloatField(source="parameters.strength", allow_null=True)
    mask = MaskSerializer(source="parameters.mask", allow_null=True)
    outpaint = OutpaintSerializer(source="parameters.outpaint", allow_null=True)
    upscale = UpscaleSerializer(source="parameters.upscale", allow_null=True)
    high_res = HighResSerializer(source="parameters.high_res", allow_null=True)
    variation = VariationSerializer(source="parameters.variation", allow_null=True)
    loras = LoraSerializer(source="parameters.loras", many=True, default=[])
    embeddings = EmbeddingSerializer(source="parameters.embeddings", many=True, default=[])
    controls = ControlSerializer(source="parameters.controls", many=True, default=[])
    image_prompt = ImagePromptSerializer(source="parameters.image_prompt", allow_null=True)
    references = serializers.ListField(
        source="parameters.references", child=serializers.UUIDField(), default=[]
    )
    regions = RegionSerializer(source="parameters.regions", many=True, default=[])
    clip_skip = serializers.IntegerField(source="parameters.clip_skip", default=0)
    vae = serializers.CharField(source="parameters.vae", allow_null=True)
    seamless = serializers.ListField(
        source="parameters.seamless", child=serializers.CharField(), default=[]
    )
    refiner = RefinerSerializer(source="parameters.refiner", allow_null=True)
    compute_seconds = serializers.FloatField(allow_null=True)
    batch = serializers.UUIDField(source="batch_id", allow_null=True)
    queue = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    images = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    cancel_requested = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "url",
            "state",
            "model",
            "prompt",
            "negative_prompt",
            "width",
            "height",
            "steps",
            "guidance_scale",
            "scheduler",
            "seed",
            "num_images",
            "init_image",
            "strength",
            *GUIDES,
            "attempt",
            "created_at",
            "started_at",
            "finished_at",
            "compute_seconds",
            "priority",
            "batch",
            "queue",
            "progress",
            "images",
            "error",
            "cancel_requested",
        )

    def get_url(self, job: Job) -> str:
        return reverse("generation", args=[job.id])

    @extend_schema_field(QueuePlaceSerializer(allow_null=True))
    def get_queue(self, job: Job) -> QueuePlacePayload | None:
        places: Mapping[uuid.UUID, Place] = self.context["places"]
        place = places.get(job.id)
        return None if place is None else place.payload()

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_progress(self, job: Job) -> Progress | None:
        if job.state != JobState.RUNNING:
            return None
        progress: Mapping[uuid.UUID, Progress] = self.context["progress"]
        return progress.get(job.id)

    @extend_schema_field(ImageSerializer(many=True))
    def get_images(self, job: Job) -> list[dict[str, Any]]:
        images = self.context["images"].get(job.id, [])
        context = {"request": self.context.get("request")}
        return list(ImageSerializer(images, many=True, context=context).data)

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        if job.state != JobState.FAILED:
            return None
        return {
            "code": job.error_code,
            "detail": failure_detail(job.error_code),
            "error_id": job.error_id,
        }

    def get_cancel_requested(self, job: Job) -> bool:
        return job.cancel_requested_at is not None


class BatchSerializer(serializers.Serializer[Any]):
    """The jobs of one request, in its order."""

    batch = serializers.UUIDField()
    generations = GenerationSerializer(many=True)


class QueueSerializer(serializers.Serializer[Any]):
    """One's queue: what runs, what waits in its order, what has ended and is not pruned."""

    paused = serializers.BooleanField()
    running = GenerationSerializer(many=True)
    waiting = GenerationSerializer(many=True)
    ended = GenerationSerializer(many=True)


class CountSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="The jobs that it was done to.")


def generation_context(
    *, user: User, jobs: Sequence[Job], places: Mapping[uuid.UUID, Place] | None = None
) -> GenerationContext:
    """Fetch what `GenerationSerializer` needs for `jobs`, whatever their number.

    Pictures come with a job's end, progress goes with it, places with its start.
    """
    ended = [job for job in jobs if job.state in TERMINAL_STATES]
    running = [job for job in jobs if job.state == JobState.RUNNING]
    return {
        "images": images_of(user=user, jobs=ended) if ended else {},
        "progress": progress_of(jobs=running) if running else {},
        "places": places_of(user=user, jobs=jobs) if places is None else places,
    }


def render_jobs(
    *,
    user: User,
    jobs: Sequence[Job],
    request: Request | None = None,
    places: Mapping[uuid.UUID, Place] | None = None,
) -> list[dict[str, Any]]:
    """Render `jobs` of `user` as JSON-ready dicts, for the one who makes `request`.

    Without `places`, those of waiting jobs are looked up.
    """
    context = {**generation_context(user=user, jobs=jobs, places=places), "request": request}
    rendered = GenerationSerializer(jobs, many=True, context=context).data
    return [dict(item) for item in rendered]


def render_queue(*, user: User, queue: Queue, request: Request) -> dict[str, Any]:
    """Render the queue of `user`; the same number of queries at any length."""
    jobs = [*queue.running, *queue.waiting, *queue.ended]
    rendered = render_jobs(user=user, jobs=jobs, request=request, places=queue.places)
    ends = len(queue.running), len(queue.running) + len(queue.waiting)
    return {
        "paused": queue.paused,
        "running": rendered[: ends[0]],
        "waiting": rendered[ends[0] : ends[1]],
        "ended": rendered[ends[1] :],
    }


def render_quote(offer: BindingQuote, *, balance: Balance) -> dict[str, Any]:
    """Render a quote for the one who asked, whose `balance` it is."""
    return {
        "credits": offer.quote.credits,
        "seconds": round(offer.quote.seconds, 2),
        "basis": offer.quote.basis.value,
        "available": balance.available,
        "token": offer.token,
    }
