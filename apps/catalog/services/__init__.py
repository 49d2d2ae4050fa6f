"""Writes on the catalog."""

from apps.catalog.services.licenses import check_licence
from apps.catalog.services.starter import install_starter_model

__all__ = ["check_licence", "install_starter_model"]
