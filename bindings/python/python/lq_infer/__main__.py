"""The program: `python -m lq_infer photo.jpg`, `python -m lq_infer --help`."""

import sys

from ._lq_infer import main as run


def main() -> int:
    return run(["lq-infer", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
