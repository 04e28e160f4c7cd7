# SPDX-License-Identifier: Apache-2.0
"""Which form each text field has. The rules and the published schema read the same table."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from byhand.records import limits
from byhand.records.actor import Authentication, Via
from byhand.records.base import Part
from byhand.records.circles import Circle, Member
from byhand.records.credentials import AccountLink, Token, Workload
from byhand.records.intervention import (
    Automation,
    Change,
    Decision,
    Declaration,
    Justification,
    OverriddenDecision,
    Spooled,
    Target,
    Times,
)
from byhand.records.kinds import (
    Access,
    Administration,
    Approval,
    Expectation,
    Finding,
    Intent,
    Observation,
    Outcome,
    Permit,
    Record,
)
from byhand.records.policy import POLICY_FILES_MAX, PolicyFile, RoleAssignment, Team
from byhand.records.runbooks import Runbook
from byhand.records.values import CapturedValue, Masked


class Form(NamedTuple):
    """What a text must look like: the regular expression ``pattern`` over all of it; and how long it is."""

    message: str
    length_max: int = limits.STRING_LENGTH_MAX
    pattern: str | None = None
    length_min: int = 0
    advice: str = ""


RECORD_ID = Form("is no record id (UUIDv7, lower case)", 36, limits.RECORD_ID_FORM)
DIGEST = Form("is no SHA-256 in hex", 64, limits.DIGEST_FORM)
TIME = Form("is no time of the form 2026-11-24T13:21:05.123456Z", 27, limits.TIME_FORM)
POINTER = Form(
    f"is no JSON pointer of at most {limits.STRING_LENGTH_MAX} characters",
    pattern=limits.POINTER_FORM,
    advice='write "" or "/name/0", with ~1 for / and ~0 for ~',
)
PERSON = Form(
    "is no person id",
    limits.PERSON_LENGTH_MAX,
    limits.PERSON_FORM,
    advice=f"use at most {limits.PERSON_LENGTH_MAX} of a-z 0-9 . _ @ + -, e.g. ada.lovelace",
)
ACTION = Form(
    "is no action type",
    limits.ACTION_LENGTH_MAX,
    limits.ACTION_FORM,
    advice="write area.object.verb, e.g. deployment.gate.bypass",
)
CODE = Form(
    "is no reason code: capitals, digits, underscores",
    limits.CODE_LENGTH_MAX,
    limits.CODE_FORM,
    advice="see: byhand reason list",
)
NAME = Form(f"must be 1 to {limits.NAME_LENGTH_MAX} characters", limits.NAME_LENGTH_MAX, length_min=1)
NOTES = Form(
    f"is longer than {limits.NOTES_LENGTH_MAX} characters",
    limits.NOTES_LENGTH_MAX,
    advice="the rest goes in the ticket",
)
LABEL = Form(f"is longer than {limits.NAME_LENGTH_MAX} characters", limits.NAME_LENGTH_MAX)
WORKLOAD = Form(
    "is no name of a workload",
    limits.PERSON_LENGTH_MAX,
    limits.PERSON_FORM,
    advice="use a-z 0-9 . _ @ + -, e.g. buildbot-prod",
)
ISSUER = Form(
    "is no name of a system that has accounts",
    limits.PERSON_LENGTH_MAX,
    limits.ISSUER_FORM,
    advice="use a-z 0-9 . -, e.g. buildbot or git.example",
)
CIRCLE = Form(
    "is no name of a circle",
    64,
    limits.CIRCLE_FORM,
    advice="use at most 64 of a-z 0-9 . _ -, beginning with a letter or digit",
)
RUNBOOK = Form(
    "is no name of a runbook",
    64,
    limits.CIRCLE_FORM,
    advice="use at most 64 of a-z 0-9 . _ -, beginning with a letter or digit",
)
NUMBER = Form(
    "is no number, written out", limits.NUMBER_LENGTH_MAX, limits.NUMBER_FORM, advice="write 5000000 or -0.25"
)
DESTINATION = Form(
    "is no destination", 97, limits.DESTINATION_FORM, advice="write KIND:NAME, e.g. slack:risk-desk"
)
ROLE = Form(
    "is no name of a role or team",
    limits.ROLE_LENGTH_MAX,
    limits.ROLE_FORM,
    advice="use a-z 0-9 -, beginning with a letter, e.g. risk-desk",
)
FILE = Form("is no name of a file of policies", 64, limits.POLICY_FILE_FORM, advice="write e.g. roles.cedar")
TEXT = Form(f"is longer than {limits.STRING_LENGTH_MAX} characters")
PATCH = Form(
    f"is longer than {limits.PATCH_LENGTH_MAX} characters", limits.PATCH_LENGTH_MAX, advice="leave it out"
)
STATEMENT = Form(f"is longer than {limits.STATEMENT_LENGTH_MAX} characters", limits.STATEMENT_LENGTH_MAX)
CAPTURED = Form(
    f"is longer than {limits.CAPTURED_BYTES_MAX} bytes",
    limits.CAPTURED_BYTES_MAX,
    advice="send it as a reference",
)

FIELDS: dict[type[Part], dict[str, Form]] = {
    Record: {"id": RECORD_ID, "intervention": RECORD_ID, "amends": RECORD_ID, "caused_by": RECORD_ID},
    Intent: {"statement": STATEMENT},
    Approval: {"leaf": DIGEST, "comment": NOTES, "statement": STATEMENT},
    Permit: {
        "leaf": DIGEST,
        "permit": RECORD_ID,
        "person": PERSON,
        "change": DIGEST,
        "before": DIGEST,
        "expires": TIME,
    },
    Outcome: {"statement": STATEMENT},
    Spooled: {"viewed": TIME, "attempt": RECORD_ID, "executor": NAME},
    Observation: {"action": ACTION, "field": POINTER, "connector": NAME, "instance": NAME},
    Finding: {"about": NAME, "field": POINTER, "references": NAME},
    Expectation: {"until": TIME},
    Access: {"records": RECORD_ID, "operation": NAME},
    Administration: {"action": NAME, "subject": NAME, "statements": STATEMENT},
    Declaration: {
        "record": RECORD_ID,
        "person": PERSON,
        "action": ACTION,
        "expires": TIME,
        "point": NAME,
        "caused_by": RECORD_ID,
        "runbook": RUNBOOK,
    },
    Decision: {"runbook": RECORD_ID},
    Justification: {"code": CODE, "text": NOTES, "given_at": TIME, "same_as": RECORD_ID, "tickets": NAME},
    Target: {"system": NAME, "type": NAME, "id": NAME, "point": NAME, "name": NAME, "environment": NAME},
    Change: {
        "field": POINTER,
        "command": DIGEST,
        "patch": PATCH,
        "reverse": PATCH,
        "read_at": TIME,
        "effective_until": TIME,
    },
    Automation: {"workflow": NAME},
    OverriddenDecision: {"rule": NAME, "made_at": TIME},
    Authentication: {"when": TIME},
    Via: {"person": PERSON},
    Times: {"occurred": TIME, "observed": TIME, "received": TIME},
    Token: {
        "id": NAME,
        "owner": PERSON,
        "digest": DIGEST,
        "expires": TIME,
        "workload": NAME,
        "label": LABEL,
    },
    Workload: {"name": WORKLOAD, "owner": PERSON, "issuer": ISSUER, "subject": LABEL, "principal": PERSON},
    Circle: {"name": CIRCLE, "destinations": DESTINATION, "second": CIRCLE},
    Member: {"person": PERSON, "destinations": DESTINATION},
    Runbook: {
        "name": RUNBOOK,
        "point": NAME,
        "minimum": NUMBER,
        "maximum": NUMBER,
        "ends": TIME,
        "owner": PERSON,
        "text": NOTES,
    },
    AccountLink: {"issuer": ISSUER, "account": NAME, "person": PERSON},
    PolicyFile: {"name": FILE},
    RoleAssignment: {"person": PERSON, "role": ROLE, "systems": NAME, "environments": NAME, "teams": ROLE},
    Team: {"name": ROLE, "members": PERSON},
    CapturedValue: {"text": CAPTURED, "digest": DIGEST, "media_type": NAME},
    Masked: {"pointer": POINTER, "mac": DIGEST, "key": NAME},
}

ITEMS: dict[tuple[type[Part], str], int] = {
    (Justification, "tickets"): limits.TICKETS_MAX,
    (CapturedValue, "masked"): limits.MASKED_MAX,
    (Access, "records"): limits.RECORDS_NAMED_MAX,
    (Circle, "members"): limits.MEMBERS_MAX,
    (Circle, "destinations"): limits.DESTINATIONS_MAX,
    (Member, "destinations"): limits.DESTINATIONS_MAX,
    (Administration, "policy"): POLICY_FILES_MAX,
    (Runbook, "values"): limits.RUNBOOK_VALUES_MAX,
}
"""How many items a list may hold, where it is not ITEMS_MAX."""


@cache
def of(kind: type[Part], field: str) -> Form:
    """The form of a text field of ``kind`` or of what it is derived from."""
    for ancestor in kind.__mro__:
        found = FIELDS.get(ancestor, {}).get(field)
        if found is not None:
            return found
    return TEXT


def items_max(kind: type[Part], field: str) -> int:
    """How many items a list field of ``kind`` may hold."""
    return ITEMS.get((kind, field), limits.ITEMS_MAX)
