# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# VictoriaMetrics: series, asked as Prometheus is. It scrapes nothing; tests write what they read.

# As the system cuts it, after 15 characters.
victoria_metrics_program=victoria-metric
victoria_metrics_usual_port=8428
victoria_metrics_needs="victoria-metrics=victoria-metrics curl=curl"
victoria_metrics_patience=60

victoria_metrics_prepare() {
  choose_port victoria_metrics
}

victoria_metrics_command() {
  local home=$folder/victoria_metrics
  # What was written can be read at once, of any time: tests do not wait, and write samples of the past.
  command=(
    victoria-metrics -storageDataPath="$home/data" -httpListenAddr="127.0.0.1:$(port victoria_metrics)"
    -retentionPeriod=10y -memory.allowedBytes=256MB
    -search.latencyOffset=0s -search.disableCache
  )
}

victoria_metrics_answers() {
  curl --silent --fail --max-time 5 "http://127.0.0.1:$(port victoria_metrics)/health"
}

victoria_metrics_env() {
  echo "AOPS_TEST_VICTORIA_METRICS_URL=http://127.0.0.1:$(port victoria_metrics)"
}

# deploy/examples/engines.toml asks Prometheus.
victoria_metrics_settings() {
  :
}
