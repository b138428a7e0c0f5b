# A-Ops: bash writes each command to its history file at once, where rsyslog picks it up for the stream history.
# Copy to /etc/profile.d/aops-history.sh.
if [ -n "${BASH_VERSION:-}" ]; then
  PROMPT_COMMAND="history -a${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
fi
