"""How a picture was made, as the tool that made it wrote into its file: InvokeAI, A1111 and Forge,
ComfyUI, and Easel itself.

Whoever sends a file chooses every byte of this. So a text has a limit, a value is taken only if it
is what its name says, all else is left out field by field, and nothing here raises. A module for
each tool turns its texts into our names; `fields` has the last word on every value.
"""

from apps.images.foreign_parameters.reading import ForeignParameters, read_parameters
from apps.images.foreign_parameters.texts import texts_of

__all__ = ["ForeignParameters", "read_parameters", "texts_of"]
