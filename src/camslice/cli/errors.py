"""How a command ends: which exit code, and in which words."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from camslice.fleet.errors import CamsliceError
from camslice.fleet.secrets import redact

INTERRUPTED = 130
DEFECT = 70
BROKEN_PIPE = 141


def exit_code_of(work: Callable[[], object]) -> int:
    """Do the work and say how it ended.

    A user's mistake is told on standard error in the sentence that it carries. Ctrl-C is 130; a reader of our output who went
    away is 141, without a word. Anything unforeseen is a defect of camslice: its traceback is shown without credentials, and it
    is 70.
    """
    try:
        work()
        sys.stdout.flush()
    except SystemExit as exit_:
        return _code(exit_)
    except CamsliceError as error:
        sys.stderr.write(f"camslice: {redact(str(error))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception:  # noqa: BLE001 - the last line of defence
        sys.stderr.write(redact(traceback.format_exc()))
        sys.stderr.write("camslice: this is a defect of camslice, not of your input; please report it with the lines above.\n")
        return DEFECT
    return 0


def _code(exit_: SystemExit) -> int:
    if isinstance(exit_.code, int):
        return exit_.code
    return 0 if exit_.code is None else 1
