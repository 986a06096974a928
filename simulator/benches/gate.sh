#!/usr/bin/env bash
# The speed gate: instructions per cycle, crash state and leaf, which no neighbour on a shared
# machine can change. Two runs of different length are subtracted, so start-up does not count.
# Usage: gate.sh            compare with ceilings.txt
#        gate.sh --update   write what was measured there
set -euo pipefail
cd "$(dirname "$0")/../.."
# Callgrind runs a fixed instruction set, so checksum paths do not depend on the machine's.
binary=$(cargo bench -q -p simulator --bench cycle --no-run --message-format=json |
    python3 -c 'import json,sys
for line in sys.stdin:
    it = json.loads(line)
    if it.get("executable") and it["target"]["name"] == "cycle": print(it["executable"])')
ceilings=simulator/benches/ceilings.txt
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" count "$1" "$2" 2>&1 |
        awk '/Collected/ { print $4 }'
}
failed=0
measured=()
for unit in cycle state leaf; do
    short=$(instructions "$unit" 5000)
    long=$(instructions "$unit" 15000)
    each=$(((long - short) / 10000))
    measured+=("$unit $each")
    ceiling=$(awk -v unit="$unit" '$1 == unit { print $2 }' "$ceilings")
    echo "$unit: $each instructions, ceiling $ceiling + 5 %"
    if [ "${1:-}" != --update ] && [ $((each * 100)) -gt $((ceiling * 105)) ]; then
        echo "$unit: too many instructions; find out why, or run simulator/benches/gate.sh --update and say why" >&2
        failed=1
    fi
done
if [ "${1:-}" = --update ]; then
    { grep '^#' "$ceilings"; printf '%s\n' "${measured[@]}" | awk '{ printf "%-8s %s\n", $1, $2 }'; } >"$ceilings.new"
    mv "$ceilings.new" "$ceilings"
fi
exit $failed
