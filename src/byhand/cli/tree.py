# SPDX-License-Identifier: Apache-2.0
"""Every command by name and where it lives; nothing of it is imported before it is called."""

from __future__ import annotations

from cyclopts import App, Parameter

COMMANDS = "byhand.cli.commands"
TOP: tuple[tuple[str, str], ...] = (
    ("init", "init:init"),
    ("login", "signing_in:login"),
    ("logout", "signing_in:logout"),
    ("whoami", "signing_in:whoami"),
    ("run", "running:run"),
    ("break-glass", "running:break_glass"),
    ("declare", "steps:declare"),
    ("inbox", "approving:inbox"),
    ("approve", "approving:approve"),
    ("refuse", "approving:refuse"),
    ("withdraw", "approving:withdraw"),
    ("permit", "steps:permit"),
    ("redeem", "steps:redeem"),
    ("conclude", "steps:conclude"),
    ("show", "reading:show"),
    ("search", "reading:search"),
    ("timeline", "timeline:timeline"),
    ("diff", "reading:diff"),
    ("export", "reading:export"),
    ("evidence", "evidence:evidence"),
    ("verify", "evidence:verify"),
    ("amend", "findings:amend"),
    ("review", "findings:review"),
    ("disposition", "unusual:disposition"),
    ("unusual", "unusual:unusual"),
    ("serve", "serving:serve"),
    ("watch", "serving:watch"),
    ("doctor", "doctor:doctor"),
    ("completion", "completion:completion"),
)
GROUPS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "point",
        "Where people can intervene.",
        (
            ("list", "points:list_points"),
            ("show", "points:show_point"),
            ("add", "points:add"),
            ("import", "points:import_points"),
            ("mode", "points:mode"),
            ("retire", "points:retire"),
        ),
    ),
    ("access", "Who read what.", (("list", "lists:list_accesses"),)),
    ("finding", "What was concluded.", (("list", "lists:list_findings"),)),
    (
        "person",
        "Who may act, sign and read.",
        (
            ("list", "persons:list_persons"),
            ("add", "persons:add"),
            ("deactivate", "persons:deactivate"),
            ("countersign", "persons:countersign"),
            ("link", "credentials:link_account"),
            ("unlink", "credentials:unlink_account"),
            ("links", "credentials:list_links"),
        ),
    ),
    (
        "key",
        "The keys that speak for persons.",
        (("list", "persons:list_keys"), ("add", "persons:add_key"), ("revoke", "persons:revoke_key")),
    ),
    (
        "token",
        "Tokens: less than a person, for a while.",
        (
            ("create", "credentials:create_token"),
            ("list", "credentials:list_tokens"),
            ("revoke", "credentials:revoke_token"),
        ),
    ),
    (
        "workload",
        "What acts for persons: pipelines, feeds, integrations.",
        (
            ("list", "credentials:list_workloads"),
            ("set", "credentials:set_workload"),
            ("retire", "credentials:retire_workload"),
        ),
    ),
    (
        "circle",
        "Who is asked to decide, and how they are reached.",
        (
            ("list", "circles:list_circles"),
            ("set", "circles:set_circle"),
            ("show", "circles:show_circle"),
            ("test", "circles:try_out"),
            ("asked", "circles:asked"),
            ("retire", "circles:retire_circle"),
        ),
    ),
    (
        "policy",
        "Who may do what, and which policy says so.",
        (
            ("show", "policies:show_policies"),
            ("check", "policies:check"),
            ("test", "policies:play_table"),
            ("explain", "policies:explain"),
            ("set", "policies:set_policies"),
        ),
    ),
    (
        "role",
        "Roles: who holds which, and where.",
        (("list", "roles:list_roles"), ("assign", "roles:assign"), ("remove", "roles:remove")),
    ),
    (
        "team",
        "Teams, as policies name them.",
        (("list", "roles:list_teams"), ("set", "roles:set_team")),
    ),
    (
        "runbook",
        "What officers allowed in advance: acts that wait for nobody.",
        (
            ("list", "runbooks:list_runbooks"),
            ("set", "runbooks:set_runbook"),
            ("show", "runbooks:show_runbook"),
            ("retire", "runbooks:retire_runbook"),
        ),
    ),
    (
        "reason",
        "The catalogue of reason codes.",
        (("list", "reasons:list_reasons"), ("set", "reasons:set_reason")),
    ),
    (
        "spool",
        "What was done while the log could not be reached.",
        (("show", "spool:show_spool"), ("send", "spool:send_spool")),
    ),
    (
        "log",
        "The log itself: keys, checkpoints, proofs.",
        (
            ("keys", "log:keys"),
            ("checkpoint", "log:checkpoint"),
            ("prove", "log:prove"),
            ("export", "log:export"),
        ),
    ),
)


USAGES: dict[str, dict[str, str]] = {
    "run": {"usage": "Usage: byhand run [POINT] [OPTIONS] -- COMMAND..."},
    "break-glass": {"usage": "Usage: byhand break-glass [POINT] [OPTIONS] -- COMMAND..."},
}
"""Where what is typed cannot be told from the function."""


def _version() -> str:
    from importlib.metadata import version

    return version("byhand")


def _worth_showing(default: object) -> str | None:
    """A default in the help; an empty one says nothing."""
    if isinstance(default, tuple):
        return ", ".join(map(str, default)) or None
    return str(default) if default not in (None, "", False) else None


def build() -> App:
    """The tree of commands."""
    shown = Parameter(show_default=_worth_showing, negative_iterable=())
    tree = App(
        name="byhand",
        help="The system of record for what people change by hand in automated systems.",
        help_format="markdown",
        default_parameter=shown,
        version=_version,
    )
    for number, (name, place) in enumerate(TOP):
        tree.command(f"{COMMANDS}.{place}", name=name, sort_key=number, **USAGES.get(name, {}))
    for number, (name, caption, commands) in enumerate(GROUPS, start=len(TOP)):
        group = App(name=name, help=caption, default_parameter=shown, sort_key=number)
        for own_number, (own, place) in enumerate(commands):
            group.command(f"{COMMANDS}.{place}", name=own, sort_key=own_number)
        tree.command(group)
    tree.command("byhand.demo.main:run", name="demo", sort_key=len(TOP) + len(GROUPS))
    return tree


def whole(tree: App) -> App:
    """``tree`` with every command imported, as help, documentation and completion need it."""
    for command in tree.resolved_commands().values():
        whole(command)
    return tree


app = build()
