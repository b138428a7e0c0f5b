# shellcheck shell=bash disable=SC2034,SC2154 # it shares variables with scripts/engines
# What the engines are made of: Debian's packages, and programs in Java from the Maven repository.

# Installs the packages that the named engines lack. Who is not root is told what to install.
install_packages() {
  local engine needs need missing=()
  for engine in "$@"; do
    needs=${engine}_needs
    for need in ${!needs}; do
      command -v "${need%%=*}" >/dev/null || missing+=("${need#*=}")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  readarray -t missing < <(printf '%s\n' "${missing[@]}" | sort --unique)
  [ "$(id -u)" -eq 0 ] || fail "programs are missing: sudo apt-get install --no-install-recommends ${missing[*]}"
  echo "scripts/engines: installing ${missing[*]}" >&2
  without_their_services apt_get_install "${missing[@]}"
}

apt_get_install() {
  local log=$folder/apt-get.log
  {
    apt-get update -qq \
      && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@"
  } >"$log" 2>&1 9>&- </dev/null || fail_with_log "$log" "apt-get failed"
}

# Runs a command with Debian's switch off that starts a package's own service: it would listen on the well-known port,
# and Prometheus' and node_exporter's on every address.
without_their_services() {
  local switch=/usr/sbin/policy-rc.d
  if [ -e "$switch" ]; then
    "$@"
    return
  fi
  # shellcheck disable=SC2064 # the variable is gone when the trap runs
  trap "rm -f $switch" EXIT
  printf '#!/bin/sh\nexit 101\n' >"$switch"
  chmod +x "$switch"
  "$@"
  rm -f "$switch"
  trap - EXIT
}

# Where the programs of an engine in Java are. The name has a checksum of what they are made of: another version is another
# folder.
java_folder() {
  local checksum
  checksum=$(find "$definitions/$1" -name pom.xml -o -name '*.java' | sort | xargs cat | sha256sum)
  echo "$downloads/$1-${checksum:0:12}"
}

# Downloads what the engine's pom.xml names into lib/, and compiles its Java, if it has any, into classes/.
install_java() {
  local engine=$1 target log=$folder/$1/install.log
  target=$(java_folder "$engine")
  [ ! -d "$target" ] || return 0
  echo "scripts/engines: downloading $engine" >&2
  rm -rf "$target.new"
  mvn --batch-mode --quiet --strict-checksums --file "$definitions/$engine/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$target.new/lib" >"$log" 2>&1 </dev/null 9>&- \
    || fail_with_log "$log" "mvn could not download $engine"
  if compgen -G "$definitions/$engine/*.java" >/dev/null; then
    javac -d "$target.new/classes" -cp "$target.new/lib/*" "$definitions/$engine"/*.java >"$log" 2>&1 \
      || fail_with_log "$log" "javac could not compile the launcher of $engine"
  fi
  # Whole or not at all.
  mv "$target.new" "$target"
}
