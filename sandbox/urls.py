"""Every door of the sandbox. What later issues bring (bank, terminal, agency) gets a package beside ``wechat`` and
a prefix here.
"""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.http import require_GET, require_POST

from sandbox import cashier
from sandbox.alipay import api as alipay
from sandbox.alipay import bills as alipay_bills
from sandbox.alipay import pages as alipay_pages
from sandbox.carriers import realname, sms, voice
from sandbox.control import money, panel, statements
from sandbox.control import views as control
from sandbox.phone import views as phone
from sandbox.unionpay import api as unionpay
from sandbox.unionpay import bills as unionpay_bills
from sandbox.unionpay import pages as unionpay_pages
from sandbox.wallet import views as wallet
from sandbox.wechat import api as wechat
from sandbox.wechat import bills as wechat_bills
from sandbox.wechat import pages as wechat_pages
from sandbox.wechat import refunds as wechat_refunds


def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok", content_type="text/plain")


wechat_doors = [
    path("v3/pay/transactions/native", require_POST(wechat.native)),
    path("v3/pay/transactions/h5", require_POST(wechat.h5)),
    path("v3/pay/transactions/jsapi", require_POST(wechat.jsapi)),
    path("v3/pay/transactions/id/<str:transaction_no>", require_GET(wechat.query_by_transaction)),
    path("v3/pay/transactions/out-trade-no/<str:order_no>", require_GET(wechat.query)),
    path("v3/pay/transactions/out-trade-no/<str:order_no>/close", require_POST(wechat.close)),
    path("v3/refund/domestic/refunds", require_POST(wechat_refunds.ask)),
    path("v3/refund/domestic/refunds/<str:refund_no>", require_GET(wechat_refunds.query)),
    path("v3/bill/tradebill", require_GET(wechat_bills.trade_bill)),
    path("v3/billdownload/file", require_GET(wechat_bills.download)),
    path("v3/certificates", require_GET(wechat.certificates)),
    path("cgi-bin/mmpayweb-bin/checkmweb", require_GET(wechat_pages.h5_cashier)),
]
alipay_doors = [
    path("gateway.do", alipay.gateway),
    path("cashier/<str:token>", alipay_pages.cashier_page),
    path("downloadBillFile.resource", require_GET(alipay_bills.download)),
]
unionpay_doors = [
    path("gateway/api/frontTransReq.do", require_POST(unionpay.front)),
    path("gateway/api/backTransReq.do", require_POST(unionpay.back)),
    path("gateway/api/fileTransReq.do", require_POST(unionpay_bills.transfer)),
    path("gateway/api/queryTrans.do", require_POST(unionpay.query)),
    path("cashier/<str:token>", unionpay_pages.cashier_page),
]
phone_doors = [
    path("", phone.home),
    path("/scan", phone.scan),
    path("/wallet", phone.wallet),
    path("/pay/<str:token>", phone.pay),
]
control_doors = [
    path("", panel.page),
    path("rules", control.rules),
    path("rules/<int:rule_id>", control.one_rule),
    path("dials", control.turn_dials),
    path("pay", require_POST(control.pay)),
    path("open", require_POST(control.open_by_buyer)),
    path("trades", require_GET(control.trades)),
    path("refunds", money.all_refunds),
    path("statements", statements.planted_differences),
    path("statements/lines", require_GET(statements.lines)),
    path("notices", require_POST(control.send_notice)),
    path("probe", require_POST(control.probe)),
    path("keys", control.keys),
    path("events", require_GET(control.events)),
    path("clear", require_POST(control.clear)),
]
urlpatterns = [
    path("livez", alive),
    path("wechat/", include(wechat_doors)),
    path("alipay/", include(alipay_doors)),
    path("unionpay/", include(unionpay_doors)),
    path("cashier/<str:token>", cashier.act),
    path("phone", include(phone_doors)),
    path("sms/messages", sms.messages),
    path("voice/calls", voice.calls),
    path("realname/verify", realname.verify),
    path("wallet/authorize", wallet.authorize),
    path("wallet/token", wallet.token),
    path("__control/", include(control_doors)),
]
