"""Each fact is told once: however often it is looked for, by how many, and whoever is away."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import service_scope
from apps.credits.models import Grant
from apps.credits.selectors import read_balance
from apps.credits.services.grants import add_grant
from apps.credits.services.ledger import release_hold
from apps.credits.services.notices import note_low_credits
from apps.plans.models import Notice, NoticeKind, NoticeState, PauseReason, Subscription
from apps.plans.products import PLANS, CreditSource
from apps.plans.services import notices
from apps.plans.services.notices import note, note_plan_ends, send_notices
from apps.plans.services.subscriptions import start_subscription
from apps.plans.signals import payment_failed
from tests.credits.moves import hold_for
from tests.database import login_url, session_database_url
from tests.factories import make_user
from tests.plans.clock import Clock
from tests.plans.mail_server import MailServer

pytestmark = pytest.mark.django_db

SENT, PENDING, UNSURE = NoticeState.SENT, NoticeState.PENDING, NoticeState.UNSURE


def spend_all_but(user: User, left: int) -> uuid.UUID:
    job_id = uuid.uuid4()
    available = read_balance(user_id=user.id).available
    hold_for(user_id=user.id, job_id=job_id, amount=available - left)
    return job_id


def top_up(user: User, amount: int, **validity: Any) -> Grant:
    now = timezone.now()
    return add_grant(
        user_id=user.id,
        source=CreditSource.PACK,
        amount=amount,
        key=str(uuid.uuid4()),
        **({"valid_from": now, "valid_until": now + timedelta(days=60)} | validity),
    )


def tell(user: User, key: str = "k", kind: NoticeKind = NoticeKind.LOW_CREDITS) -> Notice:
    note(user_id=user.id, kind=kind, key=key, facts={"available": 3})
    return Notice.objects.get(user=user, kind=kind, key=key)


def subjects() -> list[str]:
    return [str(letter.subject) for letter in mail.outbox]


@pytest.mark.parametrize(("left", "told"), [(10, 0), (9, 1), (0, 1)])
def test_below_ten_credits_there_is_a_mail(user: User, left: int, told: int) -> None:
    spend_all_but(user, left)

    assert note_low_credits() == told
    assert send_notices() == told

    assert subjects() == [f"You have {left} Easel credits left"] * told


def test_few_credits_are_told_once_and_again_only_after_a_top_up(user: User) -> None:
    spend_all_but(user, 4)
    assert (note_low_credits(), send_notices()) == (1, 1)

    job_id = spend_all_but(user, 2)
    assert (note_low_credits(), send_notices()) == (0, 0)
    release_hold(user_id=user.id, job_id=job_id)
    assert (note_low_credits(), send_notices()) == (0, 0)

    top_up(user, 100)
    assert (note_low_credits(), send_notices()) == (0, 0)
    spend_all_but(user, 1)
    assert (note_low_credits(), send_notices()) == (1, 1)
    assert (note_low_credits(), send_notices()) == (0, 0)
    assert subjects() == ["You have 4 Easel credits left", "You have 1 Easel credit left"]


def test_a_top_up_that_is_too_small_is_told_of_once(user: User) -> None:
    spend_all_but(user, 1)
    note_low_credits()
    top_up(user, 2)

    assert (note_low_credits(), note_low_credits()) == (1, 0)


def test_credits_that_ended_with_their_time_are_no_news(user: User, clock: Clock) -> None:
    clock.forward(days=600)
    assert read_balance(user_id=user.id).available == 0

    assert note_low_credits() == 0


def test_only_whose_credits_are_few_is_told(user: User, stranger: User) -> None:
    spend_all_but(user, 3)

    note_low_credits()

    assert [notice.user_id for notice in Notice.objects.all()] == [user.id]


@pytest.fixture
def on_trial(clock: Clock) -> User:
    user = User.objects.create_user("trial@example.com", None, email_verified=True)
    until = clock.now + timedelta(days=7)
    start_subscription(user=user, plan=PLANS["trial"], valid_until=until)
    return user


def kinds_noted() -> list[str]:
    return [notice.kind for notice in Notice.objects.order_by("created_at")]


def test_a_trial_is_told_two_days_before_its_end_and_at_its_end(
    on_trial: User, clock: Clock
) -> None:
    clock.forward(days=5, microseconds=-1)
    assert note_plan_ends() == 0
    clock.forward(microseconds=1)
    assert (note_plan_ends(), note_plan_ends(), send_notices()) == (1, 0, 1)
    clock.forward(days=2, microseconds=-1)
    assert note_plan_ends() == 0
    clock.forward(microseconds=1)
    assert (note_plan_ends(), note_plan_ends(), send_notices()) == (1, 0, 1)
    clock.forward(days=300)
    assert note_plan_ends() == 0

    assert kinds_noted() == ["trial_ending", "paused"]
    assert len(mail.outbox) == 2


def test_whoever_took_a_plan_hears_nothing_of_the_trial(on_trial: User, clock: Clock) -> None:
    start_subscription(user=on_trial, plan=PLANS["pro"], valid_until=clock.now + timedelta(days=31))
    for _day in range(30):
        clock.forward(days=1)
        assert note_plan_ends() == 0

    clock.forward(days=1)
    assert note_plan_ends() == 1
    assert send_notices() == 1
    assert subjects() == ["Your Easel account is paused"]


def test_a_plan_that_ends_a_second_time_is_told_of_a_second_time(
    on_trial: User, clock: Clock
) -> None:
    clock.forward(days=7)
    assert note_plan_ends() == 1
    Subscription.objects.update(valid_until=clock.now + timedelta(days=30), plan="starter")
    assert note_plan_ends() == 0
    clock.forward(days=30)

    assert note_plan_ends() == 1


def test_ends_of_long_ago_are_no_news(on_trial: User, clock: Clock) -> None:
    clock.forward(days=14, microseconds=1)

    assert note_plan_ends() == 0


def test_a_pause_is_told_once_for_each_cause(on_trial: User, clock: Clock) -> None:
    Subscription.objects.update(plan="pro", valid_until=None, pause_reason=PauseReason.REFUNDED)
    assert (note_plan_ends(), note_plan_ends()) == (1, 0)

    Subscription.objects.update(pause_reason=PauseReason.DISPUTED)
    assert (note_plan_ends(), note_plan_ends()) == (1, 0)


def test_each_failed_payment_is_told_once(user: User) -> None:
    now = timezone.now()
    for since, retry_at in ((1, 3), (1, 5), (1, None), (0, 3), (0, 3)):
        Subscription.objects.update(past_due_since=now - timedelta(days=since))
        retry = retry_at and now + timedelta(days=retry_at)
        payment_failed.send(sender=None, user_id=user.id, retry_at=retry)

    assert (send_notices(), send_notices()) == (2, 0)

    assert subjects() == ["Your payment for Easel failed"] * 2


def test_a_fact_that_is_rolled_back_is_not_told(user: User) -> None:
    with transaction.atomic():
        payment_failed.send(sender=None, user_id=user.id, retry_at=None)
        transaction.set_rollback(True)

    assert send_notices() == 0
    assert not Notice.objects.exists()


def test_a_blocked_user_is_told_nothing(user: User) -> None:
    notice = tell(user)
    User.objects.update(is_active=False)

    assert send_notices() == 0

    notice.refresh_from_db()
    assert (notice.state, mail.outbox) == (NoticeState.DROPPED, [])


def test_a_mail_server_that_is_away_costs_time_and_no_mail(
    user: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    notice = tell(user)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_USE_TLS = False
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    for _round in range(40):
        assert send_notices() == 0
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == (PENDING, 0)
    assert "mail_server_away" in caplog.text

    with MailServer(server.port) as server:
        assert (send_notices(), send_notices()) == (1, 0)

    assert [letter["Subject"] for letter in server.mails] == ["You have 3 Easel credits left"]
    notice.refresh_from_db()
    assert (notice.state, notice.attempts, notice.sent_at is not None) == (SENT, 1, True)


def test_a_refused_mail_is_tried_again_ever_more_rarely_and_not_for_ever(
    user: User, clock: Clock, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    Subscription.objects.update(valid_from=clock.now, valid_until=None)
    notice = tell(user)
    mail_server.refuses = True
    delays = []
    for attempt in range(1, notices.MAX_ATTEMPTS):
        assert send_notices() == 0
        notice.refresh_from_db()
        assert (notice.state, notice.attempts) == (PENDING, attempt)
        delays.append(notice.due_at - clock.now)
        clock.now = notice.due_at - timedelta(microseconds=1)
        assert send_notices() == 0
        clock.now = notice.due_at
    assert send_notices() == 0

    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == (NoticeState.FAILED, notices.MAX_ATTEMPTS)
    assert delays[:3] == [timedelta(minutes=minutes) for minutes in (2, 4, 8)]
    assert max(delays) == delays[-1] == timedelta(hours=6)
    assert sum(delays, timedelta()) > timedelta(days=1)
    assert "notice_failed" in caplog.text
    assert mail_server.mails == []


def test_one_refused_address_keeps_no_other_from_its_mail(
    user: User, stranger: User, mail_server: MailServer
) -> None:
    refused = tell(user)
    mail_server.refuses = True
    send_notices()
    mail_server.refuses = False
    tell(stranger)

    assert send_notices() == 1

    assert [letter["To"] for letter in mail_server.mails] == ["stranger@example.com"]
    refused.refresh_from_db()
    assert refused.state == PENDING


def test_a_server_that_hangs_up_may_have_sent_it_so_it_is_not_sent_twice(
    user: User, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    notice = tell(user)
    mail_server.hangs_up = True
    assert send_notices() == 0
    mail_server.hangs_up = False

    assert send_notices() == 0

    notice.refresh_from_db()
    assert (notice.state, notice.sent_at, mail_server.mails) == (UNSURE, None, [])
    assert "notice_perhaps_sent" in caplog.text


def test_a_notice_whose_sender_died_is_not_sent_twice(
    user: User, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Subscription.objects.update(valid_from=clock.now, valid_until=None)
    notice = tell(user)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(notices, "_end", die)
        with pytest.raises(Killed):
            send_notices()
    assert len(mail.outbox) == 1
    clock.forward(minutes=10, microseconds=-1)
    assert send_notices() == 0
    notice.refresh_from_db()
    assert notice.state == NoticeState.SENDING
    clock.forward(microseconds=1)
    assert send_notices() == 0

    notice.refresh_from_db()
    assert (notice.state, len(mail.outbox)) == (UNSURE, 1)
    assert "notice_perhaps_sent" in caplog.text


def test_staff_may_send_again_what_failed_and_nothing_else(user: User, stranger: User) -> None:
    unsure, sent = tell(user), tell(stranger)
    Notice.objects.filter(id=unsure.id).update(state=UNSURE, attempts=16)
    assert send_notices() == 1
    admin = make_user("admin@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(admin)
    assert "stranger@example.com" in client.get("/admin/plans/notice/").content.decode()
    assert client.get("/admin/plans/notice/add/").status_code == 403

    chosen = {"action": "send_again", "_selected_action": [str(unsure.id), str(sent.id)]}
    assert client.post("/admin/plans/notice/", chosen).status_code == 302
    assert send_notices() == 1

    assert [letter.to for letter in mail.outbox] == [[stranger.email], [user.email]]
    acts = AuditRecord.objects.filter(act=Act.ADMIN_CHANGE).values_list("user_id", "actor_id")
    assert list(acts) == [(user.id, admin.id)]


def test_a_fault_in_one_text_keeps_no_other_from_being_sent(
    user: User, stranger: User, caplog: pytest.LogCaptureFixture
) -> None:
    note(user_id=user.id, kind=NoticeKind.LOW_CREDITS, key="k", facts={})
    tell(stranger)

    assert send_notices() == 1

    assert "notice_not_written" in caplog.text
    assert {n.user_id: n.state for n in Notice.objects.all()} == {
        user.id: PENDING,
        stranger.id: SENT,
    }


def at_once(*work: Callable[[], object]) -> None:
    """Do all of `work` in threads that begin together."""
    start = threading.Barrier(len(work))
    faults: list[BaseException] = []

    def run(one: Callable[[], object]) -> None:
        try:
            start.wait()
            one()
        except BaseException as fault:  # noqa: BLE001
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def look_and_send() -> None:
    note_low_credits()
    note_plan_ends()
    send_notices()


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_send_each_mail_once(mail_server: MailServer) -> None:
    users = [make_user(f"user{n}@example.com") for n in range(12)]
    for user in users:
        spend_all_but(user, 5)
    Subscription.objects.update(valid_until=timezone.now() + timedelta(days=1))

    at_once(*[look_and_send] * 4)
    send_notices()

    got = sorted((letter["To"], letter["Subject"][:10]) for letter in mail_server.mails)
    told = ("You have 5", "Your Easel")
    assert got == sorted((user.email, subject) for user in users for subject in told)
    assert set(Notice.objects.values_list("state", flat=True)) == {SENT}


@pytest.mark.django_db(transaction=True)
def test_without_the_claim_mails_would_go_out_twice(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what two schedulers do when neither takes a notice before it sends it."""
    tell(make_user("user@example.com"))
    both = threading.Barrier(2)

    def claim() -> Notice:
        notice = Notice.objects.select_related("user").get()
        both.wait()
        return notice

    monkeypatch.setattr(notices, "NOTICES_A_SWEEP", 1)
    monkeypatch.setattr(notices, "_claim", lambda: in_service(claim))

    at_once(send_notices, send_notices)

    assert len(mail_server.mails) == 2


def in_service(function: Callable[[], Notice]) -> Notice:
    with service_scope("test"):
        return function()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("login", ["web", "worker"])
def test_who_serves_users_writes_no_notices(login: str, user: User) -> None:
    tell(user)
    url = login_url(login, url=session_database_url())
    with psycopg.connect(url, autocommit=True) as raw:
        for statement in (
            "UPDATE plans_notice SET state = 'sent', sent_at = now()",
            "DELETE FROM plans_notice",
            "INSERT INTO plans_notice (id) VALUES (gen_random_uuid())",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement)

    assert Notice.objects.get().state == PENDING
