"""Addresses that gateways know."""

from django.urls import path, register_converter

from portal.hooks import views


class OrderNo:
    """26 characters of the alphabet of `core.ids`."""

    regex = "[0-9A-HJKMNP-TV-Z]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(OrderNo, "order_no")

urlpatterns = [
    path("return/<order_no:order_no>/", views.returned, name="returned"),
    path("<slug:gateway>/notice/", views.notice, name="notice"),
]
