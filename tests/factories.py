"""Make rows for tests, with what a test does not care about filled in."""

import io
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone
from PIL import Image as PillowImage

from apps.accounts.models import ApiKey, User
from apps.accounts.selectors import enter_by_key
from apps.catalog.models import GenerationModel
from apps.core.tenancy import closed_scope
from apps.generation.models import Job, Priority, WorkerState
from apps.generation.orders import Order
from apps.generation.parameters import complete_parameters
from apps.generation.parameters.add_ons import find_add_ons
from apps.generation.services.jobs import accept_batch, accept_order
from apps.generation.workers import SignOfLife
from apps.images.models import Image
from apps.images.services.library import purge_images, trash_images
from apps.images.services.pictures import add_results, store_picture
from apps.plans.models import BillingAccount, Payment, PaymentKind, PaymentReversal, ReversalKind
from apps.plans.services.subscriptions import start_trial
from apps.plans.tiers import GpuTier

PASSWORD = "a long enough password"


def make_user(email: str, **fields: Any) -> User:
    """Make a user as one is after signing up: on trial, with its credits."""
    user = User.objects.create_user(email, PASSWORD, **{"email_verified": True, **fields})
    start_trial(user=user)
    return user


def usable_key(secret: str) -> ApiKey | None:
    """Return the key that a program with this secret would come in with."""
    with closed_scope():
        return enter_by_key(secret=secret)


def make_job(user: User, model: GenerationModel, **settings: Any) -> Job:
    """Accept a quick job for `user`."""
    asked: dict[str, Any] = {"prompt": "a red circle", "steps": 2, "seed": 1} | settings
    priority = asked.pop("priority", Priority.NORMAL)
    add_ons = find_add_ons(user=user, settings=[asked])
    parameters = complete_parameters(model=model, add_ons=add_ons, **asked)
    order = Order(model=model, parameters=parameters, add_ons=add_ons)
    return accept_order(user=user, order=order, priority=priority)


def make_batch(user: User, model: GenerationModel, count: int, **settings: Any) -> list[Job]:
    """Accept a batch of quick jobs for `user`, which differ by their seed."""
    asked: dict[str, Any] = {"prompt": "a red circle", "steps": 2} | settings
    orders = [
        Order(
            model=model,
            parameters=complete_parameters(model=model, **({"seed": seed} | asked)),
        )
        for seed in range(count)
    ]
    return accept_batch(user=user, orders=orders)


def make_sign(name: str = "celery@here", **facts: Any) -> SignOfLife:
    """Make the sign of life of an idle worker of the basic tier."""
    known: dict[str, Any] = {
        "run": uuid.uuid5(uuid.NAMESPACE_DNS, name),
        "tiers": [GpuTier.BASIC],
        "gpu": "T4",
        "memory_total_bytes": 16 * 1024**3,
        "memory_used_bytes": 1024**3,
        "rss_bytes": 2 * 1024**3,
        "loaded_models": ["starter"],
        "current_job": None,
        "state": WorkerState.IDLE,
        "last_received_at": None,
        "started_at": timezone.now(),
        "version": "test",
    }
    return SignOfLife(name=name, **known | facts)


def make_payment(user: User) -> Payment:
    """Book a pack that `user` paid and got half of the money back for."""
    BillingAccount.objects.get_or_create(user=user, stripe_customer_id=f"cus_{user.id}")
    now = timezone.now()
    payment = Payment.objects.create(
        user=user,
        key=f"stripe:checkout:{uuid.uuid4()}",
        kind=PaymentKind.PACK,
        amount_cents=500,
        currency="usd",
        period_start=now,
        period_end=now + timedelta(days=60),
        credits=1000,
        paid_at=now,
    )
    PaymentReversal.objects.create(
        user=user,
        payment=payment,
        kind=ReversalKind.REFUND,
        stripe_id=f"re_{uuid.uuid4()}",
        amount_cents=250,
        credits=500,
    )
    return payment


def make_picture(width: int = 64, height: int = 48) -> PillowImage.Image:
    return PillowImage.linear_gradient("L").resize((width, height)).convert("RGB")


def make_image(user: User, picture: PillowImage.Image | None = None, **metadata: Any) -> Image:
    """Store a picture with its row, as a finished job would."""
    name = uuid.uuid4()
    stored = store_picture(
        user_id=user.id, image_name=name, picture=picture or make_picture(), metadata=metadata
    )
    return add_results(user_id=user.id, job_id=uuid.uuid4(), pictures=[(0, stored)])[0]


def delete_image(*, user: User, image_name: uuid.UUID) -> None:
    """Delete a picture for good, as its user does in two steps."""
    trash_images(user=user, names=[image_name])
    purge_images(user_id=user.id, names=[image_name], actor_id=user.id)


def encode(picture: PillowImage.Image, image_format: str = "PNG", **options: Any) -> io.BytesIO:
    """Encode `picture` as an upload."""
    buffer = io.BytesIO()
    picture.save(buffer, format=image_format, **options)
    buffer.seek(0)
    buffer.name = f"picture.{image_format.lower()}"
    return buffer
