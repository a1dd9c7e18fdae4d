# SPDX-License-Identifier: Apache-2.0
# Copyright the Godwit authors
#
# What ./godwit and ./dev share: finding JDK 25, running Maven, building the application. Sourced, never run.
# The caller has set ROOT to the top of the source tree. Nothing here starts a process until something must be built.

readonly JDK_FEATURE=25

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# is_jdk DIR: true if DIR holds a JDK of the wanted feature release, by its release file alone.
is_jdk() {
    [[ -x $1/bin/java && -x $1/bin/javac && -r $1/release ]] || return 1
    local line
    while IFS= read -r line; do
        [[ $line == "JAVA_VERSION=\"$JDK_FEATURE\""* || $line == "JAVA_VERSION=\"$JDK_FEATURE."* ]] && return 0
    done <"$1/release"
    return 1
}

# asked_jdk DIR: the slow way, for a JDK that was repackaged without a release file.
asked_jdk() {
    [[ -x $1/bin/java && -x $1/bin/javac ]] || return 1
    [[ $("$1/bin/java" -version 2>&1) == *"version \"$JDK_FEATURE"[.\"-]* ]]
}

# find_jdk: sets JDK. An explicit GODWIT_JAVA_HOME is taken or refused, never silently replaced.
find_jdk() {
    if [[ -n ${GODWIT_JAVA_HOME:-} ]]; then
        is_jdk "$GODWIT_JAVA_HOME" || asked_jdk "$GODWIT_JAVA_HOME" ||
            die "godwit: GODWIT_JAVA_HOME is $GODWIT_JAVA_HOME, but that is not a JDK $JDK_FEATURE (no bin/java and bin/javac of that release)."
        JDK=$GODWIT_JAVA_HOME
        return
    fi
    local candidate on_path
    for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/* /opt/java/* /usr/local/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/*; do
        [[ -n $candidate ]] && is_jdk "$candidate" && JDK=$candidate && return
    done
    if on_path=$(type -P javac); then
        on_path=$(readlink -f "$on_path")
        on_path=${on_path%/bin/javac}
        if is_jdk "$on_path" || asked_jdk "$on_path"; then
            JDK=$on_path
            return
        fi
    fi
    for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
        [[ -n $candidate && ! -r $candidate/release ]] && asked_jdk "$candidate" && JDK=$candidate && return
    done
    die "godwit: no JDK $JDK_FEATURE was found (looked at GODWIT_JAVA_HOME, JAVA_HOME, PATH, /usr/lib/jvm, /opt, /usr/local, ~/.sdkman, ~/.jdks)." \
        $'\n''        Install one, for example Temurin from https://adoptium.net (package temurin-25-jdk), or set GODWIT_JAVA_HOME to where it is.'
}

# maven LOG ARG...: runs Maven with the JDK found, its output in LOG; offline first, and online only when offline lacks something.
maven() {
    local log=$1
    shift
    type -P mvn >/dev/null || die "godwit: Maven is missing and something must be built. Install it (Debian: apt-get install maven)."
    JAVA_HOME=$JDK mvn -B -o -Dstyle.color=never "$@" >"$log" 2>&1 && return 0
    grep -qE 'in offline mode|has not been downloaded|Unknown host|PluginResolutionException|DependencyResolutionException|NoPluginFoundForPrefix' "$log" || return 1
    JAVA_HOME=$JDK mvn -B -Dstyle.color=never "$@" >"$log" 2>&1
}

# build_lock: waits until no other start of these scripts builds in this tree; held until the shell ends or unlocks.
build_lock() {
    mkdir -p "$ROOT/target"
    exec 9>"$ROOT/target/build.lock"
    type -P flock >/dev/null || return 0
    flock -n 9 && return 0
    say "godwit: another start is building this tree; waiting for it."
    flock -w 600 9 || die "godwit: the build lock $ROOT/target/build.lock was still held after 10 minutes."
}

build_unlock() { exec 9>&-; }

# is_stale: true if a source is newer than the built application. Directories count too, so a deleted file is seen.
is_stale() {
    local stamp=$ROOT/target/app/stamp
    [[ -e $stamp ]] || return 0
    [[ -n $(cd "$ROOT" && find pom.xml scripts/launch.bash .mvn {linux,stream,engine,machines,host,etcd,store,bucket,control,qemu,cli}/{pom.xml,src/main} -newer target/app/stamp -print -quit 2>/dev/null) ]]
}

# build_app: jars of our modules and of what they need at run time into target/app, with an ahead-of-time cache beside them.
build_app() {
    build_lock
    if ! is_stale; then
        build_unlock
        return 0
    fi
    local log=$ROOT/target/build.log staging=$ROOT/target/app.new
    say "godwit: building (log: target/build.log) ..."
    rm -rf "$staging" "$ROOT"/{cli,etcd,bucket}/target/app
    mkdir -p "$staging"/{etcd,bucket}
    # Stamped before the compiler reads, so that an edit made meanwhile is built the next time.
    : >"$staging/stamp"
    if ! (cd "$ROOT" && maven "$log" -Dmaven.test.skip=true -pl cli,etcd,bucket -am package); then
        grep -E '^\[ERROR\]|^\[WARNING\].*\.java:' "$log" | grep -vE '\[Help 1\]|^\[ERROR\] *$|re-run Maven|Re-run Maven|For more information|After correcting|mvn <args>' | head -n 40 >&2
        die "godwit: the build failed; all of its output is in $log"
    fi
    cp "$ROOT"/cli/target/app/*.jar "$ROOT"/cli/target/godwit-cli-*.jar "$staging/" || die "godwit: the build left no jars in cli/target."
    cp "$ROOT"/etcd/target/app/*.jar "$ROOT"/etcd/target/godwit-etcd-*.jar "$staging/etcd/" || die "godwit: the build left no jars in etcd/target."
    cp "$ROOT"/bucket/target/app/*.jar "$ROOT"/bucket/target/godwit-bucket-*.jar "$staging/bucket/" || die "godwit: the build left no jars in bucket/target."
    rm -rf "$ROOT/target/app"
    mv "$staging" "$ROOT/target/app"
    train_app
    build_unlock
}

# java_arguments: sets ARGUMENTS, the part of the command line that a training run and every later run must share.
java_arguments() {
    # Only the quick compiler: a host does its work in system calls and few loops, and the optimizing one takes the processors from the guest
    # for its first seconds, which are those of a migration (docs/benchmarks-history.md, "What was tried on the scheduler").
    ARGUMENTS=(
        -XX:+UseSerialGC
        -XX:TieredStopAtLevel=1
        -XX:-UsePerfData
        "-Dgodwit.launcher=$ROOT/godwit"
        --enable-native-access=io.godwit.linux,com.github.luben.zstd_jni
        -p "$ROOT/target/app"
        # What etcd's arbiter and stores in buckets need. Nothing of it is opened before somebody asks for it.
        -cp "$ROOT/target/app/etcd/*:$ROOT/target/app/bucket/*"
        --add-modules java.logging,java.management,java.naming,jdk.net
        --sun-misc-unsafe-memory-access=allow
    )
}

# optimizing_arguments: as java_arguments, with the optimizing compiler.
optimizing_arguments() {
    ARGUMENTS=("${ARGUMENTS[@]/#-XX:TieredStopAtLevel=1/-XX:+TieredCompilation}")
    # But for SHA-256 it comes late: it would take a processor for most of the first second, in which a guest of 1 GiB is captured.
    ARGUMENTS+=(
        -XX:Tier4InvocationThreshold=200000 -XX:Tier4MinInvocationThreshold=100000
        -XX:Tier4CompileThreshold=400000 -XX:Tier4BackEdgeThreshold=2000000
        -XX:CompileCommand=quiet
        "-XX:CompileCommand=CompileThresholdScaling,sun/security/provider/DigestBase.*,0.01"
        "-XX:CompileCommand=CompileThresholdScaling,sun/security/provider/SHA2.implCompress,0.01"
    )
}

# train_app: runs of the application whose loaded, linked and profiled code later runs start from. Without them they only start
# slower. All that a migration needs would make --version wait. A cache remembers which compiler its training had, and keeps the
# optimizing one away for ever if it was the quick one: so there is one for each.
train_app() {
    java_arguments
    train start.aot --version
    train godwit.aot rehearse
    optimizing_arguments
    train store.aot rehearse
}

# train CACHE COMMAND: ends by itself, whatever is wrong with this machine. On a busy one it may fail once.
train() {
    local cache=$ROOT/target/app/$1 attempt
    for attempt in 1 2; do
        timeout 90 "$JDK/bin/java" -XX:AOTCacheOutput="$cache" "${ARGUMENTS[@]}" -m io.godwit.cli/io.godwit.cli.Main "$2" \
            >"$ROOT/target/$1.$attempt.log" 2>&1 && break
        rm -f "$cache"
    done
    rm -f "$cache.config"
}
