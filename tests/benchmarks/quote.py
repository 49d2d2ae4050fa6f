"""Whether quotes are fair: what real jobs of some kinds were quoted and what they were charged."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.credits.costs import Basis
from apps.credits.models import Hold, UsageRecord
from apps.credits.services.costs import measure_costs
from apps.generation.orders import Order
from apps.generation.parameters import complete_parameters
from apps.generation.quotes import quote_order
from apps.generation.services.jobs import accept_order
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from tests.benchmarks.report import Report, Target, percentile
from tests.factories import make_user

PROMPT = "a red circle on a white background"
# Below a second, where one credit is the whole price, and some seconds.
KINDS: dict[str, dict[str, Any]] = {
    "small": {},
    "large": {"steps": 40, "num_images": 2},
}


@dataclass(frozen=True, slots=True)
class Served:
    """A job's quote, charge and seconds, and what the quote was founded on."""

    quoted: int
    charged: int
    seconds: float
    basis: Basis


def run(*, quick: bool) -> Report:
    """Serve some jobs of each kind until there is enough to go by, then look at the next ones."""
    before, after = (6, 6) if quick else (20, 40)
    model = install_starter_model()
    runner = JobRunner(engine=Engine(device="cpu"), tiers=list(GpuTier), worker="bench")
    report = Report(bench="quote")
    for kind, settings in KINDS.items():
        user = make_user(f"{kind}@example.com")
        served = [_serve(user, model, runner, settings, seed) for seed in range(before + after)]
        looked_at = served[before:]
        ratios = [each.quoted / each.charged for each in looked_at]
        report.figures |= {
            f"{kind}_jobs": len(looked_at),
            f"{kind}_seconds_p50": median(each.seconds for each in looked_at),
            f"{kind}_charge_p50": median(each.charged for each in looked_at),
            f"{kind}_quote_p50": median(each.quoted for each in looked_at),
            f"{kind}_measured": sum(each.basis == Basis.MEASURED for each in looked_at),
            # What is not charged since the quote binds.
            f"{kind}_seconds_given_away": sum(
                max(each.seconds - each.quoted, 0) for each in looked_at
            ),
        }
        report.targets |= {
            f"{kind}_over_charge_p50": Target(median(ratios), 1.25),
            f"{kind}_over_charge_p95": Target(percentile(ratios, 95), 2.0),
        }
    return report


def _serve(
    user: User, model: GenerationModel, runner: JobRunner, settings: dict[str, Any], seed: int
) -> Served:
    """Quote, accept and run a job, and let its seconds be measured, as the scheduler does."""
    parameters = complete_parameters(model=model, prompt=PROMPT, seed=seed, **settings)
    order = Order(model=model, parameters=parameters)
    offer = quote_order(user=user, order=order).quote
    job = accept_order(user=user, order=order)
    runner.run_next()
    measure_costs()
    usage = UsageRecord.objects.get(job_id=job.id)
    return Served(
        quoted=Hold.objects.get(job_id=job.id).amount,
        charged=usage.credits_consumed,
        seconds=float(usage.compute_seconds),
        basis=offer.basis,
    )
