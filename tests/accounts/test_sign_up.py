import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.plans.models import Subscription
from apps.plans.selectors import plan_of
from tests.accounts.conftest import Post
from tests.accounts.letters import link_in, newest_letter
from tests.factories import PASSWORD, make_user

SIGN_UP = "/accounts/sign-up/"
SENT = "/accounts/sign-up/sent/"
SIGN_IN = "/accounts/sign-in/"
NEW = "new@example.com"
OTHER_PASSWORD = "another rather long one"

pytestmark = pytest.mark.django_db


def test_a_new_person_signs_up_confirms_and_is_in(post: Post) -> None:
    answer = post(SIGN_UP, email="New@Example.com", password=PASSWORD, name="Ada")

    assert (answer.status_code, answer["Location"]) == (302, SENT)
    user = User.objects.get()
    assert (user.email, user.name, user.email_verified) == ("New@example.com", "Ada", False)
    assert user.check_password(PASSWORD)

    client = Client()
    link = link_in(newest_letter(to=user.email))
    assert client.get(link).status_code == 200
    answer = post(link, client, password=PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/create/")
    assert client.get("/api/v1/images").status_code == 200
    user.refresh_from_db()
    assert user.email_verified


def test_the_trial_begins_when_the_address_is_confirmed(post: Post) -> None:
    post(SIGN_UP, email=NEW, password=PASSWORD)
    assert not Subscription.objects.exists()

    post(link_in(newest_letter(to=NEW)), password=PASSWORD)

    subscription = Subscription.objects.get()
    assert plan_of(user=subscription.user).slug == subscription.plan == "trial"
    assert subscription.valid_until is not None
    assert subscription.valid_until - subscription.valid_from == pytest.approx(
        timedelta(days=7), abs=timedelta(seconds=1)
    )


def test_looking_at_the_link_confirms_nothing(post: Post) -> None:
    post(SIGN_UP, email=NEW, password=PASSWORD)

    Client().get(link_in(newest_letter(to=NEW)))

    assert not User.objects.get().email_verified


def test_the_link_without_the_password_opens_nothing(post: Post) -> None:
    post(SIGN_UP, email=NEW, password=PASSWORD)
    client = Client()

    answer = post(link_in(newest_letter(to=NEW)), client, password=OTHER_PASSWORD)

    assert answer.context["form"].errors["password"] == [
        "This is not the password you signed up with."
    ]
    assert not User.objects.get().email_verified
    assert client.get("/api/v1/images").status_code == 401


def test_a_link_confirms_once(post: Post) -> None:
    post(SIGN_UP, email=NEW, password=PASSWORD)
    link = link_in(newest_letter(to=NEW))
    post(link, password=PASSWORD)
    client = Client()

    again = post(link, client, password=PASSWORD)

    assert again.status_code == 400
    assert b"no longer works" in again.content
    assert client.get("/api/v1/images").status_code == 401
    assert Subscription.objects.count() == 1


def test_a_link_ends_after_a_day(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post(SIGN_UP, email=NEW, password=PASSWORD)
    link = link_in(newest_letter(to=NEW))
    later = timezone.now().replace(tzinfo=None) + timedelta(hours=25)
    monkeypatch.setattr("apps.accounts.tokens.confirmation_tokens._now", lambda: later)

    assert Client().get(link).status_code == 400
    assert post(link, password=PASSWORD).status_code == 400
    assert not User.objects.get().email_verified


def test_a_forged_link_opens_nothing(post: Post) -> None:
    post(SIGN_UP, email=NEW, password=PASSWORD)
    link = link_in(newest_letter(to=NEW))
    forged = f"{link[:-3]}{'aa' if link[-3:-1] != 'aa' else 'bb'}/"

    for path in (forged, "/accounts/confirm/AAAA/none/", "/accounts/confirm/~/x-y/"):
        assert post(path, password=PASSWORD).status_code == 400
    assert not User.objects.get().email_verified


def test_known_and_new_addresses_are_answered_alike(post: Post) -> None:
    owner = make_user("owner@example.com")
    before = owner.password

    known = post(SIGN_UP, email="OWNER@example.com", password=OTHER_PASSWORD, name="Eve")
    new = post(SIGN_UP, email=NEW, password=OTHER_PASSWORD, name="Eve")

    assert known.status_code == new.status_code == 302
    assert known["Location"] == new["Location"] == SENT
    assert [letter.to for letter in mail.outbox] == [[owner.email], [NEW]]
    assert "you already have one" in str(mail.outbox[0].body)
    owner.refresh_from_db()
    assert (owner.password, owner.name) == (before, "")


def test_as_much_hashing_is_done_for_a_known_address_as_for_a_new_one(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of an answer must not tell more than its text."""
    make_user("owner@example.com")
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    counts = []
    for email in ("owner@example.com", NEW):
        hashed.clear()
        post(SIGN_UP, email=email, password=OTHER_PASSWORD)
        counts.append(len(hashed))
    for email in ("owner@example.com", "nobody@example.com"):
        hashed.clear()
        post(SIGN_IN, username=email, password="wrong")
        counts.append(len(hashed))

    assert counts == [1, 1, 1, 1]


def test_who_signed_up_first_with_the_address_of_another_gets_nothing(post: Post) -> None:
    """Someone else's password must not be in the account that its owner confirms."""
    post(SIGN_UP, email=NEW, password="chosen by someone else")
    link_of_the_other = link_in(newest_letter(to=NEW))

    post(SIGN_UP, email=NEW, password=PASSWORD)

    assert post(link_of_the_other, password=PASSWORD).status_code == 400
    post(link_in(newest_letter(to=NEW)), password=PASSWORD)
    user = User.objects.get()
    assert user.email_verified
    assert user.check_password(PASSWORD)


def test_an_unconfirmed_address_does_not_sign_in_and_gets_the_link_again(post: Post) -> None:
    make_user(NEW, email_verified=False)
    client = Client()

    answer = post(SIGN_IN, client, username=NEW, password=PASSWORD)

    assert answer.status_code == 200
    assert b"Confirm your e-mail first" in answer.content
    assert client.get("/api/v1/images").status_code == 401
    assert post(link_in(newest_letter(to=NEW)), client, password=PASSWORD).status_code == 302


def test_a_wrong_password_for_an_unconfirmed_address_tells_nothing(post: Post) -> None:
    make_user(NEW, email_verified=False)

    answer = post(SIGN_IN, username=NEW, password="wrong")

    assert b"Confirm your e-mail" not in answer.content
    assert mail.outbox == []


def test_a_session_of_an_unconfirmed_address_counts_for_nothing() -> None:
    client = Client()
    client.force_login(make_user(NEW, email_verified=False))

    assert client.get("/api/v1/images").status_code == 401


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"email": "", "password": PASSWORD}, "email"),
        ({"email": "no address", "password": PASSWORD}, "email"),
        ({"email": f"{'a' * 250}@example.com", "password": PASSWORD}, "email"),
        ({"email": NEW, "password": ""}, "password"),
        ({"email": NEW, "password": "short"}, "password"),
        ({"email": NEW, "password": "12345678901"}, "password"),
        ({"email": NEW, "password": "password1"}, "password"),
        ({"email": "marguerite@example.com", "password": "marguerite"}, "password"),
        ({"email": NEW, "password": PASSWORD, "name": "n" * 151}, "name"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    post: Post, form: dict[str, str], field: str
) -> None:
    answer = post(SIGN_UP, **form)

    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {field}
    control = re.search(rf'<input[^>]* id="id_{field}"[^>]*>', answer.content.decode())
    assert control is not None
    assert 'aria-invalid="true"' in control[0]
    assert f"id_{field}_error" in control[0]
    assert " autofocus" in control[0]
    assert answer.content.count(b"autofocus") == 1
    assert not User.objects.exists()
    assert mail.outbox == []


def test_a_mail_server_that_is_away_does_not_break_the_page(
    post: Post, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert post(SIGN_UP, email=NEW, password=PASSWORD)["Location"] == SENT
    assert "mail_failed" in caplog.text


def test_the_page_tells_where_mails_lie_on_a_machine_that_sends_none(settings: Any) -> None:
    assert b"sends no mail" not in Client().get(SENT).content

    settings.EASEL_MAIL_DIRECTORY = settings.BASE_DIR / "var" / "mail"

    page = Client().get(SENT).content
    assert b"<code>var/mail</code>" in page
    assert str(settings.BASE_DIR).encode() not in page


def test_the_language_of_the_page_is_the_language_of_the_account(post: Post) -> None:
    client = Client(headers={"accept-language": "ko"})

    post(SIGN_UP, client, email=NEW, password=PASSWORD)

    assert User.objects.get().language == "ko"
