from django.urls import path

from apps.dashboard import key_views, usage_views, views

app_name = "dashboard"

urlpatterns = [
    path("", views.home, name="home"),
    path("account/activity/", views.activity, name="activity"),
    path("account/data/", views.own_data, name="own-data"),
    path("create/", views.create, name="create"),
    path("gallery/", views.gallery, name="gallery"),
    path("gallery/<uuid:image_name>/", views.image, name="image"),
    path("gallery/<uuid:image_name>/tile/", views.image_tile, name="image-tile"),
    path("keys/", key_views.keys, name="keys"),
    path("keys/<uuid:key_id>/revoke/", key_views.revoke, name="key-revoke"),
    path("usage/", usage_views.usage, name="usage"),
    path("usage/receipts/<uuid:job_id>/", usage_views.receipt, name="receipt"),
]
