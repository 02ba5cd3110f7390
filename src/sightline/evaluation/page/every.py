"""The table of all figures of a part that have an interval."""

from sightline.evaluation.page.markup import section, table, text
from sightline.evaluation.page.stated import Stated, source

_TITLES = {"mcc": "MCC", "mae": "MAE", "rmse": "RMSE", "mse": "MSE", "r2": "R²", "log_loss_interval": "Log loss"}


def every_figure(figures: Stated) -> str:
    """Each headline figure with its interval, those of the user's own and the best of several answers included."""
    found = [(_title(key), figures[key]) for key, value in figures.value.items() if _is_interval(value)]
    for key, words in (("top_k", "Among the first {} answers"), ("own", "{}")):
        inner = figures.get(key)
        if inner is not None:
            rows = [(words.format(one), inner[one]) for one, value in inner.value.items() if _is_interval(value)]
            found += rows
    cells = [[text(title), *_cells(figure)] for title, figure in found]
    confidence = figures["confidence"].shown(lambda value: f"{value * 100:.4g}%")
    lead = f"Figures of the part, each with its {confidence} interval. What they mean: <code>docs/evaluation.md</code>."
    head = ["Figure", "Value", "From", "To"]
    body = table(head, cells, numbers=(1, 2, 3), label="All figures")
    return section("figures", "All figures", lead, body + source(figures.file))


def _is_interval(value: object) -> bool:
    return isinstance(value, dict) and "value" in value and "low" in value


def _title(key: str) -> str:
    return _TITLES.get(key, key.replace("_", " ").capitalize().replace(" auc", " AUC").replace(" ap", " AP"))


def _cells(figure: Stated) -> list[str]:
    if figure.value["value"] is None:
        return ["–", text(figure.value.get("why", "")), ""]
    if figure.value["low"] is None:
        return [figure["value"].plain(".4f"), text(figure.value.get("why", "")), ""]
    return [figure[key].plain(".4f") for key in ("value", "low", "high")]
