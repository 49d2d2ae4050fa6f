"""What browsers are told, and that no page needs what they are told to refuse."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.services.users import ensure_administrator
from apps.catalog.models import GenerationModel
from tests.factories import PASSWORD, make_image, make_job

POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "frame-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


class InlineCode(HTMLParser):
    """Collect what a strict content security policy refuses to run or apply."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "style":
            self.found.append("<style>")
        if tag == "script" and attributes.get("type") != "application/json":
            if attributes.get("src"):
                self.sources.append(str(attributes["src"]))
            else:
                self.found.append("<script>")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"{tag} {name}={value}")
            if value and value.strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")


def inline_code(response: Any) -> list[str]:
    """Return what the page has inline, or loads from another origin."""
    parser = InlineCode()
    parser.feed(response.content.decode())
    assert parser.sources or response.status_code >= 400
    elsewhere = [source for source in parser.sources if re.match(r"\w+:|//", source)]
    return parser.found + elsewhere


def policy_of(response: Any) -> dict[str, str]:
    parts = (part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
    return {name: rest[0] if rest else "" for name, *rest in parts}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        *("/healthz", "/accounts/sign-in/", "/create/", "/nothing-here", "/api/v1/models"),
        *("/api/docs/", "/admin/login/", "/static/js/api.js"),
    ],
)
def test_every_answer_carries_the_headers(path: str) -> None:
    response = Client().get(path)
    response.close()

    assert policy_of(response) == POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/sign-in/", "/nothing-here", "/api/docs/"])
def test_open_pages_have_nothing_inline(path: str) -> None:
    assert inline_code(Client().get(path)) == []


def test_pages_of_the_studio_have_nothing_inline(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    image = make_image(user, prompt='<script>alert("x")</script>')

    for path in ("/create/", "/gallery/", f"/gallery/{image.image_name}/"):
        response = browser_client.get(path)
        assert response.status_code == 200
        assert inline_code(response) == [], path


def test_pages_of_the_admin_have_nothing_inline(user: User, starter: GenerationModel) -> None:
    admin, _created = ensure_administrator(email="a@example.com", password=PASSWORD, name="A")
    make_job(user, starter)
    client = Client()
    client.force_login(admin)

    for path in (
        *("/admin/", "/admin/accounts/user/", f"/admin/accounts/user/{user.pk}/change/"),
        *("/admin/accounts/user/add/", "/admin/generation/job/", "/admin/catalog/"),
        f"/admin/accounts/user/{user.pk}/delete/",
    ):
        response = client.get(path)
        assert response.status_code == 200, path
        assert inline_code(response) == [], path


@pytest.mark.django_db
def test_the_script_of_the_api_page_is_a_file_of_its_own() -> None:
    page = Client().get("/api/docs/").content.decode()
    scripts = re.findall(r'<script src="([^"]+)"', page)
    response = Client().get(scripts[-1].replace("&amp;", "&"))

    assert len(scripts) == 3
    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle(" in response.content.decode()


def test_htmx_neither_evaluates_strings_nor_writes_styles(
    browser_client: Client, starter: GenerationModel
) -> None:
    page = browser_client.get("/create/").content.decode()

    (config,) = re.findall(r"<meta name=\"htmx-config\" content='([^']+)'", page)
    assert '"allowEval": false' in config
    assert '"includeIndicatorStyles": false' in config
    assert '"allowScriptTags": false' in config


def test_cookies_cannot_be_read_by_scripts_nor_sent_from_other_sites(user: User) -> None:
    client = Client()
    client.get("/accounts/sign-in/")
    client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    client.post("/i18n/setlang/", {"language": "ko"})

    assert set(client.cookies) == {"sessionid", "csrftoken", "django_language"}
    for cookie in client.cookies.values():
        assert cookie["httponly"] is True, cookie.key
        assert cookie["samesite"] == "Lax", cookie.key


def test_files_of_pictures_are_nothing_but_pictures(api: APIClient, user: User) -> None:
    image = make_image(user)
    url = f"/api/v1/images/{image.image_name}"
    expected = {
        f"{url}/full": ("image/png", f'inline; filename="{image.image_name}.png"'),
        f"{url}/full?download=1": ("image/png", f'attachment; filename="{image.image_name}.png"'),
        f"{url}/thumbnails/256": (
            "image/webp",
            f'inline; filename="{image.image_name}_256.webp"',
        ),
    }

    for path, (content_type, disposition) in expected.items():
        response = api.get(path)
        assert response["Content-Type"] == content_type
        assert response["Content-Disposition"] == disposition
        assert response["X-Content-Type-Options"] == "nosniff"


def test_debug_is_off_outside_of_the_local_settings() -> None:
    folder = django_settings.BASE_DIR / "config" / "settings"
    switched_on = {
        path.name
        for path in folder.glob("*.py")
        if re.search(r"^DEBUG = True", path.read_text(), re.MULTILINE)
    }
    assert switched_on == {"local.py"}
