"""What a run will need, computed from the checkpoint's configuration and the composed options: before anything starts.

sizes.py         the checkpoint: parameters, KV cache of a token, longest position
settings.py      the settings that decide about memory and time
memory.py        GPU and host, item by item, each with its formula
kv_cache.py      does the longest sequence fit beside the weights, by vLLM's own rule?
processes.py     CPUs that verl's actors hold
disk.py          checkpoints that lie side by side
effort.py        start-up minutes, judge calls of a validation
verdicts.py      which of all this does not fit, with the override that mends it
command.py       `mrpo doctor --plan`

Figures are estimates: expect a factor of 1.3 in memory and of 2 in time (docs/gpu.md). GB are 1e9 bytes, GiB 2**30.
"""
