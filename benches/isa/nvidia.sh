#!/usr/bin/env bash
# What Mesa's driver for NVIDIA's GPUs (NVK) makes of the shaders, without such a GPU: a library stands in for the kernel driver (a
# "drm-shim"). It comes from Debian 13, which is set up in a folder.
#
#   sudo benches/isa/nvidia.sh FOLDER [CHIPSET]     prints what the driver tells; chipset 172 is the GA106 of an RTX 3060
#
# Nothing is compared: it is for records (benches/record/), not for CI.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:?the folder for Debian is missing}
chipset=${2:-172}
inside() { chroot "$folder" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

if [ ! -x "$folder/usr/bin/apt-get" ]; then
    command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    debootstrap --variant=minbase trixie "$folder" http://deb.debian.org/debian >&2
fi
inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers mesa-drm-shim >/dev/null

program=$(cargo test --manifest-path "$root/Cargo.toml" --bench isa --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
case $program in /*) ;; *) program=$root/$program ;; esac
cp "$program" "$folder/isa"
inside env MESA_SHADER_CACHE_DISABLE=1 NODEVICE_SELECT=1 VK_DRIVER_FILES=/usr/share/vulkan/icd.d/nouveau_icd.json \
    LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libnouveau_noop_drm_shim.so NOUVEAU_CHIPSET="$chipset" /isa --here rtx-3060
