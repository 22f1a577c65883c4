"""How a pack writes a runbook's steps: each shows, looks, wants and does something, and every key may stand beside any
other. What is shown byte for byte (commands) is kept as written; nothing is filled into it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from policies.shapes import (
    BAD,
    Anything,
    Choice,
    Desk,
    Entry,
    Flag,
    Key,
    Kind,
    Length,
    Many,
    Path,
    Ref,
    Slug,
    Table,
    Text,
    Whole,
    allowed,
    optional,
    refer_to_params,
    shown,
)

from . import ways
from .words import PLACE, ROOTS

MOVES = ("mitigated", "resolved", "closed")
PAGES = ("alerts", "webhooks", "channel", "rule", "queue", "deploys", "panel")
FIELDS = ("line", "text", "number", "url", "list")
LIVE = ("name", "expect", "note", "says", "fails", "rows", "columns", "every", "after", "confirms")
"""What a live item says beside its source."""
LINE = Text(250, line=True, empty=False)


class Listed:
    """A list of entries; one alone counts as a list of one."""

    def __init__(self, kind: Kind, at_least: int = 0) -> None:
        self.many = Many(kind, at_least)

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        return self.many.read([value] if isinstance(value, dict) else value, path, desk)


class Trimmed:
    """An entry of which only what was said is kept, as a person would write it."""

    def __init__(self, entry: Entry, plain: Callable[[Any], Any] = lambda value: value) -> None:
        self.entry, self.plain = entry, plain

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        read = self.entry.read(self.plain(value), path, desk)
        return BAD if read is BAD else self.entry.trimmed(read)


class Worded:
    """A text with places to fill: `${PARAM}`, `{{ labels.X }}`, `{{ incident.title }}`, `{{ connection.KEY }}` …"""

    def __init__(self, *, line: bool = False, longest: int = 10_000) -> None:
        self.text = Text(longest, line=line, empty=False)

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        value = self.text.read(value, path, desk)
        if value is BAD:
            return BAD
        refer_to_params(value, path, desk)
        for place in PLACE.finditer(value):
            root, _, rest = place["name"].partition(".")
            if root not in ROOTS or not rest:
                known = ", ".join(f"{{{{ {name}.… }}}}" for name in ROOTS)
                return desk.problem(path, f"Nothing is known as {{{{ {place['name']} }}}}; allowed: {known}.")
            if root == "connection":
                desk.references.append(("connection", rest, path))
        return value


class Live:
    """One live item: a rule of the policy, or a source as a rule has it, with what is expected of the answer."""

    rule = Entry(rule=Ref("rule"), label=optional(Table(Text(500))), name=optional(LINE), every=optional(Length()),
                 confirms=optional(Flag()), after=optional(Slug(80)))  # fmt: skip
    deploy = Entry(since_deploy=Flag(), name=optional(LINE), every=optional(Length(positive=True)))
    queues = Entry(queues=Key(80), name=optional(LINE), every=optional(Length(positive=True)))
    beside = Entry(
        name=optional(LINE), expect=optional(Text(4000)), note=optional(Text(4000)), says=optional(Text(4000)),
        fails=optional(Table(Text(250))), rows=optional(Whole(1, 100)), columns=optional(Many(Text(80, line=True))),
        every=optional(Length(positive=True)), after=optional(Slug(80)), confirms=optional(Flag()),
    )  # fmt: skip

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, dict):
            return desk.problem(path, f"This should be a source such as {{http: {{…}}}}, and it is {shown(value)}.")
        for word, entry in (("rule", self.rule), ("since_deploy", self.deploy), ("queues", self.queues)):
            if word in value:
                read = entry.read(value, path, desk)
                return BAD if read is BAD else self._fine(value, path, desk)
        before = len(desk.problems)
        self.beside.read({name: one for name, one in value.items() if name in LIVE}, path, desk)
        source = {name: one for name, one in value.items() if name not in LIVE}
        ways.known().check_source(source, path, desk)
        for name in ("expect", "note"):
            if isinstance(text := value.get(name), str):
                for problem in ways.known().check_condition(text, (*path, name), desk):
                    desk.problem((*path, name), problem)
        if isinstance(text := value.get("says"), str) and (problem := ways.known().check_words(text)):
            desk.problem((*path, "says"), problem)
        return BAD if len(desk.problems) > before else self._fine(value, path, desk)

    def _fine(self, value: Mapping[str, Any], path: Path, desk: Desk) -> Any:
        if value.get("confirms") and not value.get("every"):
            words = "What confirms a step by itself is asked by the clock: say `every`."
            return desk.problem((*path, "confirms"), words)
        return dict(value)


class Applies:
    """When a step applies: every condition of the mapping holds."""

    keys = ("param", "flag", "label", "level", "chosen", "symptom", "is", "no")

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, dict) or not value:
            words = f"This should be a condition such as {{param: MODE, is: daemon}}, and it is {shown(value)}."
            return desk.problem(path, words)
        for name in value:
            if name not in self.keys:
                return desk.problem((*path, name), f"There is no key {name!r} here{allowed(name, self.keys)}")
        if "no" in value:
            inner = self.read(value["no"], (*path, "no"), desk)
            return BAD if inner is BAD else dict(value)
        if "param" in value:
            desk.references.append(("parameter", value["param"], (*path, "param")))
        if "level" in value:
            levels = Many(Ref("severity")).read(value["level"], (*path, "level"), desk)
            return BAD if levels is BAD else {**value, "level": levels}
        if not {"param", "flag", "label", "chosen", "symptom"} & set(value):
            return desk.problem(path, "This needs one of param, flag, label, level, symptom, chosen or no.")
        return dict(value)


def _one_way(values: dict, path: Path, desk: Desk) -> None:
    if bool(values["href"]) == bool(values["page"]):
        desk.problem(path, "A link needs either `href` or `page`, and one of them only.")
    if values["page"] == "panel":
        said = values["query"] or {}
        for name in ("dashboard", "panel"):
            if not said.get(name):
                desk.problem((*path, "query"), f"A link to a panel needs `{name}` in its query.")
        if said.get("dashboard") and said.get("panel"):
            desk.references.append(("panel", f"{said['dashboard']}/{said['panel']}", (*path, "query")))


def _field(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _option(value: Any) -> Any:
    return {"option": value} if isinstance(value, str) else value


def _asks_somebody(values: dict, path: Path, desk: Desk) -> None:
    if bool(values["contact"]) == bool(values["schedule"]):
        desk.problem(path, "A page goes to either `contact` or whoever is on call in `schedule`; name one of them.")


FIELD = Trimmed(
    Entry(
        name=Key(40), label=optional(LINE), kind=optional(Choice(FIELDS), "line"), required=optional(Flag(), True),
        choices=optional(Many(Text(160, line=True, empty=False))), default=optional(Worded(line=True)),
        hint=optional(Text(500)),
    ),
    _field,
)  # fmt: skip
LINK = Trimmed(
    Entry(_one_way, text=Worded(line=True, longest=250), href=optional(Worded(line=True, longest=2000)),
          page=optional(Choice(PAGES)), query=optional(Table(Worded(line=True))), rule=optional(Ref("rule")))
)  # fmt: skip
OPTION = Trimmed(
    Entry(option=Text(160, line=True, empty=False), reason=optional(Flag(), False), runbook=optional(Ref("runbook"))),
    _option,
)
WATCH = Trimmed(
    Entry(
        for_=Length(positive=True), from_=optional(Slug(80), "start"), alerts=optional(Flag(), False),
        levels=optional(Many(Ref("severity"))), fails=optional(Ref("runbook")),
    )
)  # fmt: skip
MAIL = Trimmed(
    Entry(to=Ref("contact"), subject=optional(Worded(line=True, longest=250), "{{ incident.title }}"), text=Worded(),
          button=optional(LINE))
)  # fmt: skip
PAGE = Trimmed(
    Entry(_asks_somebody, contact=optional(Ref("contact")), schedule=optional(Ref("schedule")), button=optional(LINE),
          text=optional(Worded()))
)  # fmt: skip
NOTICE = Trimmed(
    Entry(template=optional(Slug(80)), text=optional(Worded()), audience=optional(Slug(80)), button=optional(LINE))
)
CATEGORIES = ("immediate", "long_term", "monitoring", "process")
PRIORITIES = ("urgent", "high", "normal", "low")


def _item(value: Any) -> Any:
    return {"title": value} if isinstance(value, str) else {} if value is True else value


ACTION_ITEM = Trimmed(
    Entry(title=optional(Worded(line=True, longest=250)), text=optional(Worded()),
          category=optional(Choice(CATEGORIES), "long_term"), priority=optional(Choice(PRIORITIES), "normal"),
          owner=optional(Ref("contact")), due=optional(Length(positive=True))),
    _item,
)  # fmt: skip
STEP = Entry(
    title=Worded(line=True, longest=250),
    key=optional(Slug(80)),
    section=optional(LINE),
    text=optional(Worded()),
    required=optional(Flag()),
    before=optional(Choice(MOVES)),
    applies=optional(Applies()),
    command=optional(Many(Text(4000, empty=False))),
    forbidden=optional(Many(Text(4000, empty=False))),
    warning=optional(Many(Worded())),
    variables=optional(Many(Key(120))),
    values=optional(Table(Text(2000, line=True))),
    links=optional(Listed(LINK)),
    runbooks=optional(Many(Ref("runbook"))),
    contacts=optional(Many(Ref("contact"))),
    live=optional(Listed(Live())),
    ask=optional(Listed(FIELD)),
    choose=optional(Listed(OPTION, 1)),
    proof=optional(Flag(), False),
    role=optional(Text(40, line=True, empty=False)),
    watch=optional(WATCH),
    deploy=optional(
        Trimmed(Entry(commit=Key(40), type=optional(Choice(("deploy", "rollback")), "deploy")))
    ),
    propose=optional(Choice(("previous-commit",))),
    recheck=optional(Many(Ref("rule"))),
    starts=optional(Many(Ref("runbook"))),
    impact=optional(Worded()),
    silence=optional(Trimmed(Entry(field=Key(40), label=Key(80), for_=Length(positive=True)))),
    lift=optional(Trimmed(Entry(field=Key(40), label=Key(80)))),
    tighten=optional(Trimmed(Entry(param=Ref("parameter"), to=Text(200, line=True), for_=Length(positive=True)))),
    flag=optional(
        Trimmed(Entry(key=Key(80), value=Text(200, line=True), temporary=optional(Flag(), False)))
    ),
    action_item=optional(ACTION_ITEM),
    timeline=optional(Worded()),
    actions=optional(Many(Ref("action"))),
    mail=optional(Listed(MAIL)),
    page=optional(PAGE),
    notice=optional(NOTICE),
    evidence=optional(Many(LINE, at_least=1)),
    again=optional(Flag(), False),
    test_task=optional(Flag(), False),
    affected=optional(Trimmed(Entry(label=Key(80), groups=Listed(Entry(name=LINE, like=Many(LINE)))))),
)  # fmt: skip


class Steps:
    """The steps of a runbook, each as it was said; a step may have `items`, which are steps of their own."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        steps = Many(Anything(), at_least=1).read(value, path, desk)
        if steps is BAD:
            return BAD
        read = [self._one(step, (*path, place), desk) for place, step in enumerate(steps)]
        return BAD if any(step is BAD for step in read) else read

    def _one(self, value: Any, path: Path, desk: Desk) -> Any:
        if isinstance(value, str):
            value = {"title": value}
        items = value.get("items") if isinstance(value, dict) else None
        rest = {name: one for name, one in value.items() if name != "items"} if isinstance(value, dict) else value
        read = STEP.read(rest, path, desk)
        if read is BAD:
            return BAD
        read = STEP.trimmed(read)
        if items is None:
            return read
        parts = self.read(items, (*path, "items"), desk)
        if parts is BAD:
            return BAD
        for place, part in enumerate(parts):
            if "items" in part:
                return desk.problem((*path, "items", place, "items"), "An item has no items of its own.")
        return {**read, "items": parts}


BINDING = Trimmed(
    Entry(
        rules=optional(Many(Ref("rule"))), symptoms=optional(Many(LINE)), classes=optional(Many(Ref("class"))),
        levels=optional(Many(Ref("severity"))), labels=optional(Table(Text(500))),
        services=optional(Many(Slug(80))), always=optional(Flag(), False), only_levels=optional(Many(Ref("severity"))),
    )
)  # fmt: skip
INPUT = re.compile(r"\{([A-Za-z_][\w.]*)\}", re.ASCII)
"""A place in an action's path or body: an input, or `incident.id`, `incident.title`, `incident.url`, `labels.X`."""


def _aimed(values: dict, path: Path, desk: Desk) -> None:
    if bool(values["connection"]) == bool(values["url"]):
        desk.problem(path, "An action needs either `connection` or `url`, and one of them only.")
    names = {field["name"] for field in values["ask"] or []}
    said = f"{values['path']} {values['body']} {values['confirm']}"
    for name in INPUT.findall(said):
        if "." not in name and name not in names and f"${{{name}}}" not in said:
            desk.problem(path, f"{{{name}}} is no input of this action{allowed(name, names)}")


ACTION = Entry(
    _aimed,
    key=Slug(80),
    title=LINE,
    text=optional(Worded()),
    method=optional(Choice(("GET", "POST", "PUT", "PATCH", "DELETE")), "POST"),
    connection=optional(Ref("connection")),
    url=optional(Worded(line=True, longest=2000)),
    path=optional(Text(2000, line=True), ""),
    ask=optional(Listed(FIELD)),
    headers=optional(Table(Text(2000, line=True), Text(120, line=True))),
    body=optional(Anything()),
    token=Ref("parameter"),
    auth=optional(Choice(("bearer", "signature", "both", "none")), "bearer"),
    confirm=optional(Text(500)),
    expect_status=optional(Many(Whole(100, 599))),
    keep=optional(Table(Text(200, line=True))),
    recheck=optional(Many(Ref("rule"))),
    timeout=optional(Length(positive=True), "10s"),
)
