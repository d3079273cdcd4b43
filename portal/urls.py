"""Every address of the portal."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("portal.accounts.urls")),
    path("", include("portal.pages.urls")),
    path("console/", admin.site.urls),
    path("hooks/", include("portal.hooks.urls")),
]

handler404 = "portal.pages.errors.not_found"
handler500 = "portal.pages.errors.broken"
