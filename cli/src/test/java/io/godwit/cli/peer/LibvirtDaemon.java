// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real libvirtd that is this test's own: a session daemon whose configuration, sockets and logs lie in one directory.
 * Root cannot have a session daemon, so root's runs in a user namespace as somebody else. {@link #close} ends its
 * domains too.
 */
final class LibvirtDaemon implements AutoCloseable {
    /** How long virsh may take for anything. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final String DAEMON = "libvirtd";
    private static final List<String> DIRECTORIES = List.of("home", "run", "config/libvirt", "cache");

    /** By itself it ends so long after its last client and domain. */
    private static final int IDLE_SECONDS = 120;

    private final Path directory;
    private final Process process;
    private final Lines log;
    private final Thread end = Thread.ofPlatform().name("libvirtd-end").unstarted(this::kill);

    private LibvirtDaemon(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
        log = new Lines("libvirtd", process.getInputStream());
        Runtime.getRuntime().addShutdownHook(end);
    }

    /** Why it cannot be run here, as a sentence; empty if it can. */
    static Optional<String> missing() {
        if (program(DAEMON).isEmpty() || program("virsh").isEmpty()) {
            return Optional.of("no libvirtd and virsh (Debian: libvirt-daemon, libvirt-daemon-driver-qemu,"
                    + " libvirt-clients); ./dev peers installs them as root");
        }
        return QemuProcess.missing();
    }

    /**
     * Starts it and waits until it answers.
     *
     * @param configuration lines of qemu.conf
     */
    static LibvirtDaemon start(String configuration) throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("godwit-libvirt");
        for (String name : DIRECTORIES) {
            Files.createDirectories(directory.resolve(name));
        }
        Files.setPosixFilePermissions(directory.resolve("run"), PosixFilePermissions.fromString("rwx------"));
        Files.writeString(directory.resolve("config/libvirt/qemu.conf"), configuration);
        List<String> command = new ArrayList<>();
        if (isRoot()) {
            command.addAll(List.of("unshare", "--user", "--map-user=1000", "--map-group=1000"));
        }
        command.addAll(List.of(program(DAEMON).orElseThrow().toString(), "--timeout", Integer.toString(IDLE_SECONDS)));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment()
                .putAll(Map.of(
                        "HOME", directory.resolve("home").toString(),
                        "XDG_RUNTIME_DIR", directory.resolve("run").toString(),
                        "XDG_CONFIG_HOME", directory.resolve("config").toString(),
                        "XDG_CACHE_HOME", directory.resolve("cache").toString()));
        LibvirtDaemon daemon = new LibvirtDaemon(directory, builder.start());
        try {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (daemon.tryVirsh("uri").status() != 0) {
                if (!daemon.process.isAlive() || System.nanoTime() > deadline) {
                    throw new IOException("libvirtd did not start: " + String.join("\n", daemon.log.all()));
                }
            }
            return daemon;
        } catch (IOException | InterruptedException e) {
            daemon.close();
            throw e;
        }
    }

    /** For files of the test: what the domains may read and write. */
    Path directory() {
        return directory;
    }

    /** How to connect to it. */
    String uri() {
        return "qemu+unix:///session?socket=" + directory.resolve("run/libvirt/libvirt-sock");
    }

    /** An address for {@code --qmp}. */
    String qmpAddress(String domain) {
        return "libvirt:" + domain + ",uri=" + uri();
    }

    /** Starts a domain that is forgotten when it ends. Its serial console is a file in {@link #directory}. */
    void create(String domain, int memoryMebibytes, String more) throws IOException, InterruptedException {
        Path xml = directory.resolve(domain + ".xml");
        Files.writeString(xml, """
                <domain type='qemu'>
                  <name>%s</name>
                  <memory unit='MiB'>%d</memory>
                  <vcpu>1</vcpu>
                  <os><type arch='x86_64' machine='q35'>hvm</type>%s</os>
                  <features><acpi/></features>
                  <cpu mode='custom'><model>qemu64</model></cpu>
                  <devices>
                    <controller type='usb' model='none'/>
                    <memballoon model='none'/>
                    <serial type='file'><source path='%s'/></serial>
                  </devices>
                </domain>
                """.formatted(domain, memoryMebibytes, more, directory.resolve(domain + ".console")));
        String _ = virsh("create", xml.toString());
    }

    /** What virsh prints. It must succeed. */
    String virsh(String... arguments) throws IOException, InterruptedException {
        Ended ended = tryVirsh(arguments);
        if (ended.status() != 0) {
            throw new IOException("virsh " + String.join(" ", arguments) + ": " + ended.output());
        }
        return ended.output();
    }

    /** How virsh ended, and what it printed. */
    record Ended(int status, String output) {}

    private Ended tryVirsh(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("virsh", "-q", "-c", uri()));
        command.addAll(List.of(arguments));
        Process run = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            String output = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!run.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new IOException("virsh " + String.join(" ", arguments) + " has not ended");
            }
            return new Ended(run.exitValue(), output);
        } finally {
            run.destroyForcibly();
        }
    }

    /** Ends the daemon as a crash would; its domains go on. */
    void killDaemon() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws IOException {
        kill();
        try {
            boolean _ = log.awaitEnd(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        boolean _ = Runtime.getRuntime().removeShutdownHook(end);
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }

    /** The domains are no children of this process, but libvirtd writes down their numbers. */
    private void kill() {
        process.destroyForcibly();
        try (Stream<Path> files = Files.find(directory.resolve("run"), 5, LibvirtDaemon::isPidFile)) {
            for (Path file : files.toList()) {
                ProcessHandle.of(Long.parseLong(Files.readString(file).strip()))
                        .filter(LibvirtDaemon::isQemu)
                        .ifPresent(ProcessHandle::destroyForcibly);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isPidFile(Path path, BasicFileAttributes attributes) {
        return attributes.isRegularFile() && path.toString().matches(".*/qemu/run/.*\\.pid");
    }

    private static boolean isQemu(ProcessHandle handle) {
        return handle.info().command().orElse("").contains("qemu");
    }

    private static boolean isRoot() {
        return System.getProperty("user.name", "").equals("root");
    }

    private static Optional<Path> program(String name) {
        return Stream.concat(Stream.of(System.getenv("PATH").split(":")), Stream.of("/usr/sbin"))
                .map(place -> Path.of(place, name))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
