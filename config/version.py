"""The version of Easel that is running."""

VERSION = "0.1.0"
