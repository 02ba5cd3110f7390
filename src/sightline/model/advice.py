"""Which network to begin with, in plain words. Nothing here imports torch."""

ADVICE: dict[str, dict[str, str]] = {
    "tiny": {
        "mlp": "the simplest baseline, for images up to about 32 pixels: what can be had without looking at shapes",
        "cnn": "small images below 96 pixels, from random weights; what auto takes for them",
        "mobilenetv3_small_100": "photos on a phone or a small board",
        "mobilenetv2_050": "the same, of plainer operations, which more devices run in 8 bits",
    },
    "small": {
        "mobilenetv3_large_100": "photos on any machine; what auto takes for them",
        "mobilenetv4_conv_small": "newer, plain convolutions, quick on phones and accelerators",
        "efficientnet_b0": "a little more accurate for its size, slower to train",
        "vit_tiny_patch16_224": "the smallest usual transformer; needs published weights",
    },
    "medium": {
        "resnet18": "plain, robust, quick on a GPU; the usual point of comparison",
        "resnet50": "the standard of the field, supported everywhere",
        "convnext_tiny": "more accurate than resnet50 at its size",
        "tf_efficientnetv2_b3": "accurate for its size, and quick to train",
        "vit_small_patch14_dinov2": "features learnt without labels: strong with few images of your own",
    },
    "large": {
        "convnext_base": "high accuracy, with a GPU",
        "vit_base_patch16_224": "a transformer for large data sets, with a GPU",
    },
}
"""By budget: a name and when to take it."""
