"""`mrpo watch`: a running training or evaluation in the terminal. It only reads files.

follow.py   new whole lines of growing files
state.py    what is known of the job so far
view.py     the state as a picture for the terminal
"""
