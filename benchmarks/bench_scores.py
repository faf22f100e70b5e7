"""Time and memory of `mrpo score` and `mrpo compare` on many rollouts, read as a stream.

Made are the folders of two evaluations (generations and judgements of about 3 kB a rollout, 7.7 questions an image,
eight data sets) or, with --dump, one training dump. The commands run in processes of their own; their peak memory is
counted by the system and holds Python and its libraries.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETS = ("vqa-rad", "slake", "pathvqa", "pmc-vqa", "vqa-med-2021", "quilt-vqa", "radimagenet-vqa", "mimic-cxr-vqa")
SENTENCE = "The image shows an oval area near the midline that is darker than its surroundings. "


def rows(count: int, *, seed: int):
    """(case, record, text) of each rollout."""
    rng = random.Random(seed)
    for i in range(count):
        image = int(i / 7.7)
        right = rng.random() < 0.3 + 0.4 * random.Random(image).random()
        labels = [int(rng.random() < 0.75) for _ in range(rng.randint(2, 8))]
        case = {
            "question": f"What is shown in part {i % 40} of this image?", "gold": [f"answer {i % 500}"],
            "gold_reasoning": SENTENCE * 3, "image_id": f"{image}.jpg", "data_source": SETS[image % 8], "split": "test",
            "index": str(i), "answer_type": "CLOSED" if i % 4 == 0 else "OPEN", 
            "modality": ("CT", "MRI", "X-ray")[image % 3], "organ": ("liver", "lung", "brain", "heart")[image % 4],
            "question_type": ("what", "where", "how many")[i % 3],
        }  # fmt: skip
        record = {
            "steps": [SENTENCE.strip()] * len(labels), "spans": [[20 * k, 20 * k + 20] for k in range(len(labels))],
            "labels": labels, "judge_status": "ok",
            "rewards": {"answer": float(right), "process": sum(labels) / len(labels)},
            "weights": {"answer": 1.0, "process": 1.0}, "answer": f"answer {(i if right else i + 1) % 500}",
            "wrong": not right, "well_formed": True, "response_tokens": 20 * len(labels), "case": case,
            "judge": {"calls": 1, "latency_s": 0.5}, "errors": {}, "fatal": None,
        }  # fmt: skip
        yield case, record, f"<think>{SENTENCE * len(labels)}</think><answer>{record['answer']}</answer>"


def write_evaluation(folder: Path, count: int, *, seed: int) -> None:
    from recipe.mrpo.evaluate.ids import output_hash, question_id, sample_id

    folder.mkdir()
    with (folder / "generations.jsonl").open("w") as answers, (folder / "judgements.jsonl").open("w") as judged:
        for case, record, text in rows(count, seed=seed):
            name = sample_id(case, 0)
            answers.write(json.dumps({
                "id": name, "question_id": question_id(case), "sample": 0, "data_source": case["data_source"],
                "split": "test", "index": int(case["index"]), "image_sha256": [], "case": case,
                "prompt": case["question"], "output": text, "response_tokens": record["response_tokens"],
                "finish_reason": "stop",
                "answer_logprobs": [-0.3, -0.1], "condition": "image", "input_hash": "x"}) + "\n")  # fmt: skip
            judged.write(json.dumps({"id": name, "input_hash": "y", "output_hash": output_hash(text), "mrpo": record,
                                     "answer_verdict": None, "repeats": None}) + "\n")  # fmt: skip


def write_dump(folder: Path, count: int, *, seed: int) -> None:
    (folder / "rollouts").mkdir(parents=True)
    with (folder / "rollouts" / "1.jsonl").open("w") as out:
        for i, (case, record, text) in enumerate(rows(count, seed=seed)):
            given = record | {"advantage": 0.5, "step_advantages": [0.5] * len(record["steps"])}
            out.write(json.dumps({"input": case["question"], "output": text, "gts": case["gold"][0], "score": 1.0,
                                  "step": 1, "uid": f"u{i // 8}_{i % 8}_0", "mrpo": given}) + "\n")  # fmt: skip


def measured(*command: str) -> tuple[float, float, float]:
    """(seconds, seconds of the processor, peak MiB) of a command of this package."""
    code = (
        "import resource, runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
        "finally:\n"
        " used = resource.getrusage(resource.RUSAGE_SELF)\n"
        " print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    processor, peak = map(float, done.stderr.split()[-2:])
    return seconds, processor, peak / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=100_000)
    parser.add_argument("--dump", action="store_true", help="a training dump in place of evaluations")
    parser.add_argument("--max-mib", type=float, default=None, help="status 1 if a command needs more memory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        commands = {"score": ["recipe.mrpo.evaluate.scores", str(folder / "a"), "--format", "headline"]}
        if arguments.dump:
            write_dump(folder / "a", arguments.rollouts, seed=1)
        else:
            for name, seed in (("a", 1), ("b", 2)):
                write_evaluation(folder / name, arguments.rollouts, seed=seed)
            commands["compare"] = ["recipe.mrpo.evaluate.scores.compare", str(folder / "a"), str(folder / "b"),
                                   "--format", "headline"]  # fmt: skip
        size = sum(file.stat().st_size for file in (folder / "a").rglob("*.jsonl")) / 2**20
        print(f"{arguments.rollouts:,} rollouts, {size:.0f} MiB a run")
        worst = 0.0
        for name, command in commands.items():
            seconds, processor, peak = measured(*command)
            worst = max(worst, peak)
            print(f"mrpo {name}: {seconds:.1f} s, {processor:.1f} s of the processor, peak {peak:.0f} MiB")
    if arguments.max_mib is not None and worst > arguments.max_mib:
        raise SystemExit(f"peak of {worst:.0f} MiB is above --max-mib {arguments.max_mib:g}")


if __name__ == "__main__":
    main()
