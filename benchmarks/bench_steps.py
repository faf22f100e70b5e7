"""How fast completions become steps and token spans, on one core.

Completions are synthetic: sentences with the abbreviations, lists and numbers of medical reasoning, encoded by a
byte-level BPE trained on the spot (or by `--tokenizer`) and cut to `--tokens` ids. The clock runs over what a reward
worker does with a rollout before judging it: ids to text, parsing, splitting, alignment.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")

from recipe.mrpo.rollout.steps import SPLITTERS, parse, split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align

PROSE = [
    "First, the image is a frontal chest X-ray, and both lungs are visible from the apex down to the diaphragm.",
    "There is an area of increased opacity in the right lower lobe with a visible air bronchogram, e.g. pneumonia.",
    "The lesion measures approx. 3.5 cm in its largest diameter (Fig. 2) and appears bright on T2-weighted images.",
    "There is no pleural effusion, the costophrenic angles are sharp, and the cardiac silhouette is not enlarged.",
    "Is the margin of the lesion smooth and well defined, or is it irregular as a malignant tumour would show?",
    "**The surrounding tissue shows no oedema, which makes an aggressive process less likely in this patient.**",
    "1. Look at the density of the liver compared with that of the spleen, i.e. whether it is lower than normal.",
    "Smith et al. describe S. aureus as the most common cause of such an abscess after an operation.",
    "- the kidneys are of normal size and position, and neither of them shows a stone or a dilated pelvis",
    "Therefore the findings fit a lobar pneumonia better than a pulmonary embolism or a tumour of the lung.",
]
DENSE = [
    "It is CT, e.g. axial.",
    "Size approx. 3.5 cm (Fig. 2).",
    "S. aureus vs. E. coli?",
    "**Sharp margin.**",
    "1. Look at the liver.",
    "- normal kidneys",
    "肺部有阴影。心脏正常。",
    "Dr. J. R. Smith et al. agree.",
]
BATCH = 64
"""Rollouts held at once, as a reward worker does; thousands would measure Python's garbage collector."""
STYLES = {"prose": PROSE, "dense": DENSE}


def make_tokenizer(path: str | None, sentences: list[str]):
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if path:
        return AutoTokenizer.from_pretrained(path)
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    core.train_from_iterator(sentences * 2, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core)


def make_completions(tokenizer, sentences: list[str], count: int, tokens: int, rng: random.Random) -> list[list[int]]:
    """Completions of exactly `tokens` ids, whose block is closed and answered."""
    tail = tokenizer.encode("</think><answer>pneumonia</answer>", add_special_tokens=False)
    out = []
    for _ in range(count):
        text = "<think>"
        ids: list[int] = []
        while len(ids) < tokens:
            text += "".join(rng.choice(sentences) + rng.choice([" ", " ", " ", "\n", "\n\n"]) for _ in range(8))
            ids = tokenizer.encode(text, add_special_tokens=False)
        out.append(ids[: tokens - len(tail)] + tail)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--completions", type=int, default=2000, help="number of completions (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=512, help="tokens per completion (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timed passes; the median counts (default: %(default)s)")
    parser.add_argument("--splitter", choices=SPLITTERS, default="rules", help="(default: %(default)s)")
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="prose",
        help="prose: sentences as a model writes them; dense: a cut or an abbreviation every few words, the worst case "
        "(default: %(default)s)",
    )
    parser.add_argument("--tokenizer", help="folder or name of a Hugging Face tokenizer (default: a BPE made here)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--min-rate", type=float, help="exit with status 1 below this many completions per second")
    args = parser.parse_args()

    sentences = STYLES[args.style]
    tokenizer = make_tokenizer(args.tokenizer, PROSE + DENSE)
    begin = time.perf_counter()
    table = TokenTable.from_tokenizer(tokenizer)
    table_s = time.perf_counter() - begin
    completions = make_completions(tokenizer, sentences, args.completions, args.tokens, random.Random(args.seed))

    passes: list[Counter[str]] = []
    n_chars = n_steps = n_aligned = 0
    for _ in range(args.repeats):
        n_chars = n_steps = n_aligned = 0
        seconds: Counter[str] = Counter()
        for first in range(0, args.completions, BATCH):
            clock = time.process_time  # one thread: what other processes take of the core does not count
            t0 = clock()
            texts = [TokenText.from_ids(ids, table) for ids in completions[first : first + BATCH]]
            t1 = clock()
            steps = [split_steps(parse(t.text), splitter=args.splitter, unclosed_think="drop") for t in texts]
            t2 = clock()
            spans = [align(s, t) for s, t in zip(steps, texts, strict=True)]
            t3 = clock()
            seconds.update({"ids to text": t1 - t0, "parse and split": t2 - t1, "align": t3 - t2, "all": t3 - t0})
            n_chars += sum(len(t.text) for t in texts)
            n_steps += sum(map(len, steps))
            n_aligned += sum(a < b for row in spans for a, b in row)
        passes.append(seconds)

    chars = n_chars / args.completions
    mean_steps = n_steps / args.completions
    print(
        f"{args.completions} completions of {args.tokens} tokens: {chars:.0f} characters, {mean_steps:.1f} steps each"
    )
    print(f"vocabulary of {len(tokenizer)}, table in {table_s:.3f} s; aligned steps: {n_aligned / max(1, n_steps):.2%}")
    print(f"{'part':<16} {'CPU µs each':>14} {'completions/s':>14}")
    for part in passes[0]:
        seconds = statistics.median(p[part] for p in passes)
        print(f"{part:<16} {1e6 * seconds / args.completions:>14.1f} {args.completions / seconds:>14.0f}")
    rate = args.completions / statistics.median(p["all"] for p in passes)
    if args.min_rate and rate < args.min_rate:
        raise SystemExit(f"{rate:.0f} completions/s is below {args.min_rate:.0f}")


if __name__ == "__main__":
    main()
