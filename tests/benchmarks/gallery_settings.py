"""The product with one address more: the list as one would write it without a thought."""

from config.settings.benchmark import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.gallery_urls"
