from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "apps.training"

    def ready(self) -> None:
        from apps.generation.sweeps import OtherSweep, register_sweep
        from apps.images.services.orphans import register_kind
        from apps.images.services.retention import register_what_goes
        from apps.plans.storage import register_counter
        from apps.training.models import TrainingRun, TrainingSample
        from apps.training.selectors import stored_bytes
        from apps.training.services.checkpoints import remove_old_checkpoints
        from apps.training.services.retention import delete_samples_past_retention
        from apps.training.storage import CHECKPOINT_PATTERN, SAMPLE_PATTERN

        register_counter(stored_bytes)
        register_what_goes(TrainingSample)
        register_kind(CHECKPOINT_PATTERN, TrainingRun, "checkpoint")
        register_kind(SAMPLE_PATTERN, TrainingSample, "name")
        register_sweep(OtherSweep("remove_old_checkpoints", 60, remove_old_checkpoints))
        register_sweep(
            OtherSweep("delete_samples_past_retention", 720, delete_samples_past_retention)
        )
