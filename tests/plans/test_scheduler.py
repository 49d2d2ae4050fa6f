"""The scheduler as it runs, on the clock of the machine."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from apps.credits.models import GrantBalance
from apps.plans.models import Notice, NoticeState
from tests.accounts.letters import newest_written_letter
from tests.database import session_database_url
from tests.factories import make_user
from tests.plans.test_notices import spend_all_but, top_up
from tests.stack import Stack, wait_until


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_scheduler_expires_credits_and_tells_what_is_left(tmp_path: Path) -> None:
    user = make_user("user@example.com", language="ko")
    spend_all_but(user, 7)
    # Together they are enough, until these end.
    ending = top_up(user, 5, valid_until=timezone.now() + timedelta(seconds=5))
    environment = {
        "EASEL_DATABASE_URL": session_database_url(),
        "EASEL_MAIL_DIRECTORY": str(tmp_path),
        "EASEL_SWEEP_SECONDS": "0.05",
    }

    with Stack(environment) as stack:
        stack.start_scheduler()
        wait_until(
            lambda: Notice.objects.filter(state=NoticeState.SENT).exists(),
            seconds=60,
            what="the mail",
        )
        wait_until(
            lambda: GrantBalance.objects.get(grant=ending).closed == 5,
            seconds=60,
            what="the end of the credits",
        )
        log = stack.log("scheduler")

    assert timezone.now() > ending.valid_until
    assert "크레딧이 7개 남았어요." in newest_written_letter(tmp_path)
    assert Notice.objects.get().user_id == user.id
    assert "sweep_failed" not in log
    assert "sweep_broken" not in log
