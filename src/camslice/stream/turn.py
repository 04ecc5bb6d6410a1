"""Whose turn it is to work on what frames show: one thread of the process at a time.

The gate and the watch are a hundred short steps of NumPy and OpenCV per frame, each of which gives the interpreter's lock back
and asks for it again. Among the threads of 32 cameras that convoy took more than the work: 6 % of the frames were analysed in
time, while a third of the processor stood idle. Who waits here waits once per frame. There is one turn
in a process, as there is one interpreter.
"""

from __future__ import annotations

import threading

TURN = threading.Lock()
