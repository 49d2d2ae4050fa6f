from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "apps.plans"

    def ready(self) -> None:
        from apps.accounts.signals import account_opened
        from apps.plans.services.subscriptions import start_trial_of_opened_account

        account_opened.connect(start_trial_of_opened_account, dispatch_uid="start_trial")
