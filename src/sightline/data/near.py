"""Clusters of copies: which samples show the same picture."""

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import Samples
from sightline.data.scan import Progress, Scan


def clusters_of(samples: Samples, scan: Scan, progress: Progress | None = None) -> NDArray[np.int32]:
    """A number for each sample, equal for files with equal bytes. Damaged samples are like no other."""
    _, clusters = np.unique(scan.rows["sha256"], axis=0, return_inverse=True)
    clusters = np.asarray(clusters, np.int32).reshape(-1)
    damaged = np.asarray(sorted(scan.faults), np.int64)
    clusters[damaged] = int(clusters.max(initial=-1)) + 1 + np.arange(len(damaged), dtype=np.int32)
    if progress is not None:
        progress(len(samples), len(samples))
    return clusters
