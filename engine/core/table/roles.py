"""Proposes a column's role and a metric's direction from a name alone; sees no cells."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.core.enums import Direction
from engine.core.table.model import Role

_NAMES: dict[Role, str] = {
    Role.COMMIT: """
        commit commit_hash hash sha git_hash git_sha git_commit commit_sha commit_id short_sha
        short_hash rev revision head_commit head_sha candidate_commit 提交 提交哈希 哈希
        """,
    Role.STATUS: """
        status verdict decision outcome result state kept keep accepted action keep_discard
        disposition resolution 状态 结果 结论 决定 判定
        """,
    Role.DESCRIPTION: """
        description desc hypothesis change changes summary insight idea what modification
        experiment_description title details detail comment comments message notes note reason
        rationale experiment 描述 说明 备注 假设 改动 变更 内容 实验描述
        """,
    Role.NUMBER: """
        exp exp_id experiment_id experiment_number experiment_no experiment_num experiment run
        run_id run_number iter iteration trial trial_id id n no num number idx index round attempt
        step_id seq row 序号 编号 实验 实验编号 轮次
        """,
    Role.MEMORY: """
        memory_gb mem_gb peak_mem_gb peak_memory_gb peak_vram_gb vram_gb gpu_mem_gb memory mem
        peak_memory peak_mem peak_vram vram peak_vram_mb peak_mem_mb peak_memory_mb vram_mb
        memory_mb mem_mb gpu_memory gpu_mem gpu_memory_gb gpu_memory_mb max_memory_gb memory_gib
        memory_mib memory_bytes peak_memory_bytes rss_mb 内存 显存 显存_gb 内存_gb
        """,
    Role.TIME: """
        timestamp datetime date time at when ts created created_at started started_at finished
        finished_at ended_at time_utc date_time 时间 日期 时间戳
        """,
    Role.DURATION: """
        duration duration_s duration_sec seconds elapsed elapsed_s elapsed_seconds elapsed_sec
        total_seconds training_seconds train_seconds train_time train_time_s wall_time wall_time_s
        walltime wall_clock wall_clock_s runtime runtime_s run_time time_s time_sec minutes
        duration_min 耗时 用时 时长
        """,
    Role.CATEGORY: "category type kind tag group area theme family class strategy 类别 分类 类型",
}
ORDER: dict[Role, dict[str, int]] = {
    role: {name: rank for rank, name in enumerate(names.split())} for role, names in _NAMES.items()
}
"""For each role, the usual column names with their rank; 0 is the most specific."""
HEADER_WORDS = frozenset(name for names in ORDER.values() for name in names)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RATE = re.compile(r"(?:_per_(?:s|sec|second|min|minute|hour)$)|(?:/s(?:ec)?$)|tok_s|it_s")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[\W_]+", re.UNICODE)
_MIN = _set(
    """
    bpb bpc bpw loss ppl perplexity error err errors rmse mse mae mape msle rmsle nll ce xent
    crossentropy entropy wer cer eer fid kl divergence regret distance latency time ms seconds
    cost drawdown ece brier logloss smape wape residual violations failures runtime duration
    损失 误差 困惑度 延迟 耗时
    """
)
_MAX = _set(
    """
    acc accuracy score reward return returns auc auroc auprc roc ap f1 f2 fbeta precision recall map
    ndcg mrr bleu rouge meteor iou miou dice jaccard r2 speedup throughput tps fps qps sps pnl
    profit sharpe sortino winrate win correlation corr spearman pearson kendall success elo psnr
    ssim mfu hfu flops gflops tflops hit hits quality utility fitness rating reliability coverage
    likelihood loglikelihood elbo em pass solved gain alpha mcc kappa gini lift
    准确率 精度 得分 分数 奖励 召回率 吞吐量
    """
)
_RELATIVE = _set(
    """
    delta diff change gain improvement before prev previous old baseline base ref target std stdev
    stderr sigma var variance ci noise pct percent rank min_delta threshold
    """
)
_SECONDARY = _set("train training tr step steps epoch epochs lr seed batch")
_STRONG = _set("bpb val_loss val_acc val_accuracy perplexity primary")


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """Return a name in lower case with underscores: `Val BPB` and `val-bpb` become `val_bpb`."""
    plain = name.strip().lstrip("#").strip() if len(name) > 1 else name
    return _NOT_WORD.sub("_", _CAMEL.sub("_", plain).lower()).strip("_")


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in normalise(name).split("_") if word)


def is_header_word(cell: str) -> bool:
    """Return whether a cell is a usual column name, or the name of a known metric."""
    return 0 < len(cell) <= 60 and (
        normalise(cell) in HEADER_WORDS or direction_of(cell) is not None
    )


@lru_cache(maxsize=4096)
def direction_of(name: str) -> Direction | None:
    """Return which way a metric improves according to its name; None if that is unknown.

    The last known word counts: an `accuracy_loss` is a loss.
    """
    if len(name) > 60:
        return None
    words = _words(name)
    if len(words) > 6:
        return None
    if _RATE.search(name.strip().lower()) or _RATE.search(normalise(name)):
        return Direction.MAX
    # `mIoU` is one word, `valLoss` two.
    return _direction_of_words(words) or _direction_of_words(
        tuple(_NOT_WORD.sub(" ", name.lower()).split())
    )


def _direction_of_words(words: tuple[str, ...]) -> Direction | None:
    found: Direction | None = None
    for word in words:
        if word in _MIN:
            found = Direction.MIN
        elif word in _MAX and not (word == "likelihood" and {"neg", "negative"} & set(words)):
            found = Direction.MAX
        elif word == "likelihood":
            found = Direction.MIN
    return found


def never_zero(name: str) -> bool:
    """Return whether a metric of this name cannot be 0, so that a 0 stands for a crash."""
    return direction_of(name) is Direction.MIN and not set(_words(name)) & {
        *("error", "err", "errors", "violations", "failures", "regret", "drawdown", "cost"),
        *("wer", "cer", "distance", "kl", "divergence"),
    }


def metric_rank(name: str) -> int:
    """Return a score of how likely a column of this name is the metric; higher is likelier."""
    words = set(_words(name))
    rank = 3 if direction_of(name) is not None else 0
    if words & {"bpb", "bpc"} or normalise(name) in _STRONG:
        rank += 2
    elif words & {"val", "validation", "test", "heldout"} and words & {"loss", "ppl"}:
        rank += 1
    if normalise(name) in ORDER[Role.DURATION] or words & {"latency", "ms"}:
        rank -= 1
    if words & _SECONDARY:
        rank -= 2
    if words & {"metric", "objective"}:
        rank += 4
    if "after" in words:
        rank += 1
    if words & _RELATIVE:
        rank -= 3
    return rank


def same_metric(one: str, other: str) -> bool:
    """Return whether two names of one file mean the same metric, as `val_bpb` and `bpb` do."""
    ignored = {"val", "validation", "test", "eval", "best", "final", "mean", "avg"}
    first, second = set(_words(one)) - ignored, set(_words(other)) - ignored
    return normalise(one) == normalise(other) or (bool(first) and first == second)
