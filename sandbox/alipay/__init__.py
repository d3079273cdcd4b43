"""Alipay open platform: page and wap payment."""
