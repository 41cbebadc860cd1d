"""Reading: tables from files, the purchase log, and the customer table built from both."""

from segnb.data.customers import CustomerTable, load_customers, open_log
from segnb.data.purchases import Purchases, open_purchases
from segnb.data.tables import read_table
from segnb.data.transactions import aggregate_customers, clv_summary

__all__ = [
    "CustomerTable",
    "Purchases",
    "aggregate_customers",
    "clv_summary",
    "load_customers",
    "open_log",
    "open_purchases",
    "read_table",
]
