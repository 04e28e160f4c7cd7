# SPDX-License-Identifier: Apache-2.0
"""Every limit of a record, each with its reason. Beyond one of them input is refused, never cut."""

from __future__ import annotations

# -- sizes

RECORD_BYTES_MAX = 65_536  # 64 KiB: a record is read by people; larger values become references
BATCH_BYTES_MAX = 1_048_576  # 1 MiB: one request body that a gate can parse without others noticing
DEPTH_MAX = 32  # nesting outside captured values; our own types need six
KEYS_MAX = 64  # keys of one object outside captured values; our largest kind has about twenty
ITEMS_MAX = 1_000  # items of one list; beyond it a query or a reference says which
STRING_LENGTH_MAX = 8_192  # characters outside captured values: a screenful many times over
STATEMENT_LENGTH_MAX = 32_768  # characters of a DSSE envelope: base64 of a statement and a few signatures
PATCH_LENGTH_MAX = 8_192  # characters of a patch; a longer one says less than the two values beside it
FAULTS_MAX = 100  # faults named at once: more than anybody mends in one sitting
INTEGER_MAX = (1 << 53) - 1  # RFC 8785: what every JSON parser holds exactly

CAPTURED_BYTES_MAX = 24_576  # 24 KiB as it stands in the record: two of them leave 16 KiB for the rest
CAPTURED_DEPTH_MAX = 1_000  # nesting inside a captured value; parsers of others give up near here
CAPTURE_CHARACTERS_MAX = 16_777_216  # 16 Mi characters written from a native value: then it is a data set
MASKED_MAX = 256  # secrets taken out of one value; a value with more is a secret as a whole

PERSON_LENGTH_MAX = 64  # a person id is a login name, not a biography
ROLE_LENGTH_MAX = 32  # roles and teams stand in tables and in policies
ACTION_LENGTH_MAX = 128  # area.object.verb
CODE_LENGTH_MAX = 64  # a reason code is a name
NAME_LENGTH_MAX = 512  # systems, targets: the longest resource names of cloud providers fit
TEXT_LENGTH_MIN = 10  # shorter says nothing to whoever reads it in five years
DIFFERENT_CHARACTERS_MIN = 4  # "aaaaaaaaaa" and "..........." are not reasons
NOTES_LENGTH_MAX = 4_000  # one screen; longer belongs in the ticket
TICKETS_MAX = 16  # more and none of them is the reason
RECORDS_NAMED_MAX = 1_000  # ids in one access record; beyond it the query says which
MEMBERS_MAX = 64  # persons on call together; asked are all of them, and of more nobody feels asked
DESTINATIONS_MAX = 8  # ways to reach one circle or person; each of them is told the same
RUNBOOK_VALUES_MAX = 64  # values that a runbook allows one by one; of more nobody knows any more which
NUMBER_LENGTH_MAX = 64  # digits of a bound: money has thirty
UTC_OFFSET_MINUTES_MAX = 14 * 60  # Kiribati; nobody lives further from Greenwich

# -- forms, as regular expressions over the whole text: the rules and the published schema share them

PERSON_FORM = r"[a-z0-9](?:[a-z0-9._@+-]*[a-z0-9])?"
ISSUER_FORM = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)?"
ROLE_FORM = r"[a-z][a-z0-9-]*"
POLICY_FILE_FORM = r"[a-z0-9][a-z0-9._-]*\.cedar"
ACTION_FORM = r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){2,7}"
CODE_FORM = r"[A-Z][A-Z0-9_]*"
CIRCLE_FORM = r"[a-z0-9][a-z0-9._-]*"
NUMBER_FORM = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"
DESTINATION_FORM = r"[a-z][a-z0-9-]{0,31}:[a-z0-9][a-z0-9._-]{0,63}"
DIGEST_FORM = r"[0-9a-f]{64}"
POINTER_FORM = r"(?:/(?:[^~/]|~[01])*)*"
TIME_FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
RECORD_ID_FORM = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
