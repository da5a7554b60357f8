# shellcheck shell=sh disable=SC2086 # lists of names are split on purpose
# Sourced by tests/check and examples/demo in the top directory of the tree: finds the tools that they need, installs
# those that are missing, and configures a build.

# What each package manager calls them; "-": it has none.
packages='
tool        apt-get                   dnf                    pacman        apk                             brew
cc          gcc,libc6-dev             gcc                    gcc           gcc,musl-dev                    gcc
c++         g++                       gcc-c++                gcc           g++                             gcc
cmake       cmake                     cmake                  cmake         cmake                           cmake
ninja       ninja-build               ninja-build            ninja         make                            ninja
pkg-config  pkg-config                pkgconf-pkg-config     pkgconf       pkgconf                         pkgconf
uthash      uthash-dev                uthash-devel           uthash        uthash-dev                      uthash
zlib        zlib1g-dev                zlib-devel             zlib          zlib-dev                        zlib
blas        libopenblas-dev           openblas-devel         openblas      openblas-dev                    openblas
criterion   libcriterion-dev          -                      criterion     -                               criterion
numpy       python3-numpy             python3-numpy          python-numpy  py3-numpy                       numpy
dot         graphviz                  graphviz               graphviz      graphviz                        graphviz
strace      strace                    strace                 strace        strace                          -
browser     chromium,chromium-driver  chromium,chromedriver  chromium      chromium,chromium-chromedriver  -
'

say() {
    printf '%s\n' "$*" >&2
}

has_header() {
    printf '#include <%s>\n' "$1" | ${CC:-cc} -I/usr/local/include -I/opt/homebrew/include -fsyntax-only -x c -
}

has() {
    case $1 in
    cc) has_header stdio.h ;;
    cmake) cmake --version | grep -Eq 'version (3\.(2[5-9]|[3-9][0-9])|[4-9])' ;;
    ninja) command -v ninja || command -v make ;;
    uthash) has_header uthash.h ;;
    zlib) has_header zlib.h ;;
    blas) has_header cblas.h ;;
    criterion) pkg-config --exists criterion ;;
    numpy) for python in /usr/bin/python3 python3; do "$python" -c 'import numpy' && return; done; false ;;
    browser) command -v chromedriver && { command -v chromium || command -v google-chrome; } ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing() {
    for tool; do
        has "$tool" || printf '%s ' "$tool"
    done
}

manager() {
    for name in apt-get dnf pacman apk brew; do
        command -v "$name" >/dev/null && echo "$name" && return
    done
}

packages_for() { # MANAGER TOOL...
    name=$1
    shift
    printf '%s' "$packages" | awk -v manager="$name" -v tools=" $* " '
        $1 == "tool" { for (i = 2; i <= NF; i++) if ($i == manager) column = i }
        $1 != "tool" && column && index(tools, " " $1 " ") && $column != "-" { gsub(",", " ", $column); print $column }
    ' | tr '\n' ' '
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# What a command says is shown only if it fails.
quietly() {
    log=$(mktemp) || return
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    [ "$status" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

apt() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"
}

refresh() {
    say "refreshing the lists of packages"
    apt update
}

# Where nothing is missing this needs neither root nor the network.
require() {
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    say "missing: $wanted"

    name=$(manager)
    list=$(packages_for "$name" $wanted)
    if [ "$name" != apt-get ]; then
        say "Needed: a C compiler, CMake 3.25 or later, ninja or make, zlib, and the headers of uthash; for the tests"
        say "also a C++ compiler, pkg-config and Criterion (github.com/Snaipe/Criterion)."
        case $name in apk) verb=add ;; pacman) verb=-S ;; *) verb=install ;; esac
        [ -z "$list" ] || say "$name has: $name $verb $list"
        exit 2
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        say "Neither root nor sudo. Run as root: apt-get install --no-install-recommends $list"
        exit 2
    fi
    say "installing with apt-get: $list"
    set -- --yes --no-install-recommends --no-upgrade $list
    apt --simulate install "$@" >/dev/null 2>&1 || refresh
    apt install "$@" || { refresh && apt install "$@"; } || exit 2

    wanted=$(missing $wanted)
    if [ -n "$wanted" ]; then
        say "still missing, or too old (CMake must be 3.25 or later): $wanted"
        exit 2
    fi
}

configure() { # PRESET [OPTION...]
    cache=build/$1/CMakeCache.txt
    if command -v ninja >/dev/null; then generator=Ninja; else generator="Unix Makefiles"; fi

    # A build directory that was copied from elsewhere, or made by the other generator, cannot be gone on with.
    if [ -e "$cache" ] && ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$(pwd -P)" "$cache" &&
        grep -qxF "CMAKE_GENERATOR:INTERNAL=$generator" "$cache"; }; then
        say "build/$1 was made elsewhere or by another generator: starting afresh"
        rm -rf "build/$1"
    fi
    if [ -e "$cache" ] && [ ! -w "$cache" ]; then
        say "build/$1 belongs to somebody else: remove it first"
        return 1
    fi
    cmake --preset "$@" -G "$generator"
}

processors() {
    getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1
}
