"""The data: files, the purchase log, the customer table made of both, and the engines that hold them."""

from segnb.data.behaviour import customer_expression
from segnb.data.contract import dates_as_days
from segnb.data.customers import CustomerTable, has_ids, load_customers, read_customers, snapshot_day
from segnb.data.purchases import Purchases, open_log
from segnb.data.reader import column_names, read_table
