"""From nothing to a trained checkpoint and a readable summary, on any machine: `python -m recipe.mrpo.quickstart`.

stages.py         the stages as commands, and the facts that they depend on
run.py            a bounded run of a command that starts many processes
processes.py      the processes of a run, found and stopped wherever they went
shared_files.py   shared memory and sockets that a killed verl leaves behind
progress.py       milestones, numbers and the first error of verl's log
state.py          the state that a run folder keeps between starts
"""
