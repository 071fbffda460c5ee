"""Tell people of an alert by mail: SMTP over TLS, one thread for one incident.

    ToldAlert ──► text/plain, Message-ID <message id@log>, References <incident@log> ──SMTP──► to

A mail that is sent twice has one Message-ID, by which mail programs know it.

Sizes:  TIMEOUT_SECONDS for each answer of the server
Source: RFC 5321, RFC 5322 §3.6.4, RFC 3207 (STARTTLS), RFC 3834 §5 (Auto-Submitted)
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from wherefrom.errors import Unavailable
from wherefrom.formats.alert_receivers import PORTS, Email
from wherefrom.notify.alert_message import ToldAlert

TIMEOUT_SECONDS: Final = 30.0
SUBJECT_CHARS_MAX: Final = 200


def send(told: ToldAlert, to: Email, *, id: str, timestamp: str) -> None:
    """Send it once. Raises Unavailable if the server does not take it for everybody."""
    mail = mail_of(told, to, id=id, timestamp=timestamp)
    try:
        with _connected(to) as server:
            if to.user:
                server.login(to.user, to.password)
            refused = server.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        # Not shown: some servers say the password back.
        raise Unavailable(
            f"{to.name} refuses who sends", got=f"SMTP {error.smtp_code}",
            do="See user and password in notify.yaml",
        ) from error  # fmt: skip
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise Unavailable(f"{to.name} does not take it", got=_said(error)) from error
    if refused:
        raise Unavailable(f"{to.name} does not take it for everybody", got=" ".join(refused))


def mail_of(told: ToldAlert, to: Email, *, id: str, timestamp: str) -> EmailMessage:
    """The mail."""
    mail = EmailMessage()
    mail["From"], mail["To"] = to.sender, ", ".join(to.to)
    mail["Subject"] = _line(told.headline)[:SUBJECT_CHARS_MAX]
    mail["Date"] = format_datetime(datetime.fromisoformat(timestamp))
    domain = re.sub(r"[^A-Za-z0-9.-]", ".", told.log).strip(".") or "wherefrom"
    thread = f"<{hashlib.sha256(told.key.encode()).hexdigest()[:32]}@{domain}>"
    mail["Message-ID"] = f"<{id}@{domain}>"
    mail["References"] = mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Wherefrom-Incident"] = _line(told.incident)
    mail.set_content("\n".join(_lines(told)))
    return mail


def _lines(told: ToldAlert) -> list[str]:
    said = [told.text, ""]
    for name, text in (
        ("where", " ".join(filter(None, (told.environment, told.service)))),
        ("about", f"{told.root.kind} {told.root.id}"),
        ("since", told.opened),
        ("until", told.closed or ""),
        ("rule", told.rule),
        ("records", " ".join(f"#{entry}" for entry in told.entries)),
    ):
        if text:
            said.append(f"{name + ':':<10}{text}")
    said.append("")
    said += [f"{name}: {link}" for name, link in told.links.items()]
    return [*said, f"incident: {told.incident}", f"log: {told.log}"]


def _connected(to: Email) -> smtplib.SMTP:
    port = to.port or PORTS[to.security]
    if to.security == "none":
        return smtplib.SMTP(to.host, port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=to.ca or None)
    if to.security == "tls":
        return smtplib.SMTP_SSL(to.host, port, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(to.host, port, timeout=TIMEOUT_SECONDS)
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _said(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return f"SMTP {code}" if code else f"{type(error).__name__}: {_line(str(error))[:200]}"


def _line(text: str) -> str:
    """Without what would begin another header."""
    return " ".join(text.split())
