from django.apps import AppConfig


class CreditsConfig(AppConfig):
    name = "apps.credits"

    def ready(self) -> None:
        from apps.accounts.signals import account_closed
        from apps.credits.services import grants, ledger
        from apps.plans.signals import credits_due, credits_withdrawn, trial_started

        credits_due.connect(grants.grant_due_credits, dispatch_uid="grant_due_credits")
        credits_withdrawn.connect(grants.withdraw_credits, dispatch_uid="withdraw_credits")
        trial_started.connect(grants.grant_credits_of_trial, dispatch_uid="grant_trial_credits")
        account_closed.connect(
            ledger.release_holds_of_closed_account, dispatch_uid="release_holds_of_closed_account"
        )
