"""Who answers.

endpoint.py      any OpenAI-compatible service, through `recipe.mrpo.endpoint`
vllm.py          vLLM in this process, on GPUs or without one
verl_prompts.py  prompts as verl's data set and agent loop build them, for vLLM
"""
