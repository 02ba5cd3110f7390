import pytest
import scipy.stats

from sightline.evaluation.quantiles import normal_quantile, normal_share, student_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 29, 60, 61, 500, 9999, 123_456, 5_000_000, 10**8])
@pytest.mark.parametrize("share", [0.75, 0.9, 0.95, 0.975, 0.995, 0.99995])
def test_students_quantiles_are_scipys(share: float, freedom: int):
    assert student_quantile(share, freedom) == pytest.approx(scipy.stats.t.ppf(share, freedom), rel=1e-6)


def test_normal_quantiles_are_scipys():
    assert normal_quantile(0.975) == pytest.approx(scipy.stats.norm.ppf(0.975), rel=1e-12)
    assert normal_share(-1.3) == pytest.approx(scipy.stats.norm.cdf(-1.3), rel=1e-12)
