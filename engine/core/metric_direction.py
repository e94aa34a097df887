"""Infers from a metric's name alone whether a lower or a higher value is better, if it tells.

A name is split into words. The last word that says anything decides, as the last noun does in
English (an `accuracy_loss` is a loss); units, `per`, negations and words such as `reduction` or
`threshold` change what the others mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from engine.core.enums import Direction

_LONGEST = 60
_MOST_WORDS = 8


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(words.split())


_MIN = word_set(
    """
    bpb bpc bpd bpw bpt loss losses ppl perplexity error errors err errs rmse mse mae mape msle
    rmsle smape wmape wape nrmse nmse mase crps nll ce xent crossentropy logloss wer cer ter der
    eer dcf mindcf fpr fnr far frr fid kid fvd fad lpips niqe brisque kl kld divergence wasserstein
    emd chamfer hausdorff hd95 assd epe aepe ate rpe mpjpe ade fde distance brier ece regret cost
    exploitability costs dollars usd drawdown gap toxicity hallucination hallucinations violation
    violations
    failures failure failed crashes warnings bugs misses miss overhead slowdown stall stalls jitter
    residual residuals penalty disparity volatility slippage inertia distortion rejection latency
    time runtime walltime duration elapsed ttft tpot itl rtf energy joules watts kwh co2 memory mem
    vram ram rss footprint allocations allocs risk
    损失 误差 困惑度 延迟 耗时
    """
)
_MAX = word_set(
    """
    acc accuracy accuracies reward rewards return returns auc auroc aucroc auprc aupr roc
    ap map em f1 f2 f05 fbeta fscore fmeasure precision recall sensitivity specificity tpr tnr ppv
    npv ndcg mrr bleu sacrebleu gleu rouge meteor chrf cider spice sari bertscore comet iou miou
    giou dice jaccard r2 speedup speed throughput goodput bandwidth iops tps fps qps rps sps ips
    tflops mfu hfu pnl profit profits revenue sharpe sortino calmar cagr roi ic icir winrate win
    wins correlation corr spearman pearson kendall concordance cindex success successes elo rating
    psnr ssim msssim snr sdr sisdr pesq stoi mos hit hits quality utility usefulness fitness
    reliability robustness fairness coverage likelihood loglikelihood loglik logprob logp elbo pass
    passed solve solved gain improvement improvements mcc kappa lift performance perf acceptance
    uptime survival silhouette nmi ari ami purity homogeneity completeness modularity similarity
    agreement inception top1 top5 skill
    准确率 精度 得分 分数 奖励 召回率 吞吐量
    """
)
_PHRASES = {
    "false_positive": Direction.MIN,
    "false_negative": Direction.MIN,
    "true_positive": Direction.MAX,
    "true_negative": Direction.MAX,
    "cross_entropy": Direction.MIN,
    "relative_entropy": Direction.MIN,
    "davies_bouldin": Direction.MIN,
    "calinski_harabasz": Direction.MAX,
    "variance_explained": Direction.MAX,
    "explained_variance": Direction.MAX,
    "exact_match": Direction.MAX,
    "f_beta": Direction.MAX,
    "c_index": Direction.MAX,
    "log_prob": Direction.MAX,
    "win_loss": Direction.MAX,
    "profit_loss": Direction.MAX,
    "gain_loss": Direction.MAX,
    "stop_loss": None,
    "take_profit": None,
    "risk_reward": None,
    "half_precision": None,
    "mixed_precision": None,
    "single_precision": None,
    "double_precision": None,
}
"""Pairs of words whose meaning differs from that of their words; None: they say nothing."""
_SIZED = word_set("model bundle file binary artifact package image checkpoint archive download")
_SIZES = word_set("bytes kb kib mb mib gb gib tb kilobytes megabytes gigabytes")
_FREE = word_set("available free capacity")
_TIMES = word_set(
    """
    s sec secs second seconds ms msec millis milliseconds us usec μs microseconds ns nanoseconds
    minute minutes mins hour hours hrs
    """
)
_RATES = _TIMES | {"min", "hr", "h", "day"}
_PRICES = word_set(
    "cost costs dollars usd loss errors error failures crashes violations misses joules"
)
"""Words whose rate is to be low, such as `cost_per_hour`; a rate of anything else is a speed."""
_RESOURCES = word_set("joule watt kwh dollar usd flop gflop tflop param parameter gb mb area")
_COUNTED = word_set(
    "tok toks token tokens it its iters samples img imgs images req reqs gb mb mib gib"
)
"""Words that make a speed together with a final `s`, as in `tok_s`."""
_NEGATIONS = word_set("neg negative negated minus inverse inverted")
_REVERSALS = word_set("reduction reductions decrease drop savings saving saved")
_FORMS = word_set("ratio rate pct percent")
"""Last words that say in what form a value is given."""
_NOT_MEASURED = word_set(
    """
    scale weight weights threshold coef coefficient fn func function type name code id msg message
    file path version length len limit bits budget curve std stdev stddev stderr sem var variance ci
    sigma target schedule mode class level lambda patience text rows
    """
)
"""Last words of names that are settings, labels or spreads, such as `loss_scale` and `acc_std`."""
_MEASURED = word_set("dice_coefficient explained_variance")
"""Pairs of words that name a measured value, although the second alone does not."""
_WEAK_MAX = word_set("score scores")
_SETS = "valid validation val test train eval dev holdout mean avg best final micro macro"
_GLUED = re.compile(f"(?:{'|'.join(_SETS.split())})([a-z0-9]+)")
_NUMBERED = re.compile(r"([a-z]{2,})[0-9]+k?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[\W_]+", re.UNICODE)
_SLASH = re.compile(r"(?<=[^\W\d_])/(?=[^\W\d_]+$)")
_CHINESE = tuple(word for word in (*_MIN, *_MAX) if word > "\u4e00")


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """Return a name in lower case with underscores: `Val BPB` and `val-bpb` become `val_bpb`."""
    plain = name.strip().lstrip("#").strip() if len(name) > 1 else name
    return _NOT_WORD.sub("_", _CAMEL.sub("_", plain).lower()).strip("_")


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `valLoss` has two, `val_bpb` too."""
    return tuple(word for word in normalise(name).split("_") if word)


@lru_cache(maxsize=4096)
def direction_of(name: str) -> Direction | None:
    """Return which way a metric improves according to its name; None if the name does not tell.

    Args:
        name: The metric's name, such as `val_bpb`, `ndcg@10`, `tok/s` or `mIoU`.
    """
    if len(name) > _LONGEST:
        return None
    plain = unicodedata.normalize("NFKC", name)
    words = _split_rate(plain)
    if len(words) > _MOST_WORDS:
        return None
    found = _of_name(words)
    if found is not None or (words and _is_setting(words)):
        return found
    # `mIoU` and `nDCG` are one word each, unlike `valLoss`.
    return _of_name(tuple(_NOT_WORD.sub(" ", plain.lower()).split()))


def _split_rate(name: str) -> tuple[str, ...]:
    """Return a name's words, with `per` for the slash of `tok/s` and `s/it`."""
    match = _SLASH.search(name)
    if match is not None:
        before, after = words_of(name[: match.start()]), words_of(name[match.end() :])
        if after and (after[-1] in _TIMES or (before[-1:] and before[-1] in _TIMES)):
            return (*before, "per", *after)
    return words_of(name)


def _of_name(words: tuple[str, ...]) -> Direction | None:
    if "at" in words[1:]:
        words = words[: words.index("at", 1)]  # pass_at_1, loss_at_step_1000
    if "per" in words[1:-1]:
        at = words.index("per", 1)
        return _of_ratio(words[:at], words[at + 1 :])
    if len(words) > 1 and words[-1] in ("s", "sec") and words[-2] in _COUNTED:
        return Direction.MAX
    while len(words) > 1 and words[-1].isdigit():
        words = words[:-1]
    if not words or _is_setting(words):
        return None
    return _of_words(words)


def _is_setting(words: tuple[str, ...]) -> bool:
    """Return whether a name is that of a setting, a label or a spread, not of a measured value."""
    if words[-1] == "size":
        return not _SIZED & set(words)
    return words[-1] in _NOT_MEASURED and "_".join(words[-2:]) not in _MEASURED


def _of_ratio(head: tuple[str, ...], unit: tuple[str, ...]) -> Direction | None:
    """Return the direction of `head` per `unit`."""
    if unit[0] in _RATES:
        return Direction.MIN if _PRICES & set(head) else Direction.MAX
    if head[-1] in _TIMES or head[-1] in ("bits", "nats", "time"):
        return Direction.MIN
    found = _of_words(head)
    if found is None and unit[0] in _RESOURCES:
        return Direction.MAX
    return found


def _of_words(words: Sequence[str]) -> Direction | None:
    form = words[-1] if len(words) > 1 and words[-1] in _FORMS else ""
    bare = words[:-1] if form else words
    if bare[-1] in _REVERSALS:
        rest = _of_words(bare[:-1]) if len(bare) > 1 else None
        return _opposite(rest)
    words = [word for word in words if word != "and"] or words
    found: Direction | None = None
    weak: Direction | None = None
    negated = words[0] == "1" and len(words) > 1
    index = 0
    while index < len(words):
        word, following = words[index], words[index + 1] if index + 1 < len(words) else ""
        pair = f"{word}_{following}"
        if pair in _PHRASES:
            found = _PHRASES[pair] or found
            index += 2
            continue
        index += 1
        if word in _NEGATIONS:
            negated = negated or not following.startswith("sampl")
        elif word in _WEAK_MAX:
            weak = Direction.MAX
        elif word == "size" and index > 1 and words[index - 2] in _SIZED:
            found = Direction.MIN
        elif (known := _of_word(word)) is not None:
            # Of a ratio, the first of two words is the numerator.
            found = found if form == "ratio" and found is not None else known
    if found is None and len(words) > 1 and words[-1] in _TIMES | _SIZES and not _FREE & set(words):
        found = Direction.MIN
    found = found or weak
    return _opposite(found) if negated else found


def _of_word(word: str) -> Direction | None:
    for text in (word, _without(_NUMBERED, word), _without(_GLUED, word)):
        if text in _MIN:
            return Direction.MIN
        if text in _MAX:
            return Direction.MAX
    if word > "\u4e00":
        known = max(
            (word.rfind(text) + len(text), text) for text in ("", *_CHINESE) if text in word
        )
        return _of_word(known[1]) if known[1] and known[1] != word else None
    return None


def _without(pattern: re.Pattern[str], word: str) -> str:
    match = pattern.fullmatch(word)
    return match[1] if match is not None else ""


def _opposite(direction: Direction | None) -> Direction | None:
    if direction is None:
        return None
    return Direction.MAX if direction is Direction.MIN else Direction.MIN
