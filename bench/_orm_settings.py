"""The portal's settings with the two doors of `_orm_variant.py` in place of its own."""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "bench._orm_variant"
