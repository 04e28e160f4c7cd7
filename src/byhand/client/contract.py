# SPDX-License-Identifier: Apache-2.0
"""What a client asks of byhand: the same contract whether the gate is in this process or behind a URL."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from byhand.records.actor import Via
from byhand.records.base import Part
from byhand.records.circles import Circle
from byhand.records.intervention import Declaration, Mode, Tier
from byhand.records.kinds import Expectation, Observation, Outcome, Point, Reason
from byhand.records.policy import PolicyFile
from byhand.records.runbooks import Runbook
from byhand.records.values import CapturedValue


class Identity(Part, kw_only=True):
    """Who is signed in, with which credential, until when."""

    person: str
    credential: str
    """Fingerprint of the key that signed in (``SHA256:...``)."""
    expires: str
    name: str | None = None
    """What people call them, as far as that was not erased."""
    roles: tuple[str, ...] = ()
    trial: bool = False
    via: Via | None = None
    """What carries requests for them: a pipeline, an agent; ``None``: they themselves."""


class PointView(Part, kw_only=True):
    """What a client must know of a point before it declares: rules, secrets and the MAC key for them."""

    point: Point
    registered: bool
    mode: Mode
    tier: Tier
    catalogue: int
    reasons: tuple[Reason, ...]
    mac_key: str
    """32 bytes in hex, for (origin, target, field); whoever holds it can guess short secrets."""
    mac_key_id: str
    intent_seconds: int = 600
    """An intent may stay open this long at most."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Everything but the key: tracebacks and debuggers print this."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "mac_key"]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"PointView({shown})"


class PolicyView(Part, kw_only=True):
    """The policies in force."""

    digest: str
    """SHA-256 (hex) of them, as intents name it."""
    shipped: bool
    """Whether they are those that come with byhand: none were recorded yet."""
    since: str
    """When they were recorded; empty for shipped ones."""
    files: tuple[PolicyFile, ...]
    """The policies, file by file."""


class Acknowledgement(Part, kw_only=True):
    """The log's answer, given only after the durable commit."""

    origin: str
    record: str
    index: int
    leaf: str
    """Leaf hash (hex)."""
    recorded: str
    promise: str
    """Ed25519 signature (base64) of the log key over the promise text, see docs/spec/log-profile.md."""
    trial: bool = False


class Receipt(Part, kw_only=True):
    """An acknowledgement with its proof: the leaf, and the ``.tlog-proof`` under an anchored checkpoint."""

    acknowledgement: Acknowledgement
    entry: str
    """The leaf's bytes as text."""
    proof: str


class Declared(Part, kw_only=True):
    """An intent is in the log; what it still needs."""

    acknowledgement: Acknowledgement
    intervention: str
    mode: Mode
    tier: Tier
    expires: str
    approvals_missing: int = 0
    would_refuse: tuple[str, ...] = ()


class Permitted(Part, kw_only=True):
    """A permit was issued (and, when ``attempt`` is set, redeemed in the same commit by that attempt)."""

    acknowledgement: Acknowledgement
    permit: str
    intervention: str
    expires: str
    attempt: str | None = None


class Concluded(Part, kw_only=True):
    """An outcome is in the log; embedded, the receipt comes with it."""

    acknowledgement: Acknowledgement
    outcome: Outcome
    receipt: Receipt | None = None


class Attempt(Part, kw_only=True):
    """One executor's one attempt to redeem a permit, with the before-state read again just before the act.

    Asking again with the same ``attempt`` and ``executor`` gets the same answer; everyone else is refused.
    Who carries out acts that others declared, a hook in another system, says what it is about to do: ``point``
    and ``new``. A permit for another place or another value is refused then, and stays unused.
    """

    attempt: str
    executor: str
    before: CapturedValue
    comparison: str = "checked"
    window_ms: int = 0
    point: str | None = None
    """The registered point where the act is about to happen."""
    new: CapturedValue | None = None
    """The value that is about to be set."""


class DeclareRequest(Part, kw_only=True):
    """What a client sends to declare: the declaration, and the person's signature over it."""

    declaration: Declaration
    statement: str | None = None


class PermitRequest(Part, kw_only=True):
    """What a client sends for a permit; with ``redeem`` it is used in the same commit."""

    redeem: Attempt | None = None


class ApprovalRequest(Part, kw_only=True):
    """What a client sends to approve, refuse or withdraw. ``record``: the new record's id, the idempotency key."""

    record: str
    statement: str
    """The signed approval statement (DSSE, JSON text); it says what is decided."""


class Decided(Part, kw_only=True):
    """One person's decision over an intent."""

    person: str
    decision: Literal["approve", "refuse", "withdraw"]
    meaning: str
    """What the signature means, in the person's words."""
    recorded: str
    index: int
    counts: bool
    """Whether it is an approval that counts at this moment."""


class Approvals(Part, kw_only=True):
    """What an approver must know to sign, as the log has it, and who decided what so far."""

    intervention: str
    origin: str
    state: str
    intent_index: int
    intent_leaf: str
    """Leaf hash (hex), which covers everything that was declared."""
    requirement: str
    """Digest of what the intent needs; part of what is signed."""
    policy: str
    """Digest of the policy that it was declared under; part of what is signed."""
    expires: str
    approvals_needed: int
    approvals_given: int
    approvers: tuple[str, ...] = ()
    """Roles, each to be filled by a different one of those who approve."""
    unfilled: tuple[str, ...] = ()
    """Those of them that nobody fills yet."""
    contributors: tuple[str, ...] = ()
    """Who took part and so cannot approve."""
    decisions: tuple[Decided, ...] = ()


class Waiting(Part, kw_only=True):
    """One intent that waits for approval."""

    id: str
    person: str
    action: str
    target: str
    environment: str
    tier: Tier
    declared: str
    expires: str
    approvals_needed: int
    approvals_given: int
    before: str = ""
    after: str = ""
    reason: str = ""
    point: str | None = None


class Inbox(Part, kw_only=True):
    """What waits for the person who asks, most urgent first."""

    waiting: tuple[Waiting, ...] = ()
    more: bool = False
    """Whether more may wait than these, the newest."""


class Ready(Part, kw_only=True):
    """The server can record acts; its own time."""

    time: str


class Diagnosed(Part, kw_only=True):
    """One thing that the server's doctor looked at."""

    part: str
    level: Literal["ok", "warning", "wrong"]
    what: str = ""
    advice: str = ""


class Diagnoses(Part, kw_only=True):
    """Everything that the server's doctor looked at."""

    diagnoses: tuple[Diagnosed, ...]


class FindingRequest(Part, kw_only=True):
    """What a client sends to amend, review or dispose of. ``record``: the new record's id, the idempotency key."""

    record: str
    intervention: str
    type: Literal["amendment", "review", "disposition"]
    summary: str
    field: str | None = None
    value: CapturedValue | None = None
    verdict: str | None = None
    led_to: tuple[str, ...] = ()
    about: str | None = None
    """The alert that is disposed of."""
    expectation: Expectation | None = None
    """What is to be expected from now on, with the verdict ``expected``."""


class ObservationBatch(Part, kw_only=True):
    """What a workload sends of the acts that its system has seen."""

    observations: tuple[Observation, ...]


class Acknowledged(Part, kw_only=True):
    """Where records stand in the log now, in the order in which they came."""

    acknowledgements: tuple[Acknowledgement, ...]


class SpoolBatch(Part, kw_only=True):
    """Lines of one person's spool, in their order, each exactly as it stands in the file."""

    lines: tuple[str, ...]


class SpoolAnswer(Part, kw_only=True):
    """What became of one line. It is in the log in any case, and need not be sent again."""

    line: str
    """SHA-256 (hex) of the line."""
    result: Literal["recorded", "refused"]
    """As the intervention that it tells of; or as a finding, because it cannot be one."""
    acknowledgement: Acknowledgement
    """Of the record it became."""
    intervention: str | None = None
    verdicts: tuple[str, ...] = ()
    """What was found about the line, e.g. ``spool_gap``."""
    cause: str | None = None
    """Why it was refused."""


class SpoolAnswers(Part, kw_only=True):
    """What became of every line, in the order in which they came."""

    answers: tuple[SpoolAnswer, ...]


class Challenge(Part, kw_only=True):
    """What is to be signed at a login, and until when."""

    origin: str
    challenge: str
    expires: str


class LoginRequest(Part, kw_only=True):
    """The signed answer to a challenge (DSSE, JSON text)."""

    statement: str


class PasskeyLogin(Part, kw_only=True):
    """A challenge answered by a passkey, as the browser hands it over (base64 of URLs, without padding)."""

    person: str
    challenge: str
    expires: str
    """When the challenge ends, as it was given out."""
    credential: str
    """The passkey's id."""
    authenticator_data: str
    client_data: str
    signature: str


class PasskeyMade(Part, kw_only=True):
    """A passkey just made, as the browser hands it over; ``challenge`` is one given out for a login."""

    challenge: str
    credential: str
    """The passkey's id."""
    attestation: str
    """The attestation object (CBOR, base64 of URLs)."""
    client_data: str


class PasskeyEnrolment(Part, kw_only=True):
    """The signed statement that enrols a waiting passkey (DSSE, JSON text), and what its person is called."""

    statement: str
    display_name: str | None = None


class PasskeyWaiting(Part, kw_only=True):
    """A passkey that waits for signatures that enrol it. Until it is enrolled nothing is believed of it."""

    code: str
    """What its person types where it is enrolled: it names this passkey and no other."""
    key: str
    """Its line: ``webauthn AAAA...``."""
    fingerprint: str
    device_bound: bool
    """Whether it says that it cannot be copied to another device."""
    expires: str
    statement: str | None = None
    """The enrolment that too few officers have signed yet, if one has."""
    display_name: str | None = None
    """What its person is to be called."""
    signed_by: tuple[str, ...] = ()
    """The persons who signed it."""
    missing: int = 0
    """How many officers must still sign."""
    enrolled: bool = False
    """It speaks for its person."""


class PasskeyDesk(Protocol):
    """Enrolling passkeys, for the person signed in. May be retried as it is."""

    def waiting(self, code: str) -> PasskeyWaiting:
        """The passkey with that code; raises NotFound."""
        ...

    def enrol(self, code: str, enrolment: PasskeyEnrolment) -> PasskeyWaiting:
        """Record the enrolment, or keep it for another officer's signature; raises Refused, NotFound."""
        ...


class IssuerNames(Part, kw_only=True):
    """The issuers at which persons sign in."""

    issuers: tuple[str, ...]


class DeviceRequest(Part, kw_only=True):
    """A login at an issuer, by a code that the person types on another device."""

    issuer: str
    max_age: int | None = None
    """The person must have proved who they are within so many seconds."""
    strong: bool = False
    """As strongly as the issuer can."""


class DeviceLogin(Part, kw_only=True):
    """What the person does now, and what whoever waits asks with."""

    handle: str
    """Known to whoever began alone; the session is handed out for it, once."""
    code: str
    """What the person types."""
    place: str
    """Where: an address of the issuer's."""
    place_with_code: str | None = None
    interval: int = 5
    """Seconds between two questions."""
    expires: str


class DeviceAsked(Part, kw_only=True):
    """Asks whether the person has signed in."""

    handle: str


class DeviceWaits(Part, kw_only=True):
    """Not yet: ask again after so many seconds."""

    interval: int


class Told(Part, kw_only=True):
    """One message to one destination."""

    occasion: Literal["request", "reminder", "second", "break-glass", "broken", "review", "overdue"]
    """What it was about."""
    destination: str
    """``KIND:NAME``; the address behind it is shown to nobody."""
    state: Literal["waiting", "delivered", "dead", "dropped"]
    cause: str = ""
    """Why the last try failed."""


class Asked(Part, kw_only=True):
    """Who was told that an intervention waits for a decision, or for its reviews."""

    intervention: str
    open: bool
    """Whether it still waits, as far as was looked."""
    told: tuple[Told, ...] = ()
    unheard: str = ""
    """Why nobody can have heard of it; empty when somebody may have."""


class Circles(Part, kw_only=True):
    """Who is on call."""

    circles: tuple[Circle, ...]


class CircleDesk(Protocol):
    """Who is asked to decide, and who was. May be retried."""

    def circles(self) -> tuple[Circle, ...]:
        """Every circle, by name."""
        ...

    def asked(self, intervention: str) -> Asked:
        """Who was told about one's own intervention; raises Refused for another's, NotFound."""
        ...


class RunbookRow(Part, kw_only=True):
    """A runbook as it is now."""

    record: str
    """The record by which this version came into force: what decisions name."""
    runbook: Runbook
    state: Literal["in force", "ended", "retired"]
    used_today: int
    """Uses today (UTC), of all persons together."""


class Runbooks(Part, kw_only=True):
    """What officers allowed in advance."""

    runbooks: tuple[RunbookRow, ...]


class RunbookDesk(Protocol):
    """What officers allowed in advance. Quick; may be retried."""

    def runbooks(self) -> tuple[RunbookRow, ...]:
        """The last version of every runbook, by name."""
        ...


class SignedIn(Part, kw_only=True):
    """A session's token, shown once, and who it stands for."""

    token: str
    identity: Identity


class Directory(Protocol):
    """Who I am and what I may override. Quick; may be retried."""

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    def identity(self) -> Identity:
        """The signed-in person; raises LoginRequired."""
        ...

    def point(self, name: str) -> PointView:
        """The registered point; raises NotFound with the nearest names."""
        ...

    def policy(self) -> PolicyView:
        """The policies in force."""
        ...

    def target(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """The view of an unregistered target: production, high, enforce."""
        ...


class Gate(Protocol):
    """The decision point. Every method returns only after the durable commit and may be retried as it is.

    All raise LogUnavailable (nothing may be done), Refused or its kinds, Invalid, LoginRequired.
    """

    def declare(self, declaration: Declaration, statement: str | None) -> Declared:
        """Record the intent. The same id with the same declaration is the same answer."""
        ...

    def decide(self, intervention: str, request: ApprovalRequest) -> Acknowledgement:
        """Record another person's signed decision; a refusal ends the intervention."""
        ...

    def permit(self, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit (may wait for an anchored checkpoint); with ``redeem`` use it in the same commit."""
        ...

    def redeem(self, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit, exactly once."""
        ...

    def conclude(self, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended. ``outcome.id`` is the idempotency key."""
        ...


class Receipts(Protocol):
    """Proof of what is in the log."""

    def receipt(self, record: str) -> Receipt:
        """The receipt of a record, under an anchored checkpoint; makes one when there is none yet."""
        ...


class Backend(Directory, Gate, Receipts, Protocol):
    """Everything a client needs; implemented in-process by ``byhand.embedded``."""

    def close(self) -> None:
        """Give back threads, files and connections."""
        ...
