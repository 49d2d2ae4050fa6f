"""All words of the workflows that Easel comes with (migration 0006), for those who translate them.

A test holds this list against the documents.
"""

from typing import Final

from django.utils.translation import gettext_noop as _

WORDS: Final = (
    _("Text to picture"),
    _("Makes pictures of a prompt."),
    _("What to draw"),
    _("What to leave out"),
    _("Aspect ratio"),
    _("How many"),
    _("Seed"),
    _("Model"),
    _("Picture to picture"),
    _("Draws one of your pictures anew, as the prompt says."),
    _("Start picture"),
    _("How much may change"),
    _("Repaint what is bright"),
    _("Chooses the bright part of a picture, such as the sky, and makes it anew."),
    _("Picture"),
    _("Dark enough to stay"),
    _("Bright enough to go"),
    _("Follow the edges"),
    _("Takes the outlines of a picture and draws something else within them."),
    _("Picture with the outlines"),
    _("How closely"),
    _("ControlNet"),
    _("Two LoRAs"),
    _("Mixes two LoRAs, each with a weight of its own."),
    _("First LoRA"),
    _("Weight of the first"),
    _("Second LoRA"),
    _("Weight of the second"),
    _("Large in two passes"),
    _(
        "Makes a small picture, enlarges its latents by half and denoises them again, for "
        "detail without repeats."
    ),
    _("First pass"),
    _("How much larger"),
    _("Second pass"),
    _("How much may change in the second pass"),
    _("Four on a contact sheet"),
    _("Makes four pictures, and a sheet with all of them, on a board of yours."),
    _("The pictures"),
    _("The sheet"),
    _("Board of the pictures"),
    _("Board of the sheet"),
    _("Columns"),
    _("Prompt matrix"),
    _(
        "Fills two words into one template in all combinations, and lays the four pictures "
        "side by side."
    ),
    _("Template"),
    _("First word, first choice"),
    _("First word, second choice"),
    _("Second word, first choice"),
    _("Second word, second choice"),
)
