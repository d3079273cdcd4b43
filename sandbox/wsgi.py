"""The application that granian serves, with the courier beside it.

``granian --interface wsgi sandbox.wsgi:application --workers 1``: one worker, because there is one courier.
"""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from sandbox.start import start  # noqa: E402  # models can be imported only now

start()
