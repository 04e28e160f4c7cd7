# SPDX-License-Identifier: Apache-2.0
"""Every error byhand raises, drawn as one tree; each class builds its own sentence.

    ByhandError
    ├── Invalid                what was handed in is wrong (usage); names every fault at once
    │   ├── TooLarge           more bytes than are read
    │   └── UnknownMedia       a body in another form than JSON
    ├── Refused                byhand understood and says no; the act must not happen
    │   ├── NotPermitted       no permit, or it is used up, void, expired or for another change
    │   │   └── ApprovalPending other persons have not approved it yet: wait, or ask them (exit 5)
    │   ├── ReasonRequired     the class of a record demands a reason from whoever reads it
    │   ├── Forbidden          a policy says that this person may not, or none says that they may
    │   ├── BeforeStateChanged the target no longer has the value the intent named
    │   └── SharedAccount      a shared or root account cannot act
    ├── LoginRequired          nobody is signed in
    │   ├── LoginPending       the person has not signed in at the issuer yet: ask again
    │   └── LoginTooWeak       signed in, but too long ago or too weakly for this act: sign in anew
    ├── NotFound               no such record, point, person
    ├── Conflict               the same name was already used for something else
    │   ├── ClaimTaken         a claim (e.g. a permit's redemption) was taken by another entry
    │   ├── ChainMoved         somebody added to the chain since it was read
    │   ├── TooLate            what was good until a time would be recorded after it
    │   └── IllegalTransition  the lifecycle of an intervention does not allow this record
    ├── LogUnavailable         the log could not be written: the act must not happen (exit 6)
    │   ├── HomeBusy           another process holds the home
    │   ├── HomeRefused        tree, anchor or identity disagree: this home may not speak
    │   ├── Unreachable        nobody answered for the log at all; what may be spooled is spooled now
    │   ├── OutcomeUnknown     a commit was sent and its answer never came: re-read, do not act
    │   ├── IssuerUnavailable  an issuer of tokens cannot be asked: nobody is taken at its word
    │   └── Overloaded         more is asked of a server at once than it takes: come back later
    ├── StillSpooled           what was asked for is not in the log yet (exit 6)
    ├── NotDelivered           a message did not reach its destination; it is tried again, or told as dead
    ├── ProbeFailed            a target's value could not be read
    ├── NotAsDeclared          the act is done and recorded, and the value found is not the declared one
    ├── CommandFailed          the command that was the act ended with another exit code than 0
    ├── OutcomeUnrecorded      the act happened and its outcome could not be recorded (exit 6)
    ├── WitnessRefused         a witness did not cosign, without doubting the log
    │   └── WitnessBehind      it last saw a smaller tree: send the proof from there
    ├── NotShown               standard output takes no data: what was asked for could not be shown
    ├── EngineUnavailable      a story's real engine cannot be had on this machine; other stories play
    └── Unsound                a check of evidence failed (tamper evidence); verify collects these
        ├── MalformedProof ...     (log/)
        ├── ProofMismatch          a well-formed proof leads to another root than the one claimed
        ├── LogForked              a log shows another history, or other keys, than were seen of it before
        ├── RolledBack             a larger tree of this log was seen: this one lost entries
        └── BadSignature ...       (signatures/, trust/); TooFewOfficers: only more signatures are missing

Exit codes are those of the command line (docs/reference/cli). A primitive check raises one of these, with
advice; it never returns False.
"""

from __future__ import annotations

from dataclasses import dataclass


class ByhandError(Exception):
    """The root. ``advice`` is one sentence on what to do next; ``exit_code`` is for the command line."""

    exit_code = 1
    advice = ""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        if advice:
            self.advice = advice


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input: where (JSON pointer), what, and what to do."""

    pointer: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        where = self.pointer or "/"
        tail = f" ({self.advice})" if self.advice else ""
        return f"{where}: {self.message}{tail}"


class Invalid(ByhandError):
    """What was handed in is wrong. ``faults`` names every fault, never echoing a secret."""

    exit_code = 2

    def __init__(self, message: str, faults: tuple[Fault, ...] = (), *, advice: str = "") -> None:
        self.faults = faults
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(message + listed, advice=advice)


class TooLarge(Invalid):
    """What was handed in has more bytes than are read."""


class UnknownMedia(Invalid):
    """What was handed in says of itself that it is no JSON."""

    advice = "Send JSON, with: Content-Type: application/json"


class Refused(ByhandError):
    """byhand understood the request and says no; the act must not happen."""

    exit_code = 3


class NotPermitted(Refused):
    """There is no permit for this act: never issued, used up, void, expired, or for another change."""


class ApprovalPending(NotPermitted):
    """Other persons have to approve this before it may happen, and not enough of them have."""

    exit_code = 5


class ReasonRequired(Refused):
    """What is to be read is of a class that is shown only to those who say why."""

    advice = 'Say why you read it: --because "TEXT" (over HTTP: why=TEXT). It is recorded with your name.'


class Forbidden(Refused):
    """A policy says that this person may not do this here, or none says that they may."""

    advice = "See who may, and which policy says so, with: byhand policy explain"


class BeforeStateChanged(Refused):
    """The target's value is no longer the one the intent was declared on."""

    advice = "Look at the target again and declare a new intent on the value it has now."


class SharedAccount(Refused):
    """Shared, service and root accounts cannot act, sign in or read."""

    advice = "Sign in as yourself: byhand login --person YOU --key ~/.ssh/id_ed25519"


class LoginRequired(ByhandError):
    """Nobody is signed in, or the session has ended."""

    exit_code = 4
    advice = "Sign in with: byhand login"


class LoginPending(LoginRequired):
    """The person has not signed in at the issuer yet; ask again after ``seconds``."""

    advice = "Open the place that was named, type the code there, and wait."
    seconds = 5

    def __init__(self, message: str, *, seconds: int = 5) -> None:
        self.seconds = seconds
        super().__init__(message)


class LoginTooWeak(LoginRequired):
    """Somebody is signed in, but too long ago, or not strongly enough, for what is asked (RFC 9470).

    ``max_age``: seconds since the login at most; ``acr_values``: what the issuer must say of it, any one of them.
    """

    advice = "Sign in once more: byhand login"
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        max_age: int | None = None,
        acr_values: tuple[str, ...] = (),
        advice: str = "",
    ) -> None:
        self.max_age = max_age
        self.acr_values = acr_values
        super().__init__(message, advice=advice)


class NotFound(ByhandError):
    """There is no such record, point, person or key."""


class Conflict(ByhandError):
    """The same id or name was already used for something else."""

    exit_code = 3


class ClaimTaken(Conflict):
    """A claim that may be taken once was taken already, by the entry at ``index``."""

    def __init__(self, name: str, index: int) -> None:
        self.name = name
        self.index = index
        super().__init__(f"{name} was taken already, by entry {index}")


class ChainMoved(Conflict):
    """Somebody added to the chain since it was read: read it again and decide anew."""

    def __init__(self, chain: str, expected: int | None, head: int | None) -> None:
        self.chain = chain
        self.head = head
        super().__init__(f"the chain {chain} is at entry {head}, not at {expected} as it was when read")


class TooLate(Conflict):
    """What was good until ``before`` would be recorded at ``recorded``, in the log's time, which never goes back."""

    def __init__(self, before: str, recorded: str) -> None:
        super().__init__(
            f"this was good until {before}, and in the log it is {recorded}",
            advice="Declare it anew. If that is not the time, set this machine's clock: byhand doctor",
        )


class IllegalTransition(Conflict):
    """The lifecycle of an intervention does not allow this record now."""


class LogUnavailable(ByhandError):
    """The log could not be written or read; nothing was acknowledged and the act must not happen."""

    exit_code = 6
    advice = "Nothing was recorded and nothing may be done. Run: byhand doctor"


class HomeBusy(LogUnavailable):
    """Another process holds the home's write lock for longer than we wait."""

    advice = "Wait for the other process to finish, then try again."


class HomeRefused(LogUnavailable):
    """Tree, anchor and identity disagree: this home may not speak for its origin."""


class Unreachable(LogUnavailable):
    """Nobody answered for the log, and nothing can have been recorded. No server says this of itself."""

    advice = "Nothing was recorded and nothing may be done. Check the URL, or ask whoever runs the server."


class OutcomeUnknown(LogUnavailable):
    """A commit was sent and no answer came back. It may or may not have happened."""

    advice = "Do not act. Read the record again with: byhand show ID"


class IssuerUnavailable(LogUnavailable):
    """An issuer of tokens could not be asked, and what was known of its keys is too old to go on with."""

    advice = (
        "Nothing was recorded and nothing may be done. Whoever signs in with their own key needs no issuer."
    )


class Overloaded(LogUnavailable):
    """A server's lane is full. Nothing was recorded, nothing may be done; the same request is welcome later."""

    advice = "Nothing was recorded. Try again in a moment."


class StillSpooled(ByhandError):
    """What was asked for is in the spool of this machine and not in the log yet."""

    exit_code = 6
    advice = "When the log is back: byhand spool send"


class NotDelivered(ByhandError):
    """A message did not reach its destination. ``for_good``: trying again cannot help."""

    advice = "Look at the destination: byhand circle test NAME"

    def __init__(self, message: str, *, for_good: bool = False, after_seconds: int = 0) -> None:
        self.for_good = for_good
        self.after_seconds = after_seconds
        super().__init__(message)


class ProbeFailed(ByhandError):
    """A target's value could not be read."""


class NotAsDeclared(ByhandError):
    """The act was carried out and recorded, but the value found afterwards is not the one declared."""

    advice = (
        "The act is recorded with the value found. Look at the target, and declare anew what it should be."
    )


class CommandFailed(ByhandError):
    """The command that was the act ended with another exit code than 0; its outcome is ``failed``."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(f"exit code {exit_code}", advice="See what the command itself said.")


class OutcomeUnrecorded(ByhandError):
    """The act happened under its permit, and how it ended could not be recorded."""

    exit_code = 6

    def __init__(self, intervention: str, result: str, cause: str) -> None:
        self.intervention = intervention
        super().__init__(
            f"the act of intervention {intervention} was carried out ({result}), but that is not in the log: {cause}",
            advice=f"Do not repeat the act. When the log is back: byhand conclude {intervention} --result {result}",
        )


class NotShown(ByhandError):
    """Standard output takes no data: what was asked for could not be shown. What was done is done."""


class EngineUnavailable(ByhandError):
    """A story's real engine cannot be had here: no wheel for this Python, no network, no space."""

    advice = (
        "The other stories play without it. To see this one, mend what is named and run byhand demo again."
    )


class WitnessRefused(ByhandError):
    """A witness did not cosign. Nothing is known against the log; the checkpoint stands without it."""


class WitnessBehind(WitnessRefused):
    """The witness last cosigned a tree of ``size`` entries: it needs the proof from there."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(
            f"the witness last cosigned a tree of {size}", advice="Send the proof from that size."
        )


class Unsound(ByhandError):
    """Evidence failed a check. ``verify`` collects these as findings instead of stopping at the first."""


class MalformedProof(Unsound):
    """A proof, tile, bundle, note or checkpoint is not of the form its specification demands."""


class ProofMismatch(Unsound):
    """A well-formed proof leads to another root than the one claimed."""


class RolledBack(Unsound):
    """Somebody holds a larger tree of this log than the log itself: entries were lost or taken out."""

    advice = (
        "Sign nothing more. Run: byhand verify HOME, and look for a restored backup or a second instance."
    )


class LogForked(Unsound):
    """A log shows another history, or other keys, than those seen of it before."""

    advice = "Keep both checkpoints as evidence and ask the log's owner which of the two histories is theirs."


class BadSignature(Unsound):
    """A signature does not verify, or comes from a key that is not trusted for this statement."""


class TooFewOfficers(BadSignature):
    """Everything else holds: with the signatures of more officers this would be authorised."""


def code_of(kind: type[ByhandError]) -> str:
    """What an error is called outside Python: ``BeforeStateChanged`` is ``before-state-changed``."""
    return "".join(f"-{one.lower()}" if one.isupper() else one for one in kind.__name__).lstrip("-")


def _kinds(kind: type[ByhandError]) -> dict[str, type[ByhandError]]:
    found = {code_of(kind): kind}
    for one in kind.__subclasses__():
        found |= _kinds(one)
    return found


def rebuilt(code: str, message: str, *, advice: str = "", faults: tuple[Fault, ...] = ()) -> ByhandError:
    """The error that a server named ``code``, as if raised here; an unknown code is a plain ByhandError."""
    kind = _kinds(ByhandError).get(code, ByhandError)
    error = kind.__new__(kind)
    ByhandError.__init__(error, message, advice=advice)
    if isinstance(error, Invalid):
        error.faults = faults
    return error
