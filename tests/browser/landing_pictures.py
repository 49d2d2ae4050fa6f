"""Make the pictures of the landing page: `python -m tests.browser.landing_pictures [SLUG …]`.

With the engine of the workers and the model that ships with Easel, from the prompts that stand
beside them on the page.
"""

import sys
from typing import Final

from PIL import Image

from apps.dashboard.exhibits import EXHIBITS, STEPS
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from tests.stack import ROOT

SOURCE: Final = ModelSource(key="starter", path=ROOT / "gpu_tasks" / "starter_model")
SIZE: Final = 128
# Larger than they are made: a browser would stretch them less well itself.
SHOWN_SIZE: Final = (4 * SIZE, 4 * SIZE)
QUALITY: Final = 86


def main(slugs: list[str]) -> None:
    engine = Engine(device="cpu")
    for exhibit in EXHIBITS:
        if slugs and exhibit.slug not in slugs:
            continue
        for language, prompt in exhibit.prompts.items():
            request = GenerationRequest(
                prompt=prompt,
                width=SIZE,
                height=SIZE,
                steps=STEPS,
                guidance_scale=2.0,
                scheduler="ddim",
                seed=exhibit.seed,
                model_key=SOURCE.key,
            )
            picture = engine.generate(request, source=SOURCE).images[0]
            path = ROOT / "static" / exhibit.path(language)
            path.parent.mkdir(parents=True, exist_ok=True)
            shown = picture.resize(SHOWN_SIZE, Image.Resampling.BICUBIC)
            shown.save(path, "WEBP", quality=QUALITY, method=6)
            print(path.relative_to(ROOT), path.stat().st_size)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
