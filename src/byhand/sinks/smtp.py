# SPDX-License-Identifier: Apache-2.0
"""Mail, through a server of yours, encrypted on the way to it."""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as WRITTEN
from pathlib import Path
from typing import ClassVar

from byhand import clock
from byhand.errors import Fault, Invalid, NotDelivered
from byhand.settings import is_loopback
from byhand.sinks.contract import MailServer, Message, Place
from byhand.sinks.posting import STEP_SECONDS_MAX, ended_in_time, trusting

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
PASSWORD_BYTES_MAX = 1_024  # longer and it is another file
SECURITIES = ("starttls", "tls", "none")
FOR_GOOD = range(500, 600)


class Smtp:
    """A mailbox."""

    scheme: ClassVar[str] = "smtp"
    fields: ClassVar[tuple[str, ...]] = ("to",)

    def __init__(self, to: str, server: MailServer, context: ssl.SSLContext) -> None:
        self._to = to
        self._server = server
        self._context = context

    @classmethod
    def at(cls, place: Place) -> Smtp:
        """See ``SinkKind``."""
        to, server, faults = place.fields.get("to", ""), place.mail, list[Fault]()
        if ADDRESS.fullmatch(to) is None:
            faults.append(Fault("/to", "is no mail address", 'to = "ada@example.com"'))
        if ADDRESS.fullmatch(server.sender) is None:
            faults.append(Fault("/notify/smtp_sender", "is no mail address", "say from whom mail comes"))
        if not server.host:
            faults.append(Fault("/notify/smtp_host", "is missing", "name the server that takes mail"))
        if server.security not in SECURITIES:
            faults.append(Fault("/notify/smtp_security", f"is none of {', '.join(SECURITIES)}"))
        elif server.security == "none" and not is_loopback(server.host):
            advice = "use starttls or tls"
            faults.append(Fault("/notify/smtp_security", "would send mail in the clear", advice))
        if bool(server.account) != bool(server.password_file):
            faults.append(Fault("/notify/smtp_password_file", "goes together with smtp_account", "set both"))
        if faults:
            raise Invalid(f"the destination {place.name} cannot be used", tuple(faults))
        return cls(to, server, trusting(place.certificates))

    def send(self, message: Message) -> None:
        """See ``Sink``."""
        try:
            mail = written(message, sender=self._server.sender, to=self._to)
        except ValueError as error:  # a line break where a header would go on
            raise NotDelivered("its title cannot be written as a header", for_good=True) from error
        client = self._client()
        try:
            with ended_in_time(lambda: getattr(client, "sock", None)):
                self._connect(client)
                client.send_message(mail, self._server.sender, [self._to])
                with suppress(OSError):  # it was taken: what becomes of the farewell changes nothing
                    client.quit()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _refused(codes[0] if codes else 0) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from error
        except ssl.SSLCertVerificationError as error:
            raise NotDelivered(f"its certificate is not trusted: {error.verify_message}") from error
        except (OSError, ValueError) as error:  # smtplib's own errors are OSErrors
            raise NotDelivered(f"no answer came: {type(error).__name__}") from error
        finally:
            client.close()

    def _client(self) -> smtplib.SMTP:
        if self._server.security == "tls":
            return smtplib.SMTP_SSL(timeout=STEP_SECONDS_MAX, context=self._context, local_hostname="byhand")
        return smtplib.SMTP(timeout=STEP_SECONDS_MAX, local_hostname="byhand")

    def _connect(self, client: smtplib.SMTP) -> None:
        client._host = self._server.host  # type: ignore[attr-defined]  # noqa: SLF001 - see below
        # What certificates are checked against is set by the constructor only, which would connect before it
        # could be cut.
        client.connect(self._server.host, self._server.port)
        if self._server.security == "starttls":
            client.starttls(context=self._context)
        if self._server.account:
            client.login(self._server.account, _password(self._server.password_file))


def _password(file: str) -> str:
    try:
        text = Path(file).read_text(encoding="utf-8")[:PASSWORD_BYTES_MAX]
    except (OSError, UnicodeDecodeError) as error:
        raise NotDelivered(f"its password cannot be read: {type(error).__name__}") from error
    return text.strip("\r\n")


def _refused(code: int) -> NotDelivered:
    return NotDelivered(f"it answered {code}", for_good=code in FOR_GOOD)


def written(message: Message, *, sender: str, to: str) -> EmailMessage:
    """The message as a mail. Its headers take no line breaks; its id is the same for every retry."""
    mail = EmailMessage(policy=WRITTEN)
    mail["From"] = f"byhand <{sender}>"
    mail["To"] = to
    mail["Subject"] = message.title
    if message.time:
        mail["Date"] = clock.parse(message.time)
    mail["Message-ID"] = f"<{message.id}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers
    facts = "".join(f"{name}: {value}\n" for name, value in message.facts)
    link = f"\nLook and decide: {message.link}\n" if message.link is not None else ""
    mail.set_content(f"{message.text}\n\n{facts}{link}")
    return mail
