"""docs/runbooks.md has an entry for every reason that a condition can be false for, and for every alert that is about no one reason."""

import re

import pytest
import yaml

from tests.bed.paths import REPO

RUNBOOKS = (REPO / "docs" / "runbooks.md").read_text()
REASONS = (REPO / "docs" / "reference.md").read_text().partition("\n## Reasons\n")[2].partition("\n### Internal\n")[0]
# A row whose last cell says what happens meanwhile is a false reason; a dash stands for one that goes with True.
FALSE = [name for name, meanwhile in re.findall(r"^\| `(\w+)` \| .+ \| ([^|]+) \|$", REASONS, re.MULTILINE) if meanwhile.isascii()]
TOLD = [name for name in FALSE if name != "Pending"]
ABOUT_REASONS, _, ABOUT_ALERTS = RUNBOOKS.partition("\n## Alerts\n")


def entries(text: str) -> dict[str, str]:
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))


ENTRIES, ALERTS = entries(ABOUT_REASONS), entries(ABOUT_ALERTS)
RULES = yaml.safe_load((REPO / "helm/rotated-rds/files/alerts.yaml").read_text())["groups"][0]["rules"]
ANCHORS = {rule["alert"]: rule["annotations"]["runbook_url"].removeprefix("docs/runbooks.md#") for rule in RULES}


def test_every_false_reason_has_an_entry_and_no_other_word_has() -> None:
    assert sorted(ENTRIES) == sorted(TOLD)


@pytest.mark.parametrize("entry", [*TOLD, *ALERTS])
def test_an_entry_says_what_it_is_and_what_mends_it(entry: str) -> None:
    text = {**ENTRIES, **ALERTS}[entry]
    assert "**Look**" in text
    assert "**Mend**" in text


def test_every_alert_leads_to_an_entry() -> None:
    assert set(ANCHORS.values()) <= {name.lower() for name in (*ENTRIES, *ALERTS)}


def test_an_alert_s_own_entry_is_where_it_leads() -> None:
    own = {alert for alert, anchor in ANCHORS.items() if anchor == alert.lower()}
    assert own == set(ALERTS)


def test_the_table_on_top_leads_to_every_entry() -> None:
    top = RUNBOOKS.partition("\n### ")[0]
    assert sorted(re.findall(r"\[(\w+)\]\(#(\w+)\)", top)) == sorted((reason, reason.lower()) for reason in TOLD)
