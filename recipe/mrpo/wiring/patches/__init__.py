"""What mends verl 0.9.1, one file a patch; each names the upstream issue and the condition for deleting it.

weight_sync_timeout.py   a limit on the wait for a rollout engine that takes no weights
weight_sync_socket.py    a socket of its own for each run on a host
async_log_call.py        a log call of the separate_async trainer that raises
equal_lengths.py         batches of a Qwen-VL model whose sequences all have one length
internvl.py              InternVL3's processor, placeholders and image tokens
linear_schedule.py       linear decay of the learning rate for FSDP actors
"""
