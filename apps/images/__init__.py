"""Pictures: their records, files, thumbnails and uploads."""
