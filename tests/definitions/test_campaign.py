# ruff: noqa: E501 - one case a line is easier to compare
from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.definitions.conftest import CAMPAIGN, read

from orchestrator.definitions.values import Trigger
from orchestrator.vocabulary import TriggerKind

CampaignOf = Callable[[str], Any]

ENTER = CAMPAIGN.replace('"manual"', '"enter"')
SCHEDULE = CAMPAIGN.replace('"manual"', '"schedule"')


def test_a_campaign_has_sensible_defaults(campaign_of: CampaignOf) -> None:
    campaign = campaign_of("")
    assert (campaign.active, campaign.priority, campaign.exclude, campaign.preheader) == (True, 50, (), "")
    assert (campaign.holdout_share, campaign.goal_within, campaign.vars, campaign.utm) == (None, None, {}, {})
    assert campaign.trigger == Trigger(TriggerKind.MANUAL)


def test_each_kind_of_trigger_is_read() -> None:
    entering, _ = read("campaign", ENTER + 'after = "4 hours"\nagain_after = "7 days"\nexisting = true\n')
    bare, _ = read("campaign", ENTER)
    scheduled, _ = read("campaign", SCHEDULE + 'cron = "0 9 * * mon"\nmissed_after = "1 hour"\n')
    assert entering.trigger == Trigger(TriggerKind.ENTER, timedelta(hours=4), timedelta(days=7), existing=True)
    assert bare.trigger == Trigger(TriggerKind.ENTER)
    assert scheduled.trigger == Trigger(TriggerKind.SCHEDULE, cron="0 9 * * mon", missed_after=timedelta(hours=1))


def test_a_holdout_share_is_exact(campaign_of: CampaignOf) -> None:
    assert str(campaign_of("[holdout]\nshare = 0.10\n").holdout_share) == "0.10"
    assert campaign_of("[holdout]\nshare = 0\n").holdout_share == Decimal(0)


def test_vars_are_free_values(campaign_of: CampaignOf) -> None:
    campaign = campaign_of('[vars]\ncoupon = "CART5"\nrate = 0.5\nuntil = 2026-12-24\nlist = [1, { a = "x" }]\n')
    assert campaign.vars == {"coupon": "CART5", "rate": 0.5, "until": date(2026, 12, 24), "list": [1, {"a": "x"}]}


def test_lines_of_keys_are_kept_for_problems_found_later(campaign_of: CampaignOf) -> None:
    lines = campaign_of("[goal]\nwithin = '7 days'\n").lines
    assert (lines["subject"], lines["trigger"], lines["goal.within"]) == (3, 5, 8)


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        (CAMPAIGN.replace("[trigger]\non", "trigger"), 5, 11, 'trigger must be one table, not the text "manual"', "Write it once, as [trigger] with its keys below."),
        (CAMPAIGN.replace("[trigger]", "[[trigger]]"), 5, 3, "trigger must be one table, not a list of tables", "Write it once, as [trigger] with its keys below."),
        (CAMPAIGN.replace("manual", "entr"), 6, 6, 'trigger.on must be "enter", "schedule" or "manual", not the text "entr"', 'Did you mean "enter"?'),
        (CAMPAIGN.replace('on = "manual"', ""), 5, 2, "on is missing in [trigger]", 'Add on = "enter" (what starts it).'),
        (CAMPAIGN.replace('[trigger]\non = "manual"', ""), 1, 1, "the table [trigger] is missing", "Add [trigger]; it needs on."),
        (ENTER + 'cron = "0 9 * * mon"\n', 7, 1, 'trigger.cron does not go with on = "enter"', 'With it go: after, again_after, existing. cron goes with on = "schedule".'),
        (CAMPAIGN + 'after = "4 hours"\n', 7, 1, 'trigger.after does not go with on = "manual"', 'Delete the line. after goes with on = "enter".'),
        (SCHEDULE, 5, 2, "cron is missing in [trigger]", 'Add cron = "0 9 * * mon" (minute hour day month weekday, in business time).'),
        (SCHEDULE + 'cron = "0 9 * * mno"\n', 7, 8, 'trigger.cron must be a cron line: "mno" is no weekday in "0 9 * * mno"', 'Did you mean "mon"?'),
        (ENTER + "after = 4\n", 7, 9, 'trigger.after must be a duration as "4 hours", not the number 4', 'For example: after = "0 hours".'),
        ("priority = '80'\n" + CAMPAIGN, 1, 12, 'priority must be a whole number, not the text "80"', "Write 80 without quotes."),
        ("priority = 80.0\n" + CAMPAIGN, 1, 12, "priority must be a whole number, not the number 80.0", "For example: priority = 50."),
        ("priority = -1\n" + CAMPAIGN, 1, 12, "priority must be from 0 to 1000, not -1", "For example: priority = 50."),
        ("exclude = 'vip'\n" + CAMPAIGN, 1, 11, 'exclude must be a list, not the text "vip"', 'Write ["vip"].'),
        ("exclude = ['vip', 7]\n" + CAMPAIGN, 1, 19, "exclude[2] must be a name, not the number 7", "Change it, or delete it."),
        ("exclude = ['vip', 'vip']\n" + CAMPAIGN, 1, 19, 'exclude names "vip" twice', "Delete one of the two."),
        ("exclude = ['lapsed']\n" + CAMPAIGN, 1, 12, 'exclude names the campaign\'s own segment "lapsed"', "Nobody would get it."),
        (CAMPAIGN.replace('"winback"', '"../x"'), 2, 12, 'template must be a name, not the text "../x"', "It is the file's name without its ending: lower-case letters, digits, - and _."),
        (CAMPAIGN.replace('"We miss you"', '"a\\nb"'), 3, 11, "subject must be a single line", "Remove the line break."),
        (CAMPAIGN + "share = 0.1\n", 7, 1, 'unknown key "share" in [trigger]', '"share" belongs in [holdout].'),
        (CAMPAIGN + "priority = 1\n", 7, 1, 'unknown key "priority" in [trigger]', '"priority" belongs at the top of the file, above the first [table].'),
        (CAMPAIGN + "[holdout]\nshare = 10\n", 8, 9, "holdout.share must be from 0 to below 1, not 10", "10 percent is written 0.10."),
        (CAMPAIGN + "[holdout]\n", 7, 2, "share is missing in [holdout]", "Add share = 0.10 (share of accounts that this campaign never mails)."),
        (CAMPAIGN + "[goal]\nwithin = '0 days'\n", 8, 10, "goal.within must be longer than zero", 'Write a time as "7 days".'),
        (CAMPAIGN + "[utm]\ncampain = 'x'\n", 8, 1, 'unknown key "campain" in [utm]', 'Did you mean "campaign"?'),
        (CAMPAIGN + "[utm]\ncampaign = 7\n", 8, 12, "utm.campaign must be a text, not the number 7", "Change it, or delete it."),
        (CAMPAIGN + "[vars]\nx = [nan]\n", 8, 5, "vars.x must be an ordinary number, not NaN", "Change it, or delete it."),
    ],
)  # fmt: skip
def test_each_wrong_campaign_has_place_cause_and_next_step(
    text: str, line: int, column: int, message: str, hint: str
) -> None:
    campaign, problems = read("campaign", text)
    assert campaign is None
    (problem,) = problems
    assert (problem.line, problem.column, problem.message, problem.hint) == (line, column, message, hint)
