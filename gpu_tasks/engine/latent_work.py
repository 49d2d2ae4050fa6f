"""Make latents, and pictures of latents, in steps that may be put together in other ways."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from PIL import Image

from gpu_tasks.engine.add_ons import AddOnLoader
from gpu_tasks.engine.checks import (
    check_ends_in_latents,
    check_model_key,
    check_pictures,
    check_request,
    check_start,
)
from gpu_tasks.engine.courses import upright
from gpu_tasks.engine.decoding import Decoding, Encoding, VaeWork
from gpu_tasks.engine.families import find_family
from gpu_tasks.engine.forward_pass import ForwardPass
from gpu_tasks.engine.guides import AddOn
from gpu_tasks.engine.latent_changes import blend_latents, upscale_latents
from gpu_tasks.engine.latents import LatentResult, Latents, Start
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS, torch
from gpu_tasks.engine.model_keeper import ModelKeeper
from gpu_tasks.engine.passengers import Passenger
from gpu_tasks.engine.request import (
    GenerationRequest,
    GenerationResult,
    IsCancelled,
    ModelSource,
    OnStep,
    PassMember,
)


class LatentWork(ModelKeeper):
    """Denoise, decode and encode with the models that are kept; change latents without any."""

    upscale_latents = staticmethod(upscale_latents)
    blend_latents = staticmethod(blend_latents)

    def denoise(
        self,
        request: GenerationRequest,
        *,
        source: ModelSource,
        start: Start | None = None,
        on_step: OnStep | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> LatentResult:
        """Make what `generate` makes, but for its last step: the decoding of the pictures.

        With `start` denoising goes on from latents as it would from pictures, which are not in
        the request then. `on_step` and `is_cancelled` are called as in `generate`.

        Raises as `generate` does; InvalidRequest too where pictures are put together from parts,
        or where the model cannot start from these latents. What is cancelled has no pictures.
        """
        family = find_family(source.base)
        if start is not None:
            check_start(start.latents, request, family)
            request = start.stand_in(request)
        check_model_key(request, source)
        check_request(request, family)
        check_pictures(request)
        check_ends_in_latents(request, family)
        member = PassMember(request=request, on_step=on_step, is_cancelled=is_cancelled)
        passenger = Passenger(member)
        passenger.leave_if_cancelled()
        if isinstance(passenger.end, Exception):
            raise passenger.end
        asked = time.perf_counter()
        with self._hold_all(source, request) as (model, add_ons):
            load_seconds = time.perf_counter() - asked
            with self._running, self.tuning.attending():
                run = ForwardPass(
                    model=model,
                    passengers=[passenger],
                    cache=self.prompts,
                    add_ons=add_ons,
                    to_latents=True,
                    start=None if start is None else start.latents,
                )
                sparingly = self._try_twice(run.make_pictures, model, run.start_again)
        if isinstance(passenger.end, Exception):
            raise passenger.end
        last = source if request.refiner is None else request.refiner
        return LatentResult(
            latents=Latents(
                tensor=torch.cat(run.undecoded),
                base=last.base,
                model_key=last.key,
                width=request.width,
                height=request.height,
                seeds=request.seeds,
                singly=len(run.undecoded) == request.num_images,
                is_sparing=sparingly,
                seamless=request.seamless,
            ),
            compute_seconds=passenger.seconds,
            model_load_seconds=load_seconds,
            memory_saved=sparingly,
        )

    def decode(
        self,
        latents: Latents,
        *,
        source: ModelSource,
        vae: AddOn | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> GenerationResult:
        """Make pictures of latents with the VAE of a model, or with `vae` in its place.

        With the VAE of the request that they were denoised for, they are to the byte what
        `generate` would have made of it. `is_cancelled` is called before the model is loaded,
        and before each batch.

        Raises InvalidRequest for latents of another kind of model, ModelUnavailable, OutOfMemory,
        and GenerationCancelled with the pictures that were finished.
        """
        family = find_family(source.base)
        latents.check_decodable(source.base, model_name=family.facts.name)
        work = Decoding(latents=latents, is_cancelled=is_cancelled)
        work.leave_if_cancelled()
        load_seconds, sparingly = self._work_with_vae(work, source, vae)
        return GenerationResult(
            images=tuple(work.pictures),
            seeds=latents.seeds,
            compute_seconds=work.seconds,
            model_load_seconds=load_seconds,
            device=str(self.device),
            library_versions=LIBRARY_VERSIONS,
            memory_saved=sparingly or latents.is_sparing,
            pass_pictures=work.batch_of(sparing=sparingly),
        )

    def encode(
        self,
        pictures: Sequence[Image.Image],
        *,
        source: ModelSource,
        vae: AddOn | None = None,
        seamless: frozenset[str] = frozenset(),
        is_cancelled: IsCancelled | None = None,
    ) -> LatentResult:
        """Make latents of pictures of one size with the VAE of a model, or with `vae`.

        Denoising from them gives what it gives from the pictures. Raises as `decode` does;
        InvalidRequest also for pictures that differ in size, are torn, or have a size that the
        model does not know.
        """
        family = find_family(source.base)
        work = Encoding(
            pictures=[upright(picture) for picture in pictures],
            seamless_axes=seamless,
            is_cancelled=is_cancelled,
        )
        work.check(family)
        work.leave_if_cancelled()
        load_seconds, sparingly = self._work_with_vae(work, source, vae)
        return LatentResult(
            latents=work.latents(source),
            compute_seconds=work.seconds,
            model_load_seconds=load_seconds,
            memory_saved=sparingly,
        )

    def _work_with_vae(
        self, work: VaeWork, source: ModelSource, vae: AddOn | None
    ) -> tuple[float, bool]:
        """Have work done; return the seconds that the model took, and if memory was short."""
        asked = time.perf_counter()
        with self.hold(source) as model, ExitStack() as stack:
            own: Any = model.components["vae"]
            if vae is not None:
                own = AddOnLoader(self._cache, model, stack).load_vae(vae)
            load_seconds = time.perf_counter() - asked
            with self._running, self.tuning.attending():
                return load_seconds, self._try_twice(work.on(model, own), model)
