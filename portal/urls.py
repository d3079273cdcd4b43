"""Every address of the portal."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/", include("portal.hooks.urls")),
]
