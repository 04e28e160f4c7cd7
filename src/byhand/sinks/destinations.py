# SPDX-License-Identifier: Apache-2.0
"""Where destinations are: from the names that records use to links, mailboxes and secrets, read from one file.

Who is trusted: whoever can write the file can send requests elsewhere, or nowhere. They decide nothing by it: a
request is answered by a signature, never by having been received.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byhand.errors import ByhandError, Fault, Invalid, NotFound
from byhand.sinks import kind_of, schemes
from byhand.sinks.contract import MailServer, Place, Sink

FILE_BYTES_MAX = 1_048_576  # thousands of destinations; more is another file
OTHERS_ANY = 0o077


@dataclass(frozen=True, slots=True)
class Destinations:
    """Every destination by name (``KIND:NAME``), as the file says when it is asked for."""

    file: Path | None
    mail: MailServer = field(default_factory=MailServer)
    certificates: str = ""

    def open(self, name: str) -> Sink:
        """The sink called ``name``; raises NotFound, Invalid, never showing a link or a secret."""
        scheme, _, own = name.partition(":")
        known = schemes()
        if scheme not in known:
            listed = ", ".join(f"{kind}:" for kind in sorted(known))
            raise Invalid(f"{name} is of no kind of destination", (Fault("", f"begin with one of {listed}"),))
        section = self._sections().get(scheme, {})
        fields = section.get(own) if isinstance(section, Mapping) else None
        if not isinstance(fields, Mapping):
            raise NotFound(f"nothing says where {name} is", advice=f"Add [{scheme}.{own}] to {self._told()}")
        kind = kind_of(scheme)
        try:
            _check_fields(name, kind.fields, fields)
            return kind.at(
                Place(name, {key: str(value) for key, value in fields.items()}, self.mail, self.certificates)
            )
        except ByhandError:
            raise
        except Exception as error:  # another package's fault; its text may repeat a link
            raise Invalid(
                f"the destination {name} cannot be used: its kind fails with {type(error).__name__}",
                advice=f"Mend or remove the package that offers {scheme}:",
            ) from error

    def fault(self, name: str) -> ByhandError | None:
        """What keeps ``name`` from being used, if anything does."""
        try:
            self.open(name)
        except ByhandError as error:
            return error
        return None

    def _told(self) -> str:
        return str(self.file) if self.file is not None else "the file that notify.destinations_file names"

    def _sections(self) -> Mapping[str, object]:
        if self.file is None:
            return {}
        try:
            with self.file.open("rb") as opened:
                _check_closed(self.file, opened.fileno())
                data = opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise Invalid(f"{self.file} cannot be read: {error.strerror}") from error
        if len(data) > FILE_BYTES_MAX:
            raise Invalid(f"{self.file} has more than {FILE_BYTES_MAX} bytes")
        try:
            return tomllib.loads(data.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            # The error's own text may repeat a line of the file, and with it a secret.
            raise Invalid(f"{self.file} is not TOML", advice="Look at its quotes and brackets.") from error


def _check_closed(file: Path, handle: int) -> None:
    """Raise Invalid when others may read the file: links and secrets are in it."""
    if os.name == "posix" and stat.S_IMODE(os.fstat(handle).st_mode) & OTHERS_ANY:
        raise Invalid(f"others may read {file}", advice=f"chmod 600 {file}")


def _check_fields(name: str, known: tuple[str, ...], fields: Mapping[str, object]) -> None:
    faults = [
        Fault(f"/{key}", "there is no such field", f"there are {', '.join(known)}")
        for key in fields
        if key not in known
    ]
    faults += [Fault(f"/{key}", "is missing") for key in known if key not in fields]
    faults += [Fault(f"/{key}", "must be text") for key in known if not isinstance(fields.get(key, ""), str)]
    if faults:
        raise Invalid(f"the destination {name} cannot be used", tuple(faults))
