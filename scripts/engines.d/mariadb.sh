# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# MariaDB: tables.

mariadb_program=mariadbd
mariadb_usual_port=3306
mariadb_needs="mariadbd=mariadb-server mariadb-admin=mariadb-client"
mariadb_patience=30

mariadb_prepare() {
  local home=$folder/mariadb
  choose_port mariadb
  [ ! -d "$home/data" ] || return 0
  rm -rf "$home/data.new"
  mariadb-install-db --no-defaults --datadir="$home/data.new" --auth-root-authentication-method=normal \
    --skip-test-db --user="$(id -un)" >"$home/install.log" 2>&1 \
    || fail_with_log "$home/install.log" "mariadb-install-db failed"
  mv "$home/data.new" "$home/data"
}

mariadb_command() {
  local home=$folder/mariadb
  # Durability across power loss is not what the tests are about: no flush at each commit.
  command=(
    mariadbd --no-defaults --user="$(id -un)" --datadir="$home/data"
    --socket="$home/mariadb.sock" --pid-file="$home/mariadb.pid"
    --bind-address=127.0.0.1 --port="$(port mariadb)"
    --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=2 --performance-schema=OFF --skip-log-bin
    --character-set-server=utf8mb4
  )
}

mariadb_answers() {
  mariadb-admin --no-defaults --protocol=tcp --host=127.0.0.1 --port="$(port mariadb)" --user=root ping
}

mariadb_env() {
  echo "AOPS_TEST_MYSQL_URL=mysql://root@127.0.0.1:$(port mariadb)"
}

mariadb_settings() {
  echo "AOPS_TABLES__URL=mysql://root@127.0.0.1:$(port mariadb)/aops"
}

# The database of deploy/examples/engines.toml.
mariadb_started() {
  mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$(port mariadb)" --user=root \
    --execute="CREATE DATABASE IF NOT EXISTS aops CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
}
