// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.cli.architecture.SourceTree;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A small Linux for QEMU: Debian's cloud kernel and an initramfs that holds nothing but busybox. It rewrites a file in
 * memory with random bytes, again and again, and says {@link #BEAT} and a number on the serial console after each time.
 *
 * @param kernel the kernel image
 * @param initramfs the file system archive
 */
public record LinuxGuest(Path kernel, Path initramfs) {
    /** What the console shows once, when the guest's first program runs. */
    public static final String UP = "godwit: guest is up";

    /** What the console shows before a growing number, each time the file was rewritten. */
    public static final String BEAT = "godwit: beat ";

    /** What the console shows of a guest that checks its memory, and has found a difference. */
    public static final String WRONG = "is WRONG";

    private static final int KEPT_FREE_MEBIBYTES = 24;

    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox mount -t proc proc /proc
            /bin/busybox mount -t tmpfs -o size=90% ram /tmp
            mebibytes=8
            for word in $(/bin/busybox cat /proc/cmdline); do
              case $word in godwit.mebibytes=*) mebibytes=${word#*=} ;; godwit.check) check=1 ;; esac
            done
            echo "godwit: guest is up"
            beat=0
            if [ -n "$check" ]; then
              free=$(/bin/busybox sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
              files=$(((free / 1024 - mebibytes) / 4))
              fill() { /bin/busybox dd if=/dev/urandom of=/tmp/$1 bs=1M count=4 conv=notrunc 2>/dev/null; }
              sum() { /bin/busybox md5sum /tmp/$1 > /tmp/$1.sum; }
              file=0
              while [ $file -lt $files ]; do fill $file; sum $file; file=$((file + 1)); done
              while :; do
                file=0
                while [ $file -lt $files ]; do
                  /bin/busybox md5sum -c -s /tmp/$file.sum || echo "godwit: file $file is WRONG"
                  if [ $(((file + beat) % 4)) = 0 ]; then fill $file; sum $file; fi
                  file=$((file + 1))
                done
                beat=$((beat + 1))
                echo "godwit: beat $beat, $files files are right"
              done
            fi
            while :; do
              /bin/busybox dd if=/dev/urandom of=/tmp/work bs=1M count=$mebibytes conv=notrunc 2>/dev/null
              beat=$((beat + 1))
              echo "godwit: beat $beat"
            done
            """;

    /** Why there can be no such guest here, as a sentence; empty if there can. */
    public static Optional<String> missing() {
        if (busybox().isEmpty()) {
            return Optional.of(
                    "no busybox in /bin or /usr/bin (Debian: busybox-static); ./dev peers installs it as root");
        }
        if (kernels().isEmpty()) {
            return Optional.of("no kernel image in " + kernelDirectory() + "; ./dev peers unpacks one");
        }
        return Optional.empty();
    }

    /**
     * Builds the initramfs.
     *
     * @param directory where to write it
     * @throws IllegalStateException if something is {@link #missing()}
     */
    public static LinuxGuest prepare(Path directory) {
        missing().ifPresent(reason -> {
            throw new IllegalStateException(reason);
        });
        try {
            CpioArchive archive = new CpioArchive();
            for (String path : List.of("bin", "dev", "proc", "tmp")) {
                archive.directory(path);
            }
            archive.characterDevice("dev/console", 5, 1);
            archive.characterDevice("dev/null", 1, 3);
            archive.characterDevice("dev/urandom", 1, 9);
            archive.program("bin/busybox", Files.readAllBytes(busybox().orElseThrow()));
            archive.program("init", INIT.getBytes(StandardCharsets.US_ASCII));
            Path initramfs = Files.write(directory.resolve("initramfs.cpio"), archive.finish());
            return new LinuxGuest(kernels().getLast(), initramfs);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * QEMU's arguments that make a machine for this guest; the same on both sides of a migration.
     *
     * @param memoryMebibytes the machine's RAM, at least 128
     * @param workingSetMebibytes how much of it is rewritten, at least 1, at most half of the RAM
     */
    public List<String> arguments(int memoryMebibytes, int workingSetMebibytes) {
        return List.of(
                "-machine",
                "q35,accel=tcg",
                "-cpu",
                "max",
                "-m",
                memoryMebibytes + "M",
                "-kernel",
                kernel.toString(),
                "-initrd",
                initramfs.toString(),
                "-append",
                // On a busy machine the emulated timer may be late for the kernel's check of it, which ends in a panic.
                "console=ttyS0 quiet nokaslr no_timer_check mitigations=off panic=-1 godwit.mebibytes="
                        + workingSetMebibytes);
    }

    /**
     * The same for a guest that fills all of its free memory with random files, and checks each again and again. Then
     * it rewrites a quarter of them. {@link #BEAT} comes after each check of all, {@link #WRONG} for a file that is not
     * what it was.
     *
     * @param accelerator QEMU's name: {@code tcg} or {@code kvm}
     * @param machine QEMU's machine type
     */
    public List<String> checkingArguments(int memoryMebibytes, String machine, String accelerator) {
        List<String> arguments = new ArrayList<>(arguments(memoryMebibytes, KEPT_FREE_MEBIBYTES));
        arguments.set(1, machine + ",accel=" + accelerator);
        arguments.set(arguments.size() - 1, arguments.getLast() + " godwit.check");
        return arguments;
    }

    private static Optional<Path> busybox() {
        return Stream.of("/bin/busybox", "/usr/bin/busybox")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static Path kernelDirectory() {
        return SourceTree.root().resolve(".cache/peers/boot");
    }

    private static List<Path> kernels() {
        if (!Files.isDirectory(kernelDirectory())) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(kernelDirectory())) {
            return files.filter(file -> file.getFileName().toString().startsWith("vmlinuz-"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
