"""The web server's way in."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

# What is loaded by now stays: the collector need not walk through it, nor come every few hundred objects.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
