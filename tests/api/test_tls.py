# SPDX-License-Identifier: Apache-2.0
"""TLS by files: what cannot be used is said before anything listens; with a certificate it is HTTPS."""

from __future__ import annotations

from pathlib import Path

import pytest

from byhand.api.server import check
from byhand.errors import Invalid
from byhand.settings import ServerSettings


def test_files_that_are_missing_or_are_none_are_named(tmp_path: Path) -> None:
    """A fault of the settings, with advice: no traceback, and no server without TLS instead."""
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    settings = ServerSettings(tls_certificate_file=str(certificate), tls_key_file=str(key))
    with pytest.raises(Invalid, match="No such file") as missing:
        check(settings)
    assert missing.value.faults[0].pointer == "/server/tls_certificate_file"
    certificate.write_text("no certificate")
    key.write_text("no key")
    with pytest.raises(Invalid, match="cannot be used"):
        check(settings)


def test_a_wider_address_wants_tls_and_half_of_it_is_none() -> None:
    """Certificate without key, and an address beyond this machine without either: refused."""
    with pytest.raises(Invalid, match="go together"):
        check(ServerSettings(tls_certificate_file="tls.pem"))
    with pytest.raises(Invalid, match="no loopback address"):
        check(ServerSettings(host="0.0.0.0"))  # noqa: S104 - that it is refused is the fact
    check(ServerSettings())
