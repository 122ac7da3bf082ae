"""Panel viewers. Each gets a run or tables and a `Selection`; two with the same selection are linked."""

from galviz.views._panel import send_in_order, send_what_is_left

send_what_is_left()
send_in_order()
