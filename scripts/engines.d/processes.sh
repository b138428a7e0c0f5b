# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# Processes of the engines: start, wait, stop.

log_file() {
  echo "$folder/$1/server.log"
}

process_of() {
  cat "$folder/$1/$1.pid" 2>/dev/null
}

# Whether the process that we started is there. Its number may have gone to another one since, so we look at what it is:
# an engine of ours is called like its program and has its folder on its command line.
runs() {
  local process program=${1}_program
  process=$(process_of "$1") || return
  [ "$(cat "/proc/$process/comm" 2>/dev/null)" = "${!program}" ] || return
  [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$process/cmdline") == *"$folder/$1/"* ]]
}

launch() {
  local engine=$1 log command
  runs "$engine" && return
  mkdir -p "$folder/$engine" "$downloads"
  "${engine}_prepare"
  "${engine}_command"
  log=$(log_file "$engine")
  # The end of the run before may be what somebody looks for.
  if [ -s "$log" ]; then mv "$log" "$log.1"; fi
  # A session of its own, so that Ctrl-C in this terminal does not reach it; without the lock, which it would hold.
  setsid "${command[@]}" >"$log" 2>&1 </dev/null 9>&- &
  echo $! >"$folder/$engine/$engine.pid"
}

await() {
  local engine=$1 process log patience=${1}_patience
  local deadline=$((SECONDS + ${!patience}))
  process=$(process_of "$engine")
  log=$(log_file "$engine")
  until "${engine}_answers" >/dev/null 2>&1; do
    kill -0 "$process" 2>/dev/null || fail_with_log "$log" "$engine ended by itself"
    [ "$SECONDS" -lt "$deadline" ] || fail_with_log "$log" "$engine does not answer within ${!patience} s"
    sleep 0.1
  done
  # Somebody else may have taken its port and answer in its place.
  runs "$engine" || fail_with_log "$log" "$engine ended by itself"
}

fail_with_log() {
  tail -n 15 "$1" >&2
  fail "$2; these are the last lines of $1"
}

stop() {
  local engine=$1 process
  runs "$engine" || return 0
  process=$(process_of "$engine")
  # It may end by itself before we tell it to: no error. A test may have halted it: it ends when it goes on.
  kill -TERM "$process" 2>/dev/null || true
  kill -CONT "$process" 2>/dev/null || true
  wait_until_ended "$engine" 30 && return
  echo "scripts/engines: $engine (process $process) does not stop within 30 s: killing it" >&2
  kill -KILL "$process" 2>/dev/null || true
  wait_until_ended "$engine" 10 || fail "$engine (process $process) does not stop"
}

wait_until_ended() {
  local deadline=$((SECONDS + $2))
  while runs "$1"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}
