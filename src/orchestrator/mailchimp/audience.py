"""The audience's members and merge fields.

The status of an existing member is Mailchimp's to decide. It is sent in two calls only: with new addresses, which
``update_existing: false`` keeps off existing members, and with opt-outs that the ERP reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import NotAtProvider, RejectedByProvider
from orchestrator.gateway import BATCH, AudienceInfo, Member, MemberRefusal, MembersAnswer, MemberWrite, MergeField
from orchestrator.mailchimp import payloads
from orchestrator.mailchimp.calls import Calls, nothing
from orchestrator.mailchimp.failures import Effect
from orchestrator.mailchimp.refusals import refusal_of
from orchestrator.vocabulary import MemberStatus, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

USUAL_MERGE_FIELD_LIMIT = 30
"""merge fields an audience may have where Mailchimp does not say (facts, section 3)"""
_HALVINGS = 40
"""calls spent on finding the rows for which whole batches are refused: enough for about four of 500"""
_MEMBER_FIELDS = ("email_address", "status", "last_changed", "timestamp_opt")


class AudienceCalls(Calls):
    """Members and merge fields."""

    def audience(self) -> AudienceInfo:
        def read(answer: Mapping[str, Any]) -> AudienceInfo:
            limit = int(answer.get("merge_field_limit") or USUAL_MERGE_FIELD_LIMIT)
            return AudienceInfo(answer["id"], answer["name"], limit)

        with self._audience_exists():
            # without `fields`: older accounts refuse the name merge_field_limit
            return self._client.call(
                "read the audience", self._api.lists.get_list, self._audience_id, effect=Effect.READ, read=read
            )

    def members(
        self,
        status: MemberStatus,
        changed_since: datetime | None = None,
        *,
        enough: Callable[[int], bool] = lambda _: False,
    ) -> Iterator[Member]:
        """A member may come twice where others leave that status meanwhile."""
        if status is MemberStatus.UNKNOWN:
            raise ValueError("Mailchimp has no such status")
        query: dict[str, str] = {"status": status.value}
        if changed_since is not None:
            query["since_last_changed"] = payloads.since(changed_since)
        with self._audience_exists():
            yield from self._rows(
                f"read the {status.value} members",
                self._api.lists.get_list_members_info,
                self._audience_id,
                key="members",
                fields=_MEMBER_FIELDS,
                parse=payloads.member,
                enough=enough,
                **query,
            )

    def member(self, email: str) -> Member | None:
        try:
            return self._client.call(
                "read a member",
                self._api.lists.get_list_member,
                self._audience_id,
                payloads.subscriber_hash(email),
                fields=list(_MEMBER_FIELDS),
                effect=Effect.READ,
                read=payloads.member,
            )
        except NotAtProvider:
            return None

    def add_members(self, rows: Sequence[MemberWrite]) -> MembersAnswer:
        """``update_existing: false``: somebody who exists is refused whatever the status, and left alone."""
        bodies = [payloads.member_row(row, MemberStatus.SUBSCRIBED) for row in payloads.unique_rows(rows)]
        return self._batch("add members", bodies, update_existing=False, effect=Effect.ONCE)

    def update_members(self, rows: Sequence[MemberWrite]) -> MembersAnswer:
        """The rows have no status at all. Tags are added beside those that a member has."""
        bodies = [payloads.member_row(row) for row in payloads.unique_rows(rows)]
        return self._batch("update members", bodies, update_existing=True, effect=Effect.REPEATABLE)

    def unsubscribe_members(self, emails: Sequence[str]) -> MembersAnswer:
        bodies = [
            payloads.member_row(MemberWrite(email), MemberStatus.UNSUBSCRIBED)
            for email in payloads.unique_addresses(emails)
        ]
        return self._batch("unsubscribe members", bodies, update_existing=True, effect=Effect.REPEATABLE)

    def change_address(self, old: str, new: str) -> None:
        """By the old address's id: by the new one's it would make a second contact and keep mailing the first."""
        try:
            self._client.call(
                "change a member's address",
                self._api.lists.update_list_member,
                self._audience_id,
                payloads.subscriber_hash(old),
                {"email_address": new},
                skip_merge_validation=True,
                # a second call would not find the old address any more
                effect=Effect.ONCE,
                read=nothing,
            )
        except RejectedByProvider as error:
            if refusal_of(error.detail) is Refusal.EXISTS and error.title != "Member Exists":
                raise RejectedByProvider(str(error), title="Member Exists", detail=error.detail) from error
            raise

    def merge_fields(self) -> list[MergeField]:
        with self._audience_exists():
            fields = self._rows(
                "read the merge fields",
                self._api.lists.get_list_merge_fields,
                self._audience_id,
                key="merge_fields",
                fields=("tag", "type", "required", "default_value"),
                parse=payloads.merge_field,
            )
            return list(fields)

    def create_merge_field(self, tag: str, name: str) -> MergeField:
        body = {"tag": tag, "name": name, "type": "text", "public": False, "required": False}
        with self._audience_exists():
            return self._client.call(
                f"create the merge field {tag}",
                self._api.lists.add_list_merge_field,
                self._audience_id,
                body,
                effect=Effect.ONCE,
                read=payloads.merge_field,
            )

    def _batch(self, what: str, bodies: list[payloads.Json], *, update_existing: bool, effect: Effect) -> MembersAnswer:
        if len(bodies) > BATCH:
            raise ValueError(f"at most {BATCH} members in one call")
        calls_left = _HALVINGS

        def ask(part: list[payloads.Json]) -> MembersAnswer:
            """A row of the wrong form has the whole call refused. Nothing was done then, so the rows are asked for
            again in halves until the one is found: it must not hold up the others."""
            nonlocal calls_left
            if not part:
                return MembersAnswer(frozenset(), (), frozenset())
            try:
                return self._one_batch(what, part, update_existing=update_existing, effect=effect)
            except RejectedByProvider as error:
                if len(part) == 1:
                    return _refused(part[0]["email_address"], error)
                calls_left -= 2
                if calls_left < 0:
                    raise
            middle = len(part) // 2
            return _together(ask(part[:middle]), ask(part[middle:]))

        return ask(bodies)

    def _one_batch(
        self, what: str, bodies: list[payloads.Json], *, update_existing: bool, effect: Effect
    ) -> MembersAnswer:
        sent = [body["email_address"] for body in bodies]
        with self._audience_exists():
            return self._client.call(
                what,
                self._api.lists.batch_list_members,
                self._audience_id,
                # never sync_tags: it takes away the tags that people set by hand
                {"members": bodies, "update_existing": update_existing, "sync_tags": False},
                # a merge field that somebody made required for the sign-up form is no reason to refuse our rows;
                # the values that we do send are checked all the same
                skip_merge_validation=True,
                effect=effect,
                read=lambda answer: payloads.members_answer(sent, answer),
            )


def _refused(email: str, error: RejectedByProvider) -> MembersAnswer:
    refusal = MemberRefusal(email, refusal_of(error.detail), error.detail or str(error))
    return MembersAnswer(frozenset(), (refusal,), frozenset())


def _together(one: MembersAnswer, other: MembersAnswer) -> MembersAnswer:
    return MembersAnswer(
        one.done | other.done,
        one.refused + other.refused,
        one.unanswered | other.unanswered,
        {**one.tags, **other.tags},
        {**one.changed, **other.changed},
    )
