# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# node_exporter: this machine's metrics. A test may add its own, in files *.prom in the folder of
# AOPS_TEST_NODE_EXPORTER_TEXTFILES.

# As the system cuts it, after 15 characters.
node_exporter_program=prometheus-node
node_exporter_usual_port=9100
node_exporter_needs="prometheus-node-exporter=prometheus-node-exporter curl=curl"
node_exporter_patience=30

node_exporter_prepare() {
  local home=$folder/node_exporter
  choose_port node_exporter
  mkdir -p "$home/textfiles"
  # Prometheus reads this one, whichever of the two starts first.
  printf '[{"targets": ["127.0.0.1:%s"]}]\n' "$(port node_exporter)" >"$home/target.json.new"
  mv "$home/target.json.new" "$home/target.json"
}

node_exporter_command() {
  command=(
    prometheus-node-exporter --web.listen-address="127.0.0.1:$(port node_exporter)"
    --collector.textfile.directory="$folder/node_exporter/textfiles"
  )
}

node_exporter_answers() {
  curl --silent --fail --max-time 5 "http://127.0.0.1:$(port node_exporter)/metrics"
}

node_exporter_env() {
  echo "AOPS_TEST_NODE_EXPORTER_URL=http://127.0.0.1:$(port node_exporter)"
  echo "AOPS_TEST_NODE_EXPORTER_TEXTFILES=$folder/node_exporter/textfiles"
}

# The platform knows it by the hosts that are registered.
node_exporter_settings() {
  :
}
