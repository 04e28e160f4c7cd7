# SPDX-License-Identifier: Apache-2.0
"""How a hook concludes: read back without a server, recorded whatever the value is, and only once."""

from __future__ import annotations

import msgspec
import pytest
from real_server import ADA, POINT, Client, Server, other

from byhand.client import steps
from byhand.errors import NotPermitted
from byhand.integrations import hook as hooks
from byhand.integrations.hook import Hook, Redeemed
from byhand.records import captured
from byhand.records.kinds import Outcome
from byhand.records.values import CapturedValue


@pytest.fixture
def redeemed(server: Server, hook: Hook, ada: Client) -> Redeemed:
    """A permit of Ada's, used for an act that begins now."""
    new = other(server.state())
    intervention = steps.declare_only(ada.backend, ada.act(new)._request, signer=lambda: ada.key).intervention
    return hook.redeem(intervention, account="ada", point=POINT, new=new, executor="buildbot/1")


@pytest.mark.parametrize("text", ["x" * 30_000, '"\ud800"'])
def test_a_value_that_no_record_can_hold_is_left_out(
    server: Server, hook: Hook, redeemed: Redeemed, text: str
) -> None:
    """The outcome is in the log without the value, and says why; asked again it is the same one."""
    server.state(redeemed.new)
    found = CapturedValue(form="inline", text=text, media_type="application/json")
    outcome = msgspec.structs.replace(hook.outcome(redeemed, "applied"), found=found)
    kept: list[Outcome] = []
    recorded = hook.record(redeemed.account, outcome, kept.append).outcome
    assert (recorded.id, recorded.result, recorded.concluded_by) == (outcome.id, "applied", ADA)
    assert recorded.found is not None
    assert "cannot be recorded" in str(recorded.found.cause)
    assert [one.id for one in kept] == [outcome.id]
    assert hook.record(redeemed.account, kept[0]).outcome == recorded


def test_the_value_is_read_back_without_a_server(
    server: Server, hook: Hook, redeemed: Redeemed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found right after the act is what is recorded, however late the server hears of it."""
    monkeypatch.setattr(hooks, "CONCLUDE_PAUSES_SECONDS", ())
    assert server.stop() == 0
    server.state(redeemed.new)
    outcome = hook.outcome(redeemed, "applied")
    server.state(other(redeemed.new))
    server.start()
    recorded = hook.record(redeemed.account, outcome).outcome
    assert captured.render(recorded.found) == redeemed.new
    assert recorded.as_declared is True


def test_what_a_hook_knows_of_a_point_is_not_shown(hook: Hook, redeemed: Redeemed) -> None:
    """The key that hides secrets in values is in no log of the other system."""
    hook.conclude(redeemed, "abandoned")
    assert redeemed.sight.view.mac_key not in repr(redeemed)


def test_what_was_concluded_is_not_used_again(hook: Hook, redeemed: Redeemed) -> None:
    """One permit, one act, one outcome."""
    hook.conclude(redeemed, "failed", error="step deploy did not succeed")
    with pytest.raises(NotPermitted, match="used already"):
        hook.redeem(
            redeemed.intervention, account="ada", point=POINT, new=redeemed.new, executor="buildbot/2"
        )
