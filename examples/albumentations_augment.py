"""An albumentations pipeline as augmentation, where that library is installed (mind the licence of your version).

sightline train FOLDER -s data.augment=albumentations_augment:make
"""

import albumentations as A
import numpy as np


def make(contract):
    steps = [A.RandomResizedCrop(size=(contract.height, contract.width), scale=(0.3, 1.0)), A.RandomGamma(p=0.5)]
    return lambda image, seed: A.Compose(steps, seed=seed % 2**32)(image=np.asarray(image))["image"]
