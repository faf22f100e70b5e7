"""A backbone of a user's own, for the dry run of examples/run_mrpo.sh."""

from recipe.mrpo.backbones import Backbone

ROW = Backbone(
    model_type="gemma3",
    checkpoint="org/model",
    think_tag="think",
    eos="<end_of_turn>",
    vision_modules=".*vision_tower.*",
    max_pixels=None,
    max_prompt_length=1000,
)
