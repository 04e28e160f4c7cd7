# SPDX-License-Identifier: Apache-2.0
"""Every limit of a record, each with its reason. Beyond one of them input is refused, never cut."""

from __future__ import annotations

RECORD_BYTES_MAX = 65_536  # 64 KiB: a record is read by people; larger values become references
BATCH_BYTES_MAX = 1_048_576  # 1 MiB: one request body that a gate can parse without others noticing
DEPTH_MAX = 32  # nesting outside captured values; our own types need six
KEYS_MAX = 64  # keys of one object outside captured values; our largest kind has about twenty
STRING_LENGTH_MAX = 8_192  # characters outside captured values: a screenful many times over
INTEGER_MAX = (1 << 53) - 1  # RFC 8785: what every JSON parser holds exactly
CAPTURED_LENGTH_MAX = 32_768  # characters of one captured value; two of them still fit a record
CAPTURED_DEPTH_MAX = 1_000  # nesting inside a captured value; parsers of others give up near here
PERSON_LENGTH_MAX = 64  # a person id is a login name, not a biography
ACTION_LENGTH_MAX = 128  # area.object.verb
NOTES_LENGTH_MAX = 4_000  # one screen; longer belongs in the ticket
NAME_LENGTH_MAX = 512  # systems, targets, fields: the longest resource names of cloud providers fit
CODE_LENGTH_MAX = 64  # a reason code is a name
TICKETS_MAX = 16  # more and none of them is the reason
MASKED_MAX = 256  # secrets taken out of one value; a value with more is a secret as a whole
RECORDS_NAMED_MAX = 1_000  # ids in one access record; beyond it the query says which
