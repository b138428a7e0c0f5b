# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# Elasticsearch: documents and logs. There is no Debian package; TestNode.java starts it from the jars. The tests of logs
# start rsyslogd themselves.

elasticsearch_program=java
elasticsearch_usual_port=9200
elasticsearch_needs="javac=default-jdk-headless mvn=maven curl=curl rsyslogd=rsyslog-elasticsearch"
elasticsearch_patience=120

elasticsearch_prepare() {
  local home=$folder/elasticsearch
  install_java elasticsearch
  choose_port elasticsearch
  choose_port elasticsearch transport-port
  mkdir -p "$home/config" "$home/temporary"
  fill_in "$definitions/elasticsearch/elasticsearch.yml" \
    PORT="$(port elasticsearch)" TRANSPORT_PORT="$(port elasticsearch transport-port)" HOME="$home" \
    >"$home/config/elasticsearch.yml"
}

elasticsearch_command() {
  local home=$folder/elasticsearch programs
  programs=$(java_folder elasticsearch)
  command=(
    java -Xmx512m -Xms256m -XX:+UseSerialGC -XX:-UsePerfData -Djava.io.tmpdir="$home/temporary"
    -Dlog4j2.configurationFile="$definitions/elasticsearch/log4j2.properties"
    -cp "$programs/lib/*:$programs/classes" TestNode "$home"
  )
}

# Serves once the indices that were there before are there again.
elasticsearch_answers() {
  curl --silent --fail --max-time 5 \
    "http://127.0.0.1:$(port elasticsearch)/_cluster/health?wait_for_status=yellow&timeout=3s"
}

elasticsearch_env() {
  echo "AOPS_TEST_ELASTICSEARCH_URL=http://127.0.0.1:$(port elasticsearch)"
}

elasticsearch_settings() {
  echo "AOPS_DOCUMENTS__URLS=[\"http://127.0.0.1:$(port elasticsearch)\"]"
  echo "AOPS_LOGS__CONNECTION__URLS=[\"http://127.0.0.1:$(port elasticsearch)\"]"
}
