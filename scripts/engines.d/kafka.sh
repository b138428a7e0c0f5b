# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# Apache Kafka: the message bus. One node, broker and controller at once (KRaft). There is no Debian package.

kafka_program=java
kafka_usual_port=9092
kafka_needs="java=default-jre-headless mvn=maven kcat=kcat"
kafka_patience=120

kafka_prepare() {
  local home=$folder/kafka lib
  install_java kafka
  lib=$(java_folder kafka)/lib
  choose_port kafka
  choose_port kafka controller-port
  fill_in "$definitions/kafka/server.properties" \
    PORT="$(port kafka)" CONTROLLER_PORT="$(port kafka controller-port)" DATA="$home/data" >"$home/server.properties"
  [ ! -e "$home/data/meta.properties" ] || return 0
  java -Xmx128m -cp "$lib/*" kafka.tools.StorageTool format --ignore-formatted --config "$home/server.properties" \
    --cluster-id "$(new_cluster_id)" >"$home/install.log" 2>&1 9>&- \
    || fail_with_log "$home/install.log" "Kafka could not format its storage"
}

# Sixteen random bytes in base64 as URLs have it, but without the signs: an id that begins with "-" looks like an option.
new_cluster_id() {
  head -c 16 /dev/urandom | base64 | tr -d '=' | tr '+/' 'ab'
}

kafka_command() {
  command=(
    java -Xmx384m -Xms128m -XX:+UseSerialGC -XX:-UsePerfData -Dorg.slf4j.simpleLogger.showDateTime=true
    -Dorg.slf4j.simpleLogger.dateTimeFormat="yyyy-MM-dd'T'HH:mm:ss.SSS"
    -cp "$(java_folder kafka)/lib/*" kafka.Kafka "$folder/kafka/server.properties"
  )
}

# The broker is in the list once the controller takes it for alive; it listens before that.
kafka_answers() {
  timeout 5 kcat -b "127.0.0.1:$(port kafka)" -L -m 2 9>&- | grep ' 1 brokers:'
}

kafka_env() {
  echo "AOPS_TEST_KAFKA=127.0.0.1:$(port kafka)"
}

kafka_settings() {
  echo "AOPS_BUS__BROKERS=[\"127.0.0.1:$(port kafka)\"]"
}
