"""What to do about each kind of discrepancy, in plain sentences (S09)."""

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from payments.models import Discrepancy

Kind = Discrepancy.Kind

_BACK: Sequence[Promise] = (
    _("看两笔收款的流水号，确认是两笔真实的钱，不是一笔列了两次。"),
    _("看期间现在由哪一笔占着。占着的那一笔不动。"),
    _("多出来的钱原路退回：规则会自动退；没有自动退的，由你申请退费，另一人批准。"),
    _("退费成功后，这一件自动了结。缴款人会收到短信。"),
)
PLAYBOOKS: dict[str, Sequence[Promise]] = {
    Kind.DUPLICATE: _BACK,
    Kind.LATE_TAKEN: _BACK,
    Kind.AMOUNT: (
        _("对一对三处的金额：我方订单、渠道的回答、对账单的行。"),
        _("渠道收的和订单不同，这笔钱没有记到任何人名下，全额挂在这里。"),
        _("请渠道查原始交易。金额错在渠道，请它更正对账单；更正件来了会自动重新核对。"),
        _("钱确实不对，申请退费，另一人批准，请缴款人重新缴。"),
    ),
    Kind.WRONG_PARTY: (
        _("看商户号和订单号：钱进了哪个收款单位，订单本来该付给谁。"),
        _("请渠道查是不是串了商户。"),
        _("不是我方的钱，申请退费，另一人批准。"),
    ),
    Kind.UNKNOWN_ORDER: (
        _("看对账单这一行：订单号是不是本系统的，金额、时间是多少。"),
        _("请渠道给出这笔的凭证。不要凭金额猜是谁的钱。"),
        _("查不到是谁的，申请退费，另一人批准，钱原路退回。"),
    ),
    Kind.STUCK: (
        _("打开“清除卡住的申报”，现在问一次渠道。"),
        _("渠道说已付，自动记账；说未付或已关闭，可以清除。"),
        _("渠道不答，看当天和次日的对账单。缺的先补。"),
        _("都没有，请渠道出书面说明，一人录入，另一人核对。没有证据，谁也不能清除。"),
    ),
    Kind.UNPROCESSED: (
        _("看通知的验签结果和没处理成的原因。"),
        _("现在问一次渠道：以渠道的回答为准，不以通知为准。"),
        _("渠道说已付，钱自动入账，写明经过后办结。"),
    ),
    Kind.MISSING: (
        _("先看次日的对账单，跨日的多半在那里。在那里的会自动了结。"),
        _("现在问一次渠道，看它认不认这笔收款。"),
        _("渠道认，请它补对账单的更正件；不认，写清经过，报主管。已缴的记录不动。"),
    ),
    Kind.REVERSED: (
        _("看冲正的是哪一笔收款，钱是不是真的退回了缴款人。"),
        _("请渠道给出冲正的原因和凭证。"),
        _("钱退回了而这边还是已缴，不要改记录，报主管，按退费办理。"),
    ),
    Kind.REFUND: (
        _("按退费号看我方有没有这笔退费，金额是不是相同。"),
        _("我方没有办过，请渠道说明是谁发起的。"),
        _("查清以后写明经过，办结。"),
    ),
    Kind.STATEMENT: (
        _("打开这一天的对账，看是没有来、读不了，还是某一行有误。"),
        _("请渠道重出文件。系统会再取；也可以由你交上来。"),
        _("文件读成以后，没有人接手的会自动了结；有人接手的写明经过办结。"),
    ),
}
ELSE: Sequence[Promise] = (
    _("看证据：订单、收款、通知、对账单。"),
    _("现在问一次渠道。"),
    _("查清以后写明经过，办结。"),
)


def steps_for(kind: str) -> Sequence[Promise]:
    """In the order in which they are done."""
    return PLAYBOOKS.get(kind, ELSE)
