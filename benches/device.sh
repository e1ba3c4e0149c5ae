#!/usr/bin/env bash
# Measures on a machine with a GPU, with one command there and in less than eight minutes: whether the device computes right, how
# long networks take on it, layer by layer, and what rivals take in the same run.
#
#   benches/device.sh pack FOLDER    gathers what that machine needs: this script, the program, models, Vulkan's loader, rivals
#   FOLDER/device.sh run [OUT]       there: OUT (default device-run) gets record.json, table.txt and what they were made of
#   benches/device.sh rehearse       packs and runs a short form on a device in software; fails if anything is missing
#
# For `pack`: LQ_INFER_BINARY is the program (default: built), LQ_INFER_SHARED a folder with golden/ (checkpoints of the original code),
# LQ_INFER_PYTHON a Python with NumPy for these, LQ_INFER_RIVALS a Python script that times rivals and takes --nets, --batches and
# --json FILE. For `run`: DEVICE selects the device as `lq-infer --device` does (default vulkan), PYTHON has the rivals' libraries.
set -euo pipefail

NETS=cifar-resnet-20,vgg-small,preact-resnet-18,preact-resnet-type-a-18,preact-resnet-50,resnet-18,alexnet,googlenet-variant
TIMED=preact-resnet-18
# Seconds for everything.
LIMIT=470
GOLDEN="preact-18-w2a2-A preact-18-w1a2-A preact-18-w4a4-A resnet-18-w2a32-A googlenet-w2a2-A densenet-w2a2-A vgg-small-w1a2-A
    vgg-small-w2a2-A vgg-small-w3a3-A vgg-small-w2a32-A"

pack() {
    local folder=$1 root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    mkdir -p "$folder/models" "$folder/loader"
    local program=${LQ_INFER_BINARY:-}
    if [ -z "$program" ]; then
        cargo build --release --locked --manifest-path "$root/Cargo.toml"
        program=${CARGO_TARGET_DIR:-$root/target}/release/lq-infer
    fi
    cp "$program" "$folder/lq-infer"
    strip "$folder/lq-infer" 2>/dev/null || echo "not stripped: strip is not installed" >&2
    cp "${BASH_SOURCE[0]}" "$folder/device.sh"
    cp "$root"/models/*.safetensors "$folder/models/"
    [ -z "${LQ_INFER_SHARED:-}" ] || pack_golden "$folder" "$LQ_INFER_SHARED/golden"
    [ -z "${LQ_INFER_RIVALS:-}" ] || cp "$LQ_INFER_RIVALS" "$folder/rivals.py"
    # Machines for computing often have a driver, but not the library through which programs find it.
    (cd "$folder/loader" && apt-get download -qq libvulkan1 libegl1 libglvnd0 libgl1 libglx0 libgles2) 2>/dev/null ||
        echo "Vulkan's loader was not fetched: the machine must have it" >&2
    du -sh "$folder" >&2
}

# Converts the checkpoints of the original code that golden/ describes; their digests were recorded with them.
pack_golden() {
    local folder=$1 golden=$2 checkpoint
    checkpoint=$(mktemp -d)
    for case in $GOLDEN; do
        if [ -d "$golden/$case" ] &&
            "${LQ_INFER_PYTHON:-python3}" "$golden/make_checkpoint.py" "$golden/$case" "$checkpoint/checkpoint.npz" >/dev/null &&
            "$folder/lq-infer" convert "$checkpoint/checkpoint.npz" -o "$folder/models/$case.safetensors" >/dev/null 2>&1; then
            continue
        fi
        echo "left out: $case" >&2
    done
    rm -r "$checkpoint"
}

say() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

# Runs a command for at most so many seconds, and no longer than the whole run may take, and notes that it failed.
attempt() {
    local seconds=$1 what=$2 left=$((LIMIT - SECONDS)) code
    shift 2
    [ "$left" -gt 0 ] || { echo "$what: no time was left" | tee -a "$out/problems"; return 1; }
    timeout "$((seconds < left ? seconds : left))" "$@" && return 0
    code=$?
    echo "$what: exit code $code" | tee -a "$out/problems"
    return 1
}

# Seconds that a command takes, as JSON.
seconds_of() {
    local before=${EPOCHREALTIME/[.,]/}
    if "$@" >/dev/null 2>&1; then
        local took=$((${EPOCHREALTIME/[.,]/} - before))
        printf '%d.%06d' $((took / 1000000)) $((took % 1000000))
    else
        printf null
    fi
}

# Lines of JSON as an array; whole files of JSON as an array; a file of JSON, or null.
array() { printf '[%s]' "$({ cat "$@" 2>/dev/null || true; } | paste -sd, -)"; }
files() {
    local name separator=
    printf '['
    for name; do [ ! -s "$name" ] || { printf '%s' "$separator"; cat "$name"; separator=,; }; done
    printf ']'
}
file() { if [ -s "$1" ]; then cat "$1"; else printf null; fi; }
strings() { printf '[%s]' "$({ cat "$1" 2>/dev/null || true; } | sed 's/[\\"]/\\&/g; s/.*/"&"/' | paste -sd, -)"; }

rivals() {
    [ -f "$here/rivals.py" ] || return 0
    attempt 90 "rivals $1" "${PYTHON:-python3}" "$here/rivals.py" --nets resnet18 --batches "${batches%%,*},${batches##*,}" \
        --json "$out/rivals-$1.json" || true
}

run() {
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    out=${1:-device-run}
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    rm -f "$out"/*.json "$out"/*.jsonl "$out/problems" "$out/table.txt"
    lq=$here/lq-infer device=${DEVICE:-vulkan} batches=1,8,64,256 bits=2/2,1/2,1/1 seconds=2 nets=$NETS timed=$TIMED
    explained="1 64"
    if [ -n "${SHORT:-}" ]; then
        batches=1,4 bits=2/2 seconds=0.2 nets=cifar-resnet-20 timed=cifar-resnet-20 explained="1"
    fi
    loader
    export LQ_INFER_CACHE=$out/cache
    rm -rf "$LQ_INFER_CACHE"
    measure 2>&1 | tee "$out/table.txt"
    record >"$out/record.json"
    [ ! -s "$out/problems" ]
}

# Installs the loader if there is none, and lets it find NVIDIA's driver where containers have it.
loader() {
    command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader \
        >"$out/driver" || true
    if ! ldconfig -p | grep -q libvulkan.so.1; then
        for package in "$here"/loader/*.deb; do dpkg -x "$package" / || true; done
        ldconfig
    fi
    local driver=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
    [ ! -e "$driver" ] || export VK_DRIVER_FILES=$driver
}

measure() {
    say "cold start: the bundled model, with nothing kept and again"
    cold=$(seconds_of "$lq" verify --device "$device")
    warm=$(seconds_of "$lq" verify --device "$device")
    echo "{\"first\":$cold,\"again\":$warm}" | tee "$out/start.json"

    say "every kernel against the reference"
    attempt 90 "check" "$lq" devices --check --json --device "$device" >"$out/devices.jsonl" || true
    grep -o '"\(name\|driver\|healthy\)":[^,}]*' "$out/devices.jsonl" || true

    say "digests: models, and networks of the zoo against the CPU"
    for model in "$here"/models/*.safetensors; do
        for on in cpu "$device"; do
            attempt 60 "$(basename "$model") on $on" "$lq" verify "$model" --json --device "$on" >>"$out/digests.jsonl" || true
        done
    done
    attempt 120 "zoo" "$lq" verify --net "$nets" --bits "$bits" --json --device "$device" >>"$out/digests.jsonl" || true
    echo "$(grep -c '"holds":true' "$out/digests.jsonl" || true) hold, $(grep -c '"holds":false' "$out/digests.jsonl" || true) do not"

    rivals before
    say "times"
    attempt 180 "bench" "$lq" bench --net "$timed" --bits "$bits" --device "$device" --batch "$batches" --seconds "$seconds" \
        --json "$out/bench.json" || true
    rivals after

    say "layer by layer, and what the model of time says of this device"
    for width in ${bits//,/ }; do
        for images in $explained; do
            attempt 40 "explain $width at $images" "$lq" explain --net "$timed" --bits "$width" --batch "$images" --device "$device" \
                --json >>"$out/explained.jsonl" || true
        done
    done
    attempt 40 "explain" "$lq" explain --net "$timed" --bits "${bits%%,*}" --device "$device" || true
    say end
}

record() {
    printf '{"schema":1,"seconds":%s,"driver":%s,"start":%s,\n' "$SECONDS" "$(strings "$out/driver")" "$(file "$out/start.json")"
    printf '"devices":%s,\n"digests":%s,\n' "$(array "$out/devices.jsonl")" "$(array "$out/digests.jsonl")"
    printf '"bench":%s,\n"explained":%s,\n' "$(file "$out/bench.json")" "$(array "$out/explained.jsonl")"
    printf '"rivals":%s,\n"problems":%s}\n' "$(files "$out"/rivals-*.json)" "$(strings "$out/problems")"
}

rehearse() {
    local folder
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder's name is known now, but not at the end
    trap "rm -rf '$folder'" EXIT
    pack "$folder/pack"
    # Rivals write their figures on several lines.
    [ -f "$folder/pack/rivals.py" ] || cat >"$folder/pack/rivals.py" <<'PYTHON'
import json, sys
json.dump({"nothing": {"gpu_ms": 1.0}}, open(sys.argv[sys.argv.index("--json") + 1], "w"), indent=1)
PYTHON
    SHORT=1 "$folder/pack/device.sh" run "$folder/out" >"$folder/log" || { cat "$folder/log"; return 1; }
    "${LQ_INFER_PYTHON:-python3}" - "$folder/out/record.json" <<'PYTHON'
import json, sys
record = json.load(open(sys.argv[1]))
assert record["devices"] and all(d["check"]["healthy"] for d in record["devices"]), record["devices"]
assert len(record["digests"]) >= 3 and all(d["holds"] for d in record["digests"]), record["digests"]
assert record["bench"]["complete"] and all(c["warm"] for c in record["bench"]["cells"]), "the bench has no figures"
assert record["explained"] and record["explained"][0]["modelled"], "nothing is explained"
assert len(record["rivals"]) == 2, record["rivals"]
assert record["start"]["first"] and not record["problems"], record["problems"]
print(f"rehearsed in {record['seconds']} s: {len(record['digests'])} digests, {len(record['bench']['cells'])} cells")
PYTHON
}

case ${1:-} in
pack) pack "${2:?a folder is missing}" ;;
run) run "${2:-}" ;;
rehearse) rehearse ;;
*) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
