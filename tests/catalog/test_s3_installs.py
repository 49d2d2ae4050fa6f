"""Shared models out of buckets of ours."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from apps.accounts.models import User
from apps.catalog.installs import s3_source
from apps.catalog.installs.making import make_installs
from apps.catalog.installs.requests import request_install
from apps.catalog.models import GenerationModel, InstallStatus, ModelInstall
from apps.core.fetch_targets import FetchFailed
from apps.core.s3_storage import S3FileStorage
from apps.core.tenancy import service_scope
from config import env
from tests.catalog.weights import LORA_OF_SD_15, weights
from tests.images.conftest import s3

__all__ = ["s3"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("install_folder")]

LORA = weights(LORA_OF_SD_15, {"filler": "x" * 300_000})
BUCKET = "easel-test"


@pytest.fixture
def bucket(s3: S3FileStorage, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.EASEL_INSTALL_S3_BUCKETS = [BUCKET]
    monkeypatch.setattr(env, "S3_ENDPOINT_URL", s3.endpoint_url)
    return boto3.client("s3", endpoint_url=s3.endpoint_url)


def made(user: User, source: str) -> ModelInstall:
    with service_scope("test"):
        install = request_install(user=user, source=source, wanted={}, is_shared=True)
    make_installs()
    install.refresh_from_db()
    return install


def test_a_file_and_a_folder_become_shared_models(user: User, bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key="in/ink.safetensors", Body=LORA)
    config = b'{"_class_name": "ControlNetModel", "cross_attention_dim": 768}'
    bucket.put_object(Bucket=BUCKET, Key="in/canny/config.json", Body=config)
    part = weights({"a": (9,)})
    bucket.put_object(Bucket=BUCKET, Key="in/canny/model.safetensors", Body=part)

    one = made(user, f"s3://{BUCKET}/in/ink.safetensors")
    other = made(user, f"s3://{BUCKET}/in/canny/")

    lora = GenerationModel.objects.get(key=one.model_key)
    assert (lora.user_id, lora.kind, lora.size_bytes) == (None, "lora", len(LORA))
    control = GenerationModel.objects.get(key=other.model_key)
    assert (control.kind, control.base, control.preprocessor) == (
        "controlnet",
        "sd-1.5-class",
        "canny",
    )


def test_a_part_goes_on_where_it_ended_unless_the_file_changed(
    user: User, bucket: Any, install_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_object(Bucket=BUCKET, Key="ink.safetensors", Body=LORA)
    read = s3_source.read_s3
    starts: list[int] = []

    def cut(file: Any, *, start: int) -> Any:
        starts.append(start)
        pieces = read(file, start=start)
        if len(starts) == 1:
            yield next(pieces)[:1000]
            raise FetchFailed("cut")
        yield from pieces

    monkeypatch.setattr(s3_source, "read_s3", cut)

    install = made(user, f"s3://{BUCKET}/ink.safetensors")

    assert (install.status, starts) == (InstallStatus.READY, [0, 1000])


def test_only_buckets_that_are_named_are_read(user: User, bucket: Any, settings: Any) -> None:
    settings.EASEL_INSTALL_S3_BUCKETS = ["another"]
    bucket.put_object(Bucket=BUCKET, Key="ink.safetensors", Body=LORA)

    install = made(user, f"s3://{BUCKET}/ink.safetensors")

    assert (install.status, install.detail) == (
        InstallStatus.FAILED,
        "Models are not installed from this bucket.",
    )


@pytest.mark.parametrize("key", ["nothing.safetensors", "in", "in/../x", "../x"])
def test_what_is_not_there_is_not_installed(key: str, user: User, bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key="in/ink.safetensors", Body=LORA)
    if ".." in key:
        with pytest.raises(Exception, match="invalid"):
            made(user, f"s3://{BUCKET}/{key}")
        return

    assert made(user, f"s3://{BUCKET}/{key}").status == InstallStatus.FAILED
