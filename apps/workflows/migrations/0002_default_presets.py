from typing import Any

from django.db import migrations

NOISE = "{prompt}, blurry, low quality, jpeg artifacts, watermark, text"
PRESETS = {
    "Photograph": (
        "photograph of {prompt}, natural light, 50mm lens, shallow depth of field, high detail",
        "{prompt}, drawing, painting, illustration, cartoon, blurry, watermark, text",
    ),
    "Oil painting": (
        "oil painting of {prompt}, visible brush strokes, rich colours, on canvas",
        "{prompt}, photograph, flat colours, watermark, text",
    ),
    "Watercolour": (
        "watercolour of {prompt}, soft washes, paper texture, light pastel colours",
        "{prompt}, photograph, hard outlines, watermark, text",
    ),
    "Ink drawing": (
        "ink drawing of {prompt}, black lines on white paper, cross-hatching",
        "{prompt}, colour, photograph, blurry, watermark, text",
    ),
    "Anime": (
        "anime illustration of {prompt}, clean lines, cel shading, vivid colours",
        "{prompt}, photograph, realistic, blurry, watermark, text",
    ),
    "Pixel art": (
        "pixel art of {prompt}, 16-bit, limited palette, crisp edges",
        "{prompt}, photograph, smooth gradients, blurry, watermark, text",
    ),
    "3D render": (
        "3d render of {prompt}, physically based materials, soft studio light",
        NOISE,
    ),
    "Film noir": (
        "film noir still of {prompt}, black and white, hard shadows, 1940s, film grain",
        "{prompt}, colour, bright daylight, watermark, text",
    ),
}


def add_presets(apps: Any, schema_editor: Any) -> None:
    del schema_editor
    preset = apps.get_model("workflows", "StylePreset")
    for name, (prompt, negative_prompt) in PRESETS.items():
        preset.objects.update_or_create(
            user=None,
            name=name,
            defaults={"prompt": prompt, "negative_prompt": negative_prompt},
        )


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial")]

    # Before the table is under its policies, which let nobody but the service role share rows.
    # Backwards they go with the table.
    operations = [migrations.RunPython(add_presets, migrations.RunPython.noop)]
