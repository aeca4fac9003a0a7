"""The account and its audiences, campaign folders and sender domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route
from orchestrator.sandbox.state import Folder

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json


def _ping(_: Call) -> Answer:
    return Answer(body={"health_status": "Everything's Chimpy!"})


def _root(call: Call) -> Answer:
    return Answer(
        body={
            "account_id": "5a11db0c5",
            "login_id": "1",
            "account_name": "Sandbox",
            "email": "owner@sandbox.example",
            "first_name": "Sandbox",
            "last_name": "Owner",
            "username": "sandbox",
            "role": "owner",
            "member_since": call.account.created_at,
            "pricing_plan_type": call.rules.plan,
            "account_timezone": "UTC",
            "pro_enabled": call.rules.plan != "forever_free",
            "last_login": call.at,
            "total_subscribers": sum(len(a.subscribed) for a in call.account.audiences.values()),
            "_links": [],
        }
    )


def _render(call: Call, audience: Audience, *, total_contacts: bool = False) -> Json:
    statuses = [member.status for member in audience.members.values()]
    stats: Json = {
        "member_count": len(audience.subscribed),
        "unsubscribe_count": statuses.count("unsubscribed"),
        "cleaned_count": statuses.count("cleaned"),
        "member_count_since_send": 0,
        "unsubscribe_count_since_send": 0,
        "cleaned_count_since_send": 0,
        "campaign_count": sum(c.audience_id == audience.id for c in call.account.campaigns.values()),
        "campaign_last_sent": audience.last_sent,
        "merge_field_count": len(audience.merge_fields),
        "avg_sub_rate": 0,
        "avg_unsub_rate": 0,
        "target_sub_rate": 0,
        "open_rate": 0,
        "click_rate": 0,
        "last_sub_date": max((m.opted_in_at for m in audience.members.values()), default=""),
        "last_unsub_date": max((m.unsubscribed_at for m in audience.members.values()), default=""),
    }
    if total_contacts:
        stats["total_contacts"] = sum(status not in {"cleaned", "archived"} for status in statuses)
    company = str(audience.contact.get("company", ""))
    return {
        "id": audience.id,
        "web_id": audience.web_id,
        "name": audience.name,
        "contact": audience.contact,
        "permission_reminder": "You are a customer of ours.",
        "use_archive_bar": False,
        "campaign_defaults": {
            "from_name": company,
            "from_email": "hello@sandbox.example",
            "subject": "",
            "language": "en",
        },
        "date_created": audience.created_at,
        "list_rating": 0,
        "email_type_option": False,
        "visibility": "prv",
        "double_optin": False,
        "has_welcome": False,
        "marketing_permissions": False,
        "modules": [],
        "stats": stats,
        "_links": [],
    }


def _lists(call: Call) -> Answer:
    if call.rules.audience:
        call.audience(call.rules.audience)
    email = call.query.get("email", "").lower()
    found = [
        a
        for a in call.account.audiences.values()
        if not email or any(m.email.lower() == email for m in a.members.values())
    ]
    constraints = {"may_create": False, "max_instances": 1, "current_total_instances": len(found)}
    total = call.flag("include_total_contacts")
    return call.page("lists", found, lambda a: _render(call, a, total_contacts=total), constraints=constraints)


def _list(call: Call) -> Answer:
    return Answer(body=_render(call, call.audience(), total_contacts=call.flag("include_total_contacts")))


def _folder(call: Call, folder: Folder) -> Json:
    count = sum(c.settings["folder_id"] == folder.id for c in call.account.campaigns.values())
    return {"name": folder.name, "id": folder.id, "count": count, "_links": []}


def _folders(call: Call) -> Answer:
    return call.page("folders", list(call.account.folders.values()), lambda f: _folder(call, f))


def _new_folder(call: Call) -> Answer:
    folder = Folder(call.account.next_id(), Body(call.body).needed("name"))
    call.account.folders[folder.id] = folder
    return Answer(body=_folder(call, folder))


def _find_folder(call: Call) -> Folder:
    found = call.account.folders.get(call.params["folder_id"])
    if found is None:
        raise problems.not_found()
    return found


def _read_folder(call: Call) -> Answer:
    return Answer(body=_folder(call, _find_folder(call)))


def _rename_folder(call: Call) -> Answer:
    folder = _find_folder(call)
    folder.name = Body(call.body).needed("name")
    return Answer(body=_folder(call, folder))


def _delete_folder(call: Call) -> Answer:
    """Its campaigns stay, without a folder."""
    folder = _find_folder(call)
    for campaign in call.account.campaigns.values():
        if campaign.settings["folder_id"] == folder.id:
            campaign.settings["folder_id"] = ""
    del call.account.folders[folder.id]
    return DONE


def _domain(name: str, *, verified: bool) -> Json:
    return {
        "domain": name,
        "verified": verified,
        "authenticated": verified,
        "verification_email": f"hello@{name}",
        "status": "AUTHENTICATED" if verified else "VERIFICATION_IN_PROGRESS",
        "is_free_email_provider": False,
    }


def _domains(call: Call) -> Answer:
    """Where every domain counts as verified, those in use are listed."""
    names = call.rules.verified_domains
    if names is None:
        used = {str(c.settings["reply_to"]).rpartition("@")[2].lower() for c in call.account.campaigns.values()}
        names = ("sandbox.example", *sorted(used - {""}))
    return Answer(body={"domains": [_domain(name, verified=True) for name in names], "total_items": len(names)})


def _read_domain(call: Call) -> Answer:
    name, known = call.params["domain_name"].lower(), call.rules.verified_domains
    if known is not None and name not in known:
        raise problems.not_found()
    return Answer(body=_domain(name, verified=True))


ROUTES = (
    Route("GET", "/ping", _ping),
    Route("GET", "/", _root),
    Route("GET", "/lists", _lists),
    Route("GET", "/lists/{list_id}", _list),
    Route("GET", "/campaign-folders", _folders),
    Route("POST", "/campaign-folders", _new_folder),
    Route("GET", "/campaign-folders/{folder_id}", _read_folder),
    Route("PATCH", "/campaign-folders/{folder_id}", _rename_folder),
    Route("DELETE", "/campaign-folders/{folder_id}", _delete_folder),
    Route("GET", "/verified-domains", _domains),
    Route("GET", "/verified-domains/{domain_name}", _read_domain),
)
