"""Trade bills of WeChat Pay: asked for with a signature and answered with an address and a hash, fetched from there."""

from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from sandbox import events, faults
from sandbox.faults import Faults
from sandbox.statements import files
from sandbox.statements.planted import WECHAT_KINDS
from sandbox.wechat.api import Answer, Rejected, authorized_merchant, bad, door, rejected

CREATING = Rejected(400, "STATEMENT_CREATING", "账单生成中，请在次日上午10点后再申请")
NOTHING = Rejected(400, "NO_STATEMENT_EXIST", "请求的账单文件不存在")
REASONS = {
    "bad_day": Rejected(400, "INVALID_REQUEST", "bill_date须为昨天或更早，且在三个月以内"),
    "creating": CREATING,
    "nothing": NOTHING,
}


def _day(request: HttpRequest) -> date:
    text = request.GET.get("bill_date", "")
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise bad("/bill_date", "bill_date格式须为yyyy-MM-dd")


def trade_bill(request: HttpRequest) -> Answer:
    def act(struck: Faults) -> tuple[int, object]:
        mchid = authorized_merchant(request)
        day, kind = _day(request), request.GET.get("bill_type") or "ALL"
        tar = request.GET.get("tar_type", "")
        if kind not in WECHAT_KINDS:
            raise bad("/bill_type", "bill_type只能是ALL、SUCCESS或REFUND")
        if tar not in {"", "GZIP"}:
            raise bad("/tar_type", "tar_type只能是GZIP")
        if "creating" in struck:
            raise CREATING
        if "no_statement" in struck:
            raise NOTHING
        try:
            file = files.issue("wechat", mchid, day, kind)
        except files.NotThere as missing:
            raise REASONS[missing.reason] from None
        query = {"token": files.link_token(file)} | ({"tartype": "gzip"} if tar else {})
        # The host that the merchant's server called: browsers may know another.
        address = request.build_absolute_uri("/wechat/v3/billdownload/file") + "?" + urlencode(query, safe="~")
        return 200, {"hash_type": "SHA1", "hash_value": file.told_hash, "download_url": address}

    return door(request, "bill", act, order_no=request.GET.get("bill_date", "")[:64])


def download(request: HttpRequest) -> Answer:
    """The file itself, without a signature: the hash that was told before stands for it. Rules name it by its day."""
    file = files.linked(request.GET.get("token", ""))
    day = file.day.isoformat() if file else ""
    struck = faults.take("wechat", "download", order_no=day)
    events.note(
        request, events.Note("wechat", "download", day, [fault.name for fault in struck], private=True)
    )  # the log has no room for whole files

    def answer() -> HttpResponse:
        try:
            mchid = authorized_merchant(request)
        except Rejected as error:
            return rejected(request, error)
        if file is None or "expired" in struck:
            again = "请按第一步申请账单的API指引，重新获取账单地址后再请求"
            return rejected(request, Rejected(400, "INVALID_REQUEST", again))
        if file.merchant != mchid:
            return rejected(request, Rejected(403, "NO_AUTH", "请求的商户与申请账单的商户不一致"))
        zipped = request.GET.get("tartype") == "gzip"
        kind = "application/x-gzip" if zipped else "text/plain; charset=utf-8"
        return HttpResponse(files.sent(file, zipped=zipped), content_type=kind)

    def refuse(reason: str, status: int) -> HttpResponse:
        if reason == "too_many":
            return rejected(request, Rejected(429, "FREQUENCY_LIMITED", "频率超限，请求过快"))
        return rejected(request, Rejected(status, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用"))

    return faults.serve(request, struck, answer, refuse=refuse)
