"""Load the parts of a model from safetensors on this disk, and nothing else from anywhere."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gpu_tasks.engine.errors import ModelUnavailable
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.memory import is_out_of_memory
from gpu_tasks.engine.model_files import count_weights, find_weights, read_json
from gpu_tasks.engine.request import ModelSource

SINGLE_FILE: Final = "weights.safetensors"
_TOKENIZER_FILES: Final = ("vocab.json", "tokenizer.json", "spiece.model", "tokenizer.model")
# The last is what pipelines call their own package, for the safety checker.
_LIBRARIES: Final = (None, "diffusers", "transformers", "stable_diffusion")
_DAMAGED: Final = "The model's files are incomplete or damaged."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a model with weights: its class, which no file of a model may choose.

    `is_large` marks what may lie in 8 bits, `is_encoder` what only reads prompts.
    """

    part_class: Any
    stem: str = "diffusion_pytorch_model"
    is_large: bool = False
    is_encoder: bool = False
    is_optional: bool = False

    @property
    def of_transformers(self) -> bool:
        return issubclass(self.part_class, transformers.PreTrainedModel)


def count_part_weights(source: ModelSource, name: str, part: Part) -> int:
    """Count the numbers in a part from the headers of its files; 0 if it is not there."""
    if part.is_optional and not (source.path / name).is_dir():
        return 0
    return count_weights(find_weights(source.path / name, part.stem))


def load_part(source: ModelSource, name: str, part: Part, *, dtype: torch.dtype) -> Any:
    """Load one part in `dtype`, on the processor.

    Asked for another type than float32, both libraries change torch's default for the whole
    process while they load, and a generation in another thread would pick it up: whoever asks
    for one sees to it that none runs.
    """
    weights = find_weights(source.path / name, part.stem)
    with damage_told(f"cannot load {name} from {source.path}"):
        module, found = part.part_class.from_pretrained(
            source.path,
            output_loading_info=True,
            subfolder=name,
            variant=weights.variant,
            use_safetensors=True,
            local_files_only=True,
            **({"dtype": dtype} if part.of_transformers else {"torch_dtype": dtype}),
            **({} if source.memory_map else {"disable_mmap": True}),
        )
    if found["missing_keys"]:
        # Both libraries would put random numbers there.
        missing = sorted(found["missing_keys"])[:3]
        raise ModelUnavailable(_DAMAGED, reason=f"{name} in {source.path} lacks {missing}")
    return module.eval().requires_grad_(requires_grad=False)


def has_weights(directory: Path, part: Part) -> bool:
    """Tell whether the weights of a part lie in a folder, whole or in shards."""
    return any(directory.glob(f"{part.stem}*.safetensors"))


def load_single_file(
    source: ModelSource,
    pipeline_class: Any,
    *,
    beside: Mapping[str, Any],
    denoiser: tuple[str, Part],
    dtype: torch.dtype,
) -> dict[str, Any]:
    """Return the parts of a checkpoint of one file, and those `beside` it, by name.

    Configurations lie beside the file; without them diffusers would ask a hub, which workers are
    kept from. Where it has no reader for a whole pipeline of this kind, the file is read as that
    of its denoiser, and all else has to lie beside it.
    """
    options = {
        "local_files_only": True,
        "torch_dtype": dtype,
        "disable_mmap": not source.memory_map,
    }
    _check_classes(source.path)
    file, config = str(source.path / SINGLE_FILE), str(source.path)
    loaded = dict(beside)
    with damage_told(f"cannot load {file}"):
        if hasattr(pipeline_class, "from_single_file"):
            if "safety_checker" in inspect.signature(pipeline_class.__init__).parameters:
                options["safety_checker"] = None
            pipeline = pipeline_class.from_single_file(file, config=config, **options, **beside)
            loaded |= pipeline.components
        else:
            name, part = denoiser
            loaded[name] = part.part_class.from_single_file(
                file, config=config, subfolder=name, **options
            )
    for module in loaded.values():
        if isinstance(module, torch.nn.Module):
            module.eval().requires_grad_(requires_grad=False)
    return loaded


def load_tokenizer(path: Path, name: str, tokenizer_class: Any) -> Any:
    """Load a tokenizer, or a processor with one, from the folder `name`."""
    if not any((path / name / file).is_file() for file in _TOKENIZER_FILES):
        # The library would return a tokenizer that knows no word.
        raise ModelUnavailable(_DAMAGED, reason=f"no {name} in {path}")
    with damage_told(f"cannot load {name} from {path}"):
        return tokenizer_class.from_pretrained(
            path, subfolder=name, local_files_only=True, trust_remote_code=False
        )


def read_scheduler_config(path: Path) -> dict[str, Any]:
    """Return the configuration of the model's own scheduler, without the name of its class."""
    config = read_json(path / "scheduler" / "scheduler_config.json")
    return {key: value for key, value in config.items() if not key.startswith("_")}


def read_pipeline_options(path: Path, *, classes: frozenset[str]) -> Mapping[str, Any]:
    """Return the switches that a model's index sets for its pipeline, and which that is.

    Raises:
        ModelUnavailable: the index names none of `classes`.
    """
    index = read_json(path / "model_index.json")
    if index.get("_class_name") not in classes:
        raise ModelUnavailable(
            "This kind of model is not supported.",
            reason=f"{path} is made for {index.get('_class_name')!r}",
        )
    switches = {
        key: value
        for key, value in index.items()
        if not key.startswith("_") and isinstance(value, bool | int | float)
    }
    return switches | {"index_class": index["_class_name"]}


def _check_classes(path: Path) -> None:
    """Refuse an index that names code of other libraries: this reader imports what it names."""
    for name, value in read_json(path / "model_index.json").items():
        if isinstance(value, list) and value and value[0] not in _LIBRARIES:
            raise ModelUnavailable(
                "This kind of model is not supported.", reason=f"{name} in {path} is of {value}"
            )


@contextmanager
def damage_told(doing: str) -> Iterator[None]:
    """Turn what the libraries raise on a damaged file, which is anything, into one error."""
    try:
        yield
    except ModelUnavailable:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelUnavailable(_DAMAGED, reason=f"{doing}: {error}") from error


def store_in_8_bits(part: Any, *, dtype: torch.dtype) -> None:
    """Keep the weights of a part in 8 bits and widen each layer's while it computes."""
    if isinstance(part, diffusers.ModelMixin):
        part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
        return
    diffusers.hooks.apply_layerwise_casting(
        part,
        storage_dtype=torch.float8_e4m3fn,
        compute_dtype=dtype,
        skip_modules_pattern=("embed", "norm", "^shared$", "lm_head"),
    )


def count_bytes(components: Mapping[str, Any]) -> int:
    """Count the bytes of all parameters and buffers, shared ones once."""
    seen: dict[int, int] = {}
    for part in components.values():
        if isinstance(part, torch.nn.Module):
            for tensor in (*part.parameters(), *part.buffers()):
                storage = tensor.untyped_storage()
                seen[storage.data_ptr()] = storage.nbytes()
    return sum(seen.values())
