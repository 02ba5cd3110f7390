"""The section about groups: those that somebody named, and those that are made of what is known of every image."""

from sightline.evaluation.page.markup import missing, section, table, text
from sightline.evaluation.page.stated import Stated, source
from sightline.evaluation.page.where import group_words, is_worse


def groups_section(figures: Stated) -> str:
    """Groups that are truly worse first, then all that were looked at; nothing where none were."""
    rows = [row for part in ("groups", "slices") if figures.get(part) for row in figures[part]["rows"]]
    steps = list(figures["slices"]["confidence"]) if figures.get("slices") else []
    if not rows:
        return ""
    judged = (figures.get("slices") or figures["groups"]).value["judged"]
    poor = sorted((row for row in rows if is_worse(row, figures)), key=lambda row: -abs(row.value["gap"]["value"]))
    named = figures["groups"]["rows"] if figures.get("groups") else ()
    lead = (
        f"Each group beside all other images, by its {text(_WORDS.get(judged, judged))}. A gap counts as real only "
        "where its interval, at a confidence that all comparisons share, leaves out 0."
    )
    body = _table(poor, judged, "Groups that are truly worse") if poor else missing("No group is worse for certain.")
    if len(named):
        body += f"<h3>Named groups</h3>{_table(list(named), judged, 'Named groups')}"
    made = [row for row in rows if row.keys[0] == "slices"]
    if made:
        listed = _table(made, judged, "Groups made of what is known of every image")
        body += f'<details><summary>All that was looked at</summary><div class="tall">{listed}</div></details>'
    if steps:
        body += f"<details><summary>Right answers by confidence</summary>{_sureness(steps)}</details>"
    return section("groups", "Groups that fail", lead, body + source(figures.file))


_WORDS = {"mae": "mean absolute error", "jaccard": "Jaccard index"}


def _table(rows: list[Stated], judged: str, label: str) -> str:
    shares = judged != "mae"
    cells: list[list[str]] = []
    for row in rows:
        own, gap = row["figures"].get(judged), row["gap"]
        value = "–" if own is None else _value(own["value"], shares)
        within = "–"
        if own is not None and own.value["low"] is not None:
            within = f"{_value(own['low'], shares)} to {_value(own['high'], shares)}"
        if gap.value["value"] is None:
            told, real = "–", f"not compared<small>{text(gap.value['why'])}</small>"
        else:
            off, least, most = (
                gap[key].points(sign=True) if shares else gap[key].plain("+.3g") for key in ("value", "low", "high")
            )
            told, real = f"{off} ({least} to {most})", "real" if gap.value["real"] else "may be chance"
        cells.append([group_words(row), row["n"].plain(","), value, within, told, real])
    head = ["Group", "Images", text(_WORDS.get(judged, judged)).capitalize(), "Interval"]
    gap_head = "Gap to the rest, points" if shares else "Gap to the rest"
    return table([*head, gap_head, "Verdict"], cells, numbers=(1, 2, 3, 4), label=label)


def _value(value: Stated, shares: bool) -> str:
    return value.percent() if shares else value.plain(".3g")


def _sureness(steps: list[Stated]) -> str:
    rows: list[list[str]] = []
    for row in steps:
        ends = f"{row['from'].percent()} to {row['to'].percent()}"
        right = row["accuracy"]
        over = row.value["confidence"] > row.value["accuracy"]["value"]
        verdict = ("too sure" if over else "too unsure") if row.value["real"] else "may be chance"
        interval = f"{right['low'].percent()} to {right['high'].percent()}"
        rows.append(
            [ends, row["n"].plain(","), row["confidence"].percent(), right["value"].percent(), interval, verdict]
        )
    head = ["Confidence", "Images", "Sure on average", "Right", "Interval", "Verdict"]
    return table(head, rows, numbers=(1, 2, 3, 4), label="Right answers by confidence")
