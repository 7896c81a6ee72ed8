# shellcheck shell=bash
# Steps of CI: run one after the other, timed, each within its limit and all within one; sourced by `.ci/run`.
#
#   step NAME MINUTES COMMAND…    exit 0: passed, 77: skipped (its reason in $CI_SKIP_REASON), else: failed
#   skip NAME REASON              what does not run here, and why
#   summary                       what failed again, the table, and the line "N passed, N failed, N skipped"; false if any failed
#
# A failed step stops nobody: the steps after it run all the same, so one run tells everything.

ci_started=$SECONDS
ci_rows=()
ci_passed=0 ci_failed=0 ci_skipped=0
ci_child=
CI_SKIP_REASON=$(mktemp)
export CI_SKIP_REASON
# What the step that runs says, and from the failed ones the lines that tell why: whoever has only the end of the log has these.
ci_said=$(mktemp)
ci_told=$(mktemp)

# timeout(1) leads a process group of its own and passes the signal on to it: an interrupted CI leaves nothing behind.
ci_interrupted() {
    [[ -z $ci_child ]] || kill -TERM "$ci_child" 2>/dev/null || true
    echo "interrupted"
    exit 130
}
trap ci_interrupted INT TERM
ci_tidy() { rm -f "$CI_SKIP_REASON" "$ci_said" "$ci_told"; }
trap ci_tidy EXIT

step() {
    local name=$1 minutes=$2 began=$SECONDS status=0
    shift 2
    local left=$((CI_MINUTES * 60 - (SECONDS - ci_started)))
    local limit=$((minutes * 60 < left ? minutes * 60 : left))
    printf '\n==> %s: %s\n' "$name" "$*"
    if ((limit <= 0)); then
        ci_failed=$((ci_failed + 1))
        ci_rows+=("$(printf 'failed   %5s  %s: no time left of %d minutes' - "$name" "$CI_MINUTES")")
        return
    fi
    : >"$CI_SKIP_REASON"
    # The shell starts what runs in the background with SIGINT ignored, and ignored signals are inherited down to every
    # Python of the tests, which then would not raise KeyboardInterrupt: give them what a terminal gives.
    env --default-signal=INT,QUIT timeout --kill-after=30 "$limit" "$@" </dev/null > >(tee "$ci_said") 2>&1 &
    ci_child=$!
    wait "$ci_child" || status=$?
    ci_child=
    local took=$((SECONDS - began))
    case $status in
    0)
        ci_passed=$((ci_passed + 1))
        ci_rows+=("$(printf 'passed   %5s  %s' "${took}s" "$name")")
        ;;
    77)
        skip "$name" "$(<"$CI_SKIP_REASON")"
        ;;
    *)
        local why="exit $status"
        ((took < limit)) || why="over its limit of ${limit}s"
        ci_failed=$((ci_failed + 1))
        ci_rows+=("$(printf 'failed   %5s  %s (%s)' "${took}s" "$name" "$why")")
        echo "==> $name FAILED: $why"
        why_it_failed "$name" >>"$ci_told"
        ;;
    esac
}

# The lines of a failed step that tell why, as test runners and compilers write them; else its last ones.
why_it_failed() {
    printf '\n==> %s failed; of what it said:\n' "$1"
    grep -nE -A8 "panicked at |^error|FAILED|^(FAIL|ERROR): |^E +|\[broken\]|has been running for over" "$ci_said" | cut -c1-300 | head -120 || tail -n 40 "$ci_said"
}

skip() {
    ci_skipped=$((ci_skipped + 1))
    ci_rows+=("$(printf 'skipped  %5s  %s: %s' - "$1" "$2")")
}

summary() {
    cat "$ci_told"
    printf '\n==> summary, %d min %02d s in all\n' $(((SECONDS - ci_started) / 60)) $(((SECONDS - ci_started) % 60))
    printf '%s\n' "${ci_rows[@]}"
    printf '\n%d passed, %d failed, %d skipped\n' "$ci_passed" "$ci_failed" "$ci_skipped"
    ((ci_failed == 0))
}
