"""A Mailchimp that takes its time and little else: the calls of a sync, each answered LATENCY seconds after it came.

    python -m benchmarks.slow_mailchimp 0.2        prints the address of the API, serves until it is killed

The sandbox checks everything as Mailchimp does, and that takes longer than the latency that is to be measured with.
This one knows no refusals, so that a benchmark's processor time is the product's; all of its members are subscribed.
Its own garbage is not collected: with 100,000 members in memory, that stopped all calls for 0.1 s now and then, which
Mailchimp's computers do not. ``GET /counts`` says what was asked.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
SEGMENT = re.compile(r"/segments/(\d+)$")
PAGE = 10
SUBSCRIBED = "subscribed"


class Audience:
    """Members and static segments, and what each call does to them."""

    def __init__(self) -> None:
        self.least_pages = 0
        """listings so far: each takes one call at least"""
        self.members: dict[str, Json] = {}
        """by address, the one that was changed last in the end"""
        self.segments: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._listed: tuple[object, list[Json]] = (None, [])

    def call(self, method: str, path: str, query: Json, body: Json) -> Json:
        if found := SEGMENT.search(path):
            return self._change_segment(int(found[1]), body)
        if path.endswith("/segments"):
            return self._new_segment(body["name"]) if method == "POST" else self._all_segments()
        if path.endswith("/members"):
            return self._members(query)
        if method == "POST":
            return self._batch(body)
        raise LookupError(f"{method} {path}")

    def _batch(self, body: Json) -> Json:
        answer: Json = {"new_members": [], "updated_members": [], "errors": []}
        moment = now()
        for row in body["members"]:
            key = row["email_address"].lower()
            member = self.members.get(key)
            if member is None:
                member = self.members[key] = {"email_address": row["email_address"], "status": SUBSCRIBED}
                member |= {"timestamp_opt": moment, "tags": [], "merge_fields": {}}
                answer["new_members"].append(member)
            else:
                answer["updated_members"].append(member)
            member["merge_fields"] |= row.get("merge_fields", {})
            self._changed(member, moment)
            for name in row.get("tags", ()):
                self._tag(member, self._new_segment(name)["id"])
        self._listed = (None, [])
        return answer

    def _members(self, query: Json) -> Json:
        status, since = query["status"], query.get("since_last_changed", "")
        key = (status, since)
        if self._listed[0] != key:
            latest = reversed(self.members.values()) if status == SUBSCRIBED else ()
            self._listed = (key, list(takewhile(lambda row: row["last_changed"] > since, latest)))
        start, count = int(query.get("offset", 0)), int(query.get("count", PAGE))
        self.least_pages += start == 0
        columns = ("email_address", "status", "last_changed", "timestamp_opt")
        page = [{column: row[column] for column in columns} for row in self._listed[1][start : start + count]]
        return {"members": page, "total_items": len(self._listed[1])}

    def _all_segments(self) -> Json:
        rows = [{"id": number, "name": name, "member_count": 0} for number, name in self.segments.items()]
        return {"segments": rows, "total_items": len(rows)}

    def _new_segment(self, name: str) -> Json:
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        self.segments[number] = name
        return {"id": number, "name": name, "member_count": 0}

    def _change_segment(self, number: int, body: Json) -> Json:
        answer: Json = {"members_added": [], "members_removed": [], "errors": []}
        for key in body.get("members_to_add", ()):
            self._tag(self.members[key], number)
            answer["members_added"].append(self.members[key])
        for key in body.get("members_to_remove", ()):
            member = self.members[key]
            member["tags"] = [tag for tag in member["tags"] if tag["id"] != number]
            answer["members_removed"].append(member)
        moment = now()
        for member in (*answer["members_added"], *answer["members_removed"]):
            self._changed(member, moment)
        self._listed = (None, [])
        return answer

    def _changed(self, member: Json, moment: str) -> None:
        member["last_changed"] = moment
        key = member["email_address"].lower()
        self.members[key] = self.members.pop(key)

    def _tag(self, member: Json, number: int) -> None:
        tag = {"id": number, "name": self.segments[number]}
        if tag not in member["tags"]:
            member["tags"].append(tag)


class Exchange(asyncio.Protocol):
    """One connection: requests with a length, one after the other."""

    def __init__(self, serve: Callable[[Exchange, str, str, bytes], None], met: Counter[str]) -> None:
        self._serve = serve
        self._met = met
        self._data = b""
        self.out: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.out = transport
        self._met["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if len(rest) >= size:
            self._data = rest[size:]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self._serve(self, method, target, rest[:size])


class Server:
    """Answers late, and counts."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._audience = Audience()
        self._met: Counter[str] = Counter(connections=0, calls=0, writes=0)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Exchange(self._take, self._met), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}/3.0", flush=True)
        await server.serve_forever()

    def _take(self, exchange: Exchange, method: str, target: str, body: bytes) -> None:
        address = urlsplit(target)
        if address.path.endswith("/counts"):
            self._met["connections"] -= 1  # the one that asks
            counts = {**self._met, "cpu": time.process_time(), "pages": self._audience.least_pages}
            exchange.out.write(_response(counts))
            return
        self._met["calls"] += 1
        self._met["writes"] += method != "GET"
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        late = asyncio.get_running_loop().time() + self._latency
        answer = self._audience.call(method, address.path, query, orjson.loads(body) if body else {})
        response = _response(answer)
        asyncio.get_running_loop().call_at(late, exchange.out.write, response)


def _response(answer: Json) -> bytes:
    body = orjson.dumps(answer)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def now() -> str:
    """As Mailchimp writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    gc.disable()
    asyncio.run(Server(float(sys.argv[1])).run())
