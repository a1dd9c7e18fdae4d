# SPDX-License-Identifier: Apache-2.0
# Copyright the Godwit authors
#
# The programs that Godwit is tested against: a QEMU of at least version 10, bookworm's QEMU 7.2 and one for aarch64
# beside it, a static busybox, Debian's cloud kernel, etcd, libvirt, gdb, and ip (iproute2), which makes networks for them.
# Sourced by ./dev. Installs what is missing where it may (root on Debian); otherwise says what to install. A peer that is
# still missing afterwards is not an error here: the tests that need it report themselves as not run.

readonly PEERS=$ROOT/.cache/peers
readonly QEMU_MAJOR=10

has_qemu() {
    local version
    type -P qemu-system-x86_64 >/dev/null || return 1
    version=$(qemu-system-x86_64 --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')
    [[ -n $version && $version -ge $QEMU_MAJOR ]]
}

has_etcd() { type -P etcd >/dev/null; }

# has_libvirt: its daemon, the driver for QEMU, virsh, and xz, with which it compresses what it saves. The tests start a daemon of their own, which touches nothing.
has_libvirt() { PATH=$PATH:/usr/sbin type -P libvirtd >/dev/null && type -P virsh >/dev/null && type -P xz >/dev/null; }

has_gdb() { type -P gdb >/dev/null; }

# has_installed: all that a package manager installs.
has_installed() { has_qemu && type -P busybox >/dev/null && has_etcd && has_libvirt && has_gdb && type -P ip >/dev/null; }

has_kernel() {
    local image
    for image in "$PEERS"/boot/vmlinuz-*; do
        [[ -r $image ]] && return 0
    done
    return 1
}

# debian_codename: empty on anything but Debian.
debian_codename() { (. /etc/os-release 2>/dev/null && [[ ${ID:-} == debian ]] && echo "${VERSION_CODENAME:-}"); }

# debian_mirror: the one this machine already uses, because it may be the only one it can reach.
debian_mirror() {
    local uri
    uri=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
        grep -v '^ *#' | grep -oE 'https?://[^] ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
    echo "${uri:-http://deb.debian.org/debian}"
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@" >>"$PEERS/install.log" 2>&1; }

add_backports() {
    grep -rqs "bookworm-backports" /etc/apt/sources.list /etc/apt/sources.list.d --include='*.list' --include='*.sources' && return 0
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm-backports main\n' "$(debian_mirror)" \
        >/etc/apt/sources.list.d/godwit-backports.list
}

refresh_lists() { apt update || say "peers: apt-get update failed; going on with the package lists as they are."; }

# install_packages: QEMU, busybox, etcd, libvirt, gdb and ip, with root's rights.
install_packages() {
    local codename=$1 release=()
    if [[ $codename == bookworm ]]; then
        add_backports
        release=(-t bookworm-backports)
    fi
    say "peers: installing QEMU, busybox, etcd, libvirt, gdb and iproute2 with apt-get (log: .cache/peers/install.log) ..."
    refresh_lists
    has_qemu || apt install -y --no-install-recommends "${release[@]}" qemu-system-x86 ||
        say "peers: apt-get could not install qemu-system-x86."
    type -P busybox >/dev/null || apt install -y --no-install-recommends busybox-static ||
        say "peers: apt-get could not install busybox-static."
    type -P ip >/dev/null || apt install -y --no-install-recommends iproute2 ||
        say "peers: apt-get could not install iproute2."
    # The tests start their own members; the service that the package brings is not wanted.
    has_etcd || RUNLEVEL=1 apt install -y --no-install-recommends etcd-server ||
        say "peers: apt-get could not install etcd-server."
    has_libvirt || RUNLEVEL=1 apt install -y --no-install-recommends libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients xz-utils ||
        say "peers: apt-get could not install libvirt."
    has_gdb || apt install -y --no-install-recommends gdb || say "peers: apt-get could not install gdb."
}

kernel_package() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1; }

# unpack_packages NAME PACKAGE...: the files of packages, which are not installed, into .cache/peers/NAME.new/root.
unpack_packages() {
    local staging=$PEERS/$1.new package
    shift
    say "peers: unpacking $* into .cache/peers ..."
    rm -rf "$staging"
    mkdir -p "$staging"
    (cd "$staging" && apt download "$@" && for package in ./*.deb; do dpkg-deb -x "$package" root || exit 1; done) || {
        say "peers: $* could not be downloaded and unpacked."
        return 1
    }
}

# unpack_kernel: not installed, so the machine's boot loader is left alone.
unpack_kernel() {
    local package
    package=$(kernel_package)
    if [[ -z $package ]]; then
        say "peers: apt knows no linux-image-cloud-amd64 (try apt-get update)."
        return 1
    fi
    unpack_packages kernel "$package" || return 1
    mkdir -p "$PEERS/boot"
    mv "$PEERS"/kernel.new/root/boot/vmlinuz-* "$PEERS/boot/"
    rm -rf "$PEERS/kernel.new"
}

# has_old_qemu: bookworm's own QEMU 7.2 is beside the installed one; no other release of Debian has it.
has_old_qemu() { [[ $(debian_codename) != bookworm || -x $PEERS/qemu-7.2/usr/bin/qemu-system-x86_64 ]]; }

unpack_old_qemu() {
    unpack_packages qemu-7.2 qemu-system-{x86,common,data}/bookworm seabios || return 1
    rm -rf "$PEERS/qemu-7.2"
    mv "$PEERS/qemu-7.2.new/root" "$PEERS/qemu-7.2"
    rm -rf "$PEERS/qemu-7.2.new"
}

# has_arm_qemu: a QEMU of another architecture, of the installed one's version. It shares its libraries, so it is only unpacked.
has_arm_qemu() { [[ -x $PEERS/qemu-arm/usr/bin/qemu-system-aarch64 ]]; }

unpack_arm_qemu() {
    local package=qemu-system-arm
    [[ $(debian_codename) == bookworm ]] && package+=/bookworm-backports
    unpack_packages qemu-arm "$package" || return 1
    rm -rf "$PEERS/qemu-arm"
    mv "$PEERS/qemu-arm.new/root" "$PEERS/qemu-arm"
    rm -rf "$PEERS/qemu-arm.new"
}

# unpack_missing WHAT: by has_WHAT and unpack_WHAT. The lists may be missing, or older than what the mirror still has.
unpack_missing() {
    "has_$1" || "unpack_$1" || { [[ $EUID == 0 ]] && refresh_lists && "unpack_$1"; } || true
}

prepare_peers() {
    local codename
    has_installed && has_kernel && has_old_qemu && has_arm_qemu && return 0
    mkdir -p "$PEERS"
    : >"$PEERS/install.log"
    codename=$(debian_codename)
    if [[ -z $codename ]] || ! type -P apt-get >/dev/null; then
        say "peers: not Debian. For all tests install QEMU >= $QEMU_MAJOR (qemu-system-x86_64), etcd, libvirt, gdb, iproute2 and a static busybox, and put a kernel image" \
            "with virtio and serial console built in at .cache/peers/boot/vmlinuz-VERSION."
        return 0
    fi
    if ! has_installed; then
        if [[ $EUID == 0 ]]; then
            install_packages "$codename"
        else
            say "peers: QEMU >= $QEMU_MAJOR, busybox, etcd, libvirt, gdb or ip is missing and this is not root. Run once, as root: ./dev peers"
        fi
    fi
    unpack_missing kernel
    unpack_missing old_qemu
    unpack_missing arm_qemu
    return 0
}
