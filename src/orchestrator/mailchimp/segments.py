"""Static segments, which people see as tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.errors import NotAtProvider, RejectedByProvider
from orchestrator.gateway import BATCH, SegmentAnswer, StaticSegment
from orchestrator.mailchimp import payloads
from orchestrator.mailchimp.calls import Calls, nothing
from orchestrator.mailchimp.failures import Effect
from orchestrator.mailchimp.refusals import means_no_email_matches
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class SegmentCalls(Calls):
    """Static segments. Mailchimp knows them by number; names come back in another letter case at times."""

    def segments(self) -> list[StaticSegment]:
        with self._audience_exists():
            segments = self._rows(
                "read the static segments",
                self._api.lists.list_segments,
                self._audience_id,
                key="segments",
                fields=("id", "name", "member_count"),
                parse=payloads.static_segment,
                type="static",
            )
            return list(segments)

    def create_segment(self, name: str, emails: Sequence[str] = ()) -> StaticSegment:
        """Addresses that the audience does not have are left out by Mailchimp: read the members back."""
        unique = payloads.unique_addresses(emails)
        if len(unique) > BATCH:
            raise ValueError(f"at most {BATCH} members in one call")
        try:
            return self._create(name, unique)
        except RejectedByProvider as error:
            if not unique or not means_no_email_matches(error.detail):
                raise
            # refused, so there is no segment yet
            return self._create(name, [])

    def change_segment(self, segment_id: int, add: Sequence[str], remove: Sequence[str]) -> SegmentAnswer:
        adding, removing = payloads.unique_addresses(add), payloads.unique_addresses(remove)
        if max(len(adding), len(removing)) > BATCH:
            raise ValueError(f"at most {BATCH} members to add and {BATCH} to remove in one call")
        if not adding and not removing:
            return SegmentAnswer(frozenset(), frozenset(), {})
        try:
            answer = self._change(segment_id, adding, removing)
        except RejectedByProvider as error:
            if not means_no_email_matches(error.detail):
                raise
            if adding and removing:
                # which half it was is not said
                return _together(
                    self.change_segment(segment_id, adding, ()), self.change_segment(segment_id, (), removing)
                )
            return SegmentAnswer(
                frozenset(),
                frozenset(email.lower() for email in removing),
                {email.lower(): error.detail for email in adding},
            )
        silent = {email.lower() for email in adding} - answer.added - answer.refused.keys()
        if silent:
            # neither added nor refused: already in it, or unknown to the audience
            already = silent.intersection(self.segment_members(segment_id))
            answer = replace(answer, added=answer.added | already)
        return answer

    def segment_members(self, segment_id: int) -> Iterator[str]:
        for member in self._rows(
            "read the members of a static segment",
            self._api.lists.get_segment_members_list,
            self._audience_id,
            str(segment_id),
            key="members",
            fields=("email_address", "status"),
            parse=payloads.member,
        ):
            if member.status is MemberStatus.SUBSCRIBED:
                yield member.email.lower()

    def delete_segment(self, segment_id: int) -> None:
        try:
            self._client.call(
                f"delete the static segment {segment_id}",
                self._api.lists.delete_segment,
                self._audience_id,
                str(segment_id),
                effect=Effect.REPEATABLE,
                read=nothing,
            )
        except NotAtProvider:
            return

    def _create(self, name: str, emails: list[str]) -> StaticSegment:
        with self._audience_exists():
            return self._client.call(
                f'create the static segment "{name}"',
                self._api.lists.create_segment,
                self._audience_id,
                {"name": name, "static_segment": emails},
                effect=Effect.ONCE,
                read=payloads.static_segment,
            )

    def _change(self, segment_id: int, add: list[str], remove: list[str]) -> SegmentAnswer:
        body = {key: emails for key, emails in (("members_to_add", add), ("members_to_remove", remove)) if emails}
        return self._client.call(
            f"change the members of the static segment {segment_id}",
            self._api.lists.batch_segment_members,
            body,
            self._audience_id,
            str(segment_id),
            effect=Effect.REPEATABLE,
            read=lambda answer: payloads.segment_answer(add, remove, answer),
        )


def _together(one: SegmentAnswer, other: SegmentAnswer) -> SegmentAnswer:
    return SegmentAnswer(
        one.added | other.added,
        one.removed | other.removed,
        {**one.refused, **other.refused},
        {**one.changed, **other.changed},
    )
