# SPDX-License-Identifier: Apache-2.0
"""What is unusual is said beside the act, with reasons, once; what becomes of it is learned."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from byhand import clock, embedded, wiring
from byhand.cli.commands import unusual as commands
from byhand.cli.common import Common
from byhand.client.desk import Shown
from byhand.errors import Invalid, LogUnavailable, NotFound, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured
from byhand.records.actor import Actor
from byhand.records.intervention import Change, Declaration, Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Expectation, Finding, Intent, Observation, Point
from byhand.watch import unusual as room
from byhand.watch.acts import TakingPart
from byhand.watch.unusual import NAME, UNUSUAL, Unusual, derived_id

from .conftest import offices

WEEKS = 40
ZONE = 60
TEAM = "operations"
MONDAY = (datetime.now(UTC) - timedelta(weeks=WEEKS + 1)).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY -= timedelta(days=MONDAY.weekday())
PEOPLE = tuple(f"person{number}" for number in range(14))
JOBS = {
    "memory": ("server", "memory", "server.memory.adjust"),
    "web": ("cluster", "deployment", "deployment.replicas.set"),
    "permissions": ("database", "grant", "database.permission.grant"),
}


@dataclass
class Year:
    """A home whose log holds most of a year of one team's work: ada adjusts server memory, weekly."""

    office: Any
    home: wiring.Home = field(init=False)
    last: str = ""

    def __post_init__(self) -> None:
        self.home = self.office.home
        for name, (system, kind, action) in JOBS.items():
            point = Point(
                name=name, action=action, system=system, type=kind, id="any", owner="ops", team=TEAM
            )
            self.office.register(point)

    def observed(self, person: str, job: str, number: int, at: datetime, **changed: Any) -> Observation:
        """An act of ``person``, as a feed tells of it; ``at`` is by the person's clock."""
        system, kind, action = JOBS[job]
        id_ = new_record_id()
        fields = {
            "id": id_,
            "schema": SCHEMA_VERSION,
            "intervention": id_,
            "times": Times(occurred=clock.write(at - timedelta(minutes=ZONE)), utc_offset_minutes=ZONE),
            "actor": Actor(person=person),
            "target": Target(system=system, type=kind, id=f"{job}-{number}", point=job),
            "action": action,
            "connector": "shop",
            "instance": "one",
            "capture": "import",
        }
        return Observation(**{**fields, **changed})

    def lived(self, weeks: int = WEEKS) -> None:
        """What the team did, put into the log as it was brought in."""
        rng, found = random.Random(11), []
        for week in range(weeks):
            for number, person in enumerate(("ada", *PEOPLE)):
                job = "memory" if number < 5 else "web" if number < 10 else "permissions"
                for _ in range(1 if person == "ada" else 4):
                    day, hour = (0 if person == "ada" else rng.randrange(5)), rng.gauss(11, 1.5)
                    at = MONDAY + timedelta(weeks=week, days=day, hours=max(8.0, min(17.0, hour)))
                    found.append((at, person, job, rng.randrange(6)))
        found.sort()
        entries = [Entry(self.observed(person, job, number, at)) for at, person, job, number in found]
        for start in range(0, len(entries), 256):
            self.home.journal.append(entries[start : start + 256])
        self.last = clock.write(found[-1][0])

    @property
    def sunday(self) -> datetime:
        """The Sunday after, at 03:00 of ada's clock."""
        return MONDAY + timedelta(weeks=WEEKS - 1, days=6, hours=3)

    def put(self, observation: Observation) -> str:
        self.home.journal.append([Entry(observation)])
        return observation.id

    def follower(self, home: wiring.Home | None = None, teams: tuple[str, ...] = (TEAM,)) -> Unusual:
        found = home or self.home
        return Unusual(found.journal, found.chains, found.learned, TakingPart(teams, ()))

    def said(self) -> list[Finding]:
        records = [one.record for one in self.home.journal.reader.scan(0)]
        return [one for one in records if isinstance(one, Finding) and one.verdict == UNUSUAL]

    def dispose(self, alert: Finding, verdict: str, expectation: Expectation | None = None) -> None:
        finding = Finding(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=alert.intervention,
            type="disposition",
            about=alert.id,
            verdict=verdict,
            summary="she was on call for the database that night",
            expectation=expectation,
        )
        self.home.journal.append([Entry(finding)])


@pytest.fixture
def pens(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return offices.Pens(tmp_path_factory.mktemp("pens"))


@pytest.fixture
def year(tmp_path: Path, pens: Any) -> Iterator[Year]:
    """The team's home."""
    office = offices.Office(tmp_path / "home", pens, {"XDG_STATE_HOME": str(tmp_path / "state")})
    office.begin()
    yield Year(office)
    office.home.close()


def after(moment: datetime, minutes: float = 1) -> str:
    return clock.write(moment - timedelta(minutes=ZONE) + timedelta(minutes=minutes))


def test_permissions_changed_at_three_on_a_sunday_are_said_with_reasons(year: Year) -> None:
    """She who adjusts server memory weekly changes database permissions: said as unusual, in words, once."""
    year.lived()
    follower = year.follower()
    assert follower.turn(after(year.sunday)) == 0, "what lies back is learned, and nobody is told"
    usual = year.put(year.observed("person3", "memory", 2, year.sunday - timedelta(hours=40)))
    act = year.put(year.observed("ada", "permissions", 3, year.sunday))
    assert follower.turn(after(year.sunday)) == 1
    (alert,) = year.said()
    assert alert.id == derived_id(act) != derived_id(usual)
    assert alert.type == "alert"
    assert alert.actor is None, "byhand itself said it"
    assert "never changed this target" in alert.summary
    assert "no one in this role works at this hour (Sunday at 03:00 of their clock)" in alert.summary
    assert "first action of this kind" in alert.summary
    assert "risk" not in alert.summary
    assert "ada" not in alert.summary, "who it was stands in the act, behind the pseudonyms of views"
    assert alert.value is not None
    assert alert.value.text is not None
    told = orjson.loads(alert.value.text)
    words = alert.summary.removeprefix("unusual for this person: ").split("; ")
    assert [one["words"] for one in told["reasons"]] == words
    assert follower.turn(after(year.sunday, 5)) == 0
    assert len(year.said()) == 1


def test_a_crash_costs_a_repetition_and_no_second_finding(year: Year) -> None:
    """A follower that kept nothing learns again from the log, says the same under the same id, and knows the same."""
    year.lived()
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    first = year.follower()
    assert first.turn(after(year.sunday)) == 1
    year.home.learned.forget(NAME)
    second = year.follower()
    second.turn(after(year.sunday, 60 * 24 * 30))
    assert len(year.said()) == 1
    assert second.encode() == first.encode()


def test_what_was_kept_is_taken_up(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that resumes from any place knows, bit for bit, what one that never stopped knows."""
    monkeypatch.setattr(room, "KEEP_ENTRIES", 700)
    year.lived()
    first = year.follower()
    first.turn(after(year.sunday))
    row = year.home.learned.load(NAME)
    assert row is not None
    assert 0 < row.cursor < year.home.journal.reader.size
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    resumed = year.follower()
    assert resumed.turn(after(year.sunday)) == 1
    first.turn(after(year.sunday))
    assert resumed.encode() == first.encode()
    assert len(year.said()) == 1
    resumed.close()
    kept = year.home.learned.load(NAME)
    assert kept is not None
    assert kept.cursor == year.home.journal.reader.size


def test_what_could_not_be_said_at_first_is_said_later(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of failures to append spends no budget and teaches nothing: the same is known as without them."""
    year.lived()
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    follower = year.follower()

    def fails(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(year.home.chains, "add", fails)
        for _ in range(8):
            with pytest.raises(LogUnavailable):
                follower.turn(after(year.sunday))
    assert follower.turn(after(year.sunday)) == 1
    (alert,) = year.said()
    undisturbed = year.follower()
    undisturbed.turn(after(year.sunday))
    assert follower.encode() == undisturbed.encode()
    assert alert.id in follower._waiting


def test_two_processes_say_it_once(year: Year) -> None:
    """Both find it at the same moment; the log holds it once."""
    year.lived()
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    other = year.office.open()
    try:
        followers = [year.follower(), year.follower(other)]
        for follower in followers:
            follower.turn(after(year.sunday))
    finally:
        other.close()
    assert len(year.said()) == 1


def test_nobody_takes_part_unless_named(year: Year) -> None:
    """Without a team or a point that takes part nothing is learned of anybody; a point alone brings its own acts."""
    year.lived(3)
    none, one = TakingPart((), ()), TakingPart((), ("web",))
    assert none.nobody
    for taking_part, expected in ((none, set()), (one, {"web"})):
        follower = Unusual(year.home.journal, year.home.chains, year.home.learned, taking_part)
        follower.turn(after(year.sunday))
        state = orjson.loads(follower.encode())
        families = state["model"]["counters"]["sides"]["family"]["everyone"]
        assert {name.split("/")[0] for name in families} - {"\0"} == {JOBS[job][0] for job in expected}
    settings = wiring.read_settings(year.office.path, environment={})
    assert (settings.unusual.teams, settings.unusual.points) == ("", "")


def test_who_takes_part_now_is_learned_anew(year: Year) -> None:
    """When other teams take part, what was kept for the former ones is thrown away."""
    year.lived(3)
    first = year.follower()
    first.turn(after(year.sunday))
    first.close()
    other = year.follower(teams=("nobody's",))
    other.turn(after(year.sunday))
    assert orjson.loads(other.encode())["model"]["learned"] == 0
    other.close()


def test_an_open_one_is_not_learned_and_an_expected_one_is(year: Year) -> None:
    """Nothing is learned of what was said until somebody says what it was; then it is, unless it was truly unusual."""
    year.lived()
    follower = year.follower()
    follower.turn(after(year.sunday))
    before = orjson.loads(follower.encode())["model"]["learned"]
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    follower.turn(after(year.sunday))
    assert orjson.loads(follower.encode())["model"]["learned"] == before
    year.dispose(year.said()[0], "expected")
    follower.turn(after(year.sunday))
    assert orjson.loads(follower.encode())["model"]["learned"] == before + 1
    assert orjson.loads(follower.encode())["waiting"] == []


def test_what_truly_was_unusual_is_never_learned(year: Year) -> None:
    """Confirmed once, it does not become a habit."""
    year.lived()
    follower = year.follower()
    follower.turn(after(year.sunday))
    before = orjson.loads(follower.encode())["model"]["learned"]
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    follower.turn(after(year.sunday))
    year.dispose(year.said()[0], "true")
    follower.turn(after(year.sunday))
    assert orjson.loads(follower.encode())["model"]["learned"] == before


def test_what_is_to_be_expected_is_not_said_until_that_ends(year: Year) -> None:
    """The same person at the same target is no news within the time named; another target is, and later it is again."""
    year.lived()
    follower = year.follower()
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    follower.turn(after(year.sunday))
    until = after(year.sunday, 60 * 3)
    year.dispose(year.said()[0], "expected", Expectation(scope="target", until=until))
    year.put(year.observed("ada", "permissions", 3, year.sunday + timedelta(hours=1)))
    follower.turn(after(year.sunday, 61))
    assert len(year.said()) == 1
    year.put(year.observed("ada", "permissions", 5, year.sunday + timedelta(hours=1, minutes=5)))
    follower.turn(after(year.sunday, 66))
    assert len(year.said()) == 2


def test_acts_of_nobody_are_not_compared(year: Year) -> None:
    """An act without a person has no habits to be compared with."""
    year.lived(2)
    follower = year.follower()
    follower.turn(after(year.sunday))
    before = orjson.loads(follower.encode())["model"]
    year.put(year.observed("UNATTRIBUTED", "web", 1, year.sunday, actor=Actor(person="UNATTRIBUTED")))
    follower.turn(after(year.sunday))
    assert orjson.loads(follower.encode())["model"] == before


def test_it_runs_where_it_is_switched_on(year: Year) -> None:
    """The followers of a home are with it where the settings name a team, and without it where they do not."""
    assert NAME not in wiring.open_watch(year.home).standings
    environment = {**year.office.environment, "BYHAND_UNUSUAL__TEAMS": f"{TEAM}, trading"}
    other = wiring.open_home(year.office.path, environment=environment)
    try:
        assert NAME in wiring.open_watch(other).standings
    finally:
        other.close()


WITHOUT_NUMPY = """
import os, sys
from pathlib import Path
from byhand import wiring
sys.modules["numpy"] = None
home = wiring.open_home(Path(sys.argv[1]), environment=dict(os.environ))
try:
    wiring.open_watch(home)
finally:
    home.close()
"""


def test_without_numpy_it_is_refused(year: Year) -> None:
    """Switched on where it cannot compute it says what to install; it is not left out in silence."""
    environment = {**os.environ, **year.office.environment, "BYHAND_UNUSUAL__POINTS": "web"}
    command = [sys.executable, "-c", WITHOUT_NUMPY, str(year.office.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unusual acts cannot be found without numpy" in done.stderr


def said_of_ada(year: Year) -> Finding:
    year.lived()
    year.put(year.observed("ada", "permissions", 3, year.sunday))
    year.follower().turn(after(year.sunday))
    (alert,) = year.said()
    return alert


def test_somebody_else_says_what_it_was(year: Year) -> None:
    """A colleague disposes of it, with what is to be expected; the act itself stays what it was observed to be."""
    alert = said_of_ada(year)
    year.office.enrol("grace", "ada")
    grace, findings = year.office.caller("grace"), year.home.findings
    until = clock.after(clock.now(), seconds=7 * 86_400)
    about = (str(alert.intervention), alert.id)
    findings.dispose(grace, *about, "true", "nobody had asked for that change")
    assert year.home.chains.get(about[0]).state.phase == "observed"
    record = new_record_id()
    expected = Expectation(scope="target", until=until)
    words = "she is on call for the database"
    first = findings.dispose(grace, *about, "expected", words, expectation=expected, record=record)
    assert first == findings.dispose(grace, *about, "expected", words, expectation=expected, record=record)
    assert year.home.chains.get(about[0]).state.phase == "explained"
    stored = year.home.journal.reader.find(record)
    assert stored is not None
    assert isinstance(stored.record, Finding)
    assert (stored.record.about, stored.record.expectation) == (alert.id, expected)


def test_nobody_disposes_of_what_is_said_of_themselves(year: Year) -> None:
    """The one whose act it was is refused, whatever she says it was; so is what is no alert, or for ever."""
    alert = said_of_ada(year)
    ada, findings, chain = year.office.caller("ada"), year.home.findings, str(alert.intervention)
    for verdict in ("expected", "noise", "true"):
        with pytest.raises(Refused, match="for others to judge"):
            findings.dispose(ada, chain, alert.id, verdict, "that was quite alright")
    year.office.enrol("grace", "ada")
    grace = year.office.caller("grace")
    with pytest.raises(Invalid, match="disposition is not valid"):
        findings.dispose(grace, chain, chain, "noise", "that was quite alright")
    for until in ("2020-01-01T00:00:00.000000Z", clock.after(clock.now(), seconds=400 * 86_400), "tomorrow"):
        expectation = Expectation(scope="person", until=until)
        with pytest.raises(Invalid, match="disposition is not valid"):
            findings.dispose(grace, chain, alert.id, "expected", "that was alright", expectation=expectation)
    with pytest.raises(Invalid, match="disposition is not valid"):
        findings.dispose(grace, chain, alert.id, "fine", "that was quite alright")


def test_the_reasons_are_drawn(year: Year, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar for each reason, the longest first, and the words beside it; JSON has the bits."""
    alert = said_of_ada(year)
    found = year.home.reading.show(year.office.caller("ada"), str(alert.intervention))
    shown = Shown(id=found.id, entries=tuple(map(embedded._entry, found.entries)), standard=dict(found.row))
    commands._show(shown, Common(output="table"))
    drawn = capsys.readouterr().out
    assert "no one in this role works" in " ".join(drawn.split())
    assert "█" in drawn or "#" in drawn
    commands._show(shown, Common(output="json"))
    told = orjson.loads(capsys.readouterr().out)
    bits = [reason["bits"] for reason in told["reasons"]]
    assert bits == sorted(bits, reverse=True)
    assert told["id"] == alert.id


def test_the_alert_that_is_named_is_judged_and_no_other() -> None:
    """Of several about one intervention each is found by its own id; by what they share none of them is."""

    def shown(*alerts: dict[str, Any]) -> Any:
        return SimpleNamespace(entries=[SimpleNamespace(record=one) for one in ({"id": "act"}, *alerts)])

    first, second, other = (
        {"id": id_, "type": "alert", "about": about, "intervention": "act"}
        for id_, about in (("first", "act"), ("second", "act"), ("other", "note"))
    )
    for one in (first, second, other):
        assert commands._alert(shown(first, second, other), str(one["id"])) is one
    assert commands._alert(shown(other), "act") is other
    assert commands._alert(shown(first, other), "act") is first
    with pytest.raises(Invalid, match="2 alerts"):
        commands._alert(shown(first, second), "act")
    with pytest.raises(NotFound):
        commands._alert(shown(), "act")


def test_it_is_read_and_disposed_of_at_the_command_line(year: Year) -> None:
    """The list, the reasons and who it was by pseudonym; a colleague's word on it, and a refusal of one's own."""
    alert = said_of_ada(year)
    year.office.enrol("grace", "ada")

    def typed(person: str, *words: str) -> subprocess.CompletedProcess[str]:
        key = {"BYHAND_KEY": str(year.office.pens._folder / person), "BYHAND_PERSON": person}
        return subprocess.run(
            [sys.executable, "-m", "byhand", *words, "--home", str(year.office.path), "--output", "json"],
            env={**os.environ, **year.office.environment, **key},
            capture_output=True,
            text=True,
            check=False,
        )

    listed = typed("grace", "unusual")
    assert [row["id"] for row in orjson.loads(listed.stdout)] == [alert.id], listed.stderr
    shown = typed("grace", "unusual", str(alert.intervention))
    told = orjson.loads(shown.stdout)
    assert told["id"] == alert.id
    assert "ada" not in shown.stdout
    assert "ada" in typed("grace", "unusual", str(alert.intervention), "--names").stdout
    words = ("disposition", alert.id, "--as", "expected", "--because", "She is on call for the database.")
    own = typed("ada", *words)
    assert own.returncode == 3
    assert "for others to judge" in own.stderr
    done = typed("grace", *words, "--scope", "target", "--until", "7d")
    assert done.returncode == 0, done.stderr
    stored = year.home.journal.reader.find(orjson.loads(done.stdout)["record"])
    assert stored is not None
    assert isinstance(stored.record, Finding)
    assert stored.record.verdict == "expected"
    assert stored.record.expectation is not None


def test_a_declared_act_is_compared_by_the_time_of_the_log(year: Year) -> None:
    """An intent is an act when it is declared: its time is the log's, the zone its person's, its size what changes."""
    id_, claimed = new_record_id(), "2020-01-01T03:00:00.000000Z"
    target = Target(system="database", type="grant", id="any", point="permissions")
    declared = Declaration(
        record=id_,
        person="ada",
        action=JOBS["permissions"][2],
        point="permissions",
        change=Change(original=captured.capture({"a": 1, "b": 1}), new=captured.capture({"a": 2, "b": 2})),
        expires=clock.after(clock.now(), seconds=600),
        times=Times(observed=claimed, utc_offset_minutes=330),
    )
    actor = year.office.caller("ada").actor()
    intent = Intent(
        id=id_,
        schema=SCHEMA_VERSION,
        intervention=id_,
        declaration=declared,
        actor=actor,
        target=target,
        mode="enforce",
        catalogue=1,
    )
    year.home.journal.append([Entry(intent, expected_head=None)])
    stored = year.home.journal.reader.find(id_)
    assert stored is not None
    taking_part = TakingPart((), ("permissions",))
    found = taking_part.act(stored)
    assert found is not None
    act, _ = found
    assert act.at == clock.parse(stored.leaf.recorded).timestamp()
    assert (act.person, act.zone, act.size, act.target) == ("ada", 330, 2.0, "database/grant/any")
    assert TakingPart(("trading",), ("web",)).act(stored) is None
