"""`python -m umlaut_seg`: runs the program that was installed with this package."""

import os
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn


def program() -> Path:
    """The program: in this environment's scripts, in the user's, or where `pip install --target` puts it."""
    name = "umlaut" + (sysconfig.get_config_var("EXE") or "")
    user = sysconfig.get_preferred_scheme("user")
    places = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", scheme=user), Path(__file__).parent.parent / "bin"]
    for place in places:
        if (path := Path(place) / name).is_file():
            return path
    searched = ", ".join(str(place) for place in places)
    raise SystemExit(f"{name} is in none of {searched}; `pip install --force-reinstall umlaut-seg` puts it there")


def main() -> NoReturn:
    """Becomes the program, with the same arguments."""
    path = str(program())
    os.execv(path, [path, *sys.argv[1:]])


if __name__ == "__main__":
    main()
