"""Bills of Alipay: asked for at the gateway, fetched from an address that lives half a minute."""

import re
from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from sandbox import events, faults
from sandbox.alipay.errors import business
from sandbox.faults import Faults
from sandbox.merchants import alipay_seller_id
from sandbox.statements import alipay_text, files
from sandbox.statements.planted import ALIPAY_KINDS

NOT_EXIST = business("isp.bill_not_exist", "账单不存在")
BAD_ARGUMENTS = business("isv.invalid_arguments", "入参不合法")


def _day(content: dict[str, object]) -> date:
    """Whole months are bills too, which this sandbox does not write. Raises Refused."""
    text = str(content.get("bill_date", ""))
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise BAD_ARGUMENTS
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BAD_ARGUMENTS from None


def ask(request: HttpRequest, app_id: str, content: dict[str, object], struck: Faults) -> dict[str, object]:
    kind, day = str(content.get("bill_type", "")), _day(content)
    if kind not in ALIPAY_KINDS:
        raise BAD_ARGUMENTS
    if {"no_statement", "creating"} & struck.names():
        raise NOT_EXIST
    try:
        file = files.issue("alipay", app_id, day, kind)
    except files.NotThere as missing:
        raise (BAD_ARGUMENTS if missing.reason == "bad_day" else NOT_EXIST) from None
    query = {
        "bizType": kind,
        "userId": alipay_text.account_no(alipay_seller_id(app_id)),
        "fileType": "csv.zip",
        "bizDates": f"{day:%Y%m%d}",
        "downloadFileName": file.name,
        "token": files.link_token(file),
    }
    address = request.build_absolute_uri("/alipay/downloadBillFile.resource")
    return {"bill_download_url": f"{address}?{urlencode(query, safe='~')}"}


def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Who has the address has the file: no signature is asked for. Rules name it by its day."""
    file = files.linked(request.GET.get("token", ""))
    day = file.day.isoformat() if file else ""
    struck = faults.take("alipay", "download", order_no=day)
    events.note(request, events.Note("alipay", "download", day, [fault.name for fault in struck], private=True))

    def answer() -> HttpResponse:
        if file is None or "expired" in struck:
            page = "<html><title>账单下载</title><body>下载链接已失效，请重新获取。</body></html>"
            return HttpResponse(page.encode("gbk"), status=403, content_type="text/html; charset=GBK")
        response = HttpResponse(files.sent(file), content_type="application/octet-stream")
        response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
        return response

    return faults.serve(request, struck, answer, refuse=lambda _, status: HttpResponse(status=status))
