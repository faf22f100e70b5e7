"""`mrpo evaluate`: answers of a model, judgements of them, scores; each phase goes on where it was.

command.py      the command line
settings.py     its words, those of the folder's manifest and the defaults, as one set of settings
manifest.py     what an evaluation was made of, and whether another one is the same
folder.py       the folder: its lock, its manifest, the run of the phases
log.py          a file with one line for each result, which is only appended to
stop.py         Ctrl-C: the first one ends the work at a whole line, the second one kills
questions.py    the questions of the data and their ids
conditions.py   the image of a question, none, or that of another question
prompts.py      the prompt of a question as chat messages
tasks.py        what an engine is asked for, and what it gives back
checkpoint.py   what --model names: a checkpoint of verl's, a Hugging Face folder, a name of the hub
generate.py     phase 1: answers
engines/        vLLM on this machine, or an endpoint
judge.py        phase 2: labels, rewards and verdicts
judging.py      judges and rewards of the options, and what judgements depend on
verdict.py      the study's question about the answer alone, to the judge of the options
queue.py        the checkpoints that a training has noted, one after the other
"""
