// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.cli.architecture.SourceTree;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A real QEMU in a process of its own, with a QMP session for the test, a second QMP address for the program under
 * test, and its serial console read line by line. Every wait has a deadline; {@link #close} leaves no process behind.
 * Used by one thread.
 */
public final class QemuProcess implements AutoCloseable {
    /** How long anything but a migration may take, on a machine that does much else. */
    public static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final int OLDEST_MAJOR_VERSION = 10;
    private static final String PROGRAM = "qemu-system-x86_64";
    private static final Path OLD = SourceTree.root().resolve(".cache/peers/qemu-7.2");

    private static final Path ARM = SourceTree.root().resolve(".cache/peers/qemu-arm/usr/bin/qemu-system-aarch64");

    /** Those that a test run which is interrupted would leave behind. */
    private static final Set<Process> STARTED = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> STARTED.forEach(Process::destroyForcibly), "qemu-end"));
    }

    private final String name;
    private final Process process;
    private final Lines console;
    private final QmpConnection qmp;
    private final Path controlSocket;
    private int migrationMark;

    private QemuProcess(String name, Process process, Lines console, QmpConnection qmp, Path controlSocket) {
        this.name = name;
        this.process = process;
        this.console = console;
        this.qmp = qmp;
        this.controlSocket = controlSocket;
    }

    /** Why QEMU cannot be run here, as a sentence; empty if it can. */
    public static Optional<String> missing() {
        Optional<Path> program = Stream.of(System.getenv("PATH").split(":"))
                .map(directory -> Path.of(directory, PROGRAM))
                .filter(Files::isExecutable)
                .findFirst();
        if (program.isEmpty()) {
            return Optional.of("no " + PROGRAM + " on PATH; ./dev peers installs QEMU as root on Debian");
        }
        try {
            Process asked = new ProcessBuilder(program.get().toString(), "--version").start();
            String answer = new String(asked.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            Matcher matcher = Pattern.compile("version (\\d+)").matcher(answer);
            if (matcher.find() && Integer.parseInt(matcher.group(1)) >= OLDEST_MAJOR_VERSION) {
                return Optional.empty();
            }
            return Optional.of("QEMU is too old: need " + OLDEST_MAJOR_VERSION + ", found "
                    + answer.lines().findFirst().orElse("nothing"));
        } catch (IOException e) {
            return Optional.of(PROGRAM + " does not start: " + e.getMessage());
        }
    }

    /**
     * Starts QEMU and waits for its QMP greeting.
     *
     * @param directory for its sockets; its path must be short (a socket's path has at most 107 bytes)
     * @param name tells several processes in one directory apart
     * @param arguments the machine; display, default devices, serial console and QMP are added here
     */
    public static QemuProcess start(Path directory, String name, List<String> arguments)
            throws IOException, InterruptedException {
        return start(directory, name, PROGRAM, Map.of(), arguments);
    }

    /** Why the old release cannot be run here; empty if it can. */
    public static Optional<String> oldMissing() {
        return Files.isExecutable(OLD.resolve("usr/bin/" + PROGRAM))
                ? Optional.empty()
                : Optional.of("no QEMU 7.2 in " + OLD + "; ./dev peers unpacks it there on Debian bookworm");
    }

    /** The same with QEMU 7.2, bookworm's own. */
    public static QemuProcess startOld(Path directory, String name, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(List.of(
                "-L",
                OLD.resolve("usr/share/qemu").toString(),
                "-L",
                OLD.resolve("usr/share/seabios").toString()));
        all.addAll(arguments);
        return start(
                directory,
                name,
                OLD.resolve("usr/bin/" + PROGRAM).toString(),
                Map.of(
                        "QEMU_MODULE_DIR",
                        OLD.resolve("usr/lib/x86_64-linux-gnu/qemu").toString()),
                all);
    }

    /** Why a machine of another architecture cannot be run here; empty if it can. */
    public static Optional<String> armMissing() {
        return Files.isExecutable(ARM)
                ? Optional.empty()
                : Optional.of("no " + ARM + "; ./dev peers unpacks it there on Debian");
    }

    /** The same with a QEMU for aarch64. */
    public static QemuProcess startArm(Path directory, String name, List<String> arguments)
            throws IOException, InterruptedException {
        return start(directory, name, ARM.toString(), Map.of(), arguments);
    }

    private static QemuProcess start(
            Path directory, String name, String program, Map<String, String> environment, List<String> arguments)
            throws IOException, InterruptedException {
        Path testSocket = directory.resolve(name + ".test");
        Path controlSocket = directory.resolve(name + ".qmp");
        List<String> command = new ArrayList<>(List.of(program, "-nodefaults", "-display", "none", "-no-reboot"));
        command.addAll(List.of("-serial", "stdio", "-qmp", "unix:" + testSocket));
        command.addAll(List.of("-qmp", "unix:" + controlSocket + ",server=on,wait=off"));
        command.addAll(arguments);
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(testSocket));
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().putAll(environment);
            Process process = builder.start();
            STARTED.add(process);
            Lines console = new Lines("console-" + name, process.getInputStream());
            try {
                QmpConnection qmp = new QmpConnection(name, accept(listener, process), PATIENCE);
                qmp.execute(
                        "migrate-set-capabilities",
                        "{\"capabilities\": [{\"capability\": \"events\", \"state\": true}]}",
                        PATIENCE);
                return new QemuProcess(name, process, console, qmp, controlSocket);
            } catch (IOException | InterruptedException e) {
                process.destroyForcibly().waitFor();
                console.awaitEnd(PATIENCE);
                throw new IOException(name + " did not start: " + String.join("\n", console.all()), e);
            }
        }
    }

    /** Where the program under test may speak QMP with this QEMU, as an address for {@code --qmp}. */
    public String qmpAddress() {
        return "unix:" + controlSocket;
    }

    /** Runs a QMP command; see {@link QmpConnection#execute}. */
    public String execute(String command, String arguments) throws IOException, InterruptedException {
        return qmp.execute(command, arguments, PATIENCE);
    }

    /** Runs a QMP command without arguments. */
    public String execute(String command) throws IOException, InterruptedException {
        return execute(command, "{}");
    }

    /** The value of a string or number member of a command's answer. */
    public String query(String command, String member) throws IOException, InterruptedException {
        String reply = execute(command);
        return QmpConnection.member(reply, member)
                .orElseThrow(() -> new IOException(command + " names no " + member + ": " + reply));
    }

    /** Switches a capability. */
    public void capability(String capability, boolean on) throws IOException, InterruptedException {
        execute(
                "migrate-set-capabilities",
                "{\"capabilities\": [{\"capability\": \"" + capability + "\", \"state\": " + on + "}]}");
    }

    /** Sets migration parameters, members of a JSON object. */
    public void parameters(String members) throws IOException, InterruptedException {
        execute("migrate-set-parameters", "{" + members + "}");
    }

    /** Starts to migrate. {@link #awaitMigration} hears of this migration from now on, not of earlier ones. */
    public void migrate(String uri) throws IOException, InterruptedException {
        migrationMark = qmp.mark();
        execute("migrate", "{\"uri\": \"" + uri + "\"}");
    }

    /**
     * Goes on with a postcopy that was paused, over a new connection. {@link #awaitMigration} hears of what comes from
     * now on.
     */
    public void resume(String uri) throws IOException, InterruptedException {
        migrationMark = qmp.mark();
        execute("migrate", "{\"uri\": \"" + uri + "\", \"resume\": true}");
    }

    /** Where the console is now, for {@link #awaitConsole(int, String, Duration)}. */
    public int consoleMark() {
        return console.count();
    }

    /** All console lines so far. */
    public List<String> console() {
        return console.all();
    }

    /** How often a Linux of ours has said {@link LinuxGuest#BEAT}. */
    public int beats() {
        return (int) console.all().stream()
                .filter(line -> line.contains(LinuxGuest.BEAT))
                .count();
    }

    /** Waits for a console line that contains {@code text} and returns it. */
    public String awaitConsole(String text, Duration atMost) throws IOException, InterruptedException {
        return awaitConsole(0, text, atMost);
    }

    /** Waits for a console line that contains {@code text}, came after the mark was taken, and returns it. */
    public String awaitConsole(int mark, String text, Duration atMost) throws IOException, InterruptedException {
        return console.await(mark, line -> line.contains(text), atMost)
                .orElseThrow(() -> new IOException(name + " did not show \"" + text + "\" within " + atMost.toSeconds()
                        + " s; its console: " + String.join("\n", console.all())));
    }

    /** Waits for an event of this name, with all of these words in it, that came at any time since the start. */
    public String awaitEvent(String event, Duration atMost, String... words) throws IOException, InterruptedException {
        return awaitEvent(0, event, atMost, words);
    }

    private String awaitEvent(int mark, String event, Duration atMost, String... words)
            throws IOException, InterruptedException {
        String[] all =
                Stream.concat(Stream.of("\"" + event + "\""), Stream.of(words)).toArray(String[]::new);
        return qmp.awaitEvent(mark, atMost, all)
                .orElseThrow(() -> new IOException(name + " sent no event " + String.join(" ", all) + " within "
                        + atMost.toSeconds() + " s; it sent: " + qmp.transcript()));
    }

    /**
     * Waits until the migration that {@link #migrate} started last, or any, has this status, by QEMU's public name for
     * it.
     */
    public void awaitMigration(String status, Duration atMost) throws IOException, InterruptedException {
        awaitEvent(migrationMark, "MIGRATION", atMost, "\"status\": \"" + status + "\"");
    }

    /** Waits until the migration that {@link #migrate} started last begins this pass. */
    public void awaitPass(int pass, Duration atMost) throws IOException, InterruptedException {
        awaitEvent(migrationMark, "MIGRATION_PASS", atMost, "\"pass\": " + pass + "}");
    }

    /** Writes the guest's physical memory to a file; stop the guest first. */
    public void savePhysicalMemory(long address, long byteLength, Path file) throws IOException, InterruptedException {
        qmp.execute(
                "pmemsave",
                "{\"val\": " + address + ", \"size\": " + byteLength + ", \"filename\": \"" + file + "\"}",
                PATIENCE);
    }

    /** Whether its guest was ever stopped. */
    public boolean stopped() {
        return qmp.transcript().contains("\"STOP\"");
    }

    /** Whether the process runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** Lets the process do nothing more, its connections open, until {@link #kill}. */
    public void freeze() throws IOException, InterruptedException {
        Process signal = new ProcessBuilder("kill", "-STOP", Long.toString(process.pid())).start();
        if (signal.waitFor() != 0) {
            throw new IOException(name + " cannot be stopped by a signal");
        }
    }

    /** Ends the process as a crash would. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws IOException {
        try (qmp) {
            process.destroy();
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        } finally {
            STARTED.remove(process);
        }
    }

    private static SocketChannel accept(ServerSocketChannel listener, Process process) throws IOException {
        listener.configureBlocking(false);
        try (Selector selector = Selector.open()) {
            listener.register(selector, SelectionKey.OP_ACCEPT);
            CompletableFuture<?> wakeAtExit = process.onExit().thenRun(selector::wakeup);
            selector.select(PATIENCE.toMillis());
            wakeAtExit.cancel(false);
            SocketChannel accepted = listener.accept();
            if (accepted == null) {
                throw new IOException("QEMU did not connect for QMP");
            }
            return accepted;
        }
    }
}
