"""The latest run's decision about a contact, from what was stored with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.campaigns.kept import Kept, kept
from orchestrator.clock import from_epoch
from orchestrator.explanation.answer import Answer, Grounds, local
from orchestrator.store import history as store
from orchestrator.vocabulary import Decision, MailEventKind, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

BOUNCED = {
    MailEventKind.HARD_BOUNCE: "It bounced: the address does not exist.",
    MailEventKind.SOFT_BOUNCE: "It bounced for the time being.",
}
DID = {
    MailEventKind.OPEN: "opened it",
    MailEventKind.CLICK: "clicked in it",
    MailEventKind.UNSUBSCRIBE: "opted out",
    MailEventKind.ABUSE: "marked it as spam",
}


def decided(
    connection: Connection,
    zone: ZoneInfo,
    campaign: str,
    contact: int,
    email: str,
    history: Sequence[Mapping[str, Any]],
) -> Answer:
    """``history``: the runs' decisions, newest first; ``email``: the contact's address today."""
    send = history[0]
    evidence = kept(send["definition"], send["facts"])
    causes = _causes(connection, campaign, contact, send, evidence)
    events = store.events(connection, send["run_id"], contact)
    reasons = [
        *_outcome(send, email, zone),
        *_reactions(events, zone),
        *_because(causes, zone),
        *_membership(send, evidence, zone),
        _run(send, zone),
    ]
    grounds = None
    if evidence is not None:
        at = from_epoch(evidence.at)
        grounds = Grounds(at, evidence.segment, evidence.values, evidence.sources, evidence.explained)
    return Answer(
        decision=send["decision"],
        reasons=tuple(reasons),
        at=from_epoch(send["sent_at"] if send["decision"] == Decision.SENT else send["decided_at"]),
        considered=True,
        grounds=grounds,
        send=send,
        texts=_texts(campaign, send, evidence),
        caused_by=tuple(causes),
        events=tuple(events),
        history=tuple(history),
    )


def _outcome(send: Mapping[str, Any], email: str, zone: ZoneInfo) -> list[str]:
    reasons = [send["reason"]] if send["reason"] else []
    if send["decision"] == Decision.SENT:
        reasons.append(f"Sent at {local(send['sent_at'], zone)} as Mailchimp campaign {send['mailchimp_id']}.")
        if send["email_key"] != email.lower():
            reasons.append(f"It went to {send['email_key']}, the address then; today it is {email}.")
    if send["bounce"] in BOUNCED:
        reasons.append(BOUNCED[send["bounce"]])
    if send["entered_at"] is not None:
        # a run that was learned from the provider after a restore does not say which segment it was
        segment = send["definition"].get("segment")
        entered = f'Entered "{segment}"' if segment else "Entered the segment"
        reasons.append(f"{entered} at {local(send['entered_at'], zone)}.")
    return reasons


def _reactions(events: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> list[str]:
    found = []
    for kind, words in DID.items():
        moments = [one["at"] for one in events if one["kind"] == kind]
        if moments:
            times = "" if len(moments) == 1 else f", {len(moments)} times in all"
            found.append(f"The contact {words} at {local(moments[0], zone)}{times}.")
    return found


def _causes(
    connection: Connection, campaign: str, contact: int, send: Mapping[str, Any], evidence: Kept | None
) -> list[dict[str, Any]]:
    """The earlier mails because of which this one was withheld."""
    run, at = send["run_id"], send["decided_at"]
    if send["decision"] == Decision.RECENTLY_MAILED:
        return store.mails(connection, contact, since=0, until=at, not_run=run, campaign=campaign)[:1]
    if send["decision"] == Decision.CAPPED and evidence is not None and evidence.since is not None:
        # what counts was sent after the beginning of the time, as the decision asks
        return store.mails(connection, contact, since=evidence.since + 1, until=at, not_run=run)
    return []


def _because(causes: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> list[str]:
    words = {Decision.SENT: "sent at", Decision.PLANNED: "to be sent, decided at", Decision.DEFERRED: "waiting since"}
    return [
        f"The earlier mail: {one['campaign']}, {words[Decision(one['decision'])]} {local(one['at'], zone)} "
        f"(run {one['run']})."
        for one in causes
    ]


def _membership(send: Mapping[str, Any], evidence: Kept | None, zone: ZoneInfo) -> list[str]:
    if evidence is None:
        return []
    own = evidence.explained.get(evidence.segment)
    if own is None:
        return [f'Segment "{evidence.segment}" could not be computed then: its file was gone or had an error.']
    was_in = send["decision"] != Decision.LEFT_SEGMENT
    passed = send["decision"] not in {
        Decision.NO_CONSENT, Decision.SUPPRESSED, Decision.UNDELIVERABLE, Decision.EXCLUDED, Decision.HELD_OUT,
    }  # fmt: skip
    if passed and own.member is not was_in and evidence.recomputed_at != evidence.at:
        found = local(evidence.recomputed_at, zone)
        return [f"Membership is that of the recompute at {found}; the values are of {local(evidence.at, zone)}."]
    return []


def _run(send: Mapping[str, Any], zone: ZoneInfo) -> str:
    run = f"Run {send['run']} ({send['state']}), decided at {local(send['decided_at'], zone)}."
    if send["state"] == RunState.WAITING_APPROVAL:
        return f"{run} It waits for a person: campaigns approve {send['run']}"
    if send["decision"] == Decision.PLANNED and send["run_reason"]:
        return f"{run} It stands still: {send['run_reason']}"
    return run


def _texts(campaign: str, send: Mapping[str, Any], evidence: Kept | None) -> dict[str, str]:
    """File -> fingerprint; a mail's own texts are those of its mailing."""
    definition = send["definition"]
    own = {"campaign": definition.get("campaign_fingerprint", "")}
    for one in definition.get("texts", ()):
        if send["mailing"] is not None and one["mailing"] <= send["mailing"]:
            own = one
    texts = {f"campaigns/{campaign}.toml": own["campaign"]}
    if "template" in own:
        texts[f"templates/{definition['template']}"] = own["template"]
    for name, fingerprint in (evidence.files if evidence is not None else {}).items():
        texts[f"segments/{name}.toml"] = fingerprint
    return texts
