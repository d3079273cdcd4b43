"""Alipay: payment by page and by wap."""
