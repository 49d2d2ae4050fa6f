"""The pages in a real Chromium, on the real processes and the model that ships with Easel."""
