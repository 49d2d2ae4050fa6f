"""`python -m gpu_tasks.reproduce NAME`, which `manage.py reproduce` runs beside itself."""

import sys

import django


def main() -> int:
    django.setup()
    from gpu_tasks.runner import reproduction

    return reproduction.main()


if __name__ == "__main__":
    sys.exit(main())
