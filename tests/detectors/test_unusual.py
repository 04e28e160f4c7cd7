# SPDX-License-Identifier: Apache-2.0
"""The detector: decay, back-off, learned weights, reasons, budget; and the same state from the same acts."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from byhand.detectors.contract import Act, Judgement, Reason
from byhand.detectors.unusual.backoff import Backoff
from byhand.detectors.unusual.budget import CREDIT_MAX, RECENT_MIN, Budget
from byhand.detectors.unusual.decay import DAY, EVERYONE_HALF_LIFE_DAYS, HALF_LIFE_DAYS, Weights, weight
from byhand.detectors.unusual.hours import HOURS, SPREAD, Hours, hour_of_week
from byhand.detectors.unusual.model import VERSION, Model
from byhand.detectors.unusual.paces import LEVELS, Paces
from byhand.detectors.unusual.words import BITS_MIN, contributions
from byhand.errors import Invalid

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
import anomaly_data

START = 1_600_000_000.0
NAMES = ("ada", "grace", "alan")
times = st.floats(min_value=0, max_value=4_000 * DAY).map(lambda days: START + days)


def acts(count: int, seed: int = 1) -> list[Act]:
    return [anomaly_data.act(one) for one in anomaly_data.generated(seed, count)]


@pytest.fixture(scope="module")
def lived() -> list[Act]:
    """What forty persons did in a few months."""
    return acts(4_000)


@pytest.fixture(scope="module")
def grown(lived: list[Act]) -> Model:
    """What is learned of it. Tests that learn on take a copy."""
    model = Model()
    for act in lived:
        model.judge(act)
        model.learn(act)
    return model


@given(at=times, half_lives=st.floats(min_value=0, max_value=20))
def test_an_act_counts_half_after_the_half_life(at: float, half_lives: float) -> None:
    """The ratio of two weights depends on the time between them alone."""
    later = at + half_lives * HALF_LIFE_DAYS * DAY
    assert weight(later) / weight(at) == pytest.approx(2**half_lives, rel=1e-6)
    assert weight(at + EVERYONE_HALF_LIFE_DAYS * DAY, EVERYONE_HALF_LIFE_DAYS) / weight(
        at, EVERYONE_HALF_LIFE_DAYS
    ) == pytest.approx(2)


def test_weights_stay_finite_at_any_time() -> None:
    """A clock that is off by centuries, or not set at all, overflows nothing."""
    for at in (0.0, -1e12, 1e12, 253_402_300_799.0):
        assert 0 < weight(at) < float("inf")


events = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(("", "dba", "web")),
        st.integers(0, 9),
        st.integers(0, 900),
    ),
    max_size=60,
)


@given(events)
def test_backed_off_probabilities_sum_to_one(found: list[tuple[str, str, int, int]]) -> None:
    """Over all values, for everybody, for persons nobody saw, and at any later time."""
    side = Backoff(6.0, 30.0, 50.0, 10)
    days = 0
    for person, role, value, day in found:
        days = max(days, day)
        side.add(person, role, f"v{value}", Weights(START + day * DAY))
    for person, role in (("ada", "dba"), ("grace", "web"), ("nobody", "none")):
        now = Weights(START + (days + 100) * DAY)
        values = [side.likelihood(person, role, f"v{value}", now) for value in range(10)]
        assert sum(one.person for one in values) == pytest.approx(1)
        assert sum(one.everyone for one in values) == pytest.approx(1)
        assert min(one.person for one in values) > 0


@given(events)
def test_hours_sum_to_the_week(found: list[tuple[str, str, int, int]]) -> None:
    """The smoothed hours are a distribution on every level, and no hour is impossible."""
    hours = Hours()
    for person, role, value, day in found:
        hours.add(person, role, (value * 17 + day) % HOURS, Weights(START + day * DAY))
    now = Weights(START + 1_000 * DAY)
    week = [hours.likelihood("ada", "dba", hour, now) for hour in range(HOURS)]
    assert sum(one.person for one in week) / HOURS == pytest.approx(1)
    assert sum(one.everyone for one in week) / HOURS == pytest.approx(1)
    assert min(one.person for one in week) > 0
    assert all(sum(share for _, share in spread) == pytest.approx(1) for spread in SPREAD)


def test_the_hour_is_that_of_the_persons_clock() -> None:
    """1970-01-01 was a Thursday; ten minutes to midnight in London is Friday in Berlin, and still noon somewhere."""
    assert hour_of_week(0, 0) == 3 * 24
    assert hour_of_week(86_400 - 600, 60) == 4 * 24
    assert hour_of_week(86_400 - 600, -12 * 60) == 3 * 24 + 11
    assert hour_of_week(-1, 0) == 2 * 24 + 23


def test_a_spell_counts_once() -> None:
    """A spell of a hundred acts is one spell in fifty, not a hundred acts that make themselves common."""
    paces, now = Paces(), Weights(START)
    for _ in range(50):
        paces.add("ada", -1, 0, now)
    before = paces.surprise("ada", len(LEVELS), now)
    paces.add("ada", -1, len(LEVELS), now)
    assert 5 < paces.surprise("ada", len(LEVELS), now) < before
    assert paces.surprise("ada", 0, now) == 0
    levels = [paces.surprise("ada", reached, now) for reached in range(len(LEVELS) + 1)]
    assert levels == sorted(levels)


@settings(max_examples=5, deadline=None)
@given(cut=st.integers(min_value=0, max_value=2_500))
def test_a_replay_from_any_checkpoint_is_the_same(cut: int) -> None:
    """State written down and taken up at any act gives the same judgements and the same bytes as going on."""
    found = acts(2_500)
    whole, resumed = Model(), Model()
    for place, act in enumerate(found):
        if place == cut:
            resumed = Model.decode(resumed.encode())
            assert resumed.encode() == whole.encode()
        assert whole.judge(act) == resumed.judge(act)
        whole.learn(act)
        resumed.learn(act)
    assert whole.encode() == resumed.encode()


def test_looking_changes_nothing(grown: Model, lived: list[Act]) -> None:
    """Acts that are judged and not learned leave the state as it was, bit for bit."""
    before = grown.encode()
    for act in lived[:50]:
        grown.judge(act._replace(person="mallory", at=lived[-1].at + 60))
    assert grown.encode() == before


def test_the_state_of_another_method_is_refused(grown: Model) -> None:
    """It is not silently taken for this one's."""
    other = grown.encode().replace(f'"version":{VERSION}'.encode(), b'"version":0')
    with pytest.raises(Invalid, match="another version"):
        Model.decode(other)


def usual(grown: Model, lived: list[Act]) -> Act:
    """The latest act that was as usual as they come."""
    return min((one for one in lived[-400:]), key=lambda one: grown.judge(one).score)


def sunday_at_three(act: Act) -> Act:
    """The same act at three o'clock on the next Sunday of the person's clock."""
    hours = (6 * 24 + 3 - hour_of_week(act.at, act.zone)) % HOURS
    return act._replace(at=(act.at // 3600 + hours) * 3600 + 720)


def test_what_is_unusual_scores_higher_and_says_why(grown: Model, lived: list[Act]) -> None:
    """Another hour, another target, both: each more than the usual act, and the reasons name them."""
    act = usual(grown, lived)
    elsewhere = next(one for one in lived if one.family != act.family and one.person != act.person)
    moved = act._replace(target=elsewhere.target, family=elsewhere.family, action=elsewhere.action)
    plain, late = grown.judge(act), grown.judge(sunday_at_three(act))
    new, both = grown.judge(moved), grown.judge(sunday_at_three(moved))
    assert plain.score < late.score < both.score
    assert plain.score < new.score < both.score
    words = {reason.aspect: reason.words for reason in both.reasons}
    assert "Sunday at 03:12" in words["time"]
    assert "never changed this target" in str(both.reasons)
    assert "risk" not in str(both.reasons)


def test_reasons_add_up(grown: Model, lived: list[Act]) -> None:
    """The bits of all sides are the whole difference to an average act, and only what counts is told."""
    for act in lived[-200:]:
        seen = grown.counters.look(act, Weights(act.at))
        assert grown.fitted is not None
        bits = sum(contributions(seen, grown.fitted).values())
        difference = grown.fitted.logit(seen.features) - grown.fitted.logit(grown.fitted.means)
        assert bits * 0.6931471805599453 == pytest.approx(difference, abs=1e-6)
        assert all(reason.bits >= BITS_MIN for reason in grown.judge(act).reasons)


def test_nothing_is_judged_before_enough_is_known() -> None:
    """The first acts of a home get no score: there is nothing to compare them with."""
    model = Model()
    for act in acts(300):
        assert model.judge(act) == Judgement(0.0, (), pytest.approx(model.judge(act).known))
        model.learn(act)


def judgement(score: float, known: float = 100.0, aspect: str = "time") -> Judgement:
    return Judgement(score, (Reason(aspect, "words", 2.0),), known)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=300, max_size=1_500), st.booleans())
def test_the_budget_is_never_overdrawn(scores: list[float], rising: bool) -> None:
    """However scores run, at most one in a hundred acts is said, beyond what was saved up."""
    budget = Budget()
    said = sum(budget.spend(judgement(score)) for score in (sorted(scores) if rising else scores))
    assert said <= 0.01 * len(scores) + CREDIT_MAX


def test_the_highest_are_said() -> None:
    """Among a thousand ordinary scores an extreme one is said, a middling one is not."""
    budget, rng = Budget(), random.Random(3)
    for _ in range(1_000):
        budget.spend(judgement(rng.gauss(0, 1)))
    budget.credit = 1.0
    assert not budget.spend(judgement(0.5))
    assert budget.spend(judgement(9.0))
    assert not budget.spend(judgement(9.0)), "the credit is used up"


@pytest.mark.parametrize("aspect", ["target", "person"])
def test_a_new_target_alone_is_never_said(aspect: str) -> None:
    """Everybody goes somewhere for the first time."""
    budget = Budget()
    for _ in range(RECENT_MIN):
        budget.spend(judgement(0.0))
    assert not budget.spend(judgement(99.0, aspect=aspect))
    assert budget.spend(judgement(99.0))


def test_newcomers_are_said_at_most_twice_as_often() -> None:
    """Although all their scores are higher than everybody else's."""
    budget, rng = Budget(), random.Random(5)
    said = {"new": 0, "known": 0}
    for place in range(20_000):
        new = place % 5 == 0
        one = judgement(rng.gauss(4 if new else 0, 1), known=1.0 if new else 100.0)
        said["new" if new else "known"] += budget.spend(one)
    assert said["new"] / 4_000 <= 2 * 0.01
    assert said["known"] + said["new"] <= 0.01 * 20_000 + CREDIT_MAX


def test_memory_stays_flat_over_many_persons_and_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """With far more pairs than are kept, no counter outgrows its limit, and the light ones went."""
    for name, limit in (
        ("backoff.PAIRS_MAX", 2_000),
        ("backoff.EVERYONE_MAX", 1_000),
        ("features.PERSONS_MAX", 300),
    ):
        monkeypatch.setattr(f"byhand.detectors.unusual.{name}", limit)
    model, rng = Model(), random.Random(7)
    for place in range(9_000):
        person, target = f"p{rng.randrange(2_000)}", f"t{rng.randrange(5_000)}"
        model.learn(Act(str(place), START + place * 60, 0, person, target, target[:2], "edit"))
    for side in model.counters.sides.values():
        assert sum(len(counts) - 1 for counts in side.persons.values()) <= 2_000
        assert len(side.everyone) <= 1_001
        assert sum(len(counts) - 1 for counts in side.roles.values()) <= 2_000
    assert len(model.counters.habits) <= 300
    assert len(model.counters.hours.persons) <= 300
    assert len(model.counters.paces.persons) <= 300
