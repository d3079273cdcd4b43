"""Log-in with a wallet, in the manner of OAuth: the browser brings a code, the portal's server exchanges it."""

import hashlib
import secrets
from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

from sandbox import cashier, clock, writes
from sandbox.carriers.people import Person, population
from sandbox.carriers.signed import Declined, body_of, door, text_of
from sandbox.faults import Faults
from sandbox.models import LoginCode

WALLETS = {"wechat": "微信", "alipay": "支付宝"}
CODE_MINUTES = 5
SHOWN = 30


def openid(wallet: str, person: dict[str, object]) -> str:
    """The same person is another one in the other wallet, as in life."""
    return "o" + hashlib.sha256(f"{wallet}/{person['document_no']}".encode()).hexdigest()[:27]


def authorize(request: HttpRequest) -> HttpResponse:
    """GET shows who is logged in on this phone; POST chooses one and sends the browser back with code and state."""
    asked = {name: request.GET.get(name, "") for name in ("client_id", "redirect_uri", "state", "wallet")}
    if asked["wallet"] not in WALLETS or not asked["client_id"]:
        return render(request, "sandbox/refused.html", {"reason": "授权参数错误"}, status=400)
    if not cashier.is_registered(asked["redirect_uri"]):
        return render(request, "sandbox/refused.html", {"reason": "返回地址未登记"}, status=400)
    people = population()
    if request.method != "POST":
        context = {
            "wallet": WALLETS[asked["wallet"]],
            "people": list(enumerate(people))[:SHOWN],
            "refuse": _back(asked, error="access_denied"),
        }
        return render(request, "sandbox/authorize.html", context)
    chosen = request.POST.get("person", "")
    number = request.POST.get("document_no", "").strip().upper()
    known = [person for person in people if person.document_no == number]
    if chosen.isdecimal() and int(chosen) < len(people):
        known = [people[int(chosen)]]
    if not known:
        return render(request, "sandbox/refused.html", {"reason": "没有这个钱包用户"}, status=400)
    return HttpResponseRedirect(_back(asked, code=_make_code(asked, known[0])))


def _back(asked: dict[str, str], **more: str) -> str:
    query = urlencode({**more, "state": asked["state"]})
    return asked["redirect_uri"] + ("&" if "?" in asked["redirect_uri"] else "?") + query


def _make_code(asked: dict[str, str], person: Person) -> str:
    made = LoginCode.objects.create(
        code=secrets.token_urlsafe(24),
        wallet=asked["wallet"],
        client_id=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        person=person.as_json(),
        made_at=clock.now(),
    )
    return made.code


@door("wallet")
def token(request: HttpRequest, struck: Faults) -> HttpResponse:
    """Exchange a code, once, within five minutes. Who is not real-named comes with his openid only."""
    if request.method != "POST":
        raise Declined(405, "BAD_REQUEST", "只接受POST")
    content = body_of(request)
    with writes.alone():
        row = LoginCode.objects.filter(code=text_of(content, "code")).first()
        good = row is not None and row.used_at is None and row.client_id == text_of(content, "client_id")
        if row is None or not good or "refuse" in struck:
            raise Declined(400, "INVALID_CODE", "授权码无效或已使用")
        if content.get("redirect_uri", row.redirect_uri) != row.redirect_uri:
            raise Declined(400, "INVALID_CODE", "返回地址与授权时不一致")
        if row.made_at < clock.now() - timedelta(minutes=CODE_MINUTES):
            raise Declined(400, "INVALID_CODE", "授权码已过期")
        LoginCode.objects.filter(id=row.id).update(used_at=clock.now())
    answer: dict[str, object] = {"openid": openid(row.wallet, row.person), "real_named": row.person["real_named"]}
    if answer["real_named"]:
        answer |= {name: row.person[name] for name in ("name", "document_type", "document_no", "phone")}
    return JsonResponse(answer)
