# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference from the code: errors, limits, settings, record kinds, reasons, probes, queries, commands.

``python docs/generate.py`` writes; ``--check`` writes nothing and exits 1 when a page is not up to date.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

DOCS = Path(__file__).resolve().parent
REFERENCE = DOCS / "reference"
SOURCE = DOCS.parent / "src" / "byhand"
BANNER = "<!-- Written by docs/generate.py from the code: change the code and run `make reference`. -->\n"
LIMIT = re.compile(r"^(?:[A-Z][A-Z0-9]*_)*(?:MAX|MIN)$")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    cells = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in cells)


def sentence(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("``", "`")


def attribute_docs(kind: type) -> dict[str, str]:
    """What stands below each field of a class, as a string."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
        ):
            found[field.target.id] = " ".join(str(getattr(text.value, "value", "")).split()).replace(
                "``", "`"
            )
    return found


def errors_page() -> str:
    """Every error with its exit code and advice."""
    from byhand import errors

    root = errors.ByhandError
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, root)]
    rows = [
        (
            f"`{kind.__name__}`",
            f"`{kind.__base__.__name__}`",
            str(kind.exit_code),
            sentence(kind),
            kind.advice,
        )
        for kind in found
        if kind is not root
    ]
    return (
        "# Errors\n\nEvery error of byhand descends from `ByhandError`. The exit code is the command's.\n\n"
        + table(("error", "is a", "exit code", "meaning", "advice"), rows)
    )


def settings_page() -> str:
    """Every setting with its default and bounds."""
    from byhand import settings

    parts = ["# Settings\n\nIn `HOME/byhand.toml`, then `BYHAND_SECTION__NAME` in the environment. "]
    parts.append("An unknown name is an error; all faults are named at once.\n")
    for section in dataclasses.fields(settings.Settings):
        several = section.name == settings.ISSUERS
        kind = settings.IssuerSettings if several else type(getattr(settings.Settings(), section.name))
        notes = attribute_docs(kind)
        rows = []
        for field in dataclasses.fields(kind):
            low, high = settings.BOUNDS.get(f"{section.name}.{field.name}", ("", ""))
            default = str(field.default).lower() if isinstance(field.default, bool) else repr(field.default)
            default = "{}" if field.default is dataclasses.MISSING else default
            bounds = f"{low} to {high}" if high else ""
            rows.append((f"`{field.name}`", f"`{default}`", bounds, notes.get(field.name, "")))
        parts.append(f"\n## `[{section.name}{'.NAME' if several else ''}]`\n\n{sentence(kind)}\n\n")
        parts.append(table(("setting", "default", "bounds", "meaning"), rows))
    return "".join(parts)


def limits() -> Iterator[tuple[str, str, str, str]]:
    """Module, name, value and reason of every named limit."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        module = (
            path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        )
        for node in ast.parse(text).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if isinstance(target, ast.Name) and LIMIT.match(target.id) and node.value is not None:
                around = [*lines[node.lineno - 1 : node.end_lineno], lines[node.lineno - 2]]
                reason = next((line.split("#", 1)[1].strip() for line in around if "#" in line), "")
                value = " ".join(ast.unparse(node.value).split())
                yield f"`{module}`", f"`{target.id}`", f"`{value}`", reason


def limits_page() -> str:
    """Every limit with its reason."""
    rows = list(limits())
    return "# Limits\n\nNothing is without a limit. Beyond one, input is refused, never cut.\n\n" + table(
        ("room", "limit", "value", "reason"), rows
    )


def kinds_page() -> str:
    """The kinds of record and their fields, then the parts that those are made of."""
    from byhand.records import kinds

    parts = [f"# Kinds of record\n\nSchema version {kinds.SCHEMA_VERSION}. "]
    parts.append("What each part means is in [the record format](../spec/record-format.md).\n")
    listed = [getattr(kinds, name.capitalize()) for name in kinds.KINDS]
    parts += [fields_section(name, kind) for name, kind in zip(kinds.KINDS, listed, strict=True)]
    parts.append("\nThe parts that these are made of, by name:\n")
    parts += [fields_section(kind.__name__, kind) for kind in parts_of(listed)]
    return "".join(parts)


def fields_section(name: str, kind: Any) -> str:
    """One class with its fields, inherited ones first."""
    lines = [one for one in reversed(kind.__mro__) if one.__module__.startswith("byhand.records")]
    types: dict[str, str] = {}
    notes: dict[str, str] = {}
    for one in lines:
        types |= {field: annotation(text) for field, text in vars(one).get("__annotations__", {}).items()}
        notes |= attribute_docs(one)
    rows = [(f"`{field}`", f"`{types[field]}`", notes.get(field, "")) for field in kind.__struct_fields__]
    return f"\n## {name}\n\n{sentence(kind)}\n\n{table(('field', 'type', 'meaning'), rows)}"


def annotation(text: object) -> str:
    """A field's type as it is written in the code."""
    return text if isinstance(text, str) else getattr(text, "__name__", str(text))


def parts_of(kinds: list[Any]) -> list[Any]:
    """The classes that fields of ``kinds`` hold, and those that their fields hold, in order of name."""
    from byhand.records.base import Part

    found: dict[str, Any] = {}
    waiting = list(kinds)
    while waiting:
        for hint in get_type_hints(waiting.pop()).values():
            for one in inside(hint):
                if isinstance(one, type) and issubclass(one, Part) and one.__name__ not in found:
                    found[one.__name__] = one
                    waiting.append(one)
    return [found[name] for name in sorted(found)]


def inside(hint: Any) -> Iterator[Any]:
    """A type and everything that it is made of."""
    yield hint
    for one in get_args(hint):
        yield from inside(one)


def actions_page() -> str:
    """What byhand itself records: administration and access."""
    from byhand.control.reading import OPERATIONS

    text = (SOURCE / "trust" / "administration.py").read_text(encoding="utf-8")
    changes = []
    for place, said in pairwise(ast.parse(text).body):
        value = (
            place.value.value
            if isinstance(place, ast.Assign) and isinstance(place.value, ast.Constant)
            else None
        )
        if isinstance(value, str) and value.startswith("administration."):
            meaning = (
                said.value.value
                if isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
                else ""
            )
            changes.append((f"`{value}`", str(meaning)))
    reads = [(f"`{name}`", meaning) for name, meaning in OPERATIONS.items()]
    return (
        "# Actions of byhand itself\n\nWhat is done at intervention points has open names, `area.object.verb`. "
        "What is done to byhand, and read from it, is one of these.\n\n## Administration\n\n"
        "The `action` of a record of kind `administration`.\n\n"
        + table(("action", "meaning"), changes)
        + "\n## Access\n\nThe `operation` of a record of kind `access`.\n\n"
        + table(("operation", "meaning"), reads)
    )


def reasons_page() -> str:
    """The catalogue that a new home starts with."""
    from byhand.control.reasons import SHIPPED

    rows = [
        (f"`{reason.code}`", reason.summary, " ".join(f"`{name}`" for name in reason.actions))
        for reason in SHIPPED
    ]
    return "# Reason codes\n\nThe catalogue of a new home; `byhand reason` shows and changes it.\n\n" + table(
        ("code", "meaning", "may justify"), rows
    )


def policies_page() -> str:
    """The shipped policies as they stand, the roles that they speak of, and the schema."""
    from byhand.control import authorization

    roles = table(
        ("role", "what it is for"), [(f"`{name}`", text) for name, text in authorization.ROLES.items()]
    )
    parts = ["# Policies\n\nWhat a home has until it records policies of its own; `byhand policy` shows, judges ",
             "and changes them.\n\n## Roles\n\n", roles]  # fmt: skip
    parts += [f"\n## {one.name}\n\n```text\n{one.text}```\n" for one in authorization.shipped()]
    parts.append(f"\n## The schema\n\n```text\n{authorization.shipped_schema()}```\n")
    return "".join(parts)


def probes_page() -> str:
    """Every kind of probe."""
    from byhand import probes

    rows = [
        (f"`{kind.scheme}:`", sentence(kind), "the person's side only" if kind.client_only else "anywhere")
        for kind in probes.BUILT_IN
    ]
    return "# Probes\n\nA probe reads a target's real value. Its address begins with its scheme.\n\n" + table(
        ("scheme", "reads", "runs"), rows
    )


def sinks_page() -> str:
    """Every kind of destination."""
    from byhand import sinks

    rows = [
        (f"`{kind.scheme}:`", sentence(kind), ", ".join(f"`{field}`" for field in kind.fields))
        for kind in sinks.BUILT_IN
    ]
    return (
        "# Destinations\n\nWhere people are told that they are asked to decide. A circle names them, e.g. "
        "`slack:risk-desk`; the file that `notify.destinations_file` names has a table `[slack.risk-desk]` with the "
        "fields below. [How to set them up](../how-to/tell-people-that-they-are-asked.md).\n\n"
        + table(("kind", "is", "fields"), rows)
    )


def detectors_page() -> str:
    """Every kind of detector."""
    from byhand import detectors

    rows = [(f"`{kind.scheme}:`", sentence(kind)) for kind in detectors.BUILT_IN]
    return (
        "# Detectors\n\nWhat is said of acts from the acts before them. [What the model sees and what it cannot see]"
        "(../explanation/unusual-behaviour.md).\n\n" + table(("kind", "does"), rows)
    )


def query_fields(fields: dict[str, Any]) -> str:
    """The table of the fields of one list; names of the same field stand together."""
    names: dict[int, list[str]] = {}
    for name, field in fields.items():
        names.setdefault(id(field), []).append(f"`{name}:`")
    each = {id(field): field for field in fields.values()}
    rows = [(", ".join(names[key]), field.meaning, f"`{field.example}`") for key, field in each.items()]
    return table(("field", "meaning", "example"), rows)


def query_page() -> str:
    """The language of search, timeline, export and the lists: every field with an example."""
    from byhand.control import query

    written = [(f"`{form}`", meaning) for form, meaning in query.FORMS]
    return (
        "# Queries\n\nWhat `byhand search`, `timeline` and `export` are asked. Terms stand in any order; all must fit. "
        "[Find what was changed by hand](../how-to/find-what-was-changed-by-hand.md) uses them.\n\n"
        "## Fields\n\n"
        + query_fields(query.FIELDS)
        + "\n## Fields of accesses\n\nWhat `byhand access list` is asked.\n\n"
        + query_fields(query.ACCESS_FIELDS)
        + "\n## Fields of findings\n\nWhat `byhand finding list` is asked.\n\n"
        + query_fields(query.FINDING_FIELDS)
        + "\n## Terms\n\n"
        + table(("written", "means"), written)
        + f"\nThe states are {', '.join(f'`{name}`' for name in query.PHASES)}; the tiers of risk "
        f"{', '.join(f'`{name}`' for name in query.TIERS)}.\n\n"
        "A term that is not understood is an error, and all such terms are named at once. Times are UTC, and those "
        "at which the log recorded it.\n"
    )


def connectors_page() -> str:
    """Every kind of system that byhand can ask."""
    from byhand import connectors

    rows = [(f"`{kind.scheme}:`", sentence(kind), sentence(kind.collect)) for kind in connectors.BUILT_IN]
    return (
        "# Connectors\n\nA connector is byhand's side of another system. Its address begins with its scheme.\n\n"
        + table(("scheme", "address", "collects"), rows)
    )


def commands_page() -> str:
    """Every command, as the command line itself describes it."""
    app = importlib.import_module("byhand.cli").app
    listed = re.sub(r"\n{3,}", "\n\n", app.generate_docs(output_format="markdown", heading_level=1))
    once = re.sub(r"^byhand (\S+) \1 ", r"byhand \1 ", listed, flags=re.MULTILINE)  # of a usage of our own
    return "\n".join(line.rstrip() for line in once.splitlines()).strip() + "\n"


def http_page() -> str:
    """Every door of the server, from its OpenAPI description."""
    from byhand.api import openapi

    document = openapi.document()
    parts = [f"# HTTP\n\n{document['info']['description']}\n\nThe whole description, OpenAPI "]
    parts.append(f"{document['openapi']}, is served at `/openapi.json`. A field's meaning is with ")
    parts.append("[the kinds of record](kinds.md).\n")
    for tag in document["tags"]:
        parts.append(f"\n## {tag['name']}\n\n{tag['description']}\n")
        for path, item in document["paths"].items():
            parts += [
                _door(document, method, path, door)
                for method, door in item.items()
                if tag["name"] in door["tags"]
            ]
    return "".join(parts)


def _door(document: dict[str, Any], method: str, path: str, door: dict[str, Any]) -> str:
    found = functools.partial(_referred, document)
    text = (
        f"\n### `{method.upper()} {path}`\n\n{door['summary']} {door.get('description', '')}".rstrip() + "\n"
    )
    text += "\nFor everybody.\n" if door.get("security") == [] else ""
    given = [found(one) for one in door.get("parameters", ())]
    if given:
        rows = [(f"`{one['name']}`", one["in"], one["description"]) for one in given]
        text += "\n" + table(("parameter", "in", "meaning"), rows)
    if "requestBody" in door:
        (body,) = door["requestBody"]["content"].values()
        text += f"\nBody: {_name(body['schema'])}\n"
    rows = []
    for status, answer in sorted(door["responses"].items()):
        whole = found(answer)
        forms = ", ".join(
            f"{_name(form['schema'])} as `{media}`" if "$ref" in form.get("schema", {}) else f"`{media}`"
            for media, form in whole.get("content", {}).items()
        )
        rows.append((status, whole["description"], forms or "none"))
    return text + "\n" + table(("status", "meaning", "body"), rows)


def _referred(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    for name in part.get("$ref", "").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def _name(schema: dict[str, Any]) -> str:
    return f"`{schema['$ref'].rpartition('/')[2]}`"


PAGES = {
    "actions.md": actions_page,
    "connectors.md": connectors_page,
    "detectors.md": detectors_page,
    "errors.md": errors_page,
    "kinds.md": kinds_page,
    "limits.md": limits_page,
    "probes.md": probes_page,
    "sinks.md": sinks_page,
    "query.md": query_page,
    "policies.md": policies_page,
    "reasons.md": reasons_page,
    "settings.md": settings_page,
}
if importlib.util.find_spec("byhand.cli"):
    PAGES["cli.md"] = commands_page
if importlib.util.find_spec("byhand.api"):
    PAGES["http.md"] = http_page


def index_page() -> str:
    """The list of the pages."""
    names = [name.removesuffix(".md") for name in sorted(PAGES)]
    listed = "".join(f"- [{name}]({name}.md)\n" for name in names)
    toc = "\n".join(names)
    return f"# Reference\n\nWritten from the code.\n\n{listed}\n```{{toctree}}\n:hidden:\n\n{toc}\n```\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are not up to date."""
    written = {name: page() for name, page in PAGES.items()} | {"index.md": index_page()}
    REFERENCE.mkdir(exist_ok=True)
    old = []
    for name, text in written.items():
        path, whole = REFERENCE / name, BANNER + "\n" + text
        if not path.exists() or path.read_text(encoding="utf-8") != whole:
            old.append(name)
            if "--check" not in arguments:
                path.write_text(whole, encoding="utf-8")
    left = sorted({path.name for path in REFERENCE.glob("*.md")} - written.keys())
    for name in old + left:
        print(
            f"docs/reference/{name}",
            "is not up to date: run make reference" if "--check" in arguments else "written",
        )
    return 1 if "--check" in arguments and (old or left) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
