#!/usr/bin/env bash
# What Mesa's drivers make of the shaders for GPUs of NVIDIA, Intel and Qualcomm, none of which it needs: libraries stand in for their
# kernel drivers ("drm-shims"). They come from Debian 13, which is set up in a folder; those for Intel and Qualcomm, and Qualcomm's
# driver, are not packaged for PCs and are built from Debian's sources of Mesa.
#
#   sudo benches/isa/others.sh FOLDER [nvidia] [intel] [qualcomm]     default: all three; prints what the drivers tell
#
# Nothing is compared: it is for records (benches/record/), not for CI.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:?the folder for Debian is missing}
shift
makers=${*:-nvidia intel qualcomm}
inside() { chroot "$folder" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
install() { inside apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

if [ ! -x "$folder/usr/bin/apt-get" ]; then
    command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    debootstrap --variant=minbase trixie "$folder" http://deb.debian.org/debian >&2
fi
printf 'deb http://deb.debian.org/debian trixie main\ndeb-src http://deb.debian.org/debian trixie main\n' >"$folder/etc/apt/sources.list"
inside apt-get update -qq
install libvulkan1 mesa-vulkan-drivers mesa-drm-shim

program=$(cargo test --manifest-path "$root/Cargo.toml" --bench isa --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
case $program in /*) ;; *) program=$root/$program ;; esac
cp "$program" "$folder/isa"

# The shims for Intel and Qualcomm.
shims() {
    [ -d "$folder/shims/build" ] && return
    install dpkg-dev meson ninja-build gcc g++ pkg-config python3-mako python3-yaml bison flex libdrm-dev zlib1g-dev libexpat1-dev \
        libelf-dev libxml2-dev libarchive-dev glslang-tools
    mkdir -p "$folder/shims"
    inside sh -c 'cd /shims && apt-get source -qq mesa >/dev/null 2>&1 && cd mesa-*/ && meson setup /shims/build \
        --wrap-mode=nofallback -Dbuildtype=release -Dvulkan-drivers=freedreno -Dfreedreno-kmds=msm -Dgallium-drivers= -Dopengl=false -Dglx=disabled -Degl=disabled -Dgbm=disabled -Dplatforms= -Dllvm=disabled \
        -Dtools=drm-shim -Dvideo-codecs= -Dvalgrind=disabled -Dlibunwind=disabled >/dev/null && ninja -C /shims/build >/dev/null' >&2
}

# Compiles for a device of the model with a driver, with variables for the shim.
compile() {
    local device=$1 driver=$2
    shift 2
    echo "== $device, $(basename "$driver"), ${*: -1}"
    inside env MESA_SHADER_CACHE_DISABLE=1 NODEVICE_SELECT=1 VK_DRIVER_FILES="$driver" "$@" \
        /isa --here "$device" || echo "failed"
}

shim() { (cd "$folder" && find shims/build usr/lib -name "lib$1*shim.so" | sed 's|^|/|' | head -1); }

for maker in $makers; do
    case $maker in
    nvidia)
        compile rtx-3060 /usr/share/vulkan/icd.d/nouveau_icd.json LD_PRELOAD="$(shim nouveau)" NOUVEAU_CHIPSET=172
        ;;
    intel)
        shims
        compile arc-a770 /usr/share/vulkan/icd.d/intel_icd.json LD_PRELOAD="$(shim intel)" INTEL_STUB_GPU_PLATFORM=dg2
        compile arc-a770 /usr/share/vulkan/icd.d/intel_icd.json LD_PRELOAD="$(shim intel)" INTEL_STUB_GPU_PLATFORM=bmg
        ;;
    qualcomm)
        shims
        compile rx-580 "/$(cd "$folder" && ls shims/build/src/freedreno/vulkan/*devenv*.json)" LD_PRELOAD="$(shim freedreno)" FD_GPU_ID=740
        ;;
    *) echo "unknown maker $maker" >&2; exit 2 ;;
    esac
done
