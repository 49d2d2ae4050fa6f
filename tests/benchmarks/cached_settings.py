"""The product with the list cache, which tests and the other benchmarks do without."""

from tests.benchmarks.gallery_settings import *  # noqa: F403

EASEL_LIST_CACHE_SECONDS = 60
