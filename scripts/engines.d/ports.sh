# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# Ports of the engines, each in a file of its engine's folder.

# A port on which nobody answers and which no engine of ours has. It is below those that the system gives to clients, so that
# none of them takes it while the engine is away. Should somebody else take it first, the start fails and says so.
free_port() {
  local port
  for _ in $(seq 50); do
    port=$((16000 + RANDOM % 16000))
    grep --quiet --no-messages --line-regexp "$port" "$folder"/*/*port && continue
    is_taken "$port" || { echo "$port"; return; }
  done
  fail "no free port found"
}

is_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Writes a port into a file of the engine, `port` unless another name is given: its old one if that is still free, then the
# engine's usual one if that is.
choose_port() {
  local file=$folder/$1/${2:-port} usual=${1}_usual_port
  if [ -s "$file" ] && ! is_taken "$(<"$file")"; then return; fi
  if [ $# -eq 1 ] && ! is_taken "${!usual}"; then
    echo "${!usual}" >"$file.new"
  else
    free_port >"$file.new"
  fi
  mv "$file.new" "$file"
}

is_at_its_usual_port() {
  local usual=${1}_usual_port
  [ "$(port "$1")" = "${!usual}" ]
}

port() {
  cat "$folder/$1/${2:-port}"
}
