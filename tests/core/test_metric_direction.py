"""Which way a metric improves, by its name alone."""

from __future__ import annotations

import pytest

from engine.core.enums import Direction
from engine.core.metric_direction import direction_of


def _names(text: str) -> list[str]:
    return text.split()


MIN = _names(
    """
    exploitability val_bpb bpb bpc bits_per_byte bits_per_dim val_loss loss Loss train_loss
    test/loss valLoss eval.loss validation-loss valloss testloss loss@1000 cross_entropy
    xent ce_loss nll val_nll negative_log_likelihood neg_log_likelihood neg_elbo ppl val_ppl
    perplexity accuracy_loss dice_loss iou_loss reward_loss f1_loss score_loss
    loss_per_sequence loss_per_token nats_per_token ms_per_step seconds_per_sample
    us_per_token time_per_output_token s/it ms/step sec_per_epoch joules_per_token
    cost_per_doc cost_per_hour errors_per_hour dollars_per_run latency latency_ms latency_us
    p99_latency_ms ttft_p50_ms itl_p99_ms combined_µs parse_us wall_seconds wall_time_s
    runtime test_runtime build_seconds elapsed duration_s time rmse val_rmse mse mae
    spread_mae cv_rmse_log mape smape msle rmsle nrmse mean_squared_error
    mean_absolute_error root_mean_squared_error crps wer hf_wer CER eer error error_rate
    top1_error val_error cross_branch_error_rate classification_error err
    false_positive_rate false_negative_rate fpr fnr miss_rate val_fid fid fid_score fid_50k
    kid fvd fad lpips kl kl_divergence reverse_kl kl_reward_penalty wasserstein_distance
    chamfer hausdorff epe ate mpjpe ade fde brier brier_score ece calibration_error
    hamming_loss log_loss logloss regret cost total_cost max_drawdown generalization_gap
    accuracy_gap accuracy_drop toxicity hallucination_rate violations failures failure_rate
    overhead slowdown peak_vram_mb memory_gb bundle_size_kb artifact_bytes model_size_mb
    loss_ratio loss_win_ratio error_accuracy_ratio noise_error_ratio avg_loss
    energy_kwh power_watts jitter_ms residual neg_accuracy one_minus_accuracy 损失 验证损失 困惑度
    """
)
MAX = _names(
    """
    variance_explained explained_variance accuracy val_acc acc acc1 acc@1 top1_acc
    top5_accuracy balanced_accuracy gw_acc top_1_accuracy mean_niah_accuracy exact_match em
    f1 F1 f1_score macro_f1 val_f1 f05 primary_f05 f_beta precision precision@5
    average_precision recall recall@10 recall_macro sensitivity specificity tpr
    true_positive_rate true_negative_rate auc AUROC roc_auc pr_auc auprc val_auc ap ap50 map
    mAP map50 map_50_95 mAP@50 ndcg ndcg@10 nDCG@100 ndcg10 mrr MRR@10 hits@1 hit_rate
    cache_hit_rate pass@1 pass@k pass_rate pass_at_1 success success_rate ever_success_rate
    win_rate winrate wins solve_rate solved psnr val_psnr PSNR_dB ssim ms_ssim msssim si_sdr
    snr pesq stoi mos bleu BLEU-4 sacrebleu rouge_l rougeL rouge1 meteor chrf cider
    bertscore iou mIoU miou dice dice_score dice_coefficient jaccard r2 r2_score R² pearson
    spearman mvp_spearman spearman_profile_vs_niah correlation ic rank_ic mcc kappa
    cohen_kappa reward mean_reward episode_reward return avg_return episode_return returns
    score val_score quality utility fitness best_fitness likelihood log_likelihood
    loglikelihood log_prob elbo speedup speedup_vs_pytorch throughput throughput_tok_s
    tok_per_sec tok/s tokens_per_s tokens/sec tg_tok_s tokens_per_second steps_per_sec it/s
    samples_per_second images/s generations_per_s requests_per_second gb_per_s GB/s
    tokens_per_joule perf_per_watt tps fps qps tflops TFLOPS throughput_tflops mfu
    mfu_percent pnl mean_test_pnl profit sharpe avg_sharpe sortino calmar profit_factor elo
    rating win win_loss_ratio avg_win_loss_ratio win/loss profit_loss profit_and_loss
    gain_loss_ratio reward_risk_ratio accuracy_cost_ratio error_reduction_rate
    latency_reduction_pct sharpe_ratio calmar_ratio silhouette nmi ari coverage bandwidth
    acceptance_rate uptime loss_reduction
    error_reduction latency_improvement neg_mse neg_mean_squared_error neg_log_loss
    accuracy_gain improvement performance inception_score 准确率 得分 吞吐量
    """
)
UNKNOWN = _names(
    """
    D_geomean foo column-3 steps num_steps epoch seed lr learning_rate depth width
    batch_size clippy composite nba_core objective metric value result knn_10 params
    num_params params_m total_tokens tokens entropy policy_entropy temperature dropout_rate
    loss_scale loss_weight accuracy_threshold score_threshold reward_scale loss_fn
    return_code exit_code win_length accelerator accumulate returned_rows lossless classes
    mapping scores_file acc_std loss_std f1_variance delta ratio rate index x y description
    and and_and and_ratio ratio_ratio stop_loss stop_loss_pct take_profit risk_reward_ratio
    compression_ratio
    diversity conc ctime draw_rate max_moves vanilla flops entropy_coef hit_count_limit
    map_size learning_curve precision_bits half_precision timestamp available_gb block_h
    entry_days time_budget error_message losses_file score_version
    """
)


@pytest.mark.parametrize("name", MIN)
def test_names_of_which_lower_is_better(name: str) -> None:
    assert direction_of(name) is Direction.MIN


@pytest.mark.parametrize("name", MAX)
def test_names_of_which_higher_is_better(name: str) -> None:
    assert direction_of(name) is Direction.MAX


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_that_do_not_tell(name: str) -> None:
    assert direction_of(name) is None


def test_the_table_of_names_is_large_and_has_no_name_twice() -> None:
    names = [*MIN, *MAX, *UNKNOWN]
    assert len(names) >= 300
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["", "_", "@", "/", "per", "per_s", "neg", "x" * 500, "\x00\n"])
def test_no_name_is_too_odd(name: str) -> None:
    direction_of(name)
