"""UnionPay: payment by form at its cashier, with any bank card or 云闪付."""
