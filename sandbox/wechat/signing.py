"""Signature headers of WeChat Pay's answers and notices, right or spoilt by faults."""

import secrets

from sandbox import clock, secret_keys
from sandbox.faults import Faults
from sandbox.wechat import wire


def headers(body: str, *, serial: str, struck: Faults) -> dict[str, str]:
    if "unsigned" in struck:
        return {}
    timestamp = int(clock.epoch())
    stale = struck.get("stale")
    if stale:
        timestamp -= int(stale.number("seconds", 600))
    nonce = secrets.token_hex(16).upper()
    key = secret_keys.wechat_private(serial)
    if "unknown_serial" in struck:
        serial, key = f"{secrets.randbits(155) | 1 << 155:040X}", secret_keys.stranger()
    if "forged" in struck:
        key = secret_keys.stranger()
    signature = wire.sign(key, wire.answer_text(str(timestamp), nonce, body))
    if "signtest" in struck:
        # A probe: merchants who let this pass do not verify at all.
        signature = f"WECHATPAY/SIGNTEST/{signature}"
    return {
        "Wechatpay-Serial": serial,
        "Wechatpay-Timestamp": str(timestamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": signature,
        "Wechatpay-Signature-Type": wire.SCHEME,
    }
