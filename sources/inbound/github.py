"""GitHub: workflow runs become events, deployments, releases and pushes become changes.

Source: GitHub Docs, "Webhook events and payloads" and "Validating webhook deliveries".
"""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from ..models import Integration
from . import signing
from .base import Happening, Inbound, Malformed, Parsed, Sent, Told, WrongPayload, an_object, read_json, text_at
from .times import instant

FORM = "application/x-www-form-urlencoded"
EVENT, DELIVERY = "X-GitHub-Event", "X-GitHub-Delivery"
OUTCOMES = {
    "success": "ok", "failure": "failed", "timed_out": "failed", "startup_failure": "failed", "error": "failed",
    "inactive": "superseded",
}  # fmt: skip
"""GitHub's conclusions and states that we have a word of our own for; the others (cancelled, skipped …) stay."""
UNDER_WAY = ("pending", "queued", "in_progress", "waiting")
SHA_LENGTH = 7


class GitHub(Inbound):
    """A repository's or organisation's webhook, as JSON or as a form."""

    kind, label = "github", "GitHub"
    aliases = ("github-actions", "gh")
    content_types = ("application/json", FORM)
    log_headers = (EVENT,)
    message_headers = (DELIVERY,)
    options = {
        "service": "the service that deployments, releases and pushes change; without it the repository's name",
        "branches": "pushes to these branches are changes; without it the default branch",
        "environments": "deployments to these environments are changes; without it all",
    }

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        """`X-Hub-Signature-256` over the body; it holds no time, so repeats are told by the delivery's id."""
        signing.check_body(sent.headers, sent.body, door.secrets)
        return ""

    def decode(self, sent: Sent) -> Any:
        if sent.content_type != FORM:
            return read_json(sent.body)
        try:
            fields = parse_qs(sent.body.decode(), max_num_fields=10)
        except ValueError as error:
            raise Malformed(f"The body is no form: {error}.") from error
        if "payload" not in fields:
            raise Malformed("The form has no field `payload`, where GitHub puts the event.")
        return read_json(fields["payload"][0].encode(errors="surrogatepass"))

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The payload")
        event = sent.headers.get(EVENT, "")
        if not event:
            raise WrongPayload(f"The header {EVENT} is missing: this was not sent by GitHub.")
        if event == "ping":
            return Parsed(note=f"GitHub's test ping: {text_at(payload, 'zen')}"[:200])
        if event not in READERS:
            return Parsed(note=f"the GitHub event {event[:60]} tells nothing that is kept")
        return READERS[event](payload, door)


def _run(payload: dict[str, Any], door: Integration) -> Parsed:
    run = an_object(payload.get("workflow_run"), "workflow_run")
    name = text_at(run, "name") or text_at(payload, "workflow", "name") or text_at(run, "path")
    attempt = text_at(run, "run_attempt", default="1")
    more = {"run": text_at(run, "run_number"), "title": text_at(run, "display_title"), "attempt": attempt}
    return _job(
        payload, run, name, "run_started_at", "updated_at", id=f"run:{text_at(run, 'id')}:{attempt}", labels=more
    )


def _workflow_job(payload: dict[str, Any], door: Integration) -> Parsed:
    job = an_object(payload.get("workflow_job"), "workflow_job")
    name, workflow = text_at(job, "name"), text_at(job, "workflow_name")
    more = {"workflow": workflow, "runner": text_at(job, "runner_name"), "run": text_at(job, "run_id")}
    return _job(
        payload, job, name, "started_at", "completed_at", kind="step", id=f"job:{text_at(job, 'id')}", labels=more
    )


def _check_run(payload: dict[str, Any], door: Integration) -> Parsed:
    check = an_object(payload.get("check_run"), "check_run")
    suite = check.get("check_suite")
    branch = text_at(suite, "head_branch")
    more = {"app": text_at(check, "app", "name")} | ({"branch": branch} if branch else {})
    name = text_at(check, "name")
    return _job(
        payload,
        check,
        name,
        "started_at",
        "completed_at",
        kind="check",
        id=f"check:{text_at(check, 'id')}",
        labels=more,
    )


def _job(
    payload: dict[str, Any], run: dict[str, Any], name: str, began: str, ended: str, *, id: str, labels: dict[str, str],
    kind: str = "job",
) -> Parsed:  # fmt: skip
    """One event for a run that has ended; those that are under way are only noted."""
    action, conclusion = text_at(payload, "action"), text_at(run, "conclusion")
    if action != "completed":
        return Parsed(note=f"{name or 'a run'} is {action or 'under way'}: told again when it has ended")
    started, done = instant(run.get(began)), instant(run.get(ended))
    everywhere = {
        "repository": _repository(payload), "branch": text_at(run, "head_branch"), "workflow": name,
        "trigger": text_at(run, "event"), "actor": text_at(payload, "sender", "login"), "conclusion": conclusion,
    }  # fmt: skip
    return Parsed(
        events=[
            Happening(
                kind=kind, name=name, subject=text_at(run, "id"), outcome=OUTCOMES.get(conclusion, conclusion),
                level="error" if OUTCOMES.get(conclusion) == "failed" else "info",
                text=" ".join(part for part in (name, conclusion, labels.get("title", "")) if part),
                labels={key: text for key, text in (everywhere | labels).items() if text},
                data={"url": text_at(run, "html_url"), "sha": text_at(run, "head_sha")},
                duration=max(0.0, (done - started).total_seconds()) if started and done else None, id=id, at=done,
            )
        ]
    )  # fmt: skip


def _deployment(payload: dict[str, Any], door: Integration) -> Parsed:
    deployment = an_object(payload.get("deployment"), "deployment")
    return _deployed(payload, deployment, {}, door)


def _deployment_status(payload: dict[str, Any], door: Integration) -> Parsed:
    deployment = an_object(payload.get("deployment"), "deployment")
    return _deployed(payload, deployment, an_object(payload.get("deployment_status"), "deployment_status"), door)


def _deployed(payload: dict[str, Any], deployment: dict, status: dict, door: Integration) -> Parsed:
    """A deployment that was begun, or one that ended: each state is a change of its own."""
    environment = text_at(status, "environment") or text_at(deployment, "environment")
    wanted = _list(door, "environments")
    if wanted and environment not in wanted:
        return Parsed(note=f"a deployment to {environment}, which this door's options leave out")
    state = text_at(status, "state", default="started")
    if state in UNDER_WAY:
        return Parsed(note=f"a deployment to {environment} is {state}: told again when it has ended")
    sha, ref = text_at(deployment, "sha"), text_at(deployment, "ref")
    said = text_at(status, "description") or text_at(deployment, "description")
    outcome = OUTCOMES.get(state, state)
    number = text_at(status, "id") or "0"
    return _change(
        payload, door, summary=f"Deployment of {ref or sha[:SHA_LENGTH]} to {environment or 'an environment'}: {state}",
        version=ref if ref and ref != sha else sha[:SHA_LENGTH], outcome=outcome, data={"sha": sha, "said": said},
        id=f"deployment:{text_at(deployment, 'id')}:{number}",
        url=text_at(status, "environment_url") or text_at(status, "log_url") or text_at(status, "target_url"),
        at=status.get("created_at") or deployment.get("created_at"), labels={"environment": environment},
    )  # fmt: skip


def _release(payload: dict[str, Any], door: Integration) -> Parsed:
    release, action = an_object(payload.get("release"), "release"), text_at(payload, "action")
    if action != "published":
        return Parsed(note=f"a release was {action or 'touched'}: only its publication is a change")
    tag, name = text_at(release, "tag_name"), text_at(release, "name")
    return _change(
        payload, door, summary=f"Release {name or tag}" + (f" ({tag})" if name and name != tag else ""), version=tag,
        outcome="prerelease" if release.get("prerelease") is True else "", id=f"release:{text_at(release, 'id')}",
        url=text_at(release, "html_url"), at=release.get("published_at"), labels={}, data={},
    )  # fmt: skip


def _push(payload: dict[str, Any], door: Integration) -> Parsed:
    ref, sha = text_at(payload, "ref"), text_at(payload, "after")
    branch = ref.removeprefix("refs/heads/")
    wanted = _list(door, "branches") or [
        text_at(payload, "repository", "default_branch") or text_at(payload, "repository", "master_branch")
    ]
    if branch == ref or branch not in wanted or payload.get("deleted") is True:
        return Parsed(note=f"a push to {ref[:120]}, which is none of {', '.join(wanted)[:120]}")
    commits = payload.get("commits")
    count = len(commits) if isinstance(commits, list) else 0
    title = text_at(payload, "head_commit", "message").partition("\n")[0]
    who = text_at(payload, "pusher", "name")
    summary = f"{count} commit{'' if count == 1 else 's'} to {branch}" + (f": {title}" if title else "")
    return _change(
        payload, door, summary=summary, version=sha[:SHA_LENGTH], outcome="", id=f"push:{ref}:{sha}", kind="other",
        url=text_at(payload, "compare"), at=text_at(payload, "head_commit", "timestamp"), data={"sha": sha},
        labels={"branch": branch, "pusher": who, "forced": "true" if payload.get("forced") is True else ""},
    )  # fmt: skip


def _change(
    payload: dict[str, Any], door: Integration, *, summary: str, version: str, outcome: str, id: str, url: str, at: Any,
    labels: dict[str, str], data: dict[str, Any], kind: str = "deploy",
) -> Parsed:  # fmt: skip
    repository = _repository(payload)
    everywhere = {"repository": repository, "actor": text_at(payload, "sender", "login")}
    service = text_at(door.options, "service") or repository.rpartition("/")[2]
    page = text_at(payload, "repository", "html_url")
    links = [{"href": page, "text": repository}] if page.startswith(("https://", "http://")) else []
    return Parsed(
        changes=[
            Told(
                summary=summary, kind=kind, source=f"GitHub {repository}".strip(), service=service, version=version,
                outcome=outcome, url=url or page, links=links, data={key: text for key, text in data.items() if text},
                labels={key: text for key, text in (everywhere | labels).items() if text}, id=id, at=instant(at),
            )
        ]
    )  # fmt: skip


def _repository(payload: dict[str, Any]) -> str:
    return text_at(payload, "repository", "full_name")


def _list(door: Integration, name: str) -> list[str]:
    """An option that is a list of texts, or one text with commas."""
    said = door.options.get(name) or []
    texts = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
    return [str(text).strip() for text in texts if str(text).strip()]


READERS = {
    "workflow_run": _run, "workflow_job": _workflow_job, "check_run": _check_run, "deployment": _deployment,
    "deployment_status": _deployment_status, "release": _release, "push": _push,
}  # fmt: skip
