"""Settings by place: `base` is shared; `local`, `test` and `production` decide the rest."""
