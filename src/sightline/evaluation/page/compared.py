"""What a comparison of runs says, in plain words and tables."""

from collections.abc import Callable

from sightline.evaluation.judged import LOWER
from sightline.evaluation.page.markup import name, section, table, text
from sightline.evaluation.page.stated import Stated, source
from sightline.evaluation.page.verdict import Said

MOST_TOLD = 6
"""Pairs that the verdict tells; the table has all."""
_TITLES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "macro_f1": "Macro F1",
    "macro_ap": "Mean AP",
    "micro_f1": "Micro F1",
}
_PLAIN = frozenset({"log_loss", "mae", "rmse", "r2"})
"""Figures that are no shares of 1."""


def title_of(figure: str) -> str:
    """The figure as people call it."""
    return _TITLES.get(figure, figure.replace("_", " ").capitalize())


def compared(found: Stated) -> list[Said]:
    """The verdict on several runs.

    Args:
        found: ``comparison.json``, what ``compare_runs`` gives.
    """
    pairs = list(found["pairs"])
    told = [_pair(pair, found) for pair in pairs[:MOST_TOLD]]
    if len(pairs) > MOST_TOLD:
        told.append(f"The other {len(pairs) - MOST_TOLD} pairs are below.")
    parts = [Said("Which is better", told), Said("At what cost", _costs(found)), Said("What next", _next(found))]
    return [part for part in parts if part.sentences]


def headline(found: Stated) -> str:
    """Who won, in one sentence."""
    pairs, runs = found.value["pairs"], found.value["runs"]
    winner = _winner(found)
    if winner is not None:
        rest = "the other" if len(runs) == 2 else "all others"
        return f"<h1><em>{name(winner.value['run'])}</em> is better than {rest}.</h1>"
    if len(runs) == 2:
        word = "equivalent" if pairs[0]["verdict"] == "equivalent" else "not distinguishable"
        return f"<h1>The two runs are <em>{word}</em>.</h1>"
    return "<h1>No run is better than all others.</h1>"


def _winner(found: Stated) -> Stated | None:
    """The run that is better than each other one, for certain."""
    for row in found["runs"]:
        own = [pair for pair in found.value["pairs"] if row.value["run"] in (pair["one"], pair["other"])]
        if all(pair["verdict"].endswith("better") and _better(pair) == row.value["run"] for pair in own):
            return row
    return None


def _better(pair: dict[str, str]) -> str:
    return pair[pair["verdict"].partition(" ")[0]]


def _form(figure: str, *, sign: bool = False) -> Callable[[Stated], str]:
    if figure in _PLAIN:
        return lambda value: value.plain("+.3g" if sign else ".4g")
    return lambda value: value.points(sign=True) if sign else value.percent()


def _pair(pair: Stated, found: Stated) -> str:
    figure = found.value["figure"]
    own, unit = pair["differences"][figure], "" if figure in _PLAIN else " points"
    corrected = f", corrected for {len(found.value['pairs'])} pairs" if len(found.value["pairs"]) > 1 else ""
    test = f"p {pair['test']['p_holm'].plain('.2g')} ({text(pair.value['test']['name'])}{corrected})"
    one, other = name(pair.value["one"]), name(pair.value["other"])
    if pair.value["verdict"].endswith("better"):
        better = name(_better(pair.value))
        ends = sorted(("low", "high"), key=lambda key: abs(own.value[key]))
        off, least, most = (own[key].size(".3g") if figure in _PLAIN else own[key].points() for key in ("value", *ends))
        side = "lower" if figure in LOWER else "higher"
        return (
            f"<strong>{better} is better than {one if better == other else other}:</strong> its {_word(figure)} is "
            f"{off}{unit} {side} ({least} to {most}), {test}."
        )
    word = "equivalent" if pair.value["verdict"] == "equivalent" else "not distinguishable"
    form = _form(figure, sign=True)
    change = f"{form(own['value'])}{unit} ({form(own['low'])} to {form(own['high'])})"
    return (
        f"<strong>{one} and {other} are {word}:</strong> {_word(figure)} of {other} less that of {one} is {change}, "
        f"{test}."
    )


def _word(figure: str) -> str:
    return {"mae": "mean absolute error", "jaccard": "Jaccard index"}.get(figure, figure.replace("_", " "))


def _costs(found: Stated) -> list[str]:
    rows = [row for row in found["runs"] if row.get("costs") is not None]
    told = [
        f"{name(row.value['run'])} takes {row['costs']['latency_ms']['p50'].plain('.3g', 'ms')} an image and has "
        f"{row['costs']['parameters'].plain(',')} parameters"
        for row in rows
    ]
    return [f"{'; '.join(told)}."] if told else []


def _next(found: Stated) -> list[str]:
    winner = _winner(found)
    if winner is not None:
        return [f"Take {name(winner.value['run'])}, if its cost suits."]
    open_pairs = [pair for pair in found["pairs"] if pair.value["verdict"] == "not distinguishable"]
    if not open_pairs:
        return []
    rows = [row for row in found["runs"] if row.get("costs") is not None]
    told = "Measure on more images where the difference matters: four times as many halve the intervals."
    if not rows:
        return [told]
    quick = min(rows, key=lambda row: row.value["costs"]["latency_ms"]["p50"])
    return [
        f"Where runs cannot be told apart, take the quicker one ({name(quick.value['run'])} is the quickest).",
        told,
    ]


def figures_section(found: Stated) -> str:
    """Each run's figures with their intervals, that of the comparison drawn on one scale."""
    figures = list(found.value["runs"][0]["figures"])
    primary = found.value["figure"]
    every = [row["figures"][primary] for row in found.value["runs"]]
    scale = (min(one["low"] for one in every), max(one["high"] for one in every))
    rows: list[list[str]] = []
    for row in found["runs"]:
        cells = [_figure(row["figures"][key], key) for key in figures]
        rows.append([name(row.value["run"]), bar(row.value["figures"][primary], scale), *cells])
    head = ["Run", f"{title_of(primary)}, drawn", *(title_of(key) for key in figures)]
    images = found["n"].shown(lambda n: f"{n:,} image{'' if n == 1 else 's'}")
    confidence = found["confidence"].shown(lambda value: f"{value * 100:.4g}%")
    lead = (
        f"On the same {images} of the {text(found.value['part'])} part, with {confidence} intervals. Intervals of runs "
        "may overlap although the runs can be told apart: the pairs below are tested image by image."
    )
    left = {key: count for key, count in found.value.get("left_out", {}).items() if count}
    if left:
        listed = ", ".join(f"{count:,} of {text(key)}" for key, count in left.items())
        lead += f" Left out, because not all runs have them: {listed}."
    body = table(head, rows, numbers=range(2, len(head)), label="Figures of each run")
    return section("figures", "Figures", lead, body + source(found.file))


def _figure(value: Stated, key: str) -> str:
    form = _form(key)
    return f"{form(value['value'])}<small>{form(value['low'])} to {form(value['high'])}</small>"


def bar(interval: dict[str, float], scale: tuple[float, float], zero: bool = False) -> str:
    """An interval drawn on a scale; the numbers stand beside it."""
    low, high = scale
    room = 0.06 * (high - low) or 1.0
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round(160 * (value - low) / (high - low), 1)

    line = f'<line class="base" x1="{at(0)}" x2="{at(0)}" y1="0" y2="16"/>' if zero else ""
    return (
        f'<svg class="interval" viewBox="0 0 160 16" aria-hidden="true">{line}'
        f'<line class="whisker" x1="{at(interval["low"])}" x2="{at(interval["high"])}" y1="8" y2="8"/>'
        f'<circle class="dot" cx="{at(interval["value"])}" cy="8" r="4"/></svg>'
    )


def pairs_section(found: Stated) -> str:
    """Each pair with its difference, test and verdict."""
    figure = found.value["figure"]
    form, pairs = _form(figure, sign=True), list(found["pairs"])
    every = [pair.value["differences"][figure] for pair in pairs]
    scale = (min(0.0, *(one["low"] for one in every)), max(0.0, *(one["high"] for one in every)))
    rows: list[list[str]] = []
    for pair in pairs:
        own, test = pair["differences"][figure], pair["test"]
        change = f"{form(own['value'])}<small>{form(own['low'])} to {form(own['high'])}</small>"
        changes = "<br>".join(f"{test[key].plain(',')} {words}" for key, words in _CHANGES.items() if key in test.value)
        rows.append(
            [f"{name(pair.value['one'])} to {name(pair.value['other'])}", bar(own.value, scale, zero=True), change,
             test["p_holm"].plain(".2g"), changes, text(_told(pair))]
        )  # fmt: skip
    unit = "" if figure in _PLAIN else ", points"
    less = " Less is better." if figure in LOWER else ""
    head = ["Pair", "Drawn, 0 as a line", f"{title_of(figure)}{unit}", "p", "Images that changed", "Verdict"]
    lead = f"The second run less the first, image by image: {text(found['pairs'][0]['test']['name'].value)}.{less}"
    if len(pairs) > 1:
        lead += " p is corrected for the number of pairs by Holm's method."
    lead += " <code>sightline compare RUN RUN --changes FILE</code> lists the images."
    body = table(head, rows, numbers=(2, 3), label="Each pair")
    return section("pairs", "Pair by pair", lead, body + source(found.file))


_CHANGES = {
    "right_to_wrong": "right to wrong",
    "wrong_to_right": "wrong to right",
    "other_wrong_answer": "another wrong answer",
    "nearer": "nearer to the truth",
    "farther": "farther from it",
}


def _told(pair: Stated) -> str:
    verdict = pair.value["verdict"]
    return f"{_better(pair.value)} is better" if verdict.endswith("better") else verdict
