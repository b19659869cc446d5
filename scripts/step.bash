# shellcheck shell=bash
# step WHAT COMMAND…: runs a slow command, says what it is and every few seconds how far it came, and shows
# what the command printed only when it failed.

step() {
    local what=$1 began=$SECONDS said=$SECONDS log status=0
    shift
    printf '%s …\n' "$what"
    log=$(mktemp)
    # In the background, so that we can report progress; such a job ignores Ctrl-C, so we pass it on.
    "$@" >"$log" 2>&1 </dev/null &
    local job=$!
    # shellcheck disable=SC2064
    trap "kill $job 2>/dev/null; rm -f '$log'" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    while kill -0 "$job" 2>/dev/null; do
        sleep 0.1
        if ((SECONDS - said >= 5)); then
            said=$SECONDS
            printf '  … %d s  %s\n' $((SECONDS - began)) "$(tail -n 1 "$log" | tr -d '\r' | sed -E 's/^(.{1,70})( .*)?$/\1/')"
        fi
    done
    wait "$job" || status=$?
    if ((status != 0)); then
        tail -n 40 "$log" >&2
        printf 'error: %s failed after %d s: %s\n' "$what" $((SECONDS - began)) "$*" >&2
        exit 1
    fi
    rm -f "$log"
    trap - EXIT INT TERM
    printf '  done in %d s\n' $((SECONDS - began))
}
