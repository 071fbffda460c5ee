"""Tickets for what turned bad: opened once, closed when the cause is gone."""

from wherefrom.notify.tickets.cause import Cause
from wherefrom.notify.tickets.causes import CauseFile
from wherefrom.notify.tickets.desk import TicketDesk

__all__ = ["Cause", "CauseFile", "TicketDesk"]
