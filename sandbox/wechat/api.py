"""The merchants' endpoints of WeChat Pay v3. Every answer is signed, also a refusal, unless a fault forbids."""

import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from sandbox import clock, dials, events, faults, merchants, payments, secret_keys, writes
from sandbox.faults import Faults
from sandbox.models import Trade
from sandbox.wechat import signing, wire
from sandbox.wechat.answers import query_answer

Answer = HttpResponse | StreamingHttpResponse

ORDER_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
FRESH_SECONDS = 300


class Rejected(Exception):
    """An error answer of the v3 API."""

    def __init__(self, status: int, code: str, message: str, *, field: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.field = status, code, message, field


def bad(field: str, message: str) -> Rejected:
    return Rejected(400, "PARAM_ERROR", message, field=field)


def signed(request: HttpRequest, status: int, content: object, struck: Faults = faults.NONE) -> HttpResponse:
    """An answer with the platform's signature: by public key where the merchant names it, else by certificate."""
    body = "" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    public_key_id = str(secret_keys.platform()["public_key_id"])
    wanted = request.headers.get("Wechatpay-Serial", "")
    serial = public_key_id if wanted == public_key_id else secret_keys.next_signer()
    response = HttpResponse(body.encode(), status=status, content_type="application/json; charset=utf-8")
    response.headers["Request-ID"] = secrets.token_hex(16).upper()
    for name, value in signing.headers(body, serial=serial, struck=struck).items():
        response.headers[name] = value
    return response


def rejected(request: HttpRequest, error: Rejected, struck: Faults = faults.NONE) -> HttpResponse:
    content: dict[str, object] = {"code": error.code, "message": error.message}
    if error.field:
        content["detail"] = {"field": error.field, "issue": error.message, "location": "body"}
    return signed(request, error.status, content, struck)


def authorized_merchant(request: HttpRequest) -> str:
    """The mchid whose signature stands under the request. Raises Rejected (SIGN_ERROR)."""
    given = wire.read_authorization(request.headers.get("Authorization", ""))
    key = secret_keys.merchant_key("wechat_merchant")
    if given is None:
        raise Rejected(401, "SIGN_ERROR", "Http头Authorization认证类型不正确或缺少字段")
    if not merchants.is_wechat_merchant(given.mchid) or key is None:
        raise Rejected(401, "SIGN_ERROR", "商户未设置加密的密钥，请登录商户平台操作")
    if not given.timestamp.isdecimal() or abs(clock.epoch() - int(given.timestamp)) > FRESH_SECONDS:
        raise Rejected(401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
    # The vendor's host has no /wechat: merchants sign the path from /v3 on.
    target = request.get_full_path().removeprefix("/wechat")
    text = wire.request_text(str(request.method), target, given, request.body.decode("utf-8", "replace"))
    if not wire.is_signed(key, text, given.signature):
        raise Rejected(401, "SIGN_ERROR", "签名错误，请检查后再试")
    return given.mchid


def door(
    request: HttpRequest,
    point: str,
    act: Callable[[Faults], tuple[int, object]],
    *,
    order_no: str = "",
    amount_fen: int | None = None,
) -> Answer:
    """Take the faults for this request, act, and answer with a signature, as far as the faults allow."""
    struck = faults.take("wechat", point, order_no=order_no, amount_fen=amount_fen)
    events.note(request, events.Note("wechat", point, order_no, [fault.name for fault in struck]))

    def answer() -> HttpResponse:
        try:
            status, content = act(struck)
        except Rejected as error:
            return rejected(request, error, struck)
        return signed(request, status, content, struck)

    def refuse(reason: str, status: int) -> HttpResponse:
        if reason == "too_many":
            return rejected(request, Rejected(429, "FREQUENCY_LIMITED", "频率超限，请求过快"), struck)
        return rejected(request, Rejected(status, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用"), struck)

    return faults.serve(request, struck, answer, refuse=refuse)


def body_of(request: HttpRequest) -> dict[str, object]:
    try:
        content = json.loads(request.body)
    except ValueError:
        raise Rejected(400, "PARAM_ERROR", "请求体不是合法的JSON") from None
    if not isinstance(content, dict):
        raise Rejected(400, "PARAM_ERROR", "请求体不是JSON对象")
    return content


def text_of(content: dict[str, object], field: str, *, most: int, needed: bool = True) -> str:
    value = content.get(field, "")
    if not isinstance(value, str) or (needed and not value) or len(value) > most:
        raise bad(f"/{field}", f"输入源“/body/{field}”映射到值字段“{field}”字符串规则校验失败")
    return value


def _expiry(content: dict[str, object]) -> datetime | None:
    text = text_of(content, "time_expire", most=64, needed=False)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad("/time_expire", "time_expire不是RFC3339格式") from None
    if moment.tzinfo is None:
        raise bad("/time_expire", "time_expire缺少时区")
    if moment < clock.now() + timedelta(seconds=dials.vendor_seconds(dials.number("expire_least_seconds"))):
        raise bad("/time_expire", "time_expire时间过短")
    return moment


def _amount(content: dict[str, object]) -> tuple[int, str]:
    amount = content.get("amount")
    total = amount.get("total") if isinstance(amount, dict) else None
    if not isinstance(total, int) or isinstance(total, bool) or not 1 <= total <= 10**10:
        raise bad("/amount/total", "订单总金额须为大于0的整数，单位为分")
    currency = amount.get("currency", "CNY") if isinstance(amount, dict) else "CNY"
    if currency != "CNY":
        raise bad("/amount/currency", "境内商户号仅支持人民币")
    return total, str(currency)


def checked_url(content: dict[str, object]) -> str:
    url = text_of(content, "notify_url", most=256)
    if not re.fullmatch(r"https?://[^\s?#]+", url):
        raise bad("/notify_url", "notify_url须为完整地址，不能带参数")
    return url


def _check_scene(content: dict[str, object], product: str) -> None:
    scene = content.get("scene_info")
    info = scene.get("h5_info") if isinstance(scene, dict) else None
    if product == "MWEB" and not (
        isinstance(scene, dict) and scene.get("payer_client_ip") and isinstance(info, dict) and info.get("type")
    ):
        raise bad("/scene_info", "H5支付须给出scene_info.payer_client_ip和h5_info.type")
    payer = content.get("payer")
    if product == "JSAPI" and not (isinstance(payer, dict) and payer.get("openid")):
        raise bad("/payer/openid", "JSAPI支付须给出payer.openid")


def _ordered(content: dict[str, object], mchid: str, product: str) -> Trade:
    """The trade that the body describes, checked, not yet saved."""
    order_no = text_of(content, "out_trade_no", most=32)
    if not ORDER_NO.fullmatch(order_no):
        raise bad("/out_trade_no", "商户订单号须为6至32个数字、字母或_-|*")
    if content.get("mchid") != mchid:
        raise bad("/mchid", "Http头Authorization中的mchid与请求体中的mchid不一致")
    appid = text_of(content, "appid", most=32)
    if not merchants.is_wechat_app(appid):
        raise Rejected(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试")
    total, currency = _amount(content)
    _check_scene(content, product)
    told = {name: content.get(name) for name in ("appid", "description", "amount", "notify_url", "attach")}
    told |= {"product": product, "time_expire": content.get("time_expire")}
    moment = clock.now()
    return Trade(
        gateway="wechat",
        product=product,
        merchant=mchid,
        appid=appid,
        order_no=order_no,
        amount_fen=total,
        currency=currency,
        description=text_of(content, "description", most=127),
        attach=text_of(content, "attach", most=128, needed=False),
        notify_url=checked_url(content),
        digest=hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(),
        token=secrets.token_urlsafe(12),
        created_at=moment,
        linked_at=moment,
        expires_at=_expiry(content),
    )


def _place(ordered: Trade) -> Trade:
    """Save the trade, or find the one that the same words made before."""
    with writes.alone():
        trade = Trade.objects.filter(gateway="wechat", merchant=ordered.merchant, order_no=ordered.order_no).first()
        if trade is None:
            ordered.save()
            return ordered
        if trade.digest != ordered.digest:
            raise Rejected(403, "OUT_TRADE_NO_USED", "商户订单号重复，同一单号的参数须和首次一致")
        if trade.payments.exists():
            raise Rejected(400, "ORDERPAID", "该订单已支付")
        if trade.closed_at:
            raise Rejected(400, "ORDER_CLOSED", "该订单已关闭")
        trade.linked_at = clock.now()
        trade.save(update_fields=["linked_at"])
        return trade


def _create(request: HttpRequest, product: str, hand_over: Callable[[HttpRequest, Trade], dict[str, object]]) -> Answer:
    hint: dict[str, object] = {}
    with contextlib.suppress(Rejected):  # told below, signed, after the authorization has been judged
        hint = body_of(request)
    amount = hint.get("amount")
    total = amount.get("total") if isinstance(amount, dict) else None

    def act(struck: Faults) -> tuple[int, object]:
        mchid = authorized_merchant(request)
        trade = _place(_ordered(body_of(request), mchid, product))
        early = struck.get("pay_first")
        if early:
            payments.pay(trade.id)
            payments.wait_for_notices(trade, seconds=early.number("seconds", 5))
        return 200, hand_over(request, trade)

    return door(
        request,
        "create",
        act,
        order_no=str(hint.get("out_trade_no", ""))[:64],
        amount_fen=total if isinstance(total, int) else None,
    )


def public_url(request: HttpRequest) -> str:
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def native(request: HttpRequest) -> Answer:
    return _create(request, "NATIVE", lambda _, trade: {"code_url": f"weixin://wxpay/bizpayurl?pr={trade.token}"})


def h5(request: HttpRequest) -> Answer:
    def hand_over(request: HttpRequest, trade: Trade) -> dict[str, object]:
        path = (
            f"/wechat/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={trade.token}&package={secrets.randbelow(10**10):010d}"
        )
        return {"h5_url": public_url(request) + path}

    return _create(request, "MWEB", hand_over)


def jsapi(request: HttpRequest) -> Answer:
    return _create(request, "JSAPI", lambda _, trade: {"prepay_id": f"wx{trade.token}"})


def _known(mchid: str, order_no: str) -> Trade:
    trade = Trade.objects.filter(gateway="wechat", merchant=mchid, order_no=order_no).first()
    if trade is None:
        raise Rejected(404, "ORDER_NOT_EXIST", "订单不存在")
    return trade


def _amount_of(order_no: str) -> int | None:
    return Trade.objects.filter(gateway="wechat", order_no=order_no).values_list("amount_fen", flat=True).first()


def query(request: HttpRequest, order_no: str) -> Answer:
    def act(struck: Faults) -> tuple[int, object]:
        mchid = authorized_merchant(request)
        if request.GET.get("mchid") != mchid:
            raise bad("/mchid", "查询参数mchid与Http头Authorization中的mchid不一致")
        trade = _known(mchid, order_no)
        if "not_found" in struck:
            raise Rejected(404, "ORDER_NOT_EXIST", "订单不存在")
        return 200, query_answer(trade, struck)

    return door(request, "query", act, order_no=order_no, amount_fen=_amount_of(order_no))


def query_by_transaction(request: HttpRequest, transaction_no: str) -> Answer:
    trade = Trade.objects.filter(gateway="wechat", payments__transaction_no=transaction_no).first()
    return query(request, trade.order_no if trade else "")


def close(request: HttpRequest, order_no: str) -> Answer:
    def act(struck: Faults) -> tuple[int, object]:
        mchid = authorized_merchant(request)
        if body_of(request).get("mchid") != mchid:
            raise bad("/mchid", "Http头Authorization中的mchid与请求体中的mchid不一致")
        trade = _known(mchid, order_no)
        if "not_found" in struck:
            raise Rejected(404, "ORDER_NOT_EXIST", "订单不存在")
        with writes.alone():
            trade.refresh_from_db()
            if trade.payments.exists():
                raise Rejected(400, "ORDERPAID", "该订单已支付，不能关单")
            if trade.closed_at:
                raise Rejected(400, "ORDER_CLOSED", "订单已关闭，无法重复关闭")
            age = (clock.now() - trade.created_at).total_seconds()
            if age < dials.vendor_seconds(dials.number("close_after_seconds")):
                raise Rejected(400, "INVALID_REQUEST", "订单生成后不能马上关单，最短间隔为5分钟")
            if "close_ignored" not in struck:
                Trade.objects.filter(id=trade.id).update(closed_at=clock.now())
        return 204, None

    return door(request, "close", act, order_no=order_no, amount_fen=_amount_of(order_no))


def certificates(request: HttpRequest) -> Answer:
    def act(struck: Faults) -> tuple[int, object]:
        authorized_merchant(request)
        secret = secret_keys.secret("wechat_apiv3_key")
        data = []
        for serial in secret_keys.platform()["listed"]:  # type: ignore[attr-defined]
            text = secret_keys.certificate_pem(serial)
            starts, ends = secret_keys.certificate_term(text)
            data.append(
                {
                    "serial_no": serial,
                    "effective_time": clock.rfc3339(starts),
                    "expire_time": clock.rfc3339(ends),
                    "encrypt_certificate": wire.encrypt(text, secret=secret, associated_data="certificate"),
                }
            )
        return 200, {"data": data}

    return door(request, "certificates", act)
