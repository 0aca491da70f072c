"""Search: which hyper-parameters tuning tries, relative to an optimizer's own values."""
