# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# Prometheus: series. It scrapes itself, node_exporter, and what tests write into file_sd/ in the folder of
# AOPS_TEST_PROMETHEUS_CONFIG. A test may also change prometheus.yml there and POST to /-/reload; the next start of a stopped
# Prometheus writes it anew.

prometheus_program=prometheus
prometheus_usual_port=9090
prometheus_needs="prometheus=prometheus curl=curl"
prometheus_patience=60

prometheus_prepare() {
  local home=$folder/prometheus
  local platform=${AOPS_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/aops}
  choose_port prometheus
  mkdir -p "$home/config/file_sd"
  fill_in "$definitions/prometheus/prometheus.yml" \
    PORT="$(port prometheus)" NODE_EXPORTER="$folder/node_exporter" \
    SECRET="$platform/prometheus.secret" >"$home/config/prometheus.yml"
}

prometheus_command() {
  local home=$folder/prometheus
  # The admin API deletes series; the receiver takes samples that a test writes instead of having them scraped.
  command=(
    prometheus --config.file="$home/config/prometheus.yml" --storage.tsdb.path="$home/data"
    --web.listen-address="127.0.0.1:$(port prometheus)"
    --web.enable-lifecycle --web.enable-admin-api --web.enable-remote-write-receiver
  )
}

prometheus_answers() {
  curl --silent --fail --max-time 5 "http://127.0.0.1:$(port prometheus)/-/ready"
}

prometheus_env() {
  echo "AOPS_TEST_PROMETHEUS_URL=http://127.0.0.1:$(port prometheus)"
  echo "AOPS_TEST_PROMETHEUS_CONFIG=$folder/prometheus/config"
}

prometheus_settings() {
  echo "AOPS_SERIES__URL=http://127.0.0.1:$(port prometheus)"
}
