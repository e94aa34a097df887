"""Reads run logs: the metric, the summary, the progress and the error of any training script."""
