"""How ``sightline evaluate`` shows figures: lines, tables, and what is weak in words."""

from typing import Any

from rich.table import Table

MOST_WEAK = 6
"""Sentences about what is weak; the JSON has them all."""
_CLASSES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "macro_auc": "mean ROC AUC",
    "macro_ap": "mean AP",
    "mcc": "MCC",
    "kappa": "kappa",
    "log_loss_interval": "log loss",
    "brier": "Brier score",
}
_LABELS = {
    "macro_ap": "mean AP",
    "macro_auc": "mean ROC AUC",
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "jaccard": "Jaccard",
    "exact_match": "exact match",
    "hamming_loss": "Hamming loss",
    "mcc": "mean MCC",
}
_NUMBERS = {"mae": "MAE", "rmse": "RMSE", "mse": "MSE", "r2": "R2", "bias": "bias"}
Lines = list[tuple[str, str]]


def headline(figures: dict[str, Any]) -> Lines:
    """Each headline figure with its interval, the user's own, the baseline, and how sure to be of confidences."""
    kind = figures.get("kind", "class")
    names = {"class": _CLASSES, "labels": _LABELS, "numbers": _NUMBERS}[kind]
    # Of two classes the means over both are the figures of one of them.
    left_out = ("macro_auc", "macro_ap") if "roc_auc" in figures else ("roc_auc", "average_precision")
    shown = {key: name for key, name in names.items() if kind != "class" or key not in left_out}
    percent = f"{figures['confidence']:.0%}"
    found = [(name, told(figures[key], percent)) for key, name in shown.items()]
    for k, figure in list(figures.get("top_k", {}).items())[-1:]:
        found.insert(3, (f"top-{k} accuracy", told(figure, percent)))
    found += [(name, told(figure, percent)) for name, figure in figures.get("own", {}).items()]
    return [*found, _baseline(figures), *_trust(figures)]


def told(figure: dict[str, Any], percent: str) -> str:
    """A figure and its interval, or why there is none."""
    if figure["value"] is None or figure["low"] is None:
        return f"{number(figure['value'])}   {figure['why']}"
    return f"{number(figure['value'])}   {percent} interval {number(figure['low'])} to {number(figure['high'])}"


def number(value: float | None) -> str:
    """Four decimals, or four digits of what is large."""
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.5g}"


def _baseline(figures: dict[str, Any]) -> tuple[str, str]:
    baseline = figures["baseline"]
    if "labels" in baseline:
        always = ", ".join(f"'{name}'" for name in baseline["labels"]) or "no label"
        return "baseline", f"{number(baseline['jaccard']['value'])}   Jaccard of always answering {always}"
    if "mae" in baseline:
        value = number(baseline["mae"]["value"])
        return "baseline", f"{value}   MAE of always answering the mean of the training part"
    return "baseline", f"{baseline['accuracy']['value']:.4f}   always answering '{baseline['class']}'"


def learned(figures: dict[str, Any]) -> Lines:
    """The baseline that learns, where there is one."""
    found: Lines = []
    for own in figures.get("baselines", ())[1:]:
        compared = "" if own["n"] == figures["n"] else f", on {own['n']} of the images"
        found.append(("baseline", f"{number(own['value'])}   {own['figure']} of {own['name']}{compared}"))
    return found


def _trust(figures: dict[str, Any]) -> Lines:
    """Calibration and abstention in a line each."""
    found: Lines = []
    if "calibration" in figures:
        own = figures["calibration"]
        ece = own["ece"]
        verdict = "confidences are off" if ece["real"] else "no more than chance makes it"
        text = f"{number(ece['value'])}   {number(ece['by_chance'])} by chance: {verdict}"
        if own["temperature"] != 1.0:
            text += f"; {number(own['raw']['ece'])} before the temperature of {own['temperature']:.3g}"
        found.append(("ECE", text))
    if "abstention" in figures:
        own = figures["abstention"]
        kept = next(row for row in own["for_coverage"] if row["wanted"] == 0.8)
        text = (
            f"{number(own['aurc'])}   the surest {kept['coverage']:.0%} of the answers: accuracy {kept['accuracy']:.4f}"
        )
        found.append(("AURC", text))
    return found


def _table(heads: tuple[str, ...], rows: list[list[str]], title: str | None = None) -> Table:
    table = Table(*heads, header_style="bold", title=title, title_justify="left", title_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, *cells in rows:
        table.add_row(_plain(name), *map(_plain, cells))
    return table


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def each(figures: dict[str, Any]) -> Table:
    """The figures of each class, label or number."""
    if figures.get("kind") == "numbers":
        rows = [
            [row["target"], row["unit"], *(number(row[key]["value"]) for key in ("mae", "rmse", "mse", "r2")),
             number(row["baseline_mae"]["value"])]
            for row in figures["per_target"]
        ]  # fmt: skip
        return _table(("number", "unit", "MAE", "RMSE", "MSE", "R2", "baseline MAE"), rows)
    names = {"precision": "precision", "recall": "recall", "f1": "F1"}
    ranks = {"average_precision": "AP", "roc_auc": "ROC AUC"}
    names = ranks | names if figures.get("kind") == "labels" else names | ranks
    rows = [[row["class"], *(number(row[key]) for key in names), str(row["support"])] for row in figures["per_class"]]
    return _table(("label" if figures.get("kind") == "labels" else "class", *names.values(), "images"), rows)


def groups(figures: dict[str, Any]) -> list[Table]:
    """A table for each column that groups are told apart by."""
    rows, judged = figures["groups"]["rows"], figures["groups"]["judged"]
    name = "MAE" if judged == "mae" else judged
    tables: list[Table] = []
    for column in dict.fromkeys(row["column"] for row in rows):
        cells = [
            [row["group"] or "(empty)", number(row["figures"][judged]["value"]), _span(row["figures"][judged]),
             number(row["gap"]["value"]), _span(row["gap"]), "yes" if row["gap"]["real"] else "", str(row["n"])]
            for row in rows if row["column"] == column
        ]  # fmt: skip
        tables.append(_table((column, name, "interval", "gap to rest", "interval", "real", "images"), cells))
    return tables


def _span(figure: dict[str, Any]) -> str:
    """An interval, short enough for a table; what is large has four digits."""
    if figure["low"] is None:
        return "–"
    low, high = (f"{figure[key]:.3f}" if abs(figure[key]) < 100 else f"{figure[key]:.4g}" for key in ("low", "high"))
    return f"{low} to {high}"


def weak(figures: dict[str, Any]) -> list[str]:
    """Sentences about groups that truly differ and slices that fail."""
    gaps, slices = figures["groups"]["gaps"], figures["slices"]["weak"]
    lines = [f"warning: a real gap: {text}" for text in gaps[:MOST_WEAK]]
    lines += [f"weak: {text}" for text in slices[:MOST_WEAK]]
    more = len(gaps[MOST_WEAK:]) + len(slices[MOST_WEAK:])
    return lines + ([f"… and {more} more, in the JSON"] if more else [])
