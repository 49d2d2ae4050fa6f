"""Backup and restore of one installation, database and files together: see docs/backup.md."""
