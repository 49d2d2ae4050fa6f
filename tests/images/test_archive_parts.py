"""The file of an archive: fetched in part, and asked about without being made."""

from typing import Any

import pytest
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from apps.accounts.models import User
from apps.images.api.archive_views import ArchiveFileView
from apps.images.services.archive_making import make_archives
from tests.factories import make_image
from tests.images.archive_files import ask


@pytest.mark.parametrize(
    ("headers", "status", "part"),
    [
        ({}, 200, slice(None)),
        ({"Range": "bytes=10-"}, 206, slice(10, None)),
        ({"Range": "bytes=10-19"}, 206, slice(10, 20)),
        ({"Range": "bytes=10-99999999"}, 206, slice(10, None)),
        ({"Range": "bytes=-7"}, 206, slice(-7, None)),
        ({"Range": "bytes=0-1,5-6"}, 200, slice(None)),
        ({"Range": "lines=1-2"}, 200, slice(None)),
        ({"Range": "bytes=10-", "If-Range": '"of another file"'}, 200, slice(None)),
        ({"Range": "bytes=99999999-"}, 416, None),
        ({"Range": "bytes=-0"}, 416, None),
    ],
)
def test_a_broken_download_goes_on(
    api: APIClient,
    user: User,
    settings: Any,
    headers: dict[str, str],
    status: int,
    part: slice | None,
) -> None:
    settings.EASEL_ARCHIVE_STREAM_PICTURES = 0
    address = ask(api, make_image(user))["Location"]
    make_archives()
    url = api.get(address).json()["url"]
    first: Any = api.get(url)
    whole = b"".join(first.streaming_content)

    answer: Any = api.get(url, headers=headers)

    assert (answer.status_code, first["Accept-Ranges"]) == (status, "bytes")
    if part is None:
        assert answer["Content-Range"] == f"bytes */{len(whole)}"
        assert answer.json()["code"] == "range_not_satisfiable"
        return
    wanted = whole[part]
    assert b"".join(answer.streaming_content) == wanted
    assert (int(answer["Content-Length"]), answer["ETag"]) == (len(wanted), first["ETag"])
    if status == 206:
        start = whole.index(wanted)
        place = f"bytes {start}-{start + len(wanted) - 1}/{len(whole)}"
        assert answer["Content-Range"] == place
        assert api.get(url, headers=headers | {"If-Range": first["ETag"]}).status_code == 206


def test_one_that_is_made_while_it_is_sent_comes_whole(api: APIClient, user: User) -> None:
    url = ask(api, make_image(user)).json()["url"]

    answer = api.get(url, headers={"Range": "bytes=10-"})

    assert answer.status_code == 200
    assert "Accept-Ranges" not in answer


@pytest.mark.parametrize("pictures", [0, 50])
def test_nothing_is_made_for_a_client_that_only_asks(
    api: APIClient, user: User, settings: Any, pictures: int
) -> None:
    settings.EASEL_ARCHIVE_STREAM_PICTURES = pictures
    shown = ask(api, make_image(user)).json()
    make_archives()
    request = APIRequestFactory().head(shown["url"] or "/")
    force_authenticate(request, user)

    answer: Any = ArchiveFileView.as_view()(request, archive_id=shown["id"])

    assert answer.status_code == 200
    assert ("Content-Length" in answer) is (pictures == 0)
    assert list(answer.streaming_content) == []
