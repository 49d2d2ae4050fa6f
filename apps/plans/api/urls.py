from django.urls import path

from apps.plans.api import views

urlpatterns = [
    path("billing/plan", views.PlanView.as_view(), name="billing-plan"),
    path("billing/payments", views.PaymentListView.as_view(), name="billing-payments"),
    path("billing/checkout", views.CheckoutView.as_view(), name="billing-checkout"),
    path("billing/packs", views.PackView.as_view(), name="billing-packs"),
    path("billing/portal", views.PortalView.as_view(), name="billing-portal"),
    path("billing/change", views.ChangeView.as_view(), name="billing-change"),
    path("billing/change/preview", views.PreviewView.as_view(), name="billing-change-preview"),
    path("billing/cancel", views.CancelView.as_view(), name="billing-cancel"),
    path("billing/reactivate", views.ReactivateView.as_view(), name="billing-reactivate"),
]
