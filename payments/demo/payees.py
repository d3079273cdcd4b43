"""Channels, and two treasury accounts for each city: one for pensions, one for medical insurance (HOUSE 2.11)."""

from payments.demo.cast import FLEXIBLE_MEDICAL, FLEXIBLE_PENSION, MEDICAL, PENSION, SUPPLEMENTARY
from payments.models import Channel, PayeeAccount, PayeeRoute

CITIES = {
    "371000": ("威海市", "Weihai"),
    "371003": ("文登区", "Wendeng"),
    "370100": ("济南市", "Jinan"),
    "210700": ("锦州市", "Jinzhou"),
    "140200": ("大同市", "Datong"),
}
KINDS = {
    "pension": ("养老保险费", "pension contributions", (PENSION, SUPPLEMENTARY, FLEXIBLE_PENSION)),
    "medical": ("医疗保险费", "medical contributions", (MEDICAL, FLEXIBLE_MEDICAL)),
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
    for region, (city, city_en) in CITIES.items():
        for kind, (money, money_en, types) in KINDS.items():
            code = f"tax-{region}-{kind}"
            merchants = {
                "wechat_pay": str(WECHAT_FIRST + len(accounts)),
                "alipay": ALIPAY_SELLER,
                "unionpay": str(UNIONPAY_FIRST + len(accounts)),
            }
            name, name_en = f"{city}税务局（{money}）", f"{city_en} tax bureau ({money_en})"
            accounts.append(PayeeAccount(code=code, name=name, name_en=name_en, merchants=merchants))
            routes += [PayeeRoute(region_id=region, insurance_type_id=each, payee_id=code) for each in types]
    PayeeAccount.objects.bulk_create(accounts, ignore_conflicts=True)
    PayeeRoute.objects.bulk_create(routes, ignore_conflicts=True)
    return len(accounts)
