"""Addresses of the way from a contribution to a record and back (R06–R27). `urls.py` joins them to the other pages."""

from django.urls import path, register_converter

from portal.pages import basket, estimate, orders, paying, records, refunds, start, tiers, why


class PublicNo:
    """26 characters of the alphabet of `core.ids`: the number of an order, a declaration or a refund."""

    regex = "[0-9A-HJKMNP-TV-Z]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(PublicNo, "public_no")

WHAT = "pay/<slug:insurance_type>/<int:coverage_year>/<str:part>/"
ONE = WHAT + "<int:member_id>/"

paying_paths = [
    path("pay/", start.start, name="start"),
    path("pay/types/", start.types, name="types"),
    path("pay/one/", start.one, name="one"),
    path("pay/same/", start.same, name="same"),
    path("pay/registration/", start.registration, name="registration"),
    path("pay/basket/", basket.basket, name="basket"),
    path("pay/basket/remove/", basket.remove, name="basket_remove"),
    path("pay/basket/restore/", basket.restore, name="basket_restore"),
    path("pay/basket/keep-payable/", basket.keep_payable, name="basket_keep"),
    path("pay/check/", basket.check, name="check"),
    path(WHAT + "people/", start.people, name="people"),
    path(ONE + "place/", tiers.place, name="place"),
    path(ONE + "tier/", tiers.tier, name="tier"),
    path(ONE + "estimate/", estimate.estimate, name="estimate"),
    path(ONE + "months/", tiers.months, name="months"),
    path("orders/<public_no:order_no>/", orders.order, name="order"),
    path("orders/<public_no:order_no>/method/", paying.method, name="method"),
    path("orders/<public_no:order_no>/pay/", paying.pay, name="pay"),
    path("orders/<public_no:order_no>/status/", orders.status, name="order_status"),
    path("orders/<public_no:order_no>/refresh/", orders.refresh, name="order_refresh"),
    path("orders/<public_no:order_no>/cancel/", orders.cancel, name="order_cancel"),
    path("orders/<public_no:order_no>/again/", orders.again, name="order_again"),
    path("why/", why.entrance, name="why"),
    path("why/<int:member_id>/<slug:insurance_type>/<int:coverage_year>/", why.ask, name="why_ask"),
    path("why/<str:code>/", why.case, name="why_case"),
    path("records/", records.listing, name="records"),
    path("records/<public_no:declaration_no>/", records.detail, name="record"),
    path("records/<public_no:declaration_no>/refund/", refunds.ask, name="refund_ask"),
    path("records/<public_no:declaration_no>/refund/check/", refunds.check, name="refund_check"),
    path("refunds/<public_no:refund_no>/", refunds.progress, name="refund"),
]
