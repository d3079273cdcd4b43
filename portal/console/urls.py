"""Addresses of the console's pages of work; each is wrapped by `admin_view`, which lets verified staff in only."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpResponseBase
from django.urls import URLPattern, path

from portal.console import (
    audit,
    channel_day,
    clearing,
    discrepancies,
    discrepancy,
    feeds,
    names,
    outside,
    person,
    policies,
    reconciliation,
    refunds,
    search,
    workbench,
)

PAGES: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
    ("", workbench.workbench, "index"),
    ("search/", search.search, "search"),
    ("person/<int:person_id>/", person.person, "person"),
    ("person/<int:person_id>/full/", person.reveal, "reveal"),
    ("registration/<int:registration_id>/name/", names.change_name, "change_name"),
    ("policies/", policies.listing, "policies"),
    ("policies/<int:policy_id>/", policies.detail, "policy"),
    ("policies/<int:policy_id>/draft/", policies.draft, "policy_draft"),
    ("policies/<int:policy_id>/publish/", policies.publish, "policy_publish"),
    ("policies/<int:policy_id>/discard/", policies.discard, "policy_discard"),
    ("feeds/", feeds.listing, "feeds"),
    ("feeds/<int:batch_id>/", feeds.detail, "feed"),
    ("feeds/<int:batch_id>/rejects.csv", feeds.rejects_csv, "feed_rejects"),
    ("discrepancies/", discrepancies.listing, "discrepancies"),
    ("discrepancies/<int:discrepancy_id>/", discrepancy.detail, "discrepancy"),
    ("discrepancies/<int:discrepancy_id>/take/", discrepancy.take, "discrepancy_take"),
    ("discrepancies/<int:discrepancy_id>/assign/", discrepancy.assign, "discrepancy_assign"),
    ("discrepancies/<int:discrepancy_id>/note/", discrepancy.note, "discrepancy_note"),
    ("discrepancies/<int:discrepancy_id>/resolve/", discrepancy.resolve, "discrepancy_resolve"),
    ("discrepancies/<int:discrepancy_id>/waive/", discrepancy.waive, "discrepancy_waive"),
    ("discrepancies/<int:discrepancy_id>/refund/", discrepancy.give_back, "discrepancy_refund"),
    ("discrepancies/<int:discrepancy_id>/ask/", discrepancy.ask, "discrepancy_ask"),
    ("discrepancies/<int:discrepancy_id>/outside/", outside.of_discrepancy, "discrepancy_outside"),
    ("orders/<int:order_id>/clearing/", clearing.detail, "clearing"),
    ("orders/<int:order_id>/clearing/ask/", clearing.ask, "clearing_ask"),
    ("orders/<int:order_id>/clearing/request/", clearing.request_, "clearing_request"),
    ("orders/<int:order_id>/clearing/decide/", clearing.decide, "clearing_decide"),
    ("orders/<int:order_id>/clearing/<int:clearing_id>/document/", clearing.document, "clearing_document"),
    ("reconciliation/", reconciliation.grid, "reconciliation"),
    ("reconciliation/upload/", reconciliation.upload, "statement_upload"),
    ("reconciliation/<int:statement_id>/", channel_day.detail, "channel_day"),
    ("reconciliation/<int:statement_id>/again/", channel_day.again, "statement_again"),
    ("reconciliation/<int:statement_id>/sign/", channel_day.sign, "statement_sign"),
    ("refunds/", refunds.listing, "refunds"),
    ("refunds/<str:refund_no>/", refunds.detail, "refund"),
    ("refunds/<str:refund_no>/review/", refunds.review, "refund_review"),
    ("refunds/<str:refund_no>/approve/", refunds.approve, "refund_approve"),
    ("refunds/<str:refund_no>/reject/", refunds.reject, "refund_reject"),
    ("refunds/<str:refund_no>/retry/", refunds.retry, "refund_retry"),
    ("refunds/<str:refund_no>/ask/", refunds.ask_gateway, "refund_ask_gateway"),
    ("refunds/<str:refund_no>/outside/", outside.of_refund, "refund_outside"),
    ("refunds/<str:refund_no>/outside/decide/", outside.decide, "outside_decide"),
    ("refunds/<str:refund_no>/outside/<int:settlement_id>/document/", outside.document, "outside_document"),
    ("declarations/<str:declaration_no>/refund/", refunds.ask, "refund_ask"),
    ("declarations/<str:declaration_no>/outside/", outside.of_declaration, "declaration_outside"),
    ("audit/", audit.listing, "audit"),
]


def pages(site: AdminSite) -> list[URLPattern]:
    """All of them behind the site's guard."""

    def guarded(view: Callable[..., HttpResponseBase]) -> Callable[..., Any]:
        wrapped = site.admin_view(view)
        wrapped.admin_site = site  # type: ignore[attr-defined]  # how a house test knows whose guard it is
        return wrapped

    return [path(route, guarded(view), name=name) for route, view, name in PAGES]
