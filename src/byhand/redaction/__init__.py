# SPDX-License-Identifier: Apache-2.0
"""Secrets are taken out before a payload leaves the process; a keyed MAC stays, so that equality is provable.

What is found, and what is not, is listed in docs/spec/record-format.md, section "Redaction".
"""

from byhand.redaction.redactor import Redactor
from byhand.redaction.texts import redact_text

__all__ = ["Redactor", "redact_text"]
