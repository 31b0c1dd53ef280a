"""Why WGAN: two parallel lines at distance theta, from samples: python benchmarks/parallel_lines.py [--out FOLDER]

(0, z) against (theta, z), z uniform on [0, 1]: whenever theta is not 0, KL is infinite and JS is log 2, so neither says
which theta is nearer; W1 is theta (Arjovsky, Chintala, Bottou 2017, example 1). Here from samples of both lines.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

from ganeval.files import replacing
from ganeval.metrics.metric import registered
from ganeval.summaries import Features
from ganeval.testing.truth import Pair, parallel_lines
from ganeval.uncertainty import Estimate

THETAS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
METRICS = ("js_classifier", "kl_classifier", "w1_critic", "sinkhorn", "support_overlap")
TRUTH = {"js_classifier": "js", "kl_classifier": "kl", "w1_critic": "w1", "sinkhorn": "w1"}


def estimates(made: Pair, count: int, seed: int) -> dict[str, Estimate]:
    """Every metric of `METRICS` on samples of the pair."""
    sets = []
    for rows in made.samples(count, seed):
        summary = Features()
        summary.update(rows)
        sets.append(summary)
    found = {}
    for name in METRICS:
        metric = registered()[name]
        options = {"rng": np.random.default_rng(seed)} if metric.seeded else {}
        estimate = metric.function(*sets, **options)
        assert isinstance(estimate, Estimate)
        found[name] = estimate
    return found


def page(rows: dict[float, dict[str, Estimate]], count: int) -> str:
    """Markdown: the numbers, and what follows."""
    heads = ["theta", "KL, truth", "KL, estimate", "JS, truth", "JS, estimate"]
    heads += ["W1, truth", "W1, critic", "W1, Sinkhorn", "overlap"]
    lines = []
    for theta, found in rows.items():
        known = parallel_lines(theta).known
        cells = [
            f"{theta:g}", f"{known['kl'].value:g}", f"{found['kl_classifier'].value:.2f}", f"{known['js'].value:.3f}",
            f"{found['js_classifier'].value:.3f}", f"{known['w1'].value:g}", f"{found['w1_critic'].value:.3f}",
            f"{found['sinkhorn'].value:.3f}", f"{found['support_overlap'].value:.2f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    warnings = rows[max(rows)]["support_overlap"].details.get("warnings", [""])
    return "\n".join(
        [
            "# Two parallel lines: why a GAN may want a Wasserstein distance\n",
            "Made by `python benchmarks/parallel_lines.py`. Real samples lie on a line, (0, z) with z uniform on",
            f"[0, 1], generated ones on (theta, z); {count} of either. The estimates see the samples alone.\n",
            "| " + " | ".join(heads) + " |",
            "|" + "---|" * len(heads),
            *lines,
            "",
            "![JS and W1 against theta](parallel_lines.png)\n",
            "For every theta but 0 the supports do not meet. JS is log 2 = 0.693 and KL infinite (its estimate is",
            "where the classifier's logit was cut), for a near line and for a far one: a generator that moves towards",
            "the data by a little gains nothing in either, and a discriminator trained to the end has no gradient for",
            "it. W1 is theta: it falls all the way. `ganeval` says so where it sees it, by `support_overlap`:\n",
            f"> {warnings[0]}",
        ]
    ) + "\n"  # fmt: skip


def figure(rows: dict[float, dict[str, Estimate]], path: Path, count: int) -> None:
    """The lines on the left, the divergences against theta on the right."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = drawn.subplots(1, 2, width_ratios=(1, 2))
    real, fake = parallel_lines(0.5).samples(200)
    for side, name in ((real, "real"), (fake, "generated")):
        left.scatter(side[:, 0], side[:, 1], s=4, label=name)
    left.set(title="theta = 0.5", xlim=(-0.3, 1.3), xlabel="x", ylabel="z")
    left.legend(loc="center right")
    thetas = list(rows)
    for name, label in (("js_classifier", "JS, classifier"), ("w1_critic", "W1, critic"), ("sinkhorn", "W1, Sinkhorn")):
        right.plot(thetas, [rows[theta][name].value for theta in thetas], "o", label=label)
    right.plot(thetas, thetas, color="C1", linewidth=1, label="W1 = theta")
    right.plot([0, max(thetas)], [math.log(2)] * 2, color="C0", linewidth=1, label="JS = log 2 (0 at theta = 0)")
    right.set(title=f"{count} samples of either line; KL is infinite", xlabel="theta", ylim=(-0.05, 1.1))
    right.legend(fontsize=8)
    drawn.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("reports/parallel_lines"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = {theta: estimates(parallel_lines(theta), arguments.samples, arguments.seed) for theta in THETAS}
    text = page(rows, arguments.samples)
    with replacing(arguments.out / "index.md") as path:
        path.write_text(text)
    figure(rows, arguments.out / "parallel_lines.png", arguments.samples)
    print(text)


if __name__ == "__main__":
    main()
