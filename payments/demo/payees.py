"""Channels, and two treasury accounts for each city: one for pensions, one for medical insurance (HOUSE 2.11)."""

from payments.demo.cast import FLEXIBLE_MEDICAL, FLEXIBLE_PENSION, MEDICAL, PENSION, SUPPLEMENTARY
from payments.models import Channel, PayeeAccount, PayeeRoute

CITIES = {"371000": "威海市", "371003": "文登区", "370100": "济南市", "210700": "锦州市", "140200": "大同市"}
KINDS = {
    "pension": ("养老保险费", (PENSION, SUPPLEMENTARY, FLEXIBLE_PENSION)),
    "medical": ("医疗保险费", (MEDICAL, FLEXIBLE_MEDICAL)),
}
CHANNELS = (
    ("portal", "本网站", Channel.Kind.PORTAL),
    ("bank_counter", "银行柜台", Channel.Kind.BANK_COUNTER),
    ("bank_app", "手机银行", Channel.Kind.BANK_APP),
    ("terminal", "自助终端", Channel.Kind.TERMINAL),
    ("tax_hall", "办税服务厅", Channel.Kind.TAX_HALL),
)
ALIPAY_SELLER = "2088000000000001"
WECHAT_FIRST = 1_900_000_001
UNIONPAY_FIRST = 898_371_000_000_001


def load_payees() -> int:
    """Channels, payees and routes; what staff have changed since is left as it is. Returns the number of payees."""
    Channel.objects.bulk_create(
        [Channel(code=code, name=name, kind=kind) for code, name, kind in CHANNELS], ignore_conflicts=True
    )
    accounts: list[PayeeAccount] = []
    routes: list[PayeeRoute] = []
    for region, city in CITIES.items():
        for kind, (money, types) in KINDS.items():
            code = f"tax-{region}-{kind}"
            merchants = {
                "wechat_pay": str(WECHAT_FIRST + len(accounts)),
                "alipay": ALIPAY_SELLER,
                "unionpay": str(UNIONPAY_FIRST + len(accounts)),
            }
            accounts.append(PayeeAccount(code=code, name=f"{city}税务局（{money}）", merchants=merchants))
            routes += [PayeeRoute(region_id=region, insurance_type_id=each, payee_id=code) for each in types]
    PayeeAccount.objects.bulk_create(accounts, ignore_conflicts=True)
    PayeeRoute.objects.bulk_create(routes, ignore_conflicts=True)
    return len(accounts)
