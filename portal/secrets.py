"""Where secrets come from: a directory of files in the demo, the environment in production.

In tests they are made up and kept in memory. Production names everything that is missing at once
and refuses to start.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Secrets:
    """Reads one secret after the other and remembers those that are missing."""

    def __init__(self, mode: str, env: environ.Env, data_dir: Path) -> None:
        self.mode = mode
        self.env = env
        folder = env.str("PORTAL_SECRETS", "")
        self.folder = Path(folder) if folder else data_dir / "keys"
        self.exchange = Path(env.str("SANDBOX_EXCHANGE", str(data_dir / "exchange")))
        self.missing: list[str] = []

    def text(self, name: str) -> str:
        """A secret as text: the variable NAME, else the file `name` of the secrets' directory."""
        given: str = self.env.str(name.upper(), "")
        if given:
            return given
        path = self.folder / name
        if self.folder.is_dir() and path.is_file():
            return path.read_text().strip()
        if self.mode == "test":
            return base64.b64encode(hashlib.sha256(f"test {name}".encode()).digest()).decode()
        self.missing.append(name.upper())
        return ""

    def key(self, name: str) -> bytes:
        """A secret of 32 bytes, written in base64."""
        raw = base64.b64decode(self.text(name) or "")
        if raw and len(raw) != 32:
            raise ImproperlyConfigured(f"{name.upper()} must be 32 bytes in base64")
        return raw

    def older_keys(self, variable: str) -> dict[str, bytes]:
        """Keys that still open what they sealed: `k0:base64,k9:base64`."""
        pairs = (item.split(":", 1) for item in self.env.list(variable, default=[]))
        return {key_id: base64.b64decode(text) for key_id, text in pairs}

    def gateways(self, sandbox_url: str) -> dict[str, dict[str, Any]]:
        """The configuration of the payment gateways; in the demo they are the sandbox's."""
        folder = str(self.folder)
        env = self.env
        return {
            "wechat_pay": {
                "base_url": self.needed("WECHAT_PAY_URL", f"{sandbox_url}/wechat"),
                "app_id": self.needed("WECHAT_PAY_APP_ID", "wx0000000000000001"),
                "merchant_id": self.needed("WECHAT_PAY_MERCHANT_ID", "1900000001"),
                "merchant_serial": self.needed("WECHAT_PAY_MERCHANT_SERIAL", "DEMO0000000000000001"),
                "merchant_key_file": env.str("WECHAT_PAY_MERCHANT_KEY_FILE", f"{folder}/wechat_merchant_key.pem"),
                "apiv3_key": self.text("wechat_apiv3_key"),
                "platform_public_keys": env.dict("WECHAT_PAY_PLATFORM_KEYS", default={}),
                "platform_public_keys_dir": env.str("WECHAT_PAY_PLATFORM_KEYS_DIR", str(self.exchange)),
                "timeout_s": env.float("GATEWAY_TIMEOUT_S", 8.0),
            },
            "alipay": {
                "gateway_url": self.needed("ALIPAY_URL", f"{sandbox_url}/alipay/gateway.do"),
                "app_id": self.needed("ALIPAY_APP_ID", "2021000000000001"),
                "seller_id": self.needed("ALIPAY_SELLER_ID", "2088000000000001"),
                "app_key_file": env.str("ALIPAY_APP_KEY_FILE", f"{folder}/alipay_app_key.pem"),
                "platform_public_key_file": env.str(
                    "ALIPAY_PLATFORM_KEY_FILE", f"{self.exchange}/alipay_platform.pub.pem"
                ),
                "timeout_s": env.float("GATEWAY_TIMEOUT_S", 8.0),
            },
            "unionpay": {
                "base_url": self.needed("UNIONPAY_URL", f"{sandbox_url}/unionpay"),
                "cert_id": self.needed("UNIONPAY_CERT_ID", "68759663125"),
                "merchant_key_file": self.needed(
                    "UNIONPAY_MERCHANT_KEY_FILE", f"{folder}/unionpay_merchant_key.pem"
                ),
                "root_certificate_file": self.needed("UNIONPAY_ROOT_FILE", f"{self.exchange}/unionpay_root.crt.pem"),
                "middle_certificate_file": self.needed(
                    "UNIONPAY_MIDDLE_FILE", f"{self.exchange}/unionpay_middle.crt.pem"
                ),
                "signer_name": env.str("UNIONPAY_SIGNER", "") or "中国银联股份有限公司",
                "file_url": env.str("UNIONPAY_FILE_URL", ""),
                "host_names": env.list("UNIONPAY_CASHIER_ORIGINS", default=[]),
                "timeout_s": env.float("GATEWAY_TIMEOUT_S", 8.0),
            },
        }

    def needed(self, variable: str, demo_value: str) -> str:
        """What has a ready value in the demo and must be given in production."""
        if self.mode != "production":
            return str(self.env.str(variable, demo_value))
        given = str(self.env.str(variable, ""))
        if not given:
            self.missing.append(variable)
        return given

    def refuse_what_is_missing(self) -> None:
        """Say in one sentence which secrets are missing."""
        if self.missing:
            raise ImproperlyConfigured(
                f"PORTAL_ENV={self.mode} needs these variables (or files in PORTAL_SECRETS): "
                + ", ".join(sorted(set(self.missing)))
            )
