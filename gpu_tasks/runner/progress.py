"""Report a running job's progress to its user: steps, time left, a small preview."""

import base64
import io
import time

from django.conf import settings
from PIL import Image as PillowImage

from apps.generation.events import Progress, ProgressEvent, publisher
from apps.generation.models import Job
from apps.generation.selectors import save_progress
from gpu_tasks.engine import StepProgress

# A page cannot show more, and each report costs an encoded picture.
SECONDS_BETWEEN_REPORTS = 0.2


class ProgressReporter:
    """Publish at most one report every 200 ms, and always the last step's."""

    def __init__(self, *, job: Job) -> None:
        self._job = job
        self._started = time.monotonic()
        self._reported = 0.0

    def report(self, step: StepProgress) -> None:
        """Take what the engine says after a step and pass it on if it is time."""
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS and step.fraction < 1:
            return
        self._reported = now
        elapsed = now - self._started
        progress: Progress = {
            "step": step.step,
            "total": step.total,
            "percent": int(100 * step.fraction),
            "seconds_left": round(elapsed * (1 - step.fraction) / step.fraction, 1),
            "preview": data_url(step.preview()) if self._shows(step) else None,
        }
        save_progress(job_id=self._job.id, progress=progress)
        event: ProgressEvent = {
            "type": "progress",
            "job_id": str(self._job.id),
            "attempt": self._job.attempt,
            **progress,
        }
        publisher.publish(self._job.user_id, event)

    @staticmethod
    def _shows(step: StepProgress) -> bool:
        # What may be refused when it is finished is not shown before. And after the last step the
        # picture itself is as good as there.
        return step.fraction < 1 and not settings.EASEL_SAFETY_CHECKER


def data_url(preview: PillowImage.Image) -> str:
    """Return a small picture as a WebP in a data URL."""
    buffer = io.BytesIO()
    preview.save(buffer, format="WEBP", quality=70, method=0)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
