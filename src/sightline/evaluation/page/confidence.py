"""The section about confidences: how far off they are, what leaving unsure answers out gives, and thresholds."""

from sightline.evaluation.page.axes import Axes, shares_chart
from sightline.evaluation.page.markup import name, percent, section, table
from sightline.evaluation.page.stated import Stated, source


def confidence_section(figures: Stated, temperatures: bool = False) -> str:
    """Calibration with its picture, abstention, thresholds; nothing of numbers, which have no confidence.

    Args:
        figures: ``predictions/PART.json``.
        temperatures: whether the run has ``temperatures.json``.
    """
    found = figures.get("calibration")
    if found is None:
        return ""
    charts, tables = [_reliability(found)], [_errors(found)]
    if (curve := figures.get("abstention")) is not None:
        charts.append(_risk(curve))
        tables.append(_kept(curve))
    tables.append(_bins(found))
    if (rows := figures.get("thresholds")) is not None:
        tables.append(_thresholds(rows))
    lead = "Of the answers that are given with 80% confidence, 80% should be right: then the points lie on the line."
    files = (figures.file, *(("temperatures.json",) if temperatures else ()))
    body = f'<div class="charts">{"".join(charts)}</div>{_fitted(found)}{"".join(tables)}{source(*files)}'
    return section("confidence", "How sure it is", lead, body)


def _reliability(found: Stated) -> str:
    axes, rows = Axes(x=(0, 1), y=(0, 1)), found.value["reliability"]
    most = max(row["images"] for row in rows)
    drawn = axes.line([(0, 0), (1, 1)], "training")
    for row in rows:
        words = f"{percent(row['confidence'])} sure, {percent(row['accuracy'])} right of {row['images']:,}"
        drawn += axes.whisker(row["confidence"], row["low"], row["high"])
        radius = 2 + 5 * (row["images"] / most) ** 0.5
        drawn += axes.dot((row["confidence"], row["accuracy"]), words, radius)
    told = "; ".join(
        f"{percent(row['confidence'])} sure: {percent(row['accuracy'])} right of {row['images']:,}" for row in rows
    )
    keys = (
        '<span class="key"><i class="dotted"></i>answers of like confidence; large: many</span>'
        '<span class="key"><i class="training"></i>as sure as right</span>'
    )
    return shares_chart(
        "reliability", "Share right over confidence", "confidence", "share right", axes, drawn, told, keys
    )


def _risk(curve: Stated) -> str:
    points = [(point["coverage"], point["risk"]) for point in curve.value["curve"]]
    top = min(1.0, max(0.05, -(-max(risk for _, risk in points) * 20 // 1) / 20))
    axes = Axes(x=(0, 1), y=(0, top))
    drawn = axes.line(points, "validation") + axes.dot(points[-1], f"all answers kept: {percent(points[-1][1])} wrong")
    told = f"with all answers kept {percent(points[-1][1])} are wrong, with the surest half {_at_half(points)}"
    return shares_chart(
        "risk", "Share wrong over share answered, the surest first", "share of images answered", "share wrong", axes,
        drawn, told,
    )  # fmt: skip


def _at_half(points: list[tuple[float, float]]) -> str:
    return percent(min(points, key=lambda point: abs(point[0] - 0.5))[1])


def _errors(found: Stated) -> str:
    """The expected calibration error with and without the temperature, beside what chance gives."""
    raw, rows = found.get("raw"), list[list[str]]()
    for key, title in (("ece", "Expected calibration error"), ("ece_mass", "The same, bins of equally many images")):
        own = found[key]
        verdict = "more than chance" if own.value["real"] else "no more than chance"
        shown = [own[part].percent() for part in ("value", "by_chance", "chance_high")]
        rows.append([title, *([raw[key].percent()] if raw is not None else []), *shown, verdict])
    before = ["Without temperature"] if raw is not None else []
    head = ["Error of confidences", *before, "Now" if before else "Value", "By chance", "Chance at most", "Verdict"]
    return table(head, rows, numbers=range(1, len(head) - 1), label="Errors of confidences")


def _fitted(found: Stated) -> str:
    fitted = found.get("fitted")
    if fitted is None:
        return ""
    told = f"Temperature {fitted['temperature'].plain('.3g')}: {fitted['why'].shown(str)}"
    if fitted.value.get("log_loss_before") is not None:
        before, after = (fitted[key].plain(".3f") for key in ("log_loss_before", "log_loss_after"))
        told += f"; the log loss of these images goes from {before} to {after}"
    return f'<p class="lead">{told}.</p>'


def _kept(curve: Stated) -> str:
    head = ["Wanted", "Answers kept", "Right of them", "Confidence from"]
    rows = [[f"{row['wanted'].percent(0)} of the answers", *_point(row)] for row in curve["for_coverage"]]
    rows += [[f"{row['wanted'].percent(0)} right", *_point(row)] for row in curve["for_accuracy"]]
    whole, lost = curve["aurc"].plain(), curve["excess_aurc"].plain()
    area = f'<p class="lead">Area under the curve (AURC) {whole}, of which {lost} is lost to a wrong order.</p>'
    listed = table(head, rows, numbers=(1, 2, 3), label="What leaving unsure answers out gives")
    return f"<details open><summary>Leaving unsure answers to a person</summary>{area}{listed}</details>"


def _point(row: Stated) -> list[str]:
    if row.value["threshold"] is None:
        return ["not reached", "–", "–"]
    return [row["coverage"].percent(), row["accuracy"].percent(), row["threshold"].plain(".3f")]


def _bins(found: Stated) -> str:
    rows = [
        [row["confidence"].percent(), row["accuracy"].percent(), f"{row['low'].percent()} to {row['high'].percent()}",
         row["images"].plain(",")]
        for row in found["reliability"]
    ]  # fmt: skip
    head = ["Confidence", "Share right", "95% interval", "Answers"]
    listed = table(head, rows, numbers=range(4), label="The points of the first chart")
    return f"<details><summary>The points of the first chart</summary>{listed}</details>"


def _thresholds(rows: Stated) -> str:
    cells: list[list[str]] = []
    for row in rows:
        wanted = f"{row.value['wanted']} {row['level'].percent(0)}"
        if row.value["threshold"] is None:
            cells.append([name(row.value["class"]), wanted, "not reached", "–", "–"])
        else:
            shown = [row["threshold"].plain(".3f"), row["precision"].percent(), row["recall"].percent()]
            cells.append([name(row.value["class"]), wanted, *shown])
    head = ["Class", "Wanted", "Probability from", "Precision", "Recall"]
    listed = table(head, cells[:MOST_ROWS], numbers=(2, 3, 4), label="Thresholds")
    more = (
        f'<p class="lead">The file has the other {len(cells) - MOST_ROWS:,} rows.</p>' if len(cells) > MOST_ROWS else ""
    )
    told = "<summary>Thresholds for a wanted precision or recall</summary>"
    return f'<details>{told}<div class="tall">{listed}</div>{more}</details>'


MOST_ROWS = 400
"""Rows of the table of thresholds."""
