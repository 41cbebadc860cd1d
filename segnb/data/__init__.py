"""Reading: tables from files, the purchase log, and the customer table built from both."""

from segnb.data.behaviour import aggregate_customers, clv_summary, customer_expression
from segnb.data.customer_table import has_ids, read_customers
from segnb.data.customers import CustomerTable, load_customers, open_log, snapshot_day
from segnb.data.purchases import Purchases, open_purchases
from segnb.data.tables import column_names, read_table

__all__ = [
    "CustomerTable",
    "Purchases",
    "aggregate_customers",
    "clv_summary",
    "column_names",
    "customer_expression",
    "has_ids",
    "load_customers",
    "open_log",
    "open_purchases",
    "read_customers",
    "read_table",
    "snapshot_day",
]
