"""The people of a story: residents at their pages, staff at the console."""

import io
import re
from datetime import date

import httpx

from core import clock
from core.identity import mask_name
from core.models import User
from tests.portal import desk
from tests.portal.visiting import Page, Visitor, sum_asked
from tests.sandbox.process import Sandbox
from tests.world import Somebody


class Resident(Visitor):
    """A person with a phone and a browser."""

    def __init__(self, outside: Sandbox, who: Somebody, phone: str) -> None:
        super().__init__()
        self.outside, self.who, self.phone = outside, who, phone

    def open(self, url: str) -> Page:
        """Whoever is sent to the log-in, because his session has ended, logs in again."""
        page = super().open(url)
        if page.path.startswith("/login/") and not url.startswith("/login/"):
            self.log_in()
            page = super().open(url)
        return page

    def log_in(self) -> Page:
        """ID-5: name, number and phone, then the code; the same account whenever it is done again."""
        self.client = Visitor().client
        said = {"name": self.who.name, "number": self.who.number, "phone": self.phone, "consented": "on"}
        page = self.press(self.open("/login/first/"), "下一步", document_type="201", **said)
        if page.path == "/login/question/":
            page = self.press(page, "发验证码", answer=sum_asked(page.text))
        shown = self.outside.client.get(f"{self.outside.url}/phone", params={"phone": self.phone}).text
        code = re.search(r"验证码(\d{6})", shown)
        assert code, page.text
        page = self.press(page, "验证", code=code.group(1))
        assert page.path == "/", page.text
        return page

    def add(self, who: Somebody, relation: str) -> None:
        """One more person to pay for."""
        said = {"name": who.name, "number": who.number, "relation": relation, "consented": "on"}
        page = self.press(self.open("/me/add/"), "保存", document_type="201", **said)
        assert page.path != "/me/add/", page.text

    # --- paying --------------------------------------------------------------------------------------------------

    def people(self, insurance_type: str) -> Page:
        """R07: who can be paid for, and why others cannot."""
        return self.open(f"/pay/{insurance_type}/{clock.today().year}/base/people/")

    def why(self, insurance_type: str, who: Somebody | None = None) -> str:
        """R11: why somebody, as a rule himself, cannot be paid for now."""
        page, name = self.people(insurance_type), mask_name((who or self.who).name)
        blocked = [address for label, address in page.links if address.startswith("/why/") and label.endswith(name)]
        assert blocked, page.text
        return self.open(blocked[0]).text

    def order(self, insurance_type: str, *, gateway: str = "wechat_pay", tier_fen: int = 0, place: str = "") -> str:
        """From the people who can be ticked to the cashier, by the pages in between (PA-1); the order's number."""
        page = self.people(insurance_type)
        ticked = re.findall(r'name="p" value="(\d+)"', page.html)
        assert ticked, page.text
        page = self.press(page, "下一步", p=ticked)
        while page.path != "/pay/check/":
            page = self._next(page, tier_fen, place)
        return self.confirm(page, gateway)

    def _next(self, page: Page, tier_fen: int, place: str) -> Page:
        if page.path == "/pay/basket/":
            return self.follow(page, "去核对")
        if page.path == "/pay/registration/":
            return self.press(page, "信息正确")
        if page.path.endswith("/place/"):
            found = re.search(rf'name="registration" value="(\d+)"[^>]*><span><b>{place}', page.html)
            assert found, page.text
            return self.press(page, "选这里缴费", registration=found.group(1), sure="yes")
        assert page.path.endswith("/tier/"), page.text
        return self.press(page, "下一步", tier=tier_fen)

    def confirm(self, check: Page, gateway: str) -> str:
        """确认并去支付, and with a browser to the cashier where there is one; the order's number."""
        page = self.press(check, "确认并去支付", gateway=gateway)
        assert page.path.startswith("/orders/"), page.text
        if gateway == "alipay" and page.path.endswith("/pay/"):  # its trade begins when a browser comes
            httpx.get(page.link("打开支付宝"), trust_env=False, follow_redirects=True)
        return page.path.split("/")[2]

    # --- afterwards ----------------------------------------------------------------------------------------------

    def says(self, order_no: str) -> str:
        """What the page of an order says."""
        return self.open(f"/orders/{order_no}/").text

    def record(self, insurance_name: str) -> Page:
        """The newest record of that contribution."""
        return self.follow(self.open("/records/"), insurance_name)

    def asks_back(self, insurance_name: str, reason: str) -> Page:
        """R26: the newest record's money is asked back; the page of the refund."""
        page = self.follow(self.record(insurance_name), "申请退费")
        page = self.press(page, "下一步", reason=reason, used="no")
        return self.press(page, "提交退费申请")


class Clerk(Visitor):
    """Staff at the console; signs in anew for every errand, for sessions there are short."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user

    def sits_down(self) -> "Clerk":
        self.client = desk.log_in(self.user)
        return self

    def cases(self, kind: str) -> list[str]:
        """Where the open discrepancies of that kind are worked."""
        page = self.sits_down().open(f"/console/discrepancies/?kind={kind}")
        return [address for label, address in page.links if label.startswith("YC-")]

    def channel_day(self, on: date, channel: str = "微信支付") -> Page:
        """S08 of a channel's one merchant, by way of the grid of that week."""
        page = self.sits_down().open(f"/console/reconciliation/?until={on}")
        row = page.html.split(f'<span class="nw">{channel}</span>')[1].split("</tr>")[0]
        cells = re.findall(r'href="(/console/reconciliation/\d+/)"', row)
        return self.open(cells[-1])

    def hands_in(self, content: bytes, *, channel: str, merchant: str, day: date) -> Page:
        """A file that a channel has sent is handed in as it is; the page of its day."""
        file = io.BytesIO(content)
        file.name = f"{day}.txt"
        said = {"merchant": f"{channel}:{merchant}", "day": day.isoformat(), "file": file}
        answer = self.sits_down().client.post("/console/reconciliation/upload/", said)
        assert re.fullmatch(r"/console/reconciliation/\d+/", answer["Location"]), answer["Location"]
        return self.open(answer["Location"])

    def refund(self) -> Page:
        """The first refund of the queue."""
        page = self.sits_down().open("/console/refunds/")
        found = [address for _, address in page.links if re.fullmatch(r"/console/refunds/\w{26}/", address)]
        assert found, page.text
        return self.open(found[0])
