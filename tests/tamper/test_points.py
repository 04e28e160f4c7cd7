# SPDX-License-Identifier: Apache-2.0
"""What a record says of its own risk, mode, target and person proves nothing: the registered point counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand.control.authorization import SUBJECT, shipped
from byhand.ids import new_record_id
from byhand.records.kinds import Access, AnyRecord, Intent
from byhand.records.policy import PolicyFile
from byhand.trust import administration as trust

ORIGIN = "byhand.test/tamper"


def _intent(played: Any) -> Intent:
    home = played.open()
    stored = home.journal.reader.find(played.interventions[0])
    home.close()
    assert isinstance(stored.record, Intent)
    return stored.record


def _unsigned(intent: Intent, *, declared: dict[str, object] | None = None, **changes: object) -> Intent:
    """The intent under a fresh id, its signature left out."""
    record_id = new_record_id()
    declaration = msgspec.structs.replace(intent.declaration, record=record_id, **(declared or {}))
    actor = msgspec.structs.replace(intent.actor, signed_by="server")
    fields = {"actor": actor, "declaration": declaration, "statement": None, **changes}
    return msgspec.structs.replace(intent, id=record_id, intervention=record_id, **fields)


def _target(intent: Intent, **changes: object) -> object:
    return msgspec.structs.replace(intent.target, **changes)


CLAIMS = {
    "a lower tier": lambda one: {"target": _target(one, tier="low")},
    "mode observe": lambda one: {"mode": "observe"},
    "another environment": lambda one: {"target": _target(one, environment="test")},
    "another target": lambda one: {"target": _target(one, id="MM-8")},
    "no point at all": lambda one: {"target": _target(one, point=None), "declared": {"point": None}},
    "a point that never was": lambda one: {"target": _target(one, point="mm8"), "declared": {"point": "mm8"}},
    "a shorter retention": lambda one: {
        "governance": msgspec.structs.replace(one.governance, retention_class="pci-1y")
    },
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_intent_that_says_less_of_its_point_than_was_registered_is_named(played: Any, claim: str) -> None:
    """The tier, mode, target and retention class that count are the registered point's at that place."""
    intent = _intent(played)
    played.write(_unsigned(intent, **CLAIMS[claim](intent)))
    codes = played.codes()
    assert "point.contradicted" in codes, codes


def test_a_signature_taken_out_is_missed_whatever_the_record_says_of_its_risk(played: Any) -> None:
    """The requirement comes from the point, so lowering tier or mode does not do away with the signature."""
    intent = _intent(played)
    for claim in ("a lower tier", "mode observe"):
        played.write(_unsigned(intent, **CLAIMS[claim](intent)))
    assert [one.code for one in played.verify().findings].count("signature.broken") == 2


def test_a_whole_history_reworded_without_signatures_is_named(
    played: Any, forging: Any, tmp_path: Path
) -> None:
    """With database, log key and anchor in hand: every intent reworded, called low risk, and signed anew."""

    def reword(record: AnyRecord) -> AnyRecord | None:
        if not isinstance(record, Intent):
            return None if isinstance(record, Access) else record
        justification = msgspec.structs.replace(
            record.declaration.justification, text="The risk desk's order"
        )
        declaration = msgspec.structs.replace(record.declaration, justification=justification)
        actor = msgspec.structs.replace(record.actor, signed_by="server")
        target = _target(record, tier="low")
        return msgspec.structs.replace(
            record, declaration=declaration, actor=actor, target=target, statement=None
        )

    forging.rewrite(played.home, tmp_path / "scratch", reword, origin=ORIGIN, anchor=played.anchor)
    assert {"signature.broken", "point.contradicted"} <= played.codes(use_known_logs=False)


@pytest.mark.parametrize("who", ["the actor", "nobody enrolled"])
def test_an_intent_in_somebodys_name_is_named(played: Any, who: str) -> None:
    """The person who declares is the one who acts, and has a valid key at that place, signed or not."""
    intent = _intent(played)
    person = played.officer.name if who == "the actor" else "eve.adams"
    actor = msgspec.structs.replace(intent.actor, person=person, signed_by="server")
    declared = {"person": "jo.stein" if who == "the actor" else person}
    played.write(_unsigned(intent, actor=actor, declared=declared))
    assert "signature.broken" in played.codes()


def test_who_signed_is_said_as_it_is(played: Any) -> None:
    """An intent without statement cannot call itself signed by its actor."""
    intent = _intent(played)
    played.write(_unsigned(intent, actor=intent.actor, mode="observe"))
    assert any("says it is signed by" in one.what for one in played.verify().findings)


def test_a_point_that_changed_or_was_retired_leaves_earlier_intents_sound(played: Any) -> None:
    """An intent is judged by the point as of its own place: a later mode, tier or end of it changes nothing."""
    home = played.open()
    caller = played.caller(home)
    point = home.points.get("mm7-breaker")
    observing = msgspec.structs.replace(point, mode="observe")
    home.points.submit(caller, played.administration(trust.POINT_MODE, point.name, point=observing))
    played.intervene(home, "Observed while the desk tries it out")
    low = msgspec.structs.replace(observing, mode="enforce", tier="low")
    home.points.submit(caller, played.administration(trust.POINT_SET, point.name, point=low))
    played.intervene(home, "Low risk while the venue is closed")
    home.points.submit(caller, played.administration(trust.POINT_RETIRE, point.name))
    home.journal.anchor()
    home.close()
    assert played.verify().sound, played.verify().findings


def test_an_intent_that_names_other_policies_than_those_in_force_is_named(played: Any) -> None:
    """Those of its own place count: earlier ones before another set, and later ones only after it."""
    intent = _intent(played)
    home = played.open()
    caller = played.caller(home)
    own = PolicyFile(name="own.cedar", text='@id("all") permit (principal, action, resource);')
    home.authorization.submit(
        caller, played.administration(trust.POLICY_SET, SUBJECT, policy=(*shipped(), own))
    )
    played.intervene(home, "Judged by policies of its own")
    other = msgspec.structs.replace(own, text=own.text.replace("all", "everything"))
    home.authorization.submit(
        caller, played.administration(trust.POLICY_SET, SUBJECT, policy=(*shipped(), other))
    )
    played.intervene(home, "Judged by the next ones")
    home.journal.anchor()
    home.close()
    assert played.verify().sound, played.verify().findings
    played.write(_unsigned(intent))
    assert any("not by those in force" in one.what for one in played.verify().findings)


def test_a_body_with_another_retention_class_than_its_leaf_is_named(
    played: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class in the leaf decides when a payload may go; the one in the body was promised to the person."""
    home = played.open()
    seal = home.journal.vault.seal
    monkeypatch.setattr(
        home.journal.vault,
        "seal",
        lambda entries: [one._replace(retention="pci-1y") for one in seal(entries)],
    )
    home.reading.leave(played.caller(home), "show", records=(), count=0)
    home.journal.anchor()
    home.close()
    assert "lifecycle.broken" in played.codes()
