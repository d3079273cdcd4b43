"""What every page of the console is rendered with."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page of work inside the console's frame."""
    return render(request, f"console/{template}.html", {**admin.site.each_context(request), "title": title, **context})
