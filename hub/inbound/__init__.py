"""The way in: dossiers that citizens file on the national portal are received, kept, and handed to the province."""

from hub.inbound.handover import push
from hub.inbound.listing import dossier, listing, receivable, standing
from hub.inbound.receiving import Reply, receive

__all__ = ["Reply", "dossier", "listing", "push", "receivable", "receive", "standing"]
