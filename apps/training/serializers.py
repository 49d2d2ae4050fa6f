"""The JSON of sets and trainings."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.models import User
from apps.credits.selectors import Balance
from apps.generation.failures import failure_detail
from apps.generation.models import JobState
from apps.generation.quotes import BindingQuote
from apps.generation.serializers import JobErrorSerializer
from apps.images.serializers import ImageSerializer
from apps.training.models import TrainingPicture, TrainingRun, TrainingSample, TrainingSet
from apps.training.quotes import RetryOffer
from apps.training.selectors import RunFacts, facts_of, suggested_caption


class TrainingSetSerializer(serializers.ModelSerializer[TrainingSet]):
    """A set; its pictures are at `images` below its URL."""

    url = serializers.SerializerMethodField()
    picture_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = TrainingSet
        fields = ("id", "url", "name", "picture_count", "created_at", "updated_at")

    def get_url(self, found: TrainingSet) -> str:
        return reverse("training-set", args=[found.id])


class TrainingPictureSerializer(serializers.ModelSerializer[TrainingPicture]):
    """A picture of a set with its caption."""

    image = ImageSerializer()
    suggested = serializers.SerializerMethodField(
        help_text="The prompt that it was made with: what a caption may begin as."
    )

    class Meta:
        model = TrainingPicture
        fields = ("image", "caption", "suggested")

    def get_suggested(self, picture: TrainingPicture) -> str:
        return suggested_caption(picture.image)


class RemovedPicturesSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="The pictures that it was done to.")


class _OfferSerializer(serializers.Serializer[Any]):
    credits = serializers.IntegerField()
    seconds = serializers.FloatField()
    basis = serializers.CharField()
    available = serializers.IntegerField()
    token = serializers.CharField()


class RetryQuoteSerializer(_OfferSerializer):
    """The most that the steps that are left will cost, and the seconds that they may take."""

    checkpoint_step = serializers.IntegerField(
        help_text="After which step it goes on, 0 for the beginning."
    )


class TrainingQuoteSerializer(_OfferSerializer):
    """The most that a training will cost, and the seconds that it is expected to take."""

    settings = serializers.JSONField(help_text="All settings, those left out filled in.")


class TrainingSampleSerializer(serializers.ModelSerializer[TrainingSample]):
    """What was learnt by a step, shown by one of the sample prompts."""

    prompt = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField(help_text="A PNG.")

    class Meta:
        model = TrainingSample
        fields = ("step", "number", "prompt", "width", "height", "url")

    def get_prompt(self, sample: TrainingSample) -> str:
        prompts: Sequence[str] = self.context["prompts"]
        return prompts[sample.number] if sample.number < len(prompts) else ""

    def get_url(self, sample: TrainingSample) -> str:
        return reverse("training-sample", args=[sample.run_id, sample.name])


class TrainingRunSerializer(serializers.Serializer[Any]):
    """A training as it is listed; `generation` is its present job, whose state this one's is."""

    id = serializers.UUIDField(source="run.id")
    url = serializers.SerializerMethodField()
    name = serializers.CharField(source="run.name")
    set = serializers.UUIDField(source="run.training_set_id", allow_null=True)
    model = serializers.CharField(source="run.base_model")
    generation = serializers.UUIDField(source="run.job_id")
    receipt = serializers.SerializerMethodField(help_text="What the present job cost.")
    state = serializers.ChoiceField(source="job.state", choices=JobState.choices)
    attempt = serializers.IntegerField(source="job.attempt")
    step = serializers.IntegerField()
    steps = serializers.IntegerField(source="run.settings.steps")
    seconds_left = serializers.SerializerMethodField()
    checkpoint_step = serializers.IntegerField(
        source="run.checkpoint_step", help_text="From where it would go on, 0 for the beginning."
    )
    max_credits = serializers.IntegerField(source="run.max_credits", allow_null=True)
    result = serializers.SerializerMethodField(help_text="The key of the LoRA once it is done.")
    error = serializers.SerializerMethodField()
    cancel_requested = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="run.created_at")
    started_at = serializers.DateTimeField(source="job.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="job.finished_at", allow_null=True)
    compute_seconds = serializers.FloatField(source="job.compute_seconds", allow_null=True)

    def get_url(self, facts: RunFacts) -> str:
        return reverse("training-run", args=[facts.run.id])

    def get_receipt(self, facts: RunFacts) -> str:
        return reverse("receipt", args=[facts.run.job_id])

    def get_seconds_left(self, facts: RunFacts) -> float | None:
        return None if facts.progress is None else facts.progress["seconds_left"]

    def get_result(self, facts: RunFacts) -> str | None:
        return facts.run.model_key or None

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, facts: RunFacts) -> dict[str, str] | None:
        if facts.job.state != JobState.FAILED:
            return None
        return {
            "code": facts.job.error_code,
            "detail": failure_detail(facts.job.error_code),
            "error_id": facts.job.error_id,
        }

    def get_cancel_requested(self, facts: RunFacts) -> bool:
        return facts.job.cancel_requested_at is not None


class LearntPictureSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    caption = serializers.CharField(allow_blank=True)


class WholeTrainingRunSerializer(TrainingRunSerializer):
    """A training with its settings, its losses by step and its samples."""

    settings = serializers.JSONField(source="run.settings")
    pictures = LearntPictureSerializer(source="run.pictures", many=True)
    losses = serializers.ListField(
        source="run.losses",
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="[step, loss], thinned out where there are many.",
    )
    samples = serializers.SerializerMethodField()

    @extend_schema_field(TrainingSampleSerializer(many=True))
    def get_samples(self, facts: RunFacts) -> list[dict[str, Any]]:
        context = {"prompts": facts.run.settings["sample_prompts"]}
        return list(TrainingSampleSerializer(facts.samples, many=True, context=context).data)


def render_runs(*, user: User, runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """Render trainings of `user` as they are listed; one query at any number of them."""
    facts = facts_of(user=user, runs=runs)
    return [dict(one) for one in TrainingRunSerializer(facts, many=True).data]


def render_run(facts: RunFacts) -> dict[str, Any]:
    """Render one training with all there is to it."""
    return dict(WholeTrainingRunSerializer(facts).data)


def render_pictures(
    pictures: Sequence[TrainingPicture], *, request: Request
) -> list[dict[str, Any]]:
    """Render pictures of a set for the one who makes `request`."""
    rendered = TrainingPictureSerializer(pictures, many=True, context={"request": request})
    return [dict(one) for one in rendered.data]


def render_quote(
    offer: BindingQuote, *, balance: Balance, settings: dict[str, Any]
) -> dict[str, Any]:
    """Render a quote for the one who asked, whose `balance` it is."""
    return _render_binding(offer, balance=balance) | {"settings": settings}


def render_retry_quote(offer: RetryOffer, *, balance: Balance) -> dict[str, Any]:
    """Render what the rest of a training is quoted for the one whose `balance` it is."""
    told = _render_binding(offer.binding, balance=balance)
    return told | {"checkpoint_step": offer.checkpoint_step}


def _render_binding(offer: BindingQuote, *, balance: Balance) -> dict[str, Any]:
    quote = offer.quote
    return {
        "token": offer.token,
        "credits": quote.credits,
        "seconds": round(quote.seconds, 2),
        "basis": quote.basis.value,
        "available": balance.available,
    }
