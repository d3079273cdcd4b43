"""Doors for gateways: notices that they send, and browsers that they send back.

No session, no CSRF token, nothing decided on the address: a notice is believed for its signature
alone, and a return proves nothing.
"""

import logging

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from payments import gateways
from payments.notifications import process_notification, receive_notification

log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def notice(request: HttpRequest, gateway: str) -> HttpResponse:
    """Store a gateway's notice, answer, and let it take effect."""
    if gateway not in gateways.all_codes():
        raise Http404
    received = receive_notification(gateway=gateway, headers=request.headers, body=request.body)
    if received.notification_id is not None:
        _take_effect(received.notification_id)
    return HttpResponse(received.body, status=received.status, content_type=received.content_type)


def _take_effect(notification_id: int) -> None:
    """Failing here loses nothing: the row waits and the sweep comes."""
    try:
        process_notification(notification_id=notification_id)
    except DatabaseError:
        log.warning("notification %s is left to the sweep", notification_id)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def returned(request: HttpRequest, order_no: str) -> HttpResponse:
    """A browser comes back from a cashier, perhaps by a cross-site POST without its cookie: send it to its order."""
    return HttpResponseRedirect(f"/orders/{order_no}/", status=303)
