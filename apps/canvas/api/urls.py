from django.urls import path

from apps.canvas.api import views

urlpatterns = [
    path("canvases", views.CanvasListView.as_view(), name="canvases"),
    path("canvases/trash", views.CanvasTrashView.as_view(), name="canvas-trash"),
    path("canvases/<uuid:canvas_id>", views.CanvasView.as_view(), name="canvas"),
    path(
        "canvases/<uuid:canvas_id>/duplicate",
        views.CanvasDuplicateView.as_view(),
        name="canvas-duplicate",
    ),
    path(
        "canvases/<uuid:canvas_id>/restore",
        views.CanvasRestoreView.as_view(),
        name="canvas-restore",
    ),
    path("canvases/<uuid:canvas_id>/layers", views.LayerListView.as_view(), name="canvas-layers"),
    path(
        "canvases/<uuid:canvas_id>/layers/<uuid:name>",
        views.LayerView.as_view(),
        name="canvas-layer",
    ),
]
