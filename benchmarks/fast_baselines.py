"""Which fast baseline ``evaluate`` should have: ``python benchmarks/fast_baselines.py DATA [--images N]``.

Fits ridge regression (ours), 5 nearest neighbours and logistic regression (scikit-learn's) on 16 x 16 pixels of N
images of a data set of classes and asks them about N others. Prints the accuracy and the seconds of processor time.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sightline.data.derive import image_of
from sightline.data.read import read
from sightline.evaluation.baseline import fit_baseline, small_pixels


def main() -> None:
    """Fit, ask, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data")
    arguments.add_argument("--images", type=int, default=4000)
    wanted = arguments.parse_args()
    samples = read(wanted.data)
    order = np.random.default_rng(0).permutation(len(samples))[: 2 * wanted.images]
    begun = time.process_time()
    pixels = [np.atleast_3d(np.asarray(image_of(samples, int(place)))) for place in order]
    features = np.concatenate([small_pixels(torch.from_numpy(one[None].copy())) for one in pixels])
    labels = samples.labels[order].astype(np.int64)
    print(f"decoding and shrinking {len(order)} images: {time.process_time() - begun:.2f} s")
    half = len(order) // 2
    neighbours, logistic = KNeighborsClassifier(5), LogisticRegression(max_iter=300)
    for name, model in (("ridge", None), ("5 nearest neighbours", neighbours), ("logistic", logistic)):
        begun = time.process_time()
        if model is None:
            said = fit_baseline(features[:half], labels[:half], "class", len(samples.classes))(features[half:]).argmax(
                1
            )
        else:
            said = model.fit(features[:half], labels[:half]).predict(features[half:])
        right = float((said == labels[half:]).mean())
        print(f"{name:22}{right:.4f}  {time.process_time() - begun:6.2f} s")


if __name__ == "__main__":
    main()
