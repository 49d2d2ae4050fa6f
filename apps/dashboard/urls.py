from django.urls import path

from apps.dashboard import (
    billing_views,
    board_views,
    key_views,
    model_views,
    queue_views,
    sharing_views,
    trash_views,
    usage_views,
    views,
    workflow_views,
)

app_name = "dashboard"

urlpatterns = [
    path("", views.home, name="home"),
    path("account/activity/", views.activity, name="activity"),
    path("account/data/", views.own_data, name="own-data"),
    path("account/plan/", billing_views.plan, name="plan"),
    path("account/plan/cancel/", billing_views.cancel, name="plan-cancel"),
    path("account/plan/change/", billing_views.change, name="plan-change"),
    path("account/plan/packs/", billing_views.buy, name="plan-buy"),
    path("account/plan/portal/", billing_views.portal, name="plan-portal"),
    path("account/plan/reactivate/", billing_views.go_on, name="plan-reactivate"),
    path("account/plan/subscribe/", billing_views.subscribe, name="plan-subscribe"),
    path("account/plan/waiting/", billing_views.waiting, name="plan-waiting"),
    path("boards/", board_views.boards, name="boards"),
    path("create/", views.create, name="create"),
    path("gallery/", views.gallery, name="gallery"),
    path("gallery/boards/", views.shelf, name="shelf"),
    path("gallery/boards/<uuid:board_id>/share/", sharing_views.share, name="share"),
    path("gallery/shared/", sharing_views.shared, name="shared"),
    path("gallery/shared/<uuid:board_id>/", sharing_views.shared_board, name="shared-board"),
    path("gallery/shared/<uuid:board_id>/act/", sharing_views.act_on_shared, name="shared-act"),
    path(
        "gallery/shared/<uuid:board_id>/<uuid:image_name>/",
        sharing_views.shared_picture,
        name="shared-picture",
    ),
    path(
        "gallery/shared/<uuid:board_id>/<uuid:image_name>/<str:variant>",
        sharing_views.shared_variant,
        name="shared-file",
    ),
    path("gallery/places/", views.outline, name="gallery-places"),
    path("gallery/trash/", trash_views.trash, name="trash"),
    path("gallery/trash/act/", trash_views.act_on_trash, name="trash-act"),
    path("gallery/<uuid:image_name>/", views.image, name="image"),
    path("gallery/<uuid:image_name>/tile/", views.image_tile, name="image-tile"),
    path("keys/", key_views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke/", key_views.revoke, name="key-revoke"),
    path("models/", model_views.models, name="models"),
    path("models/<slug:key>/act/", model_views.act_on_model, name="model-act"),
    path(
        "models/installs/<uuid:install_id>/cancel/", model_views.cancel, name="model-install-cancel"
    ),
    path("queue/", queue_views.queue, name="queue"),
    path("queue/act/", queue_views.act, name="queue-act"),
    path("queue/<uuid:job_id>/", queue_views.act_on_job, name="queue-job"),
    path("usage/", usage_views.usage, name="usage"),
    path("usage/receipts/<uuid:job_id>/", usage_views.receipt, name="receipt"),
    path("usage/receipts/<uuid:job_id>/appeal/", usage_views.appeal, name="appeal"),
    path("workflows/", workflow_views.workflows, name="workflows"),
]
