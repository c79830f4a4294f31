"""`make bench`: the hub's pull, check and merge beside hand-written zeep + ORM and beside dlt, in one run."""
