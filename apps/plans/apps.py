from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "apps.plans"

    def ready(self) -> None:
        from apps.accounts.signals import account_closed, account_opened
        from apps.plans.services.customers import close_customer
        from apps.plans.services.notices import note_failed_payment
        from apps.plans.services.subscriptions import start_trial_of_opened_account
        from apps.plans.signals import payment_failed

        account_opened.connect(start_trial_of_opened_account, dispatch_uid="start_trial")
        payment_failed.connect(note_failed_payment, dispatch_uid="note_failed_payment")
        account_closed.connect(close_customer, dispatch_uid="close_customer")
