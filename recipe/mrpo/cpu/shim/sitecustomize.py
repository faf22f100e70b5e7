"""Runs at the start of each Python process that has this directory on PYTHONPATH, and then the next sitecustomize."""

import importlib.machinery
import importlib.util
import os
import sys

import mrpo_cpu_shim

mrpo_cpu_shim.install()

_here = os.path.dirname(os.path.abspath(__file__))
_others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _here]
_next = importlib.machinery.PathFinder.find_spec("sitecustomize", _others)
if _next is not None and _next.loader is not None:
    _next.loader.exec_module(importlib.util.module_from_spec(_next))
