"""Compares what a pack says of a runbook with what the page shows, in order and byte for byte, and ticks it over HTTP.

said = pack_runbooks("mailer")["redis-unavailable"]       as the YAML has it
run = Run.objects.get(incident=incident, runbook__key="redis-unavailable")
check_shown(client, run, said)
tick_through(client, run, said)
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from packs import document, loader
from runbooks.models import Run

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Node:
    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list[Any] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.attrs.get("class", "").split())

    @property
    def text(self) -> str:
        """All text in it, as it stands."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", *, cls: str = "", stop: str = "") -> Iterator["Node"]:
        """Nodes below of that tag and class, in order; those below a node of the class `stop` are left out."""
        for child in self.children:
            if isinstance(child, Node):
                if (not tag or child.tag == tag) and (not cls or cls in child.classes):
                    yield child
                if not stop or stop not in child.classes:
                    yield from child.all(tag, cls=cls, stop=stop)

    def first(self, tag: str = "", *, cls: str = "") -> "Node":
        return next(self.all(tag, cls=cls))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("root")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag in [node.tag for node in self.open]:
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def tree(html: str) -> Node:
    """The page as nodes."""
    reader = _Reader()
    reader.feed(html)
    return reader.root


@dataclass(frozen=True)
class ShownStep:
    """What the page shows of a step; of one with items what stands beside them."""

    key: str
    number: str
    title: str
    commands: list[str]
    forbidden: list[str]
    copies: int
    variables: list[str]
    links: list[tuple[str, str]]
    options: list[str]
    fields: list[str]
    warnings: list[str]
    live: list[str]
    state: str
    text: str


def shown_steps(html: str, run: Run | None = None) -> list[ShownStep]:
    """Every step and item of a page of runs, in order; of one run when there are several."""
    found = []
    for node in tree(html).all("li", cls="step"):
        if run and not node.attrs["id"].startswith(f"s{run.pk}-"):
            continue
        found.append(_step(node))
    return found


def _step(node: Node) -> ShownStep:
    own = Node(
        "li", {}, [child for child in node.children if not (isinstance(child, Node) and "parts" in child.classes)]
    )
    boxes = list(own.all(cls="command"))
    return ShownStep(
        key=node.attrs["data-step"],
        number=own.first("span", cls="number").text,
        title=own.first("span", cls="words").text,
        commands=[box.first("code").text for box in boxes if "forbidden" not in box.classes],
        forbidden=[box.first("code").text for box in boxes if "forbidden" in box.classes],
        copies=sum("data-copy" in button.attrs for box in boxes for button in box.all("button")),
        variables=[code.text for ul in own.all("ul", cls="variables") for code in ul.all("code")],
        links=[(link.text, link.attrs["href"]) for ul in own.all("ul", cls="links") for link in ul.all("a")],
        options=[one.attrs["value"] for one in own.all("input") if one.attrs.get("type") == "radio"],
        fields=[
            one.attrs["name"].removeprefix("field-")
            for tag in ("input", "select", "textarea")
            for one in own.all(tag)
            if one.attrs.get("name", "").startswith("field-")
        ],
        warnings=[one.text for one in own.all("p", cls="warning")],
        live=[one.text for one in own.all("div", cls="look")],
        state=" ".join(one.text for one in own.all("p", cls="state")).strip(),
        text=own.text,
    )  # fmt: skip


def pack_runbooks(name: str) -> dict[str, dict]:
    """The runbooks and checklists of a pack of the library as its YAML has them, by key."""
    data = document.read(loader.read_file(loader.find(name))).data
    return {one["key"]: one for section in ("runbooks", "checklists") for one in data.get(section) or []}


def flat(said: Mapping[str, Any]) -> list[dict]:
    """The steps and items of a runbook as its YAML has them, in the order of the page."""
    steps = [{"title": one} if isinstance(one, str) else one for one in said["steps"]]
    return [
        {"title": one} if isinstance(one, str) else one for step in steps for one in (step, *(step.get("items") or []))
    ]


def listed(value: Any) -> list:
    return [] if value is None else value if isinstance(value, list) else [value]


def check_shown(client: Client, run: Run, said: Mapping[str, Any], *, hidden: Collection[str] = ()) -> None:
    """The page of the run shows every step of the pack, in order, commands and names byte for byte.

    hidden   titles of steps that do not apply to this run
    """
    response = client.get(run.get_absolute_url())
    assert response.status_code == 200
    steps = [step for step in flat(said) if step["title"] not in hidden]
    shown = shown_steps(response.content.decode(), run)
    assert len(shown) == len(steps), f"{[one.title for one in shown]} against {[step['title'] for step in steps]}"
    for step, one in zip(steps, shown, strict=True):
        if not _filled(step["title"]):
            assert one.title == step["title"]
        assert one.commands[: len(listed(step.get("command")))] == listed(step.get("command"))
        values = [f"{name}={value}" for name, value in (step.get("values") or {}).items()]
        assert one.commands[len(listed(step.get("command"))) :] == values
        assert one.forbidden == listed(step.get("forbidden"))
        assert one.copies == len(one.commands), "every command has a copy button, and nothing that is forbidden has"
        assert one.variables == [str(name) for name in listed(step.get("variables"))]
        for text in listed(step.get("warning")):
            assert any(text in warning for warning in one.warnings) or _filled(text)
        for link in listed(step.get("links")):
            assert link["text"] in one.text or _filled(link["text"])
            if link.get("href") and not _filled(link["href"]):
                assert (link["text"], link["href"]) in one.links
        options = [option if isinstance(option, str) else option["option"] for option in listed(step.get("choose"))]
        assert one.options == options or one.state
        assert len(one.live) == len(listed(step.get("live"))) + bool(step.get("test_task"))


def _filled(text: str) -> bool:
    """Whether places in it are filled when it is shown."""
    return "{{" in text or "${" in text


def given(step: Mapping[str, Any], **more: str) -> dict[str, str]:
    """Something that a tick of the step takes: a value for each field, the first option, a reason."""
    fields = [{"name": one} if isinstance(one, str) else one for one in listed(step.get("ask"))]
    post = {
        f"field-{one['name']}": str((one.get("choices") or ["12" if one.get("kind") == "number" else "abc123"])[0])
        for one in fields
    }
    if options := listed(step.get("choose")):
        post["choice"] = options[0] if isinstance(options[0], str) else options[0]["option"]
        post["note"] = "as agreed"
    if step.get("proof"):
        post["note"] = "https://proof.example/1"
    return post | {name: value for name, value in more.items() if value}


def tick_through(
    client: Client, run: Run, said: Mapping[str, Any], *, skip: Collection[str] = (),
    more: Mapping[str, dict] | None = None,
) -> list[str]:  # fmt: skip
    """Tick every step that applies, in order, over HTTP; return their keys. Each must be taken.

    skip   titles that are not ticked, such as a watch; more: title -> further fields of its tick
    """
    by_title = {step["title"]: step for step in flat(said) if not step.get("items")}
    shown = shown_steps(client.get(run.get_absolute_url()).content.decode(), run)
    ticked = []
    for one in shown:
        step = by_title.get(one.title) or next((s for s in by_title.values() if s.get("key") == one.key), None)
        if step is None or one.title in skip:
            continue
        post = given(step, **(more or {}).get(one.title, {}))
        answer = client.post(reverse("run-tick", args=[run.pk, one.key]), post)
        assert answer.status_code == 302, f"{one.title}: {[str(m) for m in answer.context['messages']]}"
        ticked.append(one.key)
    done = {tick.step.partition("#")[0] for tick in run.ticks.filter(undone_at=None)}
    assert set(ticked) <= done
    return ticked
