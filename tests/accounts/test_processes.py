"""The way in to a web process that knows nothing but its environment."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from apps.accounts.models import User
from tests.accounts.letters import link_in, newest_written_letter
from tests.database import session_database_url
from tests.factories import PASSWORD
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, STAFF_GROUP, OidcProvider
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

EMAIL = "ada@example.com"


@contextmanager
def web(*, serves_admin: bool = False, **environment: str) -> Iterator[str]:
    """Run a web process on the database of the tests and return its address."""
    with Stack({"EASEL_DATABASE_URL": session_database_url(), **environment}) as stack:
        stack.start_web(serves_admin=serves_admin)
        yield stack.url


def submit(browser: requests.Session, url: str, **form: str) -> requests.Response:
    """Open the page at `url` and send its form, as a browser would."""
    page = browser.get(url, timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None, page.text
    return browser.post(page.url, {"csrfmiddlewaretoken": token[1], **form}, timeout=30)


def test_one_signs_up_with_a_mail_that_lies_in_a_directory(tmp_path: Path) -> None:
    with web(EASEL_MAIL_DIRECTORY=str(tmp_path)) as url:
        browser = requests.Session()
        sent = submit(browser, f"{url}/accounts/sign-up/", email=EMAIL, password=PASSWORD)
        assert str(tmp_path) in sent.text

        letter = newest_written_letter(tmp_path)
        assert f"{url}/accounts/confirm/" in letter
        submit(browser, f"{url}{link_in(letter)}", password=PASSWORD)

        assert browser.get(f"{url}/api/v1/images", timeout=30).status_code == 200
    assert User.objects.get().email_verified


@pytest.mark.parametrize("serves_admin", [True, False])
def test_one_signs_in_and_out_at_the_provider_of_the_environment(serves_admin: bool) -> None:
    with (
        OidcProvider() as provider,
        web(
            serves_admin=serves_admin,
            EASEL_OIDC_ISSUER=provider.issuer,
            EASEL_OIDC_CLIENT_ID=CLIENT_ID,
            EASEL_OIDC_CLIENT_SECRET=CLIENT_SECRET,
            EASEL_OIDC_STAFF_GROUP=STAFF_GROUP,
        ) as url,
    ):
        provider.put_user("ada", email=EMAIL, email_verified=True, cognito_groups=[STAFF_GROUP])
        browser = requests.Session()
        form = browser.get(f"{url}/accounts/oidc/start/?next=/gallery/", timeout=30)
        assert form.url.startswith(provider.issuer)

        inside = browser.post(form.url, {"sub": "ada"}, timeout=30)

        assert inside.url == f"{url}/gallery/"
        admin = browser.get(f"{url}/admin/", timeout=30)
        assert admin.status_code == (200 if serves_admin else 404)
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        out = browser.post(f"{url}/accounts/sign-out/", token, timeout=30)
        assert out.headers["Refresh"].startswith(f"0; url={provider.issuer}/oauth2/end_session")
        assert browser.get(f"{url}/api/v1/images", timeout=30).status_code == 401
    user = User.objects.get()
    # Only the login of the process that serves the admin may give rights.
    assert (user.oidc_subject, user.is_staff) == ("ada", serves_admin)
