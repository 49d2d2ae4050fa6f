from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "apps.plans"

    def ready(self) -> None:
        from apps.accounts.signals import account_closed, account_opened
        from apps.plans.services.customers import close_customer
        from apps.plans.services.subscriptions import start_trial_of_opened_account

        account_opened.connect(start_trial_of_opened_account, dispatch_uid="start_trial")
        account_closed.connect(close_customer, dispatch_uid="close_customer")
