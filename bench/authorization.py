# SPDX-License-Identifier: Apache-2.0
"""What a decision costs with ten thousand persons, first and again, beside a raw call; what a token's check does."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable

import cedarpy
from common import QUICK, bench_home, median, report

from byhand import clock
from byhand.control import authorization as room
from byhand.control.identity import Caller
from byhand.ids import new_record_id
from byhand.records.actor import Authentication
from byhand.records.credentials import Token, token_digest, token_text
from byhand.records.kinds import SCHEMA_VERSION, Administration
from byhand.records.policy import RoleAssignment
from byhand.trust import administration as trust, authorization as judge

PERSONS = 10_000
ROUNDS = 300 if QUICK else 3_000


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of one call."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times) * 1e6


def main() -> None:
    """Print the decision's cost, the token's, and what is added to a declaration."""
    with bench_home() as bench:
        home = bench.home
        now = home.administration.current()
        assert now.keyring is not None
        (key,) = now.keyring.keys.values()
        keys = {key.fingerprint: key}
        for number in range(PERSONS):
            keys[f"SHA256:{number}"] = dataclasses.replace(
                key, person=f"p{number}", fingerprint=f"SHA256:{number}", roles=()
            )
        roles = {
            f"p{n}": {"operator": RoleAssignment(person=f"p{n}", role="operator")} for n in range(PERSONS)
        }
        keyring = dataclasses.replace(now.keyring, keys=keys)
        many = dataclasses.replace(now, keyring=keyring, roles=roles, roles_assigned=True)
        signed = Authentication(method="ssh-key", when=clock.now(), credential="SHA256:1")
        caller = Caller(person="p77", credential="SHA256:1", authentication=signed)
        about = room.resource_of(home.points.get("breaker-medium"), person="p77")
        engine = room.engine_of(room.shipped())
        asking = judge.Asking(method="ssh-key")

        def anew() -> None:
            person = home.authorization.person(many, "p77", about)
            assert engine.decide(person, "declare", about, asking).allowed

        person = home.authorization.person(many, "p77", about)
        principal, entities, resource = judge._slice(person, about)  # noqa: SLF001
        request = {
            "principal": principal,
            "action": {"type": "Byhand::Action", "id": "declare"},
            "resource": resource,
            "context": judge._context(about, asking),  # noqa: SLF001
        }
        text, policies = (
            json.dumps(entities),
            cedarpy.PolicySet.from_str("\n".join(one.text for one in room.shipped())),
        )
        schema = cedarpy.Schema.from_str(room.shipped_schema())
        raw = microseconds(lambda: cedarpy.is_authorized(request, policies, text, schema=schema))
        report("raw_cedar_call_p50", raw, "us")
        first = microseconds(anew)
        report("decision_10k_persons_p50", first, "us", first / raw, "a raw call of the engine")
        again = microseconds(lambda: home.authorization.verdict_in(many, caller, "declare", about))
        report("decision_again_10k_persons_p50", again, "us", again / raw, "a raw call of the engine")
        token = token_text(secrets.token_bytes(32))
        digest = token_digest(token)
        issued = Token(
            id=digest[:12],
            owner="ada",
            digest=digest,
            scopes=("act", "read"),
            expires=clock.after(clock.now(), seconds=86_400),
        )
        record = Administration(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            action=trust.TOKEN_ISSUE,
            subject=issued.id,
            token=issued,
        )
        home.credentials.submit(bench.backend.caller(), bench.signed(record))
        report("token_check_p50", microseconds(lambda: home.credentials.token(token, scope="act")), "us")


if __name__ == "__main__":
    main()
