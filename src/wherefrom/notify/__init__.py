"""Deliver what somebody is to be told: spooled on disk, signed, tried again until it is taken."""

from wherefrom.notify.delivery import Delivery
from wherefrom.notify.message import Message
from wherefrom.notify.spool import Spool

__all__ = ["Delivery", "Message", "Spool"]
