"""vLLM in this process, set as verl sets its rollout engine.

Answers are computed in the same batches in every run, whatever was done before, and without a prefix cache: which
requests are computed together decides the last bits of a probability, and so, now and then, a token.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mrpo.common.environment import VLLM_ROOT_LOG_LEVEL
from recipe.mrpo.evaluate.phases.questions import Questions
from recipe.mrpo.evaluate.phases.stop import Stop
from recipe.mrpo.evaluate.phases.tasks import Generated, Task


class VllmEngine:
    """The model of `folder`, with the prompts, lengths and engine settings of the configuration of training."""

    def __init__(
        self, config: DictConfig, folder: str, questions: Questions, *, sampling: Mapping[str, Any], batch: int
    ) -> None:
        # In this process: requests then come to the scheduler in the same order in every run.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault(VLLM_ROOT_LOG_LEVEL, "WARNING")
        from verl.plugin.platform import get_platform  # imports verl's plugins: without a GPU, they prepare vLLM

        for name, value in get_platform().rollout_env_vars().items():
            os.environ.setdefault(name, str(value))
        from recipe.mrpo.evaluate.phases.engines.verl_prompts import VerlPrompts
        from recipe.mrpo.rollout.tokens import TokenTable

        self.questions, self.sampling, self.batch = questions, dict(sampling), batch
        self.prompts = VerlPrompts(config, folder)
        self.table = TokenTable.from_tokenizer(self.prompts.tokenizer)
        rollout = config.actor_rollout_ref.rollout
        self.response_length = int(config.data.max_response_length)
        self.max_model_len = int(rollout.max_model_len or self.prompts.max_length + self.response_length)
        import vllm

        self.llm = vllm.LLM(
            **engine_arguments(config, folder, max_model_len=self.max_model_len, images=questions.most_images)
        )
        self.engine = self.llm.llm_engine

    def run(
        self, tasks: Sequence[Task], todo: Collection[str], *, done: Callable[[Task, Generated], None], stop: Stop
    ) -> None:
        for start in range(0, len(tasks), self.batch):
            batch = tasks[start : start + self.batch]
            if stop:
                return
            if any(task.id in todo for task in batch):
                self._run_batch(batch, done, stop)

    def _run_batch(self, tasks: Sequence[Task], done: Callable[[Task, Generated], None], stop: Stop) -> None:
        waiting: dict[str, tuple[Task, str]] = {}
        for task in tasks:
            if stop:
                break
            try:
                prompt, shown = self._prompt(task)
                self.engine.add_request(task.id, prompt, self._sampling(task, len(prompt["prompt_token_ids"])))
            except Exception as error:  # whatever verl, the processor or vLLM raise at one question
                kind = "prompt_too_long" if type(error).__name__ == "TooLong" else "bad_prompt"
                done(task, Generated(failure=kind, detail=f"{type(error).__name__}: {error}"))
                continue
            waiting[task.id] = task, shown
        while self.engine.has_unfinished_requests() and not stop:
            for output in self.engine.step():
                # vLLM adds to the id of a request, to tell two of one name apart.
                name = output.request_id if output.request_id in waiting else output.request_id.rpartition("-")[0]
                if output.finished and name in waiting:
                    task, shown = waiting.pop(name)
                    done(task, self._generated(output.outputs[0], shown))
        if waiting and stop:
            self.engine.abort_request(list(waiting))

    def _prompt(self, task: Task) -> tuple[dict[str, Any], str]:
        row = self.questions.row(task.question.number)
        images = None if task.image_of is None else self.questions.row(task.image_of)["images"]
        built = self.prompts.build(self.prompts.messages(row, images))
        prompt: dict[str, Any] = {"prompt_token_ids": built.engine_ids}
        if built.images is not None:
            prompt["multi_modal_data"] = {"image": built.images}
            if built.mm_processor_kwargs:
                prompt["mm_processor_kwargs"] = built.mm_processor_kwargs
        return prompt, self.prompts.tokenizer.decode(built.ids, skip_special_tokens=True)

    def _sampling(self, task: Task, prompt_length: int) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            max_tokens=max(1, min(self.response_length, self.max_model_len - prompt_length)),
            logprobs=0,
            repetition_penalty=1.0,
            seed=task.seed,
            **self.sampling,
        )

    def _generated(self, answer: Any, prompt: str) -> Generated:
        from recipe.mrpo.rollout.tokens import TokenText

        ids = list(answer.token_ids)
        tokens = TokenText.from_ids(ids, self.table)
        logprobs = None
        if answer.logprobs is not None:
            logprobs = [float(entry[token].logprob) for token, entry in zip(ids, answer.logprobs, strict=True)]
        return Generated(
            tokens.text,
            prompt=prompt,
            finish_reason=answer.finish_reason,
            response_tokens=len(ids),
            starts=tokens.starts.tolist(),
            ends=tokens.ends.tolist(),
            logprobs=logprobs,
        )

    def close(self) -> None:
        self.prompts.close()
        del self.engine, self.llm


def engine_arguments(config: DictConfig, folder: str, *, max_model_len: int, images: int) -> dict[str, Any]:
    """Arguments of `vllm.LLM`: those of verl's rollout server that decide what is computed, and engine_kwargs.vllm.

    `images`: those of the question with most of them; room is made for so many, as at the start of a training.
    Log probabilities are those of the model itself, not of the distribution that was sampled from: under greedy
    sampling those would all be 0.
    """
    rollout = config.actor_rollout_ref.rollout
    more = OmegaConf.to_container(rollout.engine_kwargs, resolve=True).get("vllm") or {}
    more.setdefault("limit_mm_per_prompt", {"image": rollout.get("limit_images") or max(1, images)})
    return {
        "model": folder,
        "dtype": rollout.dtype,
        "trust_remote_code": bool(config.actor_rollout_ref.model.get("trust_remote_code", False)),
        "max_model_len": max_model_len,
        "max_num_seqs": rollout.max_num_seqs,
        "max_num_batched_tokens": max(rollout.max_num_batched_tokens, max_model_len),
        "enable_chunked_prefill": rollout.enable_chunked_prefill,
        "enforce_eager": rollout.enforce_eager,
        "gpu_memory_utilization": max(rollout.gpu_memory_utilization, 0.0),
        "tensor_parallel_size": rollout.tensor_model_parallel_size,
        "seed": 0,
        "disable_log_stats": True,
        **{name: value for name, value in more.items() if value is not None},
        "enable_prefix_caching": False,
    }
