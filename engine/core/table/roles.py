"""Proposes a column's role, and how likely it is the metric, from its name; sees no cells."""

from __future__ import annotations

import re

from engine.core.enums import Direction
from engine.core.metric_direction import direction_of, normalise, word_set, words_of
from engine.core.table.model import Role

_NAMES: dict[Role, str] = {
    Role.COMMIT: """
        commit commit_hash hash sha git_hash git_sha git_commit commit_sha commit_id short_sha
        short_hash rev revision head_commit head_sha candidate_commit 提交 提交哈希 哈希
        """,
    Role.STATUS: """
        status verdict decision outcome result state kept keep accepted action keep_discard
        disposition resolution is_keep is_kept is_accepted accept adopted merged retained improved
        is_improved is_best 状态 结果 结论 决定 判定
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
DECIDED = word_set(
    """
    kept keep accepted is_keep is_kept is_accepted accept adopted merged retained improved
    is_improved is_best
    """
)
"""Names of status columns whose cells may be 1 for keep and 0 for discard."""
_ENDINGS = ("description", "desc", "hypothesis", "idea", "rationale")
HEADER_WORDS = frozenset(name for names in ORDER.values() for name in names)


_RELATIVE = word_set(
    """
    delta diff change gain improvement before prev previous old baseline base ref target std stdev
    stderr sigma var variance ci noise pct percent rank min_delta threshold start starting initial
    init original from incumbent far pvalue
    """
)
_SECONDARY = word_set("train training tr step steps epoch epochs lr seed batch")
_RESOURCES = word_set(
    "memory mem vram ram rss footprint bytes kb kib mb mib gb gib energy joules watts power size"
)
_TIMES = word_set(
    """
    latency time runtime walltime duration elapsed s sec secs seconds ms us μs ns minutes hours
    耗时 用时 时长
    """
)
_LATENCIES = word_set("latency ttft tpot itl ms us μs ns")
_P_VALUE = re.compile(r"(?:^|(?<!top)_)p(?:_?val(?:ue)?)?$")
_SETTINGS = word_set(
    "env environment config params parameters hparams hyperparameters args settings"
)
"""Names of objects in JSON whose members are not measured."""
_COUNTS = word_set("passed failed failures tests gates files warnings errors misses")
_STRONG = word_set("bpb val_loss val_acc val_accuracy perplexity primary")
_FORMS = word_set("best final mean avg")
_SPLITS = dict.fromkeys(("val", "validation", "eval", "dev", "heldout"), "val") | {"test": "test"}
_NEVER_ZERO = word_set(
    """
    bpb bpc bpd bpw bits nats loss losses nll ppl perplexity rmse mse mae msle rmsle nrmse nmse fid
    latency time runtime walltime ttft tpot itl seconds secs sec ms us ns
    损失 困惑度 延迟 耗时
    """
)


def name_order(role: Role, name: str) -> int | None:
    """Return the rank of a column's name among the usual ones of a role; None if it is none.

    A name such as `agent_idea` counts as its last word.
    """
    order, key = ORDER[role], normalise(name)
    if role is Role.DESCRIPTION and key not in order:
        key = key.rpartition("_")[2]
        return order[key] if key in _ENDINGS else None
    return order.get(key)


def is_header_word(cell: str) -> bool:
    """Return whether a cell is a usual column name, or the name of a known metric."""
    return (
        0 < len(cell) <= 60
        and "\t" not in cell
        and (normalise(cell) in HEADER_WORDS or direction_of(cell) is not None)
    )


def never_zero(name: str) -> bool:
    """Return whether a metric of this name cannot be 0, so that a 0 stands for a crash."""
    return direction_of(name) is Direction.MIN and bool(_NEVER_ZERO & set(words_of(name)))


def metric_rank(name: str) -> int:
    """Return a score of how likely a column of this name is the metric; higher is likelier."""
    words = set(words_of(name))
    rank = 3 if direction_of(name) is not None else 0
    if words & {"bpb", "bpc"} or normalise(name) in _STRONG:
        rank += 2
    elif words & {"val", "validation", "test", "heldout"} and words & {"loss", "ppl"}:
        rank += 1
    if direction_of(name) is Direction.MIN and words & _TIMES:
        # How long a run takes is seldom what is improved; how long a request takes often is.
        rank -= 1 if words & _LATENCIES else 4
    if words & (_SECONDARY | _RESOURCES | _COUNTS):
        rank -= 2
    if words & {"metric", "objective"}:
        rank += 4 if not words & {"name", "direction", "unit", "type"} else -3
    if words & {"after", "primary", "composite"}:
        rank += 1
    if words & _RELATIVE and "explained" not in words:
        rank -= 3
    if _P_VALUE.search(normalise(name)):
        rank -= 6
    if name.partition(".")[0].lower() in _SETTINGS and "." in name:
        rank -= 4
    return rank


def same_metric(one: str, other: str) -> bool:
    """Return whether two names of one file mean the same metric, as `val_bpb` and `bpb` do.

    Values on validation and on test data are two metrics.
    """
    if normalise(one) == normalise(other):
        return True
    first, second = set(words_of(one)) - _FORMS, set(words_of(other)) - _FORMS
    parts = [{_SPLITS[word] for word in words if word in _SPLITS} for words in (first, second)]
    same = first - _SPLITS.keys() == second - _SPLITS.keys() != set()
    return same and (parts[0] == parts[1] or not all(parts))
