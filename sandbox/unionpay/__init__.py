"""UnionPay's full-channel gateway 5.1.0: its cashier, queries, refunds, back notices, the way back by POST, and the
daily file of settled trades (ZM) by fileTransfer.
"""
