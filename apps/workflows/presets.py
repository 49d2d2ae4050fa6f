"""Put a prompt into a style."""

from apps.workflows.models import PLACEHOLDER, StylePreset


def apply_preset(*, preset: StylePreset, prompt: str, negative_prompt: str = "") -> tuple[str, str]:
    """Return prompt and negative prompt in the style of `preset`.

    A text of the preset without `{prompt}` follows the prompt behind a comma.
    """
    return _fill(preset.prompt, prompt), _fill(preset.negative_prompt, negative_prompt)


def _fill(template: str, text: str) -> str:
    if PLACEHOLDER in template:
        return template.replace(PLACEHOLDER, text)
    return ", ".join(part for part in (text, template) if part)
