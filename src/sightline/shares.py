"""How far a share of images may be trusted."""

import math


def score_bounds(share: float, count: float, quantile: float) -> tuple[float, float]:
    """The score interval of a share seen on so many images (E. B. Wilson, JASA 22, 1927).

    Args:
        share: from 0 to 1.
        count: images, above 0; not whole where it stands for images that depend on one another.
        quantile: of the distribution that the interval goes by, such as 1.96 for 95 %.
    """
    pull = quantile**2 / count
    middle = (share + pull / 2) / (1 + pull)
    half = quantile / (1 + pull) * math.sqrt(max(share * (1 - share), 0.0) / count + pull / (4 * count))
    # At the ends the two are equal but for rounding.
    low = 0.0 if share <= 0 else middle - half
    high = 1.0 if share >= 1 else middle + half
    return max(0.0, min(low, share)), min(1.0, max(high, share))
