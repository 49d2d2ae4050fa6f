"""The function that CloudFront runs on the addresses of pictures, run by Node."""

import json
import subprocess
import sys
import uuid
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from apps.images.storage import archive_key, file_keys, image_key

SOURCE = Path(__file__).parents[3] / "terraform" / "modules" / "cdn" / "strip_images.js"
NODE = Path(sys.executable).with_name("node")
OWNER = uuid.UUID("0193f0a4-7c1e-7c2b-9d4e-5a6b7c8d9e0f")
STRANGER = uuid.UUID("0193f0a4-7c1e-7c2b-9d4e-000000000001")
PICTURE = uuid.UUID("8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b")

# In a context of its own the function finds no `require`, no `process` and no `URL`, as there.
RUN = """
const vm = require("node:vm");
const { source, uris } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const answers = uris.map((uri) => {
    const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } });
    vm.runInContext(source, context);
    const request = { method: "GET", uri, querystring: {}, headers: {} };
    context.text = JSON.stringify({ request });
    return JSON.parse(vm.runInContext("JSON.stringify(handler(JSON.parse(text)))", context));
});
console.log(JSON.stringify(answers));
"""

NOT_FOUND = {
    "statusCode": 404,
    "statusDescription": "Not Found",
    "headers": {"cache-control": {"value": "no-store"}},
}


def run_function(*uris: str) -> list[dict[str, Any]]:
    """Return what the function answers to a request for each of `uris`."""
    done = subprocess.run(
        [NODE, "-e", RUN],
        input=json.dumps({"source": SOURCE.read_text(), "uris": uris}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_the_address_of_each_file_of_a_picture_becomes_its_key() -> None:
    keys = file_keys(user_id=OWNER, image_name=PICTURE)

    answers = run_function(*(f"/images/{key}" for key in keys))

    assert [answer["uri"] for answer in answers] == [f"/{key}" for key in keys]
    assert len(answers) == 3


def test_nothing_but_the_path_is_changed() -> None:
    key = image_key(user_id=OWNER, image_name=PICTURE)

    [answer] = run_function(f"/images/{key}")

    assert answer == {"method": "GET", "uri": f"/{key}", "querystring": {}, "headers": {}}


@pytest.mark.parametrize(
    "step",
    ["../../{0}/images", "..%2f..%2f{0}/images", "%2e%2e/%2E%2E/{0}/images", "..\\..\\{0}\\images"],
)
def test_a_cookie_for_one_folder_opens_no_other(step: str) -> None:
    """A cookie's policy is compared as text, and its `*` is anything: the function stops it."""
    folder = f"/images/users/{OWNER}/images/"
    address = f"{folder}{step.format(STRANGER)}/{PICTURE}.png"
    assert fnmatchcase(address, f"{folder}*")

    assert run_function(address) == [NOT_FOUND]


@pytest.mark.parametrize(
    "uri",
    [
        "/images/",
        "/images",
        "/images//",
        f"/images/users/{OWNER}/images/",
        f"/images/users/{OWNER}/images/thumbnails/",
        f"/images/{archive_key(user_id=OWNER, archive_id=PICTURE)}",
        f"/images/users/{OWNER}/exports/{PICTURE}.zip",
        "/images/models/shared/sdxl/base/unet/model.safetensors",
        f"/images//users/{OWNER}/images/{PICTURE}.png",
        f"/images/users/{OWNER}//images/{PICTURE}.png",
        f"/images/users/{OWNER}/images/.incomplete-1.png",
        f"/images/users/{OWNER}/images/{PICTURE}.png\n",
        f"/images/users/{str(OWNER).upper()}/images/{PICTURE}.png",
        f"/images/images/users/{OWNER}/images/{PICTURE}.png",
        f"/users/{OWNER}/images/{PICTURE}.png",
    ],
)
def test_what_is_no_picture_is_not_asked_of_the_bucket(uri: str) -> None:
    assert run_function(uri) == [NOT_FOUND]


def test_it_is_within_what_cloudfront_takes() -> None:
    assert len(SOURCE.read_bytes()) <= 10 * 1024
    assert "require" not in SOURCE.read_text()
