"""What log-in says when it refuses: what is wrong, and when to come back."""

from django.utils.translation import gettext as _

from core.refusals import Refused
from payments.words import figures


def refusal_words(refusal: Refused) -> str:
    """One sentence or two for a refusal of `codes` or `log_in`."""
    at = refusal.facts.get("at")
    when = {"at": figures.moment(at) if at else "", "seconds": refusal.facts.get("seconds", 0)}
    return {
        "too_soon": _("刚发过一次。请等%(seconds)d秒再发。"),
        "too_many": _("发得太多了。%(at)s后再试，或拨打12366。"),
        "sms_refused": _("这个手机号收不到短信。请换一个手机号。"),
        "sms_unreachable": _("短信暂时发不出去。请1分钟后再点一次。"),
        "call_refused": _("这个手机号接不到电话。请换一个手机号。"),
        "call_unreachable": _("电话暂时打不出去。请1分钟后再点一次。"),
        "wrong_answer": _("答得不对，没有发验证码。请答新的一道题。"),
        "question_over": _("这道题已过期，没有发验证码。请答新的一道题。"),
        "too_many_answers": _("答得太多了。%(at)s后再试，或拨打12366。"),
        "wrong_code": _("验证码不对，请再看一遍短信。"),
        "code_over": _("验证码已过期。请点“再发一次”。"),
        "no_match": _("姓名、证件号和手机号对不上。请按证件上的字填写，用本人实名的手机号。"),
        "too_many_checks": _("核验的次数用完了。%(at)s后再试，或拨打12366。"),
        "carrier_away": _("暂时核验不了。填的内容还在，请1分钟后再点一次。"),
        "unknown": _("验证码不对，请再看一遍短信。"),
    }[refusal.code] % when
