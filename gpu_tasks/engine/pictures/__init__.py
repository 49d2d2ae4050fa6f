"""Work on pictures before and after a model: masks, tiles, upscalers, grids, the safety check."""
