"""Writes on the catalog."""

from apps.catalog.services.licenses import check_licence
from apps.catalog.services.own_models import delete_own_model, edit_own_model
from apps.catalog.services.starter import install_starter_model

__all__ = ["check_licence", "delete_own_model", "edit_own_model", "install_starter_model"]
