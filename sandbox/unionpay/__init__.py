"""UnionPay's full-channel gateway 5.1.0: its cashier, queries, back notices and the way back by POST.

The daily file of settled trades (ZM) will stand here as well.
"""
