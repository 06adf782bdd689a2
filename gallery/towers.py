"""Image towers that open_clip can't configure by itself, as timm entry points of our own.

Imported for its effect: a model folder names the entry point as its `timm_model_name`.
"""

from typing import Any

from timm.models import create_model, register_model


@register_model
def birdlisten_inat_mobilenetv2(pretrained: bool = False, **options: Any) -> Any:
    """MobileNetV2 padded as in TensorFlow, where the iNaturalist bird weights come from.

    open_clip passes no `pad_type` on; without it the weights load and the outputs are wrong.
    """
    options.pop("pretrained_cfg", None)
    return create_model("mobilenetv2_100", pretrained=False, pad_type="same", **options)
