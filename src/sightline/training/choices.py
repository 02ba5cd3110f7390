"""Which settings each built-in optimizer and schedule takes: known without loading torch."""

TAKEN: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum", "nesterov"),
    "adam": ("betas",),
    "adamw": ("betas",),
    "nadam": ("betas",),
    "radam": ("betas",),
    "rmsprop": ("momentum",),
    "adagrad": (),
    "adadelta": (),
    "adabelief": ("betas",),
    "ranger": ("betas",),
    "lion": ("betas",),
    "muon": ("momentum", "nesterov", "betas"),
}
"""Which settings each built-in optimizer takes, beside the learning rate, the decay and its own options."""
DECAYS: dict[str, tuple[str, ...]] = {
    "sgd": ("coupled", "decoupled"),
    "adam": ("coupled", "decoupled"),
    "adamw": ("decoupled",),
    "nadam": ("decoupled", "coupled"),
    "radam": ("decoupled", "coupled"),
    "rmsprop": ("coupled",),
    "adagrad": ("coupled",),
    "adadelta": ("coupled",),
    "adabelief": ("decoupled", "coupled"),
    "ranger": ("decoupled", "coupled"),
    "lion": ("decoupled",),
    "muon": ("decoupled",),
}
"""Forms of weight decay that each built-in optimizer can have, the customary one first."""
SHAPED_BY: dict[str, tuple[str, ...]] = {
    "constant": (),
    "linear": ("final",),
    "cosine": ("final",),
    "restarts": ("final", "every", "stretch"),
    "step": ("every", "factor"),
    "milestones": ("at", "factor"),
    "exponential": ("every", "factor"),
    "polynomial": ("final", "power"),
    "one_cycle": ("final",),
    "plateau": ("factor", "wait"),
}
"""Which settings each built-in schedule takes, beside the warm-up."""
